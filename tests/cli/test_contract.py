"""The commands, their options and their help: names that users' scripts rely on."""

import inspect
import re
import subprocess
import sys
from dataclasses import fields

import pytest
from command_line import megactor
from patience import PATIENCE

from megactor import __version__
from megactor.cli.animate import animate
from megactor.cli.main import app
from megactor.options import LAYOUTS, SPEEDS, AnimationOptions

OPTIONS = {
    "animate": {
        *("--output", "--model", "--steps", "--guidance", "--seed", "--size", "--device", "--dtype"),
        *("--start", "--end", "--fps", "--contour-preserve", "--motion", "--motion-scale", "--face", "--layout"),
        *("--eyes-scale", "--mouth-scale", "--portrait-crop"),
        *(
            "--paste-back",
            "--full-size",
            "--no-audio",
            "--force",
            "--verbose",
            "--offload",
            "--speed",
            "--window-batch",
            "--compile",
            "--sign",
        ),
    },
    "inspect": {"--trust"},
    "serve": {
        *("--port", "--host", "--new-token", "--revoke", "--folder", "--keep", "--workers"),
        *("--max-upload", "--max-seconds", "--max-jobs", "--max-jobs-each"),
        *("--model", "--device", "--dtype", "--verbose"),
    },
    "batch": {
        *("--output", "--model", "--format", "--set", "--sign"),
        *("--device", "--dtype", "--workers", "--ray-address"),
    },
    "demo": {
        *("--output", "--model", "--steps", "--seed", "--size", "--layout"),
        *("--device", "--force", "--verbose"),
    },
    "weights fetch": {"--revision"},
    "weights verify": set(),
    "weights convert": {"--output", "--dtype", "--force"},
    "eval": {
        *("--suite", "--output", "--model", "--results", "--videos", "--portraits", "--pairs", "--clips", "--frames"),
        *("--workers", "--steps", "--guidance", "--speed", "--motion", "--size", "--weights", "--rig"),
    },
    "ui": {
        *(
            "--port",
            "--no-browser",
            "--host",
            "--token",
            "--allow-public",
            "--max-upload",
            "--max-seconds",
            "--max-jobs",
            "--keep",
            "--data",
            "--workers",
        ),
        *("--model", "--device", "--dtype", "--verbose"),
    },
    "live": {
        *("--camera", "--output", "--virtual-camera", "--no-window", "--force", "--model", "--face", "--motion"),
        *("--motion-scale", "--eyes-scale", "--mouth-scale", "--size", "--device", "--dtype", "--verbose"),
        "--portrait-crop",
    },
    "train": {"--output", "--set", "--max-time", "--export", "--cpu", "--processes"},
    "curate": {
        *("--output", "--size", "--fps", "--twins", "--donors", "--videos"),
        *("--workers", "--ray-address", "--allow-remote", "--dry-run", "--set"),
    },
}


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    outcome = megactor(*command.split(), "--help")
    assert outcome.code == 0
    named = set(re.findall(r"--[a-z-]+", outcome.out)) - {"--help"}
    assert named == OPTIONS[command]


def test_every_option_of_the_pipeline_is_an_option_of_animate() -> None:
    parameters = inspect.signature(animate).parameters
    for field in fields(AnimationOptions):
        assert field.name in parameters
        assert parameters[field.name].default == field.default, field.name
    for layout in LAYOUTS:
        assert layout in str(parameters["layout"].annotation)
    for speed in SPEEDS:
        assert speed in str(parameters["speed"].annotation)


def test_version() -> None:
    outcome = megactor("--version")
    assert outcome.code == 0
    assert outcome.out.startswith(f"megactor {__version__} (Python 3.")
    assert "torch" in outcome.out


def test_no_arguments_show_the_commands() -> None:
    outcome = megactor()
    assert "animate" in outcome.out + outcome.err
    assert "demo" in outcome.out + outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["animate"],
        ["animate", "a.png", "b.mp4"],
        ["animate", "a.png", "b.mp4", "-o", "c.mp4", "--steps", "many"],
        ["animate", "a.png", "b.mp4", "-o", "c.mp4", "--layout", "diagonal"],
        ["animate", "a.png", "b.mp4", "-o", "c.mp4", "--unknown"],
        ["dance"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    outcome = megactor(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


def test_no_command_can_end_in_a_traceback() -> None:
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    for command in [command for group in groups for command in group.registered_commands]:
        assert hasattr(command.callback, "__wrapped__"), f"{command.callback} lacks @one_line_errors"


def test_help_does_not_load_the_networks() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from megactor.cli.main import app\n"
        "assert CliRunner().invoke(app, ['animate', '--help']).exit_code == 0\n"
        "heavy = {'torch', 'diffusers', 'mediapipe', 'numpy', 'av', 'PIL', 'gradio'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
