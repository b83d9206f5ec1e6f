"""From scenes and plans to pixels: sources, noise and damage, in batch."""

from dataclasses import dataclass

import numpy as np
import torch

from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation.artefacts import add_spikes, apply_defects, saturate
from astro_vbinary.simulation.galaxies import galaxy_image
from astro_vbinary.simulation.nebulae import WIDTH
from astro_vbinary.simulation.noise import draw_noise
from astro_vbinary.simulation.stars import render_broad, space_bank

__all__ = ["Frames", "render_frames"]

#: Stars of a smaller signal-to-noise ratio show no spikes.
SPIKES_FROM = 3000.0

#: Sub-stars that a trailed star is made of.
TRAIL_POINTS = 7

#: Columns of `~astro_vbinary.psf.GroundPSFs`.
_COLUMNS = ("fwhm", "beta", "e1", "e2", "halo", "halo_fwhm", "halo_beta")


@dataclass
class Frames:
    """Images of the same size, of any of a batch's stacks.

    Attributes
    ----------
    exposures : list of Exposure
        One an image. ``extra`` holds its ``number`` in the stack, the ``positions``
        of the stars ((x, y) in pixels from the middle of the image), their
        ``fluxes`` in units of the sky noise, the ``gain`` that turns those into
        units of the image, the ``pedestal`` below everything (before the gain), the
        ``correlation`` of the noise (standard deviation in pixels of the kernel),
        and the parameters of its PSF.
    images : `torch.Tensor`
        Shape (m, side, side), float32, NaN or zero where there is no data.
    blank : `torch.Tensor` of bool
        Shape (m, side, side), True where there is no data.
    suspect : `~numpy.ndarray` of bool
        Shape (m,): images in which a reader would find pixels to mask.
    variance : `torch.Tensor`
        Shape (m, side, side), float32: of the noise of sky and photons, in units of
        the image, squared; NaN where there is no data.
    """

    exposures: list
    images: torch.Tensor
    blank: torch.Tensor
    suspect: np.ndarray
    variance: torch.Tensor

    def __len__(self):
        return len(self.exposures)

    def box(self, number):
        """The stamp in its image, which is rounded up to a common size.

        Parameters
        ----------
        number : int
            Which image.

        Returns
        -------
        tuple of int
            First pixel along both axes, and the one after the last.
        """
        low = (self.side - self.exposures[number].side + 1) // 2
        return low, low + self.exposures[number].side

    @property
    def side(self):
        """Pixels along each axis."""
        return self.images.shape[-1]


def render_frames(survey, exposures, side, scenes, plans, rng, *, device="cpu"):
    """Render images of one size.

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    exposures : list of Exposure
        With their PSFs drawn (`~astro_vbinary.simulation.plans.draw_psfs`).
    side : int
        Pixels along each axis; what an exposure lacks is margin around its stamp.
    scenes : list of Scene
        One a stack.
    plans : list of Plan
        One a stack.
    rng : `~numpy.random.Generator`
        Source of randomness: the noise, and what differs from band to band.
    device : str, optional
        Device of torch.

    Returns
    -------
    Frames
        The images.
    """
    pixels = _stars(survey, exposures, side, scenes, plans, device).cpu().numpy()
    for number, exposure in enumerate(exposures):
        scene, plan = scenes[exposure.stack], plans[exposure.stack]
        if scene.galaxy is not None:
            pixels[number] += _galaxy(survey, scene, plan, exposure, side)
        if scene.nebula is not None or scene.gradient:
            pixels[number] += _background(scene, plan, exposure, side)
        if any(star.signal > SPIKES_FROM for star in scene.stars):
            _spikes(pixels[number], scene, plan, exposure, survey)
    sky = np.array([plans[e.stack].sky for e in exposures], dtype=np.float32)
    # Sky noise of unit scatter, and the photon noise of the sources: light L is
    # L sqrt(sky) electrons on top of the sky's.
    variance = 1 + np.maximum(pixels, 0) / np.sqrt(sky)[:, None, None]
    widths = np.array([plans[e.stack].correlation for e in exposures])
    pixels += np.sqrt(variance) * draw_noise(widths, side, rng)
    blank = np.zeros(pixels.shape, dtype=bool)
    suspect = np.zeros(len(exposures), dtype=bool)
    for number, exposure in enumerate(exposures):
        scene, plan = scenes[exposure.stack], plans[exposure.stack]
        suspect[number] = _damage(
            pixels[number], blank[number], exposure, scene, plan, rng
        )
        variance[number] *= plan.defects.gain**2
        exposure.extra |= {
            "gain": plan.defects.gain,
            "pedestal": plan.defects.pedestal,
            "correlation": plan.correlation,
        }
    variance[blank] = np.nan
    made = (torch.from_numpy(plane).to(device) for plane in (pixels, blank, variance))
    images, missing, spread = made
    return Frames(exposures, images, missing, suspect, spread)


def _stars(survey, exposures, side, scenes, plans, device):
    """All stars on their images, without anything else."""
    shape = (len(exposures), side, side)
    images = torch.zeros(shape, dtype=torch.float32, device=device)
    stars = _star_list(exposures, side, scenes, plans)
    if survey in SPACE_SURVEYS:
        for frame, x, y, flux in zip(*stars, strict=True):
            e = exposures[frame]
            bank = space_bank(survey, e.band, e.pixel_scale, e.psf_seed, str(device))
            bank.add(images[frame], x, y, flux)
    elif len(stars[0]):
        scale = np.array([e.pixel_scale for e in exposures])
        render_broad(images, *stars, psf_columns(exposures), scale)
    return images


def _star_list(exposures, side, scenes, plans):
    """Image, position and flux of every star, trailed ones as several."""
    rows = []
    middle = (side - 1) / 2
    for number, exposure in enumerate(exposures):
        scene, plan = scenes[exposure.stack], plans[exposure.stack]
        steps = [(0.0, 0.0)]
        if plan.trail is not None:
            part = np.linspace(-0.5, 0.5, TRAIL_POINTS)
            steps = [(t * plan.trail[0], t * plan.trail[1]) for t in part]
        shares = plan.shares[:-1, exposure.extra["number"]]
        fluxes, positions = [], []
        for star, share in zip(scene.stars, shares, strict=True):
            fluxes.append(star.signal * share * exposure.extra["norm"])
            positions.append(exposure.pixel_offset(star.east, star.north))
            for east, north in steps:
                x, y = exposure.pixel_offset(star.east + east, star.north + north)
                flux = fluxes[-1] / len(steps)
                rows.append((number, middle + x, middle + y, flux))
        exposure.extra |= {"fluxes": fluxes, "positions": positions}
    frame, x, y, flux = np.array(rows, dtype=float).reshape(-1, 4).T
    return frame.astype(np.int64), x, y, flux


def psf_columns(exposures):
    """The PSFs' parameters, one an exposure."""
    psfs = [e.extra["psf"] for e in exposures]
    columns = {
        name: np.array([getattr(drawn, name)[index] for drawn, index in psfs])
        for name in _COLUMNS
    }
    for name in ("lean", "cubic"):
        columns[name] = np.array([e.extra[name] for e in exposures])
    return columns


def star_image(survey, exposure, side):
    """A star of unit flux in the middle of an image.

    Parameters
    ----------
    survey : str
        The survey.
    exposure : Exposure
        With its PSF drawn.
    side : int
        Odd.

    Returns
    -------
    `~numpy.ndarray`
        Shape (side, side), float32.
    """
    image = torch.zeros((1, side, side))
    middle = (side - 1) / 2
    if survey in SPACE_SURVEYS:
        key = survey, exposure.band, exposure.pixel_scale, exposure.psf_seed
        space_bank(*key).add(image[0], middle, middle, 1.0)
    else:
        where, one = np.array([middle]), np.ones(1)
        psf, scale = psf_columns([exposure]), np.array([exposure.pixel_scale])
        render_broad(image, np.zeros(1, dtype=np.int64), where, where, one, psf, scale)
    return image[0].numpy()


def _galaxy(survey, scene, plan, exposure, side):
    psf = star_image(survey, exposure, side - 1 + side % 2)
    shape = galaxy_image(
        scene.galaxy, exposure, (side, side), psf, np.random.default_rng(plan.seed)
    )
    share = plan.shares[-1, exposure.extra["number"]]
    return scene.galaxy.signal * share * exposure.extra["norm"] * shape


def _background(scene, plan, exposure, side):
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    angle = plan.gradient_angle
    image = scene.gradient * (
        np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    )
    if scene.nebula is not None:
        half = side * exposure.pixel_scale / WIDTH
        grid = torch.linspace(-half, half, side)
        grid = torch.stack(torch.meshgrid(grid, grid, indexing="xy"), dim=-1)
        texture = torch.from_numpy(plan.texture)[None, None]
        seen = torch.nn.functional.grid_sample(
            texture, grid[None], align_corners=False, padding_mode="reflection"
        )
        image = image + scene.nebula[1] * seen[0, 0].numpy()
    return image


def _spikes(image, scene, plan, exposure, survey):
    """Spikes of bright stars; those of space telescopes are in their PSFs."""
    if survey in SPACE_SURVEYS:
        return
    rng = np.random.default_rng(plan.seed)
    if "spikes" not in scene.defects and rng.random() < 0.5:
        return
    middle = (image.shape[0] - 1) / 2
    for star, (x, y), flux in zip(
        scene.stars, exposure.extra["positions"], exposure.extra["fluxes"], strict=True
    ):
        if star.signal > SPIKES_FROM:
            width = exposure.fwhm / exposure.pixel_scale
            add_spikes(image, middle + x, middle + y, flux, width, rng)


def _damage(image, blank, exposure, scene, plan, rng):
    """Saturation, defects, edges; changes image and blank in place.

    Returns whether a reader would find pixels to mask.
    """
    defects = plan.defects
    middle = (len(image) - 1) / 2
    suspect, zeroed = bool(defects.names), None
    number = exposure.extra["number"]
    # A star saturates in its bright bands first.
    if scene.saturation and scene.stars and (number == 0 or plan.saturated[number]):
        x, y = exposure.extra["positions"][0]
        width = exposure.fwhm / exposure.pixel_scale
        hole = saturate(image, middle + x, middle + y, width, scene.saturation, rng)
        if hole is not None:
            blank |= hole
            zeroed = hole if scene.saturation == "zeroed" else None
        suspect = True
    if defects.names:
        missing = apply_defects(image, exposure, defects, rng)
        if missing is not None:
            blank |= missing
    image += defects.pedestal
    image *= defects.gain
    image[blank] = defects.fill
    if zeroed is not None:
        image[zeroed] = 0.0
    return suspect
