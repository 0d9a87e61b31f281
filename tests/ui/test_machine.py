"""What the browser of these tests does to the machine that it shares with other tests."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are listed as Linux does")


def _descendants() -> set[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:  # what follows the last bracket: state, parent, ...
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    found, new = set[int](), {os.getpid()}
    while new:
        new = {process for process, parent in parents.items() if parent in new}
        found |= new
    return found


def test_sound_starves_nobody(browser: Any) -> None:
    """Threads with real-time priority come before all others: there are none where sound plays."""
    tab = browser.new_page()
    tab.evaluate(
        "() => { const audio = new AudioContext(), tone = audio.createOscillator();"
        " tone.connect(audio.destination); tone.start(); window.audio = audio; }"
    )
    tab.wait_for_function("window.audio.currentTime > 0.2")
    threads = {}
    for process in _descendants():
        for thread in Path(f"/proc/{process}/task").glob("*"):
            try:
                threads[(thread / "comm").read_text().strip(), thread.name] = os.sched_getscheduler(int(thread.name))
            except OSError:
                continue
    tab.close()
    assert any(name.startswith("Audio") for name, _ in threads)
    assert [key for key, policy in threads.items() if policy in (os.SCHED_FIFO, os.SCHED_RR)] == []
