"""The simulated sets: what is drawn for which question, from which seeds.

Thresholds and fits come from sets named ``validation``; what is reported is read from
the others, which have other seeds and other PSFs of the space telescopes.
"""

from dataclasses import dataclass, replace

import numpy as np

from astro_vbinary.simulation import simulate_batch
from astro_vbinary.simulation.scenes import KINDS, Scene, Star
from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training.stream import BLOCK, SimulationStream

__all__ = [
    "CURVE_SURVEYS",
    "GROUPS",
    "SEPARATIONS",
    "SETS",
    "TestSet",
    "groups_of",
    "quick_sets",
]

#: Shares of the surveys in each group's sets.
GROUPS = {
    3: {"Pan-STARRS": 0.30, "SDSS9": 0.25, "DECaLS": 0.10, "HST": 0.35},
    4: {"JWST": 0.6, "HSCLA": 0.4},
}

#: Surveys whose completeness is measured, and their groups.
CURVE_SURVEYS = {"Pan-STARRS": 3, "HST": 3, "JWST": 4, "HSCLA": 4}

#: Separations of the curves in FWHM of the sharpest band; those beyond 2.5 arcsec
#: are left out.
SEPARATIONS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1, 1.3, 1.7, 2.3, 3)

#: Signal-to-noise ratio of the curves' pairs, and largest magnitude difference.
CURVE_SIGNAL, CURVE_DIFFERENCE = 300.0, 1.0

#: Widest pair in arcsec.
WIDEST = 2.5

#: Kinds that are not pairs. Some of them count only with every neighbour beyond
#: 2.7 arcsec, so more of them are drawn.
OTHERS = tuple(kind for kind, (label, *_) in KINDS.items() if not label)
OTHERS += ("neighbour", "neighbour", "offcentre", "saturated")

#: Banks of PSFs of the space telescopes: the weights were trained on 0.
VALIDATION_PSFS, TEST_PSFS = 1, 2


@dataclass(frozen=True)
class TestSet:
    """Blocks of simulated stacks that answer one question.

    Attributes
    ----------
    name : str
        Of the set.
    group : int
        Resolution group, whose grid and network are used.
    blocks : int
        How many blocks of 64 stacks.
    seed : int
        Of the stream.
    psf_seed : int
        Bank of PSFs of space telescopes.
    mixture : dict of str to float
        Surveys and their shares.
    kinds : tuple of str or None
        What is drawn, in turn; all kinds with their frequencies by default.
    population : str
        Of the companions.
    scene : str
        ``drawn``, or ``star`` or ``pair`` for the clean scenes of the curves.
    visual : bool
        Whether slow detectors look at the visual task's stacks only.
    """

    name: str
    group: int
    blocks: int
    seed: int
    psf_seed: int
    mixture: dict
    kinds: tuple[str, ...] | None = None
    population: str = "training"
    scene: str = "drawn"
    visual: bool = False

    # pytest would take it for a test.
    __test__ = False

    @property
    def stream(self):
        """The `~astro_vbinary.training.SimulationStream` that draws it."""
        scale, side = GROUP_GRIDS[self.group]
        return SimulationStream(
            self.mixture,
            scale,
            side,
            seed=self.seed,
            psf_seed=self.psf_seed,
            kinds=self.kinds,
            population=self.population,
        )

    def batch(self, number):
        """The pixels of a block.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        `~astro_vbinary.simulation.SimulatedBatch`
            64 stacks of one survey.
        """
        stream = self.stream
        if self.scene == "drawn":
            return stream.batch(number)
        (survey,) = self.mixture
        return simulate_batch(
            survey,
            BLOCK,
            np.random.Generator(np.random.SFC64([self.seed, number])),
            kinds="single" if self.scene == "star" else "pair",
            psf_seed=self.psf_seed,
            hips_share=0.0,
            field=stream.field_width,
            scenes=clean_star if self.scene == "star" else clean_pair,
            clean=True,
        )


def clean_star(rng, *, fwhm, radius):
    """One star of the curves' signal-to-noise ratio, alone.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm, radius : float
        Not used.

    Returns
    -------
    `~astro_vbinary.simulation.scenes.Scene`
        The scene.
    """
    return Scene("single", 0, (Star(0.0, 0.0, CURVE_SIGNAL),))


def clean_pair(rng, *, fwhm, radius):
    """Two stars of the curves' signal-to-noise ratio together, alone.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm : float
        Of the sharpest band, in arcsec.
    radius : float
        Half the side of the stamp in arcsec.

    Returns
    -------
    `~astro_vbinary.simulation.scenes.Scene`
        The scene: at one of the curves' separations, the target on the brighter star.
    """
    widest = min(WIDEST, radius - 0.25)
    allowed = [s for s in SEPARATIONS if s * fwhm <= widest]
    separation = float(rng.choice(allowed)) * fwhm
    difference = float(rng.uniform(0, CURVE_DIFFERENCE))
    angle = 2 * np.pi * rng.random()
    ratio = 10 ** (-0.4 * difference)
    first = CURVE_SIGNAL / (1 + ratio)
    east, north = separation * np.sin(angle), separation * np.cos(angle)
    stars = (Star(0.0, 0.0, first), Star(east, north, first * ratio))
    return Scene(
        "pair",
        1,
        stars,
        separation=separation,
        position_angle=float(np.rad2deg(angle)),
        magnitude_difference=difference,
    )


def _of_group(group):
    mixture, seed = GROUPS[group], 1000 * group
    make = [
        ("mixed-validation", 60, 401, {"visual": True}),
        ("mixed-test", 240, 501, {"visual": True}),
        ("orion-test", 24, 502, {"kinds": ("pair",), "population": "orion"}),
        ("singles-test", 480, 503, {"kinds": ("single",)}),
        ("kinds-test", 135, 504, {"kinds": OTHERS}),
        ("labelled", 60, 301, {"visual": True}),
    ]
    for name, blocks, offset, more in make:
        bank = VALIDATION_PSFS if "validation" in name else TEST_PSFS
        bank = 0 if name == "labelled" else bank
        yield TestSet(
            f"{name}-{group}", group, blocks, seed + offset, bank, mixture, **more
        )


def _of_survey(number, survey, group):
    seed = 1000 * group + 600 + 10 * number
    # The test stars only tell what rate the threshold has.
    for scene, blocks in (("star", (160, 48)), ("pair", (24, 32))):
        for step, name in enumerate(("validation", "test")):
            yield TestSet(
                f"{scene}s-{name}-{survey}",
                group,
                blocks[step],
                seed + step + 2 * (scene == "pair"),
                (VALIDATION_PSFS, TEST_PSFS)[step],
                {survey: 1.0},
                scene=scene,
            )


def _all():
    for group in GROUPS:
        yield from _of_group(group)
    for number, (survey, group) in enumerate(CURVE_SURVEYS.items()):
        yield from _of_survey(number, survey, group)


#: All sets by name.
SETS = {made.name: made for made in _all()}


def groups_of(sets):
    """Resolution groups that sets are of.

    Parameters
    ----------
    sets : dict of str to TestSet
        The sets.

    Returns
    -------
    list of int
        Sorted.
    """
    return sorted({one.group for one in sets.values()})


def quick_sets(sets=SETS, *, share=0.008):
    """The sets of group 3 with few blocks, of surveys that are quick to simulate.

    Parameters
    ----------
    sets : dict of str to TestSet, optional
        The sets.
    share : float, optional
        Share of the blocks that is kept, at least one.

    Returns
    -------
    dict of str to TestSet
        Without the space telescopes, whose PSFs take their time.
    """
    made = {}
    for name, one in sets.items():
        mixture = {k: v for k, v in one.mixture.items() if k not in ("HST", "JWST")}
        if mixture and one.group == 3:
            # Of a hundred stars one is a rate.
            blocks = max(int(share * one.blocks), 2 if one.scene == "star" else 1)
            made[name] = replace(one, mixture=mixture, blocks=blocks)
    return made
