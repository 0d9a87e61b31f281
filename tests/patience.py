"""How long tests wait for what must come. A machine that is busy with others says nothing about the code."""

import time
from collections.abc import Callable
from subprocess import Popen

PATIENCE = 600.0
"""Seconds after which a test takes what it waits for to be stuck. Speed belongs into `megactor bench`."""


def wait_until(condition: Callable[[], object], process: Popen | None = None, pause: float = 0.02) -> None:
    """Returns once `condition` holds.

    Args:
        condition: asked again and again.
        process: without which it cannot come.
        pause: seconds between two looks.

    Raises:
        AssertionError: the process has ended, with what it said; or PATIENCE is over.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"it did not come in {PATIENCE:.0f} s"
        time.sleep(pause)
