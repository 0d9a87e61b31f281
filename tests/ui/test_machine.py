"""What the browser of these tests does to the machine that it shares with other tests."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from process_family import family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are listed as Linux does")


def test_sound_starves_nobody(browser: Any) -> None:
    """Threads with real-time priority come before all others: there are none where sound plays."""
    tab = browser.new_page()
    tab.evaluate(
        "() => { const audio = new AudioContext(), tone = audio.createOscillator();"
        " tone.connect(audio.destination); tone.start(); window.audio = audio; }"
    )
    tab.wait_for_function("window.audio.currentTime > 0.2")
    threads = {}
    for process in family(os.getpid()):
        for thread in Path(f"/proc/{process}/task").glob("*"):
            try:
                threads[(thread / "comm").read_text().strip(), thread.name] = os.sched_getscheduler(int(thread.name))
            except OSError:
                continue
    tab.close()
    assert any(name.startswith("Audio") for name, _ in threads)
    assert [key for key, policy in threads.items() if policy in (os.SCHED_FIFO, os.SCHED_RR)] == []
