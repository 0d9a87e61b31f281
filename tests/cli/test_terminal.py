"""Terminals, pipes and signals as they are: a file that was written is a success, one that was not leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import listing
from patience import PATIENCE, wait_until

from megactor.media import VideoReader, atomic_path
from megactor.media.leftovers import part_name

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and descriptors of POSIX")

# The command line in a process of its own, with a pipeline that needs no networks.
COMMAND = """
import sys, types
from command_line import FakePipeline

fake = FakePipeline()
fake.pause = float(sys.argv.pop(1))
module = types.ModuleType("megactor.pipeline")
module.MegActorPipeline = fake
sys.modules["megactor.pipeline"] = module
from megactor.cli.main import main

main()
"""


def start(folder: Path, *words: object, pause: float = 0.0, **options: Any) -> subprocess.Popen[str]:
    """`megactor` with these words, in `folder`."""
    search = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": search} | options.pop("env", {})
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    command = [sys.executable, "-c", COMMAND, str(pause), *map(str, words)]
    return subprocess.Popen(command, cwd=folder, env=environment, **options)


@pytest.fixture
def folder(picture: Path, video: Path, tmp_path: Path) -> Path:
    """Holds picture.png and video.mp4."""
    return tmp_path


def animate(folder: Path, output: str = "out.mp4", **options: Any) -> subprocess.Popen[str]:
    return start(folder, "animate", "picture.png", "video.mp4", "-o", output, **options)


def assert_written(path: Path) -> None:
    assert len(list(VideoReader(path))) == 4


def test_a_console_that_lacks_the_names_characters(folder: Path) -> None:
    process = animate(folder, "結果.mp4", env={"PYTHONIOENCODING": "cp1252"})
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "Error" in err) == (0, False), err
    assert out.startswith("\\u7d50\\u679c.mp4: 4 frames")
    assert_written(folder / "結果.mp4")


def test_nobody_reads_what_is_printed(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = animate(folder, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "Broken" not in err and "Traceback" not in err, err
    assert_written(folder / "out.mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("full", ["stdout", "stderr"])
def test_a_full_disk_behind_the_words(folder: Path, full: str) -> None:
    with open("/dev/full", "w") as disk:
        process = animate(folder, **{full: disk})
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    if full == "stdout":
        assert "could not be printed (No space left on device): out.mp4: 4 frames" in err.splitlines()[-1]
    else:
        assert out.startswith("out.mp4: 4 frames")
    assert_written(folder / "out.mp4")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams(folder: Path, closed: tuple[int, ...]) -> None:
    """As by `2>&-`; the next file that is opened must not take the number, or complaints are written into it."""

    def close() -> None:
        for number in closed:
            os.close(number)

    process = animate(folder, preexec_fn=close)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    assert 1 in closed or out.startswith("out.mp4: 4 frames")
    assert_written(folder / "out.mp4")


def test_a_table_that_nobody_reads_ends_quietly(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(folder, "--version", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0 and "Traceback" not in err and "Exception" not in err, err


def wait_for_part(folder: Path) -> None:
    wait_until(lambda: list(folder.glob(".megactor-*.part")))


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, None), (signal.SIGHUP, 129, None)],
)
def test_signals_that_come_three_times(folder: Path, number: signal.Signals, code: int, last: str | None) -> None:
    # whoever runs the tests may ignore signals, as nohup does, and children inherit that
    process = animate(folder, pause=0.3, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    wait_for_part(folder)
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.03)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    assert "Traceback" not in err and "Exception" not in err, err
    assert last is None or err.splitlines()[-1] == last
    assert listing(folder) == {"picture.png", "video.mp4"}


def test_nohup(folder: Path) -> None:
    process = animate(folder, pause=0.1, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for_part(folder)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert_written(folder / "out.mp4")


def test_what_a_killed_run_left_is_removed_by_the_next_one(folder: Path) -> None:
    killed = animate(folder, pause=0.5)
    wait_for_part(folder)
    (left,) = folder.glob(".megactor-*.part")
    living = animate(folder, "living.mp4", pause=0.5)
    wait_until(lambda: len(list(folder.glob(".megactor-*.part"))) == 2)
    assert left.exists(), "the part of a run that goes on"
    killed.kill()
    killed.communicate(timeout=PATIENCE)
    assert left.exists()
    again = animate(folder)
    again.communicate(timeout=PATIENCE)
    assert not left.exists()
    living.communicate(timeout=PATIENCE)
    for name, process in (("out.mp4", again), ("living.mp4", living)):
        assert process.returncode == 0
        assert_written(folder / name)
    assert not list(folder.glob(".megactor-*"))


DEAD = 4_000_000  # more than Linux numbers processes by default


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        (lambda name: name.replace(f"-{os.getpid()}-", f"-{DEAD}-"), True),
        (lambda name: name, False),  # of a process that lives
        (lambda name: name.replace(f"-{os.getpid()}-", "-1-"), False),
        (lambda name: f".megactor-another-host-{DEAD}-0123456789ab.part", False),
        (lambda name: f".megactor-{DEAD}-0123456789ab.part", False),
        (lambda name: name.replace(f"-{os.getpid()}-", f"-{DEAD}-") + ".txt", False),
    ],
)
def test_which_parts_are_removed(tmp_path: Path, name: Callable[[str], str], removed: bool) -> None:
    part = tmp_path / name(part_name())
    part.write_bytes(b"half")
    with atomic_path(tmp_path / "out.txt") as temporary:
        temporary.write_text("whole")
    assert part.exists() == (not removed)
    assert (tmp_path / "out.txt").read_text() == "whole"


def test_a_part_whose_lock_is_held_is_left_alone(tmp_path: Path) -> None:
    """Its process may live in another container of the same name, where processes are numbered anew."""
    import fcntl

    part = tmp_path / part_name().replace(f"-{os.getpid()}-", f"-{DEAD}-")
    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with atomic_path(tmp_path / "out.txt") as temporary:
            temporary.write_text("whole")
    assert part.exists()


def test_a_link_to_a_name_without_a_known_suffix(folder: Path) -> None:
    (folder / "real.video").write_bytes(b"old")
    (folder / "out.mp4").symlink_to("real.video")
    (folder / "new.gif").symlink_to("not yet there")
    process = start(folder, "animate", "picture.png", "video.mp4", "-o", "out.mp4", "--force")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert (folder / "out.mp4").is_symlink()
    assert_written(folder / "real.video")
    process = start(folder, "animate", "picture.png", "video.mp4", "-o", "new.gif")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert (folder / "not yet there").read_bytes().startswith(b"GIF89a")
