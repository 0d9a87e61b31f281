"""How the kernel schedules the thread that runs a test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def policy() -> int | None:
    """This thread's scheduling policy; None where the system has no such thing."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None


@contextmanager
def as_before() -> Iterator[None]:
    """What is done within leaves this thread's policy and priority as they were.

    SVT-AV1, started by root, makes the thread that calls it real-time, and all that this thread starts later inherits
    that: a browser with a hundred threads, before which two cores run nothing else.
    """
    before = policy()
    if before is None:
        yield
        return
    parameters = os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, parameters)
