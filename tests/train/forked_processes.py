"""Runs command lines, each in several processes that share its work, as torchrun would.

They are forked from one interpreter that has imported everything: starting it is most of what a small run takes.
Called with JSON: [[processes, [arguments of megactor]], ...]; {rank} in an argument is the number of the process.
"""

import json
import os
import socket
import sys

import megactor.train.trainer  # noqa: F401
from megactor.cli.main import app


def run(processes: int, arguments: list[str]) -> list[int]:
    """Exit codes of all processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_PORT": port, "MASTER_ADDR": "127.0.0.1"}
    children = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            own = {"RANK": rank, "LOCAL_RANK": rank}
            os.environ.update({name: str(value) for name, value in (shared | own).items()})
            code = 1
            try:
                app([argument.replace("{rank}", str(rank)) for argument in arguments])
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    for processes, arguments in json.loads(sys.argv[1]):
        codes = run(processes, arguments)
        if any(codes):
            sys.exit(f"{processes} processes of megactor {' '.join(arguments)} ended with {codes}")
