"""Files are read and written beside the networks: the same video, a bounded lead, and no thread or file left behind."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from media_samples import Clip, write_clip
from tiny_model import tiny_pipeline

import megactor.animate.clip
from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.compute.cores import Cores
from megactor.drive.masking import DrivingCrop
from megactor.drive.portrait import Portrait, read_portrait
from megactor.errors import InputError, OutputError
from megactor.media.ahead import read_ahead
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline
from megactor.result import WAITING_FRAMES

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)
FRAMES = 60


@pytest.fixture(scope="module")
def pipe() -> MegActorPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "driving.mp4", Clip(frames=FRAMES))


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("megactor.animate.clip.Cores.of", lambda device: Cores(request.param))
    return request.param


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert file_threads() == []


def file_threads() -> list[str]:
    return [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("megactor-read", "megactor-write"))
    ]


@pytest.fixture(scope="module")
def face(pipe: MegActorPipeline) -> Portrait:
    return read_portrait(PORTRAIT, pipe.analyzer, 0, 32, 64)


def crops(count: int, read: list[int] | None = None) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(1)
    for number in range(count):
        if read is not None:
            read.append(number)
        yield generator.integers(0, 255, (32, 32, 3), np.uint8)


def test_overlapped_or_not_the_video_is_the_same(
    pipe: MegActorPipeline, face: Portrait, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def video() -> list[np.ndarray]:
        return list(pipe.animate_crops(face, crops(30), 30, AnimationOptions()))

    overlapped = video()
    monkeypatch.setattr(megactor.animate.clip, "read_ahead", lambda items, size: (item for item in items))
    np.testing.assert_array_equal(overlapped, video())


def test_no_thread_keeps_gradients(pipe: MegActorPipeline, face: Portrait, cores: int) -> None:
    plan = AnimationOptions().plan(pipe.own_plan)
    animator = ClipAnimator(PipelineComponents(**pipe.components), face, plan, 0, torch.device("cpu"))
    with closing(
        read_ahead(animator.encode(map(DrivingCrop, crops(9))), 4)
    ) as frames:  # the last one has a thread to itself
        assert not any(frame.channels.requires_grad or frame.motion.flow.requires_grad for frame in frames)
    assert torch.is_grad_enabled()


def test_the_lead_does_not_grow(pipe: MegActorPipeline, face: Portrait, cores: int) -> None:
    read: list[int] = []
    finished = pipe.animate_crops(face, crops(150, read), 150, AnimationOptions(window_batch=1))
    leads = [len(read) - given for given, _ in enumerate(finished)]
    assert leads[0] < 60 and max(leads) < 60  # of 150


@pytest.mark.parametrize("frames", [0, 1, 20])
def test_a_result_may_be_left_at_any_time(pipe: MegActorPipeline, driving: Path, cores: int, frames: int) -> None:
    result = pipe(PORTRAIT, driving)
    assert file_threads() == [], "the faces are read, and nothing runs before frames are asked for"
    for _ in range(frames):
        next(result.frames)
    del result
    gc.collect()
    assert file_threads() == []


@pytest.mark.parametrize("error", [InputError("the film tore"), KeyboardInterrupt()])
def test_errors_of_the_video_reach_the_caller(
    pipe: MegActorPipeline, face: Portrait, cores: int, error: BaseException
) -> None:
    def torn() -> Iterator[np.ndarray]:
        yield from crops(20)
        raise error

    finished = pipe.animate_crops(face, torn(), 40, AnimationOptions())
    with pytest.raises(type(error), match=str(error) or None):
        list(finished)
    assert file_threads() == []


def interrupted(done: int) -> None:
    if done == 2:
        raise KeyboardInterrupt


def test_an_interruption_between_windows_ends_all_threads(
    pipe: MegActorPipeline, driving: Path, cores: int, tmp_path: Path
) -> None:
    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "denoise":
            interrupted(done)

    result = pipe(PORTRAIT, driving, window_batch=1, progress=progress)
    with pytest.raises(KeyboardInterrupt):
        result.save(tmp_path / "out.mp4")
    assert file_threads() == []
    assert list(tmp_path.iterdir()) == []


def failing(number: int, error: BaseException) -> Callable[[VideoWriter, np.ndarray], None]:
    seen: list[int] = []
    write = VideoWriter.write

    def write_some(writer: VideoWriter, frame: np.ndarray) -> None:
        seen.append(len(seen))
        if len(seen) == number:
            raise error
        write(writer, frame)

    return write_some


@pytest.mark.parametrize("number", [1, 30, FRAMES])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    pipe: MegActorPipeline, driving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(VideoWriter, "write", failing(number, OutputError("no space left")))
    with pytest.raises(OutputError, match=r"^no space left$"):
        pipe(PORTRAIT, driving).save(tmp_path / "out.mp4")
    assert file_threads() == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_saved_is_what_is_iterated(pipe: MegActorPipeline, driving: Path, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    pipe(PORTRAIT, driving, progress=lambda *report: reports.append(report)).save(tmp_path / "out.mp4")
    saved = np.stack(list(VideoReader(tmp_path / "out.mp4"))).astype(float)
    iterated = np.stack(list(pipe(PORTRAIT, driving)))
    assert len(saved) == FRAMES < WAITING_FRAMES
    assert [done for stage, done, _ in reports if stage == "write"] == list(range(1, FRAMES + 1))
    # H.264 is lossy; a frame is nearest to itself
    distances = np.abs(saved[::7, None] - iterated[None, ::7]).mean((2, 3, 4))
    np.testing.assert_array_equal(distances.argmin(1), np.arange(len(distances)))
