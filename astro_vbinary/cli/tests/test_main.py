import json
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from astro_vbinary import __version__
from astro_vbinary.cli import exits, main
from astro_vbinary.cli.lazy import LazyChoice, LazyGroup
from astro_vbinary.exceptions import UnknownSurveyError

COMMANDS = [
    "demo",
    "classify",
    "run",
    "measure",
    "catalog",
    "completeness",
    "fraction",
    "export",
    "report",
    "fetch",
    "surveys",
    "stack",
    "plot",
    "weights",
    "inspect",
    "labels",
    "train",
    "evaluate",
    "simulate",
    "inject",
    "pack",
    "unpack",
]

PROBE = """
import json, sys
from astro_vbinary.cli import main
main(["--help"], standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True
    )
    *shown, modules = done.stdout.splitlines()
    assert any("classify" in line for line in shown)
    heavy = {"torch", "astropy", "numpy", "matplotlib", "reproject"}
    assert heavy.isdisjoint(json.loads(modules))


def test_version(run):
    assert run("--version").output.split() == ["astro-vbinary,", "version", __version__]


def test_help_lists_every_command_in_order():
    assert main.list_commands(None) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_teaches(run, name):
    shown = run(name, "--help")
    assert shown.exit_code == 0
    assert "Examples:" in shown.output
    assert f"astro-vbinary {name}" in shown.output
    # A single backtick would be a broken reference in the documentation.
    assert "`" not in shown.output


@pytest.mark.parametrize(
    "name", ["classify", "run", "catalog", "stack", "plot", "demo", "report"]
)
def test_help_documents_the_exit_codes(run, name):
    shown = run(name, "--help").output
    codes = shown.split("Exit codes:")[1].split("Options:")[0]
    first = {line.split()[0] for line in codes.splitlines() if line.strip()}
    assert {"0", "1", "3", "130"} <= first


def test_an_unknown_command_is_a_usage_error(run):
    done = run("classfy")
    assert done.exit_code == exits.USAGE
    assert "No such command 'classfy'" in done.output


@pytest.fixture
def group():
    return LazyGroup("main")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            UnknownSurveyError("no survey 'x'; known: HST"),
            "Error: no survey 'x'; known",
        ),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_errors_that_a_user_can_mend_are_one_line(group, error, message):
    @group.command("fail")
    def fail():
        raise error

    done = CliRunner().invoke(group, ["fail"])
    assert done.exit_code == exits.FAILED
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_mistake_of_ours_is_not_hidden(group):
    @group.command("fail")
    def fail():
        raise ZeroDivisionError("a mistake")

    done = CliRunner().invoke(group, ["fail"])
    assert isinstance(done.exception, ZeroDivisionError)


def test_ctrl_c_has_its_own_exit_code(group):
    @group.command("stop")
    def stop():
        raise KeyboardInterrupt

    done = CliRunner().invoke(group, ["stop"])
    assert done.exit_code == exits.INTERRUPTED
    assert "Interrupted" in done.output


def test_a_choice_lists_what_is_known():
    @click.command()
    @click.option(
        "--policy", type=LazyChoice("astro_vbinary.surveys.groups:POLICIES", "policy")
    )
    def command(policy):
        click.echo(policy)

    run = CliRunner()
    assert run.invoke(command, ["--policy", "PUBLISHED"]).output == "published\n"
    wrong = run.invoke(command, ["--policy", "best"])
    assert wrong.exit_code == exits.USAGE
    assert "unknown policy 'best'; known: published, effective" in wrong.output
    assert "[published|effective]" in run.invoke(command, ["--help"]).output


def command_line(*arguments, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "astro_vbinary.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **kwargs,
    )


def test_in_a_process_of_its_own(tmp_path):
    process = command_line("classify", tmp_path, "-o", tmp_path / "out.ecsv")
    out, err = process.communicate()
    assert process.returncode == exits.FAILED
    assert out == ""
    assert err.startswith("Error: no stamps in")
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    process = command_line("simulate", "-o", tmp_path, "--count", 2000)
    try:
        deadline = time.monotonic() + 60
        while not any(tmp_path.glob("*.fits")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == exits.INTERRUPTED
    assert err.strip() == "Interrupted."
