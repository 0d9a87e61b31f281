"""Several processes of one run: how they end, whoever ends first."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from patience import PATIENCE, wait_until
from train.runs import start

from megactor.errors import MegActorError
from megactor.train import launch as launching
from megactor.train.checkpoint import checkpoints

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")


def processes(code: str, count: int = 3) -> launching._Run:
    """So many Pythons that run `code`, which knows its number as R."""
    preamble = "import os, signal, sys, time; R = int(os.environ['RANK'])\n"
    return launching._Run([sys.executable, "-c", preamble + code], count)


def test_they_know_each_other(tmp_path):
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    code = f"open({str(tmp_path)!r} + f'/{{R}}', 'w').write(' '.join(os.environ[n] for n in {names}))"
    assert processes(code).wait() == 0
    told = [(tmp_path / str(number)).read_text().split() for number in range(3)]
    assert [words[:5] for words in told] == [[f"{n}", f"{n}", "3", "3", "127.0.0.1"] for n in range(3)]
    assert len({words[5] for words in told}) == 1


# a line at once: print writes it in pieces, between which another process may write
SAVES = "lambda *_: sys.exit(os.write(2, f'saved {R}\\n'.encode()) and None)"
WAITS = f"""
signal.signal(signal.SIGTERM, {SAVES})
open(os.environ['READY'] + str(R), 'w')
time.sleep(60)
"""


@pytest.fixture
def ready(tmp_path, monkeypatch):
    monkeypatch.setenv("READY", f"{tmp_path}/ready")

    def wait() -> None:
        while len(list(tmp_path.glob("ready*"))) < 3:
            time.sleep(0.02)

    return wait


def test_the_first_signal_has_all_of_them_save(ready, capfd):
    run = processes(WAITS)
    ready()
    run.stop()
    assert run.wait() == 0
    assert sorted(capfd.readouterr().err.splitlines()) == ["saved 0", "saved 1", "saved 2"]


def test_the_second_ends_them(ready):
    run = processes(WAITS.replace(SAVES, "signal.SIG_IGN"))
    ready()
    run.stop()
    threading.Timer(0.3, run.stop).start()
    assert run.wait() == 130
    assert all(process.wait() == -signal.SIGKILL for process in run._processes)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("sys.exit(print('error: the same', file=sys.stderr) or 3)", 3),
        ("R == 2 and sys.exit(print('error: the same', file=sys.stderr) or 4)\ntime.sleep(60)", 4),
        ("R == 0 and sys.exit(print('error: the same', file=sys.stderr) or 5)\ntime.sleep(60)", 5),
    ],
)
def test_an_error_ends_all_and_is_told_once(code, expected, capfd):
    run = processes(code)
    assert run.wait() == expected
    assert capfd.readouterr().err == "error: the same\n"
    assert all(process.wait() is not None for process in run._processes)


def test_one_that_is_killed_is_told(capfd):
    with pytest.raises(MegActorError, match="process 1 of 3 was ended by signal 9"):
        processes("R == 1 and os.kill(os.getpid(), 9)\ntime.sleep(60)").wait()


def test_other_words_pass(capfd):
    assert processes("R == 1 and print('skipped: a clip', file=sys.stderr)").wait() == 0
    assert capfd.readouterr().err == "skipped: a clip\n"


ORPHAN = """
import os, sys, time
from megactor.train.launch import is_orphan
def tell():
    with open(sys.argv[1], "a") as file:
        file.write(f"{is_orphan()} ")
tell()
while os.getppid() == int(sys.argv[2]):
    time.sleep(0.05)
tell()
"""

PARENT = """
import os, subprocess, sys, time
os.environ[sys.argv[1]] = str(os.getpid())
subprocess.Popen([sys.executable, "-c", sys.argv[3], sys.argv[2], str(os.getpid())])
while not os.path.exists(sys.argv[2]) or not os.path.getsize(sys.argv[2]):
    time.sleep(0.05)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("variable", [launching.LAUNCHER, "TORCHELASTIC_RUN_ID"])
def test_an_orphan_knows_it(tmp_path, variable):
    """Its parent is killed: the launcher, or torchrun's agent."""
    subprocess.run(
        [sys.executable, "-c", PARENT, variable, str(tmp_path / "told"), ORPHAN], timeout=PATIENCE, check=False
    )
    wait_until(lambda: len((tmp_path / "told").read_text().split()) >= 2)
    assert (tmp_path / "told").read_text().split() == ["False", "True"]


def test_a_run_whose_launcher_is_killed_saves_and_ends(recipe, tmp_path):
    folder = tmp_path / "run"
    launcher = start(recipe(steps=100_000, save_every=100_000, validation_clips=0), folder, "--processes", "2")
    wait_until((folder / "events").exists, launcher)
    time.sleep(1)
    launcher.kill()
    out, _ = launcher.communicate(timeout=PATIENCE)  # to the end of all who hold its pipes
    assert "the same command goes on" in out
    assert len(checkpoints(folder / "checkpoints")) == 1 and not (folder / ".lock").exists()
