import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from astro_vbinary import StampStack, get_survey, list_surveys
from astro_vbinary.cli import exits
from astro_vbinary.simulation import write_folder
from astro_vbinary.stamps import GROUP_GRIDS

PNG = b"\x89PNG"


def groups_shown(output):
    """Names of surveys and the cells of their rows."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: row for row in rows if row and row[0] in list_surveys()}


def test_surveys_shows_all(run):
    done = run("surveys")
    assert done.exit_code == exits.DONE
    rows = groups_shown(done.output)
    assert set(rows) == set(list_surveys())
    assert rows["Pan-STARRS"][1] == "1.80"
    assert "unresolved" in rows["AllWISE"]


def test_surveys_with_the_apertures_of_the_paper_gives_its_groups(run):
    done = run("surveys", "--policy", "published", "--apertures", "paper")
    found = {name: int(row[5]) for name, row in groups_shown(done.output).items()}
    # Table 1 of the reference work.
    assert found == {
        **dict.fromkeys(["DECaLS", "unWISE", "NEOWISER"], 1),
        **dict.fromkeys(["2MASS", "ZTF", "SkyMapper"], 2),
        **dict.fromkeys(["Pan-STARRS", "SDSS9", "HST"], 3),
        **dict.fromkeys(["JWST", "HSCLA"], 4),
    }


def test_surveys_writes_its_table(run, tmp_path):
    output = tmp_path / "surveys.ecsv"
    assert run("surveys", "-o", output).exit_code == exits.DONE
    table = Table.read(output)
    row = table[list(table["name"]).index("HST")]
    assert row["aperture"] == get_survey("HST").aperture.value
    assert run("surveys", "-o", output).exit_code == exits.FAILED


def test_surveys_has_no_apertures_for_the_effective_policy(run):
    done = run("surveys", "--policy", "effective", "--apertures", "paper")
    assert done.exit_code == exits.USAGE


def test_stack_writes_what_can_be_read_again(run, stamps, tmp_path):
    done = run("stack", stamps, "-o", tmp_path / "out", "--coadd", "median", "--cube")
    assert done.exit_code == exits.DONE, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "P0_cube_Pan-STARRS.fits",
        "P0_stacked_Pan-STARRS.fits",
        "P1_cube_Pan-STARRS.fits",
        "P1_stacked_Pan-STARRS.fits",
        "S0_cube_SDSS9.fits",
        "S0_stacked_SDSS9.fits",
    ]
    expected = StampStack.read(stamps, source="P0").align().coadd("median")
    stack = StampStack.read(tmp_path / "out" / "P0_stacked_Pan-STARRS.fits")
    assert stack.bands == (None,)
    np.testing.assert_allclose(stack[0].data, expected.data, rtol=1e-5)
    cube = fits.getdata(tmp_path / "out" / "P0_cube_Pan-STARRS.fits")
    assert cube.shape[1:] == expected.shape


def test_stack_keeps_what_is_there(run, stamps, tmp_path):
    assert run("stack", stamps, "-o", tmp_path).exit_code == exits.DONE
    again = run("stack", stamps, "-o", tmp_path)
    assert again.exit_code == exits.FAILED
    assert "--overwrite" in again.output
    assert run("stack", stamps, "-o", tmp_path, "--overwrite").exit_code == exits.DONE


def test_stack_tells_what_was_not_used(run, some_damaged, tmp_path):
    done = run("stack", some_damaged, "-o", tmp_path / "out")
    assert done.exit_code == exits.PARTLY
    assert "not used: bad in SDSS9" in done.output
    assert "3 of 4 stacks written" in done.output


def test_stack_without_any_success_fails(run, some_damaged, tmp_path):
    done = run("stack", some_damaged / "bad_g_SDSS9.fits", "-o", tmp_path / "out")
    assert done.exit_code == exits.FAILED


@pytest.mark.parametrize("kind", ["stack", "peaks"])
def test_plot_draws_one_figure_a_stack(run, stamps, tmp_path, kind):
    done = run("plot", stamps, "-o", tmp_path, "--kind", kind)
    assert done.exit_code == exits.DONE, done.output
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [
        f"P0_Pan-STARRS_{kind}.png",
        f"P1_Pan-STARRS_{kind}.png",
        f"S0_SDSS9_{kind}.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in files)


def test_plot_draws_one_source_into_a_file(run, stamps, tmp_path):
    output = tmp_path / "one.pdf"
    done = run("plot", stamps, "-o", output, "--kind", "source", "--source", "S0")
    assert done.exit_code == exits.DONE, done.output
    assert output.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "all.png"], "3 figures do not fit into all.png"),
        (["-o", "x.png", "--source", "nobody"], "no stamps of nobody; sources: P0, P1"),
        (["-o", "x.png", "--survey", "HST"], "no stamps of HST"),
        (["-o", "x.png", "--survey", "Hubble?"], "Hubble?"),
    ],
)
def test_plot_says_what_it_cannot_draw(
    run, stamps, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    done = run("plot", stamps, *arguments)
    assert done.exit_code == exits.FAILED
    assert message in done.output


def test_plot_draws_the_others(run, some_damaged, tmp_path):
    done = run("plot", some_damaged, "-o", tmp_path / "out")
    assert done.exit_code == exits.PARTLY
    assert "not drawn: bad in SDSS9" in done.output
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_weights_are_listed_and_shown(run, bundled):
    listed = run("weights", "list")
    assert "untrained-g3" in listed.output
    assert "0.953 (0.943 to 0.962)" in listed.output
    shown = run("weights", "show", "untrained-g3")
    assert shown.exit_code == exits.DONE
    scale, side = GROUP_GRIDS[3]
    for part in (
        f"{side} x {side} px of {scale:g} arcsec",
        "2,000",
        "0.940 / 0.960",
        "0.824 to 0.951",
    ):
        assert part in shown.output


def test_weights_that_are_not_there(run, bundled):
    done = run("weights", "show", "none-such")
    assert done.exit_code == exits.FAILED
    assert "known: untrained-g3 (group 3)" in done.output


def test_no_weights_at_all(run, no_weights):
    assert "No weights" in run("weights", "list").output


def test_simulate_is_what_the_library_writes(run, tmp_path):
    done = run(
        "simulate", "-o", tmp_path / "a", "--survey", "sdss9", "--count", 2, "--seed", 4
    )
    assert done.exit_code == exits.DONE, done.output
    write_folder(tmp_path / "b", {"SDSS9": 2}, seed=4)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        if name.endswith(".fits"):
            one, other = (fits.getdata(tmp_path / d / name) for d in "ab")
            np.testing.assert_array_equal(one, other)


def test_simulate_one_kind(run, tmp_path):
    options = ["--survey", "Pan-STARRS", "--count", 3, "--kind", "galaxy"]
    assert run("simulate", "-o", tmp_path, *options).exit_code == exits.DONE
    truth = Table.read(tmp_path / "truth.ecsv")
    assert list(truth["kind"]) == ["galaxy"] * 3
    again = run("simulate", "-o", tmp_path, *options)
    assert again.exit_code == exits.FAILED
    assert "exists" in again.output


def test_simulate_knows_its_surveys(run, tmp_path):
    done = run("simulate", "-o", tmp_path, "--survey", "AllWISE")
    assert done.exit_code == exits.USAGE
    assert "known: 2MASS" in done.output


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    write_folder(folder, {"Pan-STARRS": 3, "HSCLA": 1}, seed=2, hips_share=0)
    return folder


def test_demo_sets_verdicts_beside_the_truth(run, bundled, simulated, tmp_path):
    done = run("demo", simulated, "-o", tmp_path / "out")
    assert done.exit_code == exits.DONE, done.output
    truth = Table.read(simulated / "truth.ecsv")
    table = Table.read(tmp_path / "out" / "catalogue.ecsv")
    labels = dict(zip(truth["source"], truth["label"], strict=True))
    judged = table[table["status"] == "ok"]
    right = sum(
        (row["label"] == "binary") == (labels[row["source"]] == 1) for row in judged
    )
    assert len(judged) == 3
    assert f"{right} of 3 verdicts right: accuracy {right / 3:.2f}" in done.output
    assert "1 row cannot be compared" in done.output
    assert "no_weights" in done.output
    # The truth has the positions, so none was assumed.
    assert "target_assumed" not in done.output
    assert (tmp_path / "out" / "verdicts.png").read_bytes().startswith(PNG)
    drawn = (tmp_path / "out" / "candidates.png").exists()
    assert drawn == ("binary" in list(table["label"]))
    # It can be run again.
    assert run("demo", simulated, "-o", tmp_path / "out").exit_code == exits.DONE


def test_demo_simulates_where_it_is_given_nothing(run, bundled, tmp_path, monkeypatch):
    monkeypatch.setattr("astro_vbinary.cli.demo.STACKS_EACH", 1)
    monkeypatch.setattr(
        "astro_vbinary.simulation.SIMULATED_SURVEYS", ("Pan-STARRS", "SDSS9")
    )
    done = run("demo", "-o", tmp_path, "--quiet")
    assert done.exit_code == exits.DONE, done.output
    assert "2 simulated sources" in done.output
    assert len(Table.read(tmp_path / "catalogue.ecsv")) == 2


def test_demo_without_truth_says_what_to_do(run, stamps, tmp_path):
    done = run("demo", stamps, "-o", tmp_path)
    assert done.exit_code == exits.FAILED
    assert "truth.ecsv" in done.output
    assert "astro-vbinary classify" in done.output


def test_demo_without_weights_fails(run, no_weights, simulated, tmp_path):
    done = run("demo", simulated, "-o", tmp_path / "out")
    assert done.exit_code == exits.FAILED
    assert "no weights for group" in done.output
