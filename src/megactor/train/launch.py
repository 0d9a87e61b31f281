"""Several processes of one training run on this machine.

They are what torchrun starts, by the same variables, but Ctrl-C saves and ends well, an error is told once, and nobody
outlives the first process. Several machines take torchrun.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from megactor.errors import MegActorError

LAUNCHER = "MEGACTOR_LAUNCHER"
"""Variable with the process that started this one; see `is_orphan`."""
_ELASTIC = "TORCHELASTIC_RUN_ID"
_INTERRUPTED = 130
_PAUSE = 0.05

_parent = os.getppid()


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """Number of this process among those of the run; the first one, 0, alone writes."""
    return int(environment.get("RANK", "0"))


def is_orphan() -> bool:
    """Whether whoever started this process with others is gone, so that nobody will end them any more."""
    launcher = os.environ.get(LAUNCHER)
    if launcher is not None:
        return os.getppid() != int(launcher)
    return _ELASTIC in os.environ and os.getppid() != _parent


def launch(arguments: Sequence[str], processes: int) -> int:
    """Runs `megactor ARGUMENTS` in so many processes and waits for them.

    The first Ctrl-C or SIGTERM has them save and end; the second ends them at once. If one fails, all end.

    Returns:
        The exit code: 0, that of the first one that failed, or 130 after a second Ctrl-C.

    Raises:
        MegActorError: one was killed by somebody else.
    """
    run = _Run([sys.executable, "-m", "megactor", *arguments], processes)
    before = {number: signal.signal(number, run.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.wait()
    finally:
        run.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """Processes that were started, and how far their end is."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # a thread for each process, as torchrun has it; what DistributedDataParallel thinks of our gradients is known
        shared = {"OMP_NUM_THREADS": 1, "TORCH_CPP_LOG_LEVEL": "ERROR"} | os.environ
        shared |= {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        shared |= {LAUNCHER: os.getpid()}
        self._asked = 0
        self._processes: list[subprocess.Popen[str]] = []
        self._errors: list[list[str]] = [[] for _ in range(count)]
        self._readers: list[threading.Thread] = []
        for number in range(count):
            own = shared | {"RANK": number, "LOCAL_RANK": number}
            process = subprocess.Popen(
                command,
                env={name: str(value) for name, value in own.items()},
                stderr=None if number == 0 else subprocess.PIPE,
                text=True,
                process_group=0,  # Ctrl-C comes to the first process, which passes it on once
            )
            self._processes.append(process)
            if process.stderr is not None:
                reader = threading.Thread(target=self._read, args=(process.stderr, self._errors[number]), daemon=True)
                reader.start()
                self._readers.append(reader)

    @staticmethod
    def _read(stream: IO[str], errors: list[str]) -> None:
        """Passes lines on, but for errors: they are often those of all processes."""
        for line in stream:
            if line.startswith("error: "):
                errors.append(line)
            else:
                sys.stderr.write(line)

    def stop(self, *_: object) -> None:
        """Has all processes save and end; the second time at once."""
        self._asked += 1
        if self._asked == 1:
            for process in self._processes:
                process.terminate()
        else:
            self.kill()

    def kill(self) -> None:
        """Ends whoever still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()

    def wait(self) -> int:
        """Until all are done, or one fails; see `launch`."""
        while True:
            codes = [process.poll() for process in self._processes]
            failed = [number for number, code in enumerate(codes) if code not in (None, 0)]
            if failed or None not in codes:
                break
            time.sleep(_PAUSE)
        if failed and self._asked < 2:
            time.sleep(_PAUSE)  # all may have failed for one reason, which the first one tells then
        told_itself = self._processes[0].poll() not in (None, 0)
        self.kill()
        for reader in self._readers:
            reader.join(timeout=1)
        if self._asked > 1:
            return _INTERRUPTED
        return self._tell(0 if told_itself else failed[0]) if failed else 0

    def _tell(self, number: int) -> int:
        """Says why a process failed, unless it did so itself; returns its exit code."""
        code = self._processes[number].wait()
        if code < 0:
            what = f"process {number} of {len(self._processes)} was ended by signal {-code}"
            raise MegActorError(f"{what}, perhaps for want of memory; the same command goes on")
        sys.stderr.writelines(self._errors[number])
        return code
