"""The line of jobs, with a pipeline that does what the test wants."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import FakePipeline

from megactor.errors import FaceError, InputError
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions
from megactor.ui.jobs import Job, JobQueue, Request


class StepPipeline(FakePipeline):
    """Makes a frame only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = threading.Semaphore(0)

    def _frames(self, progress) -> Iterator[np.ndarray]:
        for frame in super()._frames(progress):
            assert self.steps.acquire(timeout=20)
            yield frame


@pytest.fixture
def pipeline() -> StepPipeline:
    return StepPipeline()


@pytest.fixture
def queue(pipeline: StepPipeline) -> Iterator[JobQueue]:
    queue = JobQueue(pipeline, limit=2)
    yield queue
    pipeline.steps.release(100)
    queue.close()


def request(folder: Path, name: str = "out.mp4") -> Request:
    return Request(folder / "a.png", folder / "b.mp4", folder / name, AnimationOptions(seed=7, end=1.5))


def ended(job: Job) -> str:
    assert job.wait(20)
    return job.state


def test_a_job_writes_its_file_and_tells_of_it(queue: JobQueue, pipeline: StepPipeline, tmp_path: Path) -> None:
    pipeline.warnings = ["the sound was left out"]
    pipeline.steps.release(4)
    job = queue.submit(request(tmp_path))
    assert ended(job) == "done"
    assert len(list(VideoReader(tmp_path / "out.mp4"))) == 4
    assert (job.frames, job.size, job.fps) == (4, (64, 64), 25.0)
    assert job.stages["write"] == (4, 4)
    assert job.preview is not None
    assert job.warnings == ["the sound was left out"]
    (call,) = pipeline.calls
    assert (call["seed"], call["end"], call["layout"]) == (7, 1.5, "result")


def test_one_at_a_time_in_order_and_no_more_than_the_limit(
    queue: JobQueue, pipeline: StepPipeline, tmp_path: Path
) -> None:
    first, second = queue.submit(request(tmp_path, "1.mp4")), queue.submit(request(tmp_path, "2.mp4"))
    assert (queue.ahead_of(first), queue.ahead_of(second)) == (0, 1)
    with pytest.raises(InputError, match="2 animations are running or waiting"):
        queue.submit(request(tmp_path, "3.mp4"))
    pipeline.steps.release(4)
    assert ended(first) == "done"
    assert second.state in ("waiting", "running")
    pipeline.steps.release(4)
    assert ended(second) == "done"


def test_cancel_leaves_no_file_and_lets_the_next_one_run(
    queue: JobQueue, pipeline: StepPipeline, tmp_path: Path
) -> None:
    first, second = queue.submit(request(tmp_path, "1.mp4")), queue.submit(request(tmp_path, "2.mp4"))
    first.cancel()
    pipeline.steps.release(5)
    assert ended(first) == "canceled"
    assert ended(second) == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["2.mp4"]


def test_canceled_while_it_waits(queue: JobQueue, pipeline: StepPipeline, tmp_path: Path) -> None:
    first, second = queue.submit(request(tmp_path, "1.mp4")), queue.submit(request(tmp_path, "2.mp4"))
    second.cancel()
    pipeline.steps.release(4)
    assert (ended(first), ended(second)) == ("done", "canceled")
    assert len(pipeline.calls) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FaceError("no face in b.mp4: try another"), "no face in b.mp4: try another"),
        (MemoryError(), "out of memory"),
        (RuntimeError("shape\nmismatch"), "unexpected RuntimeError: shape mismatch"),
    ],
)
def test_a_failure_is_one_line_and_the_queue_lives(
    error: Exception, words: str, queue: JobQueue, pipeline: StepPipeline, tmp_path: Path
) -> None:
    pipeline.failure = error
    pipeline.steps.release(100)
    job = queue.submit(request(tmp_path))
    assert ended(job) == "failed"
    assert words in job.error
    assert "\n" not in job.error
    assert list(tmp_path.iterdir()) == []
    pipeline.failure = None
    assert ended(queue.submit(request(tmp_path))) == "done"
