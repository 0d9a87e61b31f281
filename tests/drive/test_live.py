"""`MegActorPipeline.stream` and the speed presets on tiny random networks."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from media_samples import Clip, write_clip
from tiny_model import CenteredFaceAnalyzer, tiny_official_pipeline, tiny_pipeline

import megactor.animate.clip
from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.compute.cores import Cores
from megactor.denoise.clip import ClipDenoiser
from megactor.drive.live import LiveDrive
from megactor.drive.portrait import read_portrait
from megactor.errors import FaceError, InputError
from megactor.faces.face import Face
from megactor.options import SPEEDS, AnimationOptions
from megactor.pipeline import MegActorPipeline

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def pipe() -> MegActorPipeline:
    return tiny_pipeline()


def official() -> MegActorPipeline:
    """The official architecture, which sees faces too."""
    pipe = tiny_official_pipeline()
    pipe._analyzer = CenteredFaceAnalyzer()
    return pipe


def camera(read: list[int] | None = None) -> Iterator[np.ndarray]:
    """Frames without end; `read` gets a number for each one that was taken."""
    generator = np.random.default_rng(1)
    number = 0
    while True:
        if read is not None:
            read.append(number)
        number += 1
        yield generator.integers(0, 255, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("chunk", [1, 4])
def test_delay_is_one_chunk_for_ever(pipe: MegActorPipeline, chunk: int) -> None:
    read: list[int] = []
    frames = pipe.stream(PORTRAIT, camera(read), chunk=chunk, steps=2)

    leads = [len(read) - given for given, _ in enumerate(islice(frames, 24))]

    assert max(leads) == chunk
    assert max(leads[-chunk:]) == chunk  # it does not build up


def test_as_many_frames_come_out_as_went_in(pipe: MegActorPipeline) -> None:
    frames = list(pipe.stream(PORTRAIT, islice(camera(), 19), steps=1))

    assert len(frames) == 19
    assert all(frame.shape == (64, 64, 3) and frame.dtype == np.uint8 for frame in frames)
    assert list(pipe.stream(PORTRAIT, iter(()))) == []


def test_stream_is_the_realtime_preset_of_a_recording(pipe: MegActorPipeline) -> None:
    asked = AnimationOptions(speed="realtime", steps=2)
    face = pipe.read_portrait(PORTRAIT, 0, 64)
    drive = LiveDrive(pipe.analyzer, face, asked, pipe.driving_size, None)
    crops = [drive(frame).condition for frame in islice(camera(), 21)]
    recorded = list(pipe.animate_crops(face, crops, len(crops), asked))

    streamed = list(pipe.stream(PORTRAIT, islice(camera(), 21), steps=2))

    np.testing.assert_array_equal(streamed, recorded)


def test_first_chunk_is_what_one_window_gives(pipe: MegActorPipeline) -> None:
    face = pipe.read_portrait(PORTRAIT, 0, 64)
    drive = LiveDrive(pipe.analyzer, face, AnimationOptions(), pipe.driving_size, None)
    crops = [drive(frame).condition for frame in islice(camera(), 6)]
    window = list(pipe.animate_crops(face, crops, 6, AnimationOptions(steps=2)))

    # the same solver as the window's
    streamed = list(pipe.stream(PORTRAIT, islice(camera(), 6), chunk=6, steps=2, speed="exact"))

    np.testing.assert_array_equal(streamed, window)


def test_portrait_waits_for_the_first_face() -> None:
    class Late(CenteredFaceAnalyzer):
        def faces(self, image: np.ndarray) -> list[Face]:
            return [] if not image.any() else super().faces(image)

    pipe = tiny_pipeline()
    pipe._analyzer = Late()
    empty = [np.zeros((48, 64, 3), np.uint8)] * 3
    frames = list(pipe.stream(PORTRAIT, iter([*empty, *islice(camera(), 5), *empty]), chunk=2, layout="side-by-side"))

    assert len(frames) == 11
    shown = [frame[:, 128:] for frame in frames]
    for frame in shown[:3]:
        np.testing.assert_array_equal(frame, frames[0][:, :64])
    assert (shown[3] != shown[0]).any()


@pytest.mark.parametrize("options", [{"contour_preserve": True}, {"motion_scale": 0.3}])
def test_modes_work_live(pipe: MegActorPipeline, options: dict) -> None:
    plain, changed = (list(pipe.stream(PORTRAIT, islice(camera(), 8), steps=1, **more)) for more in ({}, options))

    assert (np.stack(plain) != np.stack(changed)).any()


def test_options_of_files_and_wrong_chunks_are_refused(pipe: MegActorPipeline) -> None:
    with pytest.raises(InputError, match="video files"):
        pipe.stream(PORTRAIT, camera(), start=1.0)
    with pytest.raises(InputError, match="from 1 to 8"):
        pipe.stream(PORTRAIT, camera(), chunk=9)
    blind = tiny_pipeline()
    blind._analyzer = CenteredFaceAnalyzer(found=False)
    with pytest.raises(FaceError):
        blind.stream(PORTRAIT, camera())


def test_windows_at_once_give_the_same_video(tmp_path: Path) -> None:
    driving = write_clip(tmp_path / "driving.mp4", Clip(frames=40))
    for pipe in (tiny_pipeline(), official()):
        one, three = (
            np.stack(list(pipe(PORTRAIT, driving, steps=2, guidance=2.0, window_batch=n))).astype(int) for n in (1, 3)
        )
        assert abs(one - three).max() <= 1  # a gray level on the edge may be rounded the other way


def latents_of(pipe: MegActorPipeline, speed: str, frames: int = 16) -> torch.Tensor:
    """Final latents (F, 4, 8, 8) of the official architecture for one clip."""
    asked = AnimationOptions(speed=speed, window_batch=3)
    face = read_portrait(PORTRAIT, pipe.analyzer, 0, 32, 32)
    drive = LiveDrive(pipe.analyzer, face, asked, pipe.driving_size, None)
    crops = [drive(frame).crop for frame in islice(camera(), frames)]
    with torch.no_grad():
        plan = asked.plan(pipe.own_plan)
        animator = ClipAnimator(PipelineComponents(**pipe.components), face, plan, 0, pipe.device, asked.window_batch)
        finished = animator.denoise(animator.encode(crops), frames)
        return torch.cat([frame.latents[0].transpose(0, 1) for frame in finished])


def test_presets_stay_near_the_exact_result(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = official()
    pipe.register_to_config(default_steps=25, default_guidance=1.5, window=12, overlap=6)

    def noise_frame_by_frame(denoiser: ClipDenoiser, frames: int) -> torch.Tensor:
        # the official loop draws a clip's noise at once, a stream cannot: the distance is between equal noises
        return torch.cat([torch.randn((1, 4, 1, 8, 8), generator=denoiser.generator) for _ in range(frames)], dim=2)

    monkeypatch.setattr(ClipDenoiser, "_noise", noise_frame_by_frame)
    exact = latents_of(pipe, "exact")
    distance = {name: ((latents_of(pipe, name) - exact).std() / exact.std()).item() for name in SPEEDS}
    print(distance)  # docs/performance.md

    assert distance["exact"] == 0
    assert 0 < distance["balanced"] < distance["realtime"] < 0.8  # 1.4 for another noise


def test_a_preset_never_does_more_than_the_model_itself() -> None:
    own = tiny_pipeline().own_plan  # 2 steps, no guidance
    for speed in SPEEDS:
        plan = AnimationOptions(speed=speed).plan(own)
        assert plan.steps == 2 and plan.guidance == 1.0
    asked = AnimationOptions(speed="realtime", steps=7, guidance=3.0).plan(own)
    assert (asked.steps, asked.guidance) == (7, 3.0)


def test_guidance_only_in_its_part_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = official()
    pipe.register_to_config(default_steps=10, default_guidance=2.0)
    guided, plain = [], []
    run_guided, run_plain = pipe.unet.guided, pipe.unet.forward
    monkeypatch.setattr(pipe.unet, "guided", lambda x, t, *rest: (guided.append(t), run_guided(x, t, *rest))[1])
    monkeypatch.setattr(pipe.unet, "forward", lambda x, t, *rest: (plain.append(t), run_plain(x, t, *rest))[1])

    latents_of(pipe, "balanced", frames=3)

    assert (len(plain), len(guided)) == (4, 6)
    assert max(plain) > max(guided) and min(plain) < min(guided)


def test_unknown_speed() -> None:
    with pytest.raises(InputError, match="exact, balanced, realtime"):
        AnimationOptions(speed="warp")


def test_reading_ahead_on_several_cores_gives_the_same_frames_one_chunk_later(
    pipe: MegActorPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames(ahead: bool) -> tuple[list[np.ndarray], int]:
        read: list[int] = []
        leads, pictures = [], []
        for picture in islice(pipe.stream(PORTRAIT, camera(read), chunk=1, window=1, steps=1, ahead=ahead), 12):
            pictures.append(picture)
            leads.append(len(read) - len(pictures))
        return pictures, max(leads)

    alone, _ = frames(ahead=False)
    threads = torch.get_num_threads()
    monkeypatch.setattr(megactor.animate.clip.Cores, "of", lambda device: Cores(2))
    together, lead = frames(ahead=True)

    np.testing.assert_array_equal(alone, together)
    assert lead <= 3, "one that is drawn, one that is read, one that is asked for: it does not build up"
    assert torch.get_num_threads() == threads
