"""The runner around the pipeline, and what is refused before a job waits."""

import io
from pathlib import Path

import numpy as np
import pytest
from command_line import FakePipeline
from media_samples import Clip, write_clip
from PIL import Image

from megactor.errors import InputError
from megactor.jobs import Contents, JobLimits, Queue, Task
from megactor.jobs.animation import AnimationRunner, check_files, job_options, within_seconds
from megactor.jobs.claims import Claims
from megactor.jobs.database import Database
from megactor.jobs.worker import run
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions


class Report:
    def __init__(self) -> None:
        self.counts: list[tuple[str, int, int | None]] = []
        self.pictures: list[bytes] = []

    def count(self, stage: str, done: int, total: int | None) -> None:
        self.counts.append((stage, done, total))

    def picture(self, make) -> None:
        self.pictures.append(make())


def test_a_job_is_the_same_call_as_the_commands(tmp_path: Path) -> None:
    pipeline, report = FakePipeline(), Report()
    pipeline.warnings = ["the sound was left out"]
    names = {"portrait": "x" * 96 + ".jpg", "driving": "y" * 96 + ".mp4"}
    asked = AnimationOptions(seed=7, end=1.5)
    files = {"portrait": tmp_path / "a", "driving": tmp_path / "b"}
    outcome = AnimationRunner(pipeline, "nano").run(Task(files, names, job_options(asked, False), tmp_path), report)
    (call,) = pipeline.calls
    assert {name: call[name] for name in vars(asked)} == vars(asked)
    assert (call["portrait"], call["driving"]) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert len(list(VideoReader(outcome.result))) == 4
    assert outcome.facts == {
        "frames": 4,
        "width": 64,
        "height": 64,
        "fps": 25.0,
        "warnings": ["the sound was left out"],
    }
    assert report.counts[-1] == ("write", 4, 4)
    assert report.pictures[0].startswith(b"\xff\xd8")


def test_what_is_refused_before_it_waits(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(tmp_path / "a.png")
    video = write_clip(tmp_path / "b.mp4", Clip(frames=50))
    options = AnimationOptions()
    assert check_files(JobLimits(seconds=3), tmp_path / "a.png", video, options) == options
    for limits, words in (
        (JobLimits(pixels=2999), "3000|60x50"),
        (JobLimits(pixels=3000), "the driving video is"),
        (JobLimits(seconds=1), "2 s long and up to 1 s"),
    ):
        with pytest.raises(InputError, match=words):
            check_files(limits, tmp_path / "a.png", video, options)
    with pytest.raises(InputError, match="unknown format"):
        job_options(options, result="exe")


def test_only_so_many_seconds() -> None:
    assert within_seconds(60, None, AnimationOptions(start=3)).end == 63
    assert within_seconds(0, 9999, AnimationOptions()) == AnimationOptions()
    within_seconds(60, 61, AnimationOptions(start=1))
    within_seconds(60, 30, AnimationOptions(end=600))
    for seconds, asked in ((61, AnimationOptions()), (100, AnimationOptions(end=61))):
        with pytest.raises(InputError, match="60 s"):
            within_seconds(60, seconds, asked)
    for limit in (0, 60):
        with pytest.raises(InputError, match=r"start \(5 s\) is beyond the end of the driving video \(2.40 s\)"):
            within_seconds(limit, 2.4, AnimationOptions(start=5))


@pytest.mark.parametrize("verbose", [True, False])
def test_a_failure_leaves_its_trace_where_it_is_wanted(
    verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = FakePipeline()
    pipeline.failure = RuntimeError("shape\nmismatch")
    database = Database(tmp_path)
    queue, claims = Queue(database, JobLimits()), Claims(database, "worker")
    files = {role: Contents(database).add(io.BytesIO(role.encode()), f"{role}.x") for role in ("portrait", "driving")}
    job = queue.submit(files, job_options(AnimationOptions()))
    claim = claims.take()
    assert claim is not None
    run(claims, claim, AnimationRunner(pipeline, "nano"), verbose)
    failed = queue.get(job.id)
    assert failed is not None
    assert (failed.state, failed.error) == ("failed", "unexpected RuntimeError: shape mismatch")
    assert ("Traceback" in capsys.readouterr().err) is verbose
    assert list(tmp_path.glob("results/**/*.mp4")) == []
