"""What ARCHITECTURE.md, README.md and CONTRIBUTING.md promise about the code, held against the code."""

import ast
import re
import shlex
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import typer.main
from patience import PATIENCE

from megactor.cli.main import app

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "megactor"

LAYERS: tuple[set[str], ...] = (
    {"__main__"},
    {"cli"},
    {"bench", "ui", "serve"},
    {"train", "evaluation", "curate", "jobs", "live", "batch"},
    {"pipeline"},
    {"animate"},
    {"drive", "denoise"},
    {"compute", "result", "weights"},
    {"synth", "metrics"},
    {"faces", "models", "media"},
    {"options"},
    {"errors", "lean_imports"},
)
"""Folders and files of the package, top to bottom. A part may import what lies in layers below it, and itself."""

ROOMS_OF_SYNTH: tuple[set[str], ...] = (
    {"audit"},
    {"clips"},
    {"styles"},
    {"render"},
    {"posing", "identity", "scene"},
    {"motion", "anatomy", "brushes"},
    {"jit", "streams"},
)
"""The same for `megactor.synth`."""


def module_name(path: Path) -> str:
    """src/megactor/media/reader.py -> "media.reader"; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """Modules of the package that a file imports, anywhere in it; the lazy package itself is left out."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from megactor.media import gif` means the module, `from megactor.media import VideoReader` the package
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("megactor.") in MODULES else str(node.module) for name in names]
        else:
            continue
        found |= {name.removeprefix("megactor.") for name in names if name.startswith("megactor.")}
    return found


GRAPH = {name: imports_of(path) for name, path in MODULES.items() if name}


def layer(module: str) -> int:
    part = module.split(".")[0]
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def test_every_part_has_one_place() -> None:
    parts = {name.split(".")[0] for name in GRAPH}
    placed = [part for parts in LAYERS for part in parts]
    assert sorted(placed) == sorted(parts)


@pytest.mark.parametrize("module", GRAPH)
def test_imports_go_downwards(module: str) -> None:
    part = module.split(".")[0]
    for imported in GRAPH[module]:
        inside = imported.split(".")[0] == part
        assert inside or layer(imported) > layer(module), f"{module} must not import {imported}"


def test_rooms_of_synth() -> None:
    floor = {room: number for number, rooms in enumerate(ROOMS_OF_SYNTH) for room in rooms}
    inside = {name: name.split(".")[1] for name in GRAPH if name.startswith("synth.")}
    assert set(floor) == set(inside.values())
    for module, room in inside.items():
        for imported in GRAPH[module] & set(inside):
            other = inside[imported]
            assert room == other or floor[room] < floor[other], f"{module} must not import {imported}"


def test_no_cycles() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_map_names_every_part() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)(?:\.py|/)`", text))
    parts = {name.split(".")[0] for name in GRAPH} - {"__main__"}
    assert parts <= named, f"missing in ARCHITECTURE.md: {parts - named}"


@pytest.mark.parametrize("name", MODULES)
def test_files_are_small_and_named_for_what_they_hold(name: str) -> None:
    lines = MODULES[name].read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{lines} lines: is there a second idea in it?"
    assert name.split(".")[-1] not in {"utils", "util", "helpers", "misc", "common"}


def test_files_that_are_cited_are_there() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    there = [path.as_posix() for folder in ("docs", "scripts", "src", "tests") for path in (ROOT / folder).rglob("*")]
    there += [f"/{path.name}" for path in documents] + ["/summary.md"]  # of `megactor eval`
    for text in (*documents, *MODULES.values()):
        kinds = "md|py" if text in documents else "md"
        cited = re.findall(rf"(?<![\w/.-])((?:[\w-]+/)*[\w-]+\.(?:{kinds}))\b", text.read_text(encoding="utf-8"))
        for name in set(cited):
            assert any(path.endswith(f"/{name}") for path in there), f"{text} cites {name}, which is not here"


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, megactor; sys.exit(bool({'torch', 'numpy', 'av', 'PIL'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_training_on_rendered_clips_does_without_video_and_face_packages() -> None:
    """Machines with a GPU often have PyTorch and numba, and no way to install what reads videos."""
    code = """
import importlib.machinery
find = importlib.machinery.PathFinder.find_spec
missing = {"av", "mediapipe", "gradio", "ray", "webdataset", "braceexpand"}
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *others: None if name.split(".")[0] in missing else find(name, *others)
)
import megactor.cli.train, megactor.pipeline, megactor.synth.render.renderer, megactor.train.trainer
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert outcome.returncode == 0, outcome.stderr[-500:]


def test_curating_does_not_drag_the_renderer_in() -> None:
    modules = ", ".join(f"megactor.{name}" for name in GRAPH if name.split(".")[0] == "curate")
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=PATIENCE, capture_output=True, text=True
    ).stdout
    rooms = {name.split(".")[2] for name in loaded.split() if name.startswith("megactor.synth.")}
    assert rooms == {"brushes"} and "numba" not in loaded.split()


def test_readme_commands_exist() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = re.findall(r"^(?:\.venv/bin/)?megactor (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert lines
    for line in lines:
        command, *words = shlex.split(line, comments=True)
        while (group := getattr(commands[command], "commands", None)) and words and words[0] in group:
            commands, command, words = group, words[0], words[1:]
        options = {option for parameter in commands[command].params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("-")} <= options, line
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {"demo", "test"} <= set(targets)


def test_make_refuses_a_python_that_is_none_of_ours(tmp_path: Path) -> None:
    made = subprocess.run(
        ["make", "-C", str(ROOT), "demo", "PYTHON=false", f"VENV={tmp_path / 'venv'}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert made.returncode and "false is no Python 3.11 to 3.14: name another" in made.stderr
    assert not (tmp_path / "venv").exists()
