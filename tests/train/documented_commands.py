"""Every `megactor train` command line of the documents, as a shell starts it: variables and loops are the shell's."""

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch.distributed.run
import typer.main

from megactor.cli.main import app

ROOT = Path(__file__).parents[2]
_PROGRAMS = ("megactor", ".venv/bin/megactor", "torchrun", "accelerate", "python", "pip", "git")
_RECORDER = """#!{shell}
{{ printf '%s\\0' "${{0##*/}}" "$@"; printf '\\1'; }} >> "$RECORDED"
"""


@dataclass(frozen=True)
class TrainCommand:
    """One line.

    document: where it stands.
    words: as the program gets them.
    processes: how many it starts, on all machines.
    arguments: of `megactor train`.
    """

    document: str
    words: tuple[str, ...]
    processes: int
    arguments: tuple[str, ...]

    def options(self) -> dict[str, Any]:
        """Arguments by the names of `cli.train.train`; fails where one is unknown."""
        command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
        return command.make_context("train", list(self.arguments)).params


def train_commands(scratch: Path) -> list[TrainCommand]:
    """Those of README.md and docs/*.md.

    Args:
        scratch: an empty folder.
    """
    found = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for words in _started(_scripts(path.read_text(encoding="utf-8")), scratch / path.stem):
            command = _train_command(path.name, words)
            if command is not None and command not in found:
                found.append(command)
    return found


def _scripts(text: str) -> list[str]:
    """Code blocks, and code in the lines, that speak of training."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+\.yaml[^`]*)`", prose)]
    return [script for script in (*blocks, *spans) if re.search(r"\bmegactor train\b", script)]


def _started(scripts: list[str], scratch: Path) -> list[tuple[str, ...]]:
    """What a shell starts: every program is one that writes down how it was called."""
    for program in _PROGRAMS:
        stub = scratch / program
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(_RECORDER.format(shell=shutil.which("sh")))
        stub.chmod(0o755)
    recorded = scratch / "recorded"
    recorded.touch()
    for script in scripts:
        environment = {"PATH": str(scratch), "RECORDED": str(recorded)}
        subprocess.run([str(shutil.which("bash")), "-c", script], cwd=scratch, env=environment, capture_output=True)
    calls = recorded.read_text(encoding="utf-8").split("\1")[:-1]
    return [tuple(call.split("\0")[:-1]) for call in calls]


def _train_command(document: str, words: tuple[str, ...]) -> TrainCommand | None:
    if "train" not in words or not any(word.endswith("megactor") for word in words):
        return None
    if words[0] == "megactor":
        command = TrainCommand(document, words, 1, words[2:])
        processes = command.options()["processes"]
        return replace(command, processes=processes, arguments=_without("--processes", words[2:]))
    assert words[0] == "torchrun", f"{document}: how many processes does {' '.join(words)} start?"
    told = torch.distributed.run.parse_args(list(words[1:]))
    assert told.module and told.training_script == "megactor" and told.training_script_args[0] == "train", words
    machines = int(told.nnodes.rpartition(":")[2])  # "4", or "least:most"
    return TrainCommand(document, words, machines * int(told.nproc_per_node), tuple(told.training_script_args[1:]))


def _without(option: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words without an option and its value."""
    if option not in words:
        return words
    place = words.index(option)
    return words[:place] + words[place + 2 :]
