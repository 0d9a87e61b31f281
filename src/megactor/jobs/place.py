"""Where servers keep their jobs when nobody says otherwise."""

import os
import sys
from pathlib import Path

from megactor.errors import MegActorError
from megactor.jobs.contents import Contents
from megactor.jobs.database import NAME, Database
from megactor.jobs.engine import hold
from megactor.jobs.limits import JobLimits
from megactor.jobs.queue import Queue
from megactor.jobs.visits import CALLER, Visits


def state_folder(name: str) -> Path:
    """A folder of this user for what programs keep between two starts, as the system has it; it may not exist yet."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "megactor" / name


def tidy(folder: Path, keep: float) -> None:
    """Deletes what is older than `keep` seconds in the folder of a server that does not run; else does nothing."""
    if not (folder / NAME).is_file():
        return
    try:
        guard = hold(folder)
    except MegActorError:
        return
    try:
        database = Database(folder)
        queue = Queue(database, JobLimits())
        Visits(database, queue).sweep(keep)
        queue.sweep(keep, CALLER)
        Contents(database).sweep()
    finally:
        guard.close()
