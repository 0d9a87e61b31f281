"""The web page of MegActor on a Hugging Face Space, with a GPU from ZeroGPU where the Space has one."""

import os
import tempfile
from pathlib import Path

from megactor.jobs import Engine, RunnerSpec
from megactor.ui.address import Address
from megactor.ui.limits import Limits
from megactor.ui.server import PageServer

MODEL = os.environ.get("MEGACTOR_MODEL", "nano")
"""Or "owner/name" of another one on the hub."""

LIMITS = Limits(upload_mb=50, seconds=10, jobs=8, keep_hours=1)
"""A job must be through within `zero_gpu.GPU_SECONDS`."""

RUNNER = RunnerSpec("zero_gpu:load", {"model": MODEL})


def page(folder: Path, runner: RunnerSpec = RUNNER, port: int = 7860) -> PageServer:
    """The page, open to all and shown in the hub's frame; what visitors have lies in `folder`."""
    engine = Engine(folder, runner, limits=LIMITS.of_jobs, keep=LIMITS.keep_hours * 3600)
    return PageServer(engine, Address("0.0.0.0", port, framed_by="https://huggingface.co"), LIMITS, model=MODEL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        page(Path(place), port=int(os.environ.get("GRADIO_SERVER_PORT", "7860"))).run()
