"""Many workers by Ray Data: on this machine, or on a cluster that is there already."""

import contextlib
import json
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from megactor.errors import InputError, MegActorError

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
_LOCAL = {
    # Ray on Linux takes the machine's outer address even when told 127.0.0.1, and would listen to the network. Without
    # clusters, which is what this says despite its name, it keeps to the loopback interface as on other systems.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Ray kills workers when the machine's memory runs out, whoever took it; a clip would be blamed for the neighbors
    "RAY_memory_monitor_refresh_ms": "0",
}
_OBJECTS = 128 * 2**20
"""Bytes of Ray's object store on this machine: jobs and reports are small, pictures never travel."""

_STARTS = 3
"""Tries to start Ray here: it gives its parts 30 seconds, which a busy machine may need for less than all of them."""


@contextlib.contextmanager
def started_ray(address: str | None, workers: int) -> Iterator[int]:
    """Starts Ray on this machine, or joins a cluster; gives the number of workers to use.

    Args:
        address: of a cluster, or None to start one here that ends with the block.
        workers: processes; 0 for one a core.

    Raises:
        InputError: the cluster cannot be reached.
    """
    os.environ.update(_QUIET)
    if address is None:
        os.environ.update(_LOCAL)
    import ray
    import ray.data

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    scratch = None
    try:
        if address is None:
            # its sockets need a short path; what it logs is not worth keeping
            scratch = tempfile.mkdtemp(prefix="megactor-ray-", dir="/tmp" if os.path.isdir("/tmp") else None)
            cores = workers or os.cpu_count() or 1
            _start_here(cores, scratch, quiet)
        else:
            with _quiet_stderr():
                ray.init(address=address, **quiet)
            cores = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        _quiet_data()
        with _interrupts_kept():
            yield cores
    except (ConnectionError, TimeoutError) as error:
        raise InputError(f"no Ray cluster at {address} ({error})") from None
    finally:
        with _quiet_stderr():  # whoever is interrupted need not hear what every actor says about it
            ray.shutdown()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _start_here(cores: int, scratch: str, quiet: Mapping[str, Any]) -> None:
    import ray

    for attempt in range(_STARTS):
        try:
            with _quiet_stderr():
                ray.init(
                    num_cpus=cores,
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=f"{scratch}/{attempt}",
                    **quiet,
                )
            return
        except Exception as error:  # a busy machine: Ray raises a bare Exception when its parts are late
            if attempt == _STARTS - 1:
                raise MegActorError(f"Ray did not start ({_first_line(error)}): the same command goes on") from None
            with _quiet_stderr():
                ray.shutdown()


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Ctrl-C stays one: deep in Ray it becomes whatever error its threads make of it."""
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Ray's C++ code tells the terminal that it was told to be quiet."""
    try:
        saved = os.dup(2)
    except OSError:  # started without a stderr
        yield
        return
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _quiet_data() -> None:
    from ray.data import DataContext

    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False


def run_workers(
    worker: type, arguments: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]], workers: int, gpus: float = 0
) -> Iterator[dict[str, str]]:
    """Gives every job to one of several worker processes.

    A process that dies is replaced, and what it worked on is given to another: workers count how often that
    happens to a job.

    Args:
        worker: class of a worker, called with a row {"job": ...}.
        arguments: of its constructor.
        jobs: plain values.
        workers: processes.
        gpus: that each process gets, or part of one.

    Yields:
        What the calls returned, in the order of completion.

    Raises:
        MegActorError: Ray gave up.
    """
    import ray
    import ray.data

    if not jobs:
        return
    workers = min(workers, len(jobs))
    per_block = max(1, min(8, len(jobs) // (16 * workers)))
    # as text: columns of a table would make every job's fields those of all
    rows = [{"job": json.dumps(job)} for job in jobs]
    try:
        done = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // per_block)).map(
            _Caller,
            fn_constructor_args=(worker, dict(arguments)),
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=gpus or None,
        )
        yield from done.iter_rows()
    except ray.exceptions.RayError as error:
        raise MegActorError(f"Ray stopped ({_first_line(error)}): the same command goes on") from None


class _Caller:
    """Unpacks a job on its way to the worker."""

    def __init__(self, worker: type, arguments: Mapping[str, Any]) -> None:
        self._worker = worker(**arguments)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, str]:
        return dict(self._worker({"job": json.loads(row["job"])}))


def _first_line(error: BaseException) -> str:
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__).strip()


def free_bytes(folder: Path) -> int:
    """Bytes that can be written to where `folder` is or will be."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free
