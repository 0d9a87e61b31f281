"""What holds for all tests."""

import os


def pytest_configure() -> None:
    """Gives up real-time priority, which a run may have inherited: two busy workers with it let nothing else run."""
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
