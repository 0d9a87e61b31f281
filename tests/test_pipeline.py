"""The whole pipeline on tiny random networks: lengths, rates, repeatability, modes, saving and loading."""

import json
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from media_samples import Clip, frame_numbers, write_clip
from patience import PATIENCE
from tiny_model import CenteredFaceAnalyzer, tiny_official_pipeline, tiny_pipeline

import megactor.animate.clip
from megactor.compute.cores import Cores
from megactor.errors import FaceError, InputError, ModelError
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.models.presets import nano_config
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def pipe() -> MegActorPipeline:
    return tiny_pipeline()


@pytest.fixture
def driving(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "driving.mp4", Clip(frames=21))


def frames_of(pipe: MegActorPipeline, driving: Path, **options) -> np.ndarray:
    return np.stack(list(pipe(PORTRAIT, driving, **options)))


def test_every_frame_of_the_drive_comes_back(pipe, driving):
    result = pipe(PORTRAIT, driving, steps=2)

    frames = list(result)

    assert len(frames) == result.frame_count == 21
    assert float(result.fps) == 25
    assert all(f.shape == (64, 64, 3) and f.dtype == np.uint8 for f in frames)
    assert result.size == (64, 64)


def test_seed_repeats_and_changes_the_video(pipe, driving):
    first, again, other = (frames_of(pipe, driving, steps=2, seed=s) for s in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_several_cores_make_the_same_video(pipe, driving, monkeypatch):
    def video(cores: int) -> np.ndarray:
        monkeypatch.setattr(megactor.animate.clip.Cores, "of", lambda device: Cores(cores))
        return frames_of(pipe, driving, steps=2, guidance=2.0).astype(int)

    assert np.abs(video(3) - video(1)).max() <= 1


def test_a_part_and_another_rate(pipe, driving):
    result = pipe(PORTRAIT, driving, steps=1, start=0.2, end=0.6, fps=10)

    assert len(list(result)) == result.frame_count == 4
    assert float(result.fps) == 10


def test_one_frame(pipe, tmp_path):
    assert len(frames_of(pipe, write_clip(tmp_path / "one.mp4", Clip(frames=1)), steps=2)) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"contour_preserve": True},
        {"motion_scale": 0.5},
        {"eyes_scale": 0.0},
        {"mouth_scale": 0.5},
        {"guidance": 2.0},
        {"guidance": 0.5},
    ],
)
def test_modes_change_the_result(pipe, driving, options):
    plain = frames_of(pipe, driving, steps=1)
    changed = frames_of(pipe, driving, steps=1, **options)

    assert changed.shape == plain.shape
    assert (changed != plain).any()


@pytest.mark.parametrize("options", [{"eyes_scale": 0.5}, {"mouth_scale": 0.0}])
def test_parts_are_not_scaled_by_models_that_read_pixels_alone(driving, options):
    with pytest.raises(InputError, match="use nano"):
        tiny_official_pipeline()(PORTRAIT, driving, **options)


def test_motion_is_the_models_own_unless_it_is_asked_for():
    own = AnimationOptions()
    assert tiny_official_pipeline().completed(own).motion == "absolute"
    nano = tiny_pipeline()
    nano.register_to_config(default_motion="relative")
    assert nano.completed(own).motion == "relative"
    assert nano.completed(AnimationOptions(motion="absolute")).motion == "absolute"
    packaged = (files("megactor") / "assets" / "nano" / "model_index.json").read_text()
    assert json.loads(packaged)["default_motion"] == nano_config().settings["default_motion"] == "relative"


def test_frames_without_a_face_are_held_and_told(pipe, tmp_path, monkeypatch):
    class Blinking(CenteredFaceAnalyzer):
        def faces(self, image):
            return [] if image.mean() < 20 else super().faces(image)

    def frames():
        random = np.random.default_rng(2)
        yield from (random.integers(60, 255, (48, 64, 3), np.uint8) for _ in range(4))
        yield from (np.zeros((48, 64, 3), np.uint8) for _ in range(4))

    path = tmp_path / "gap.mp4"
    with VideoWriter(path, Fraction(25), (64, 48)) as writer:
        for frame in frames():
            writer.write(frame)
    monkeypatch.setattr(pipe, "_analyzer", Blinking())
    result = pipe(PORTRAIT, path, steps=1)
    shown = list(result)
    assert "4 of 8 frames show no face: held still there" in result.warnings
    assert len(shown) == 8


def test_size_and_layouts(pipe, driving):
    wide = pipe(PORTRAIT, driving, steps=1, size=96, layout="side-by-side")
    whole = pipe(PORTRAIT, driving, steps=1, paste_back=True)

    assert next(iter(wide)).shape == (96, 3 * 96, 3)
    assert wide.size == (3 * 96, 96)
    assert next(iter(whole)).shape == PORTRAIT.shape


def test_a_portrait_beyond_4k_is_pasted_back_smaller_and_that_is_said(pipe, driving, monkeypatch):
    monkeypatch.setattr("megactor.animate.paste_back.LARGEST_SIDE", 48)
    result = pipe(PORTRAIT, driving, steps=1, paste_back=True)
    assert max(result.size) == 48 and next(iter(result)).shape[:2] == result.size[::-1]
    assert any("--full-size" in line for line in result.warnings)
    whole = pipe(PORTRAIT, driving, steps=1, paste_back=True, full_size=True)
    assert whole.size == PORTRAIT.shape[1::-1] and not any("scaled" in line for line in whole.warnings)


@pytest.mark.parametrize(("own", "size"), [(32, 64), (32, 96), (128, 64), (64, 64)])
@pytest.mark.parametrize("options", [{}, {"layout": "side-by-side"}, {"paste_back": True}])
def test_sizes_of_a_model_without_dense_motion(driving, own, size, options):
    pipe = tiny_official_pipeline()
    pipe._analyzer = CenteredFaceAnalyzer()
    pipe.register_to_config(image_size=own, output_size=own)
    asked = {"steps": 1, "guidance": 1.0, "end": 0.12}
    result = pipe(PORTRAIT, driving, size=size, **options, **asked)
    frames = np.stack(list(result))

    assert frames.shape == (3, *result.size[::-1], 3)
    if not options:
        own_size = frames_of(pipe, driving, **asked)
        small = min(own, size)
        ours, theirs = (
            np.stack([cv2.resize(f, (small, small), interpolation=cv2.INTER_AREA) for f in video]).astype(float)
            for video in (frames, own_size)
        )
        assert theirs.std() > 5 and np.abs(ours - theirs).mean() < 0.2 * theirs.std()


@pytest.mark.parametrize("cores", [1, 2])
def test_every_result_stands_beside_its_own_driving_frame(pipe, driving, monkeypatch, cores):
    monkeypatch.setattr(megactor.animate.clip.Cores, "of", lambda device: Cores(cores))
    beside = frames_of(pipe, driving, steps=2, layout="side-by-side")
    alone = frames_of(pipe, driving, steps=2)
    live = np.stack(list(pipe.stream(PORTRAIT, iter(VideoReader(driving)), layout="side-by-side")))

    for video in (beside, live):
        assert frame_numbers(video[:, 28:36, 92:100]) == list(range(21))
    np.testing.assert_array_equal(beside[:, :, 128:], alone)


def test_whole_clip_mode_takes_any_scheduler(driving):
    for scheduler in (DDIMScheduler(prediction_type="sample"), EulerDiscreteScheduler(prediction_type="sample")):
        pipe = tiny_pipeline(cyclic=True, scheduler=scheduler)
        assert len(frames_of(pipe, driving, steps=2)) == 21


def test_progress_is_told_and_ends(pipe, driving):
    reports: list[tuple[str, int, int | None]] = []

    list(pipe(PORTRAIT, driving, steps=2, progress=lambda *report: reports.append(report)))

    last = {stage: (done, total) for stage, done, total in reports}
    assert last["faces"] == (21, 21)
    assert last["denoise"][0] == last["denoise"][1]


def test_saved_and_loaded_gives_the_same_video(pipe, driving, tmp_path):
    pipe.save_pretrained(tmp_path / "model")
    loaded = MegActorPipeline.from_pretrained(tmp_path / "model")
    loaded._analyzer = CenteredFaceAnalyzer()

    # memory layouts may differ after loading, so a gray level on the edge may be rounded the other way
    np.testing.assert_allclose(frames_of(loaded, driving, steps=1), frames_of(pipe, driving, steps=1), rtol=0, atol=1)


def test_faces_and_networks_load_side_by_side(pipe, tmp_path, monkeypatch):
    pipe.save_pretrained(tmp_path / "model")
    both, load = Barrier(2, timeout=PATIENCE), MegActorPipeline.from_pretrained
    attempts = []

    def unreachable():
        both.wait()
        attempts.append("beside")
        raise ModelError("no network")

    def loaded(*arguments, **options):
        both.wait()
        return load(*arguments, **options)

    monkeypatch.setattr("megactor.pipeline.create_analyzer", unreachable)
    monkeypatch.setattr(MegActorPipeline, "from_pretrained", loaded)
    ready = MegActorPipeline.from_preset(tmp_path / "model", device="cpu")

    with pytest.raises(ModelError, match="no network"):
        ready.analyzer  # noqa: B018
    monkeypatch.setattr("megactor.pipeline.create_analyzer", CenteredFaceAnalyzer)
    assert isinstance(ready.analyzer, CenteredFaceAnalyzer) and attempts == ["beside"]


@pytest.mark.parametrize("kind", [EulerDiscreteScheduler, DPMSolverMultistepScheduler, DDIMScheduler])
def test_the_saved_scheduler_comes_back(tmp_path, kind):
    tiny_pipeline(scheduler=kind(prediction_type="sample", beta_end=0.01)).save_pretrained(tmp_path / "model")
    scheduler = MegActorPipeline.from_pretrained(tmp_path / "model").scheduler

    assert type(scheduler) is kind and scheduler.config.beta_end == 0.01


@pytest.mark.parametrize("name", ["MadeUpScheduler", "AutoencoderKL", "__doc__"])
def test_an_unknown_scheduler_is_refused(tmp_path, name):
    tiny_pipeline().save_pretrained(tmp_path / "model")
    index = tmp_path / "model" / "model_index.json"
    index.write_text(index.read_text().replace("DDIMScheduler", name))

    with pytest.raises(ModelError, match=f"scheduler {name}"):
        MegActorPipeline.from_pretrained(tmp_path / "model")


@pytest.mark.parametrize("taken", [1, 21])
def test_offloaded_networks_are_put_away_by_whoever_stops_early_too(pipe, driving, monkeypatch, taken):
    freed: list[bool] = []
    monkeypatch.setattr(MegActorPipeline, "maybe_free_model_hooks", lambda pipe: freed.append(True))
    result = pipe(PORTRAIT, driving, steps=1)
    for _ in range(taken):
        next(result.frames)
    result.frames.close()

    assert freed == [True]


def test_weights_that_are_not_finite_are_refused(tmp_path):
    broken = tiny_pipeline()
    next(broken.unet.parameters()).data[:] = torch.nan
    broken.save_pretrained(tmp_path / "model")

    with pytest.raises(ModelError, match="not finite"):
        MegActorPipeline.from_pretrained(tmp_path / "model")


def test_weights_of_another_architecture_are_refused(tmp_path):
    tiny_pipeline().save_pretrained(tmp_path / "model")
    tiny_pipeline(width=16).unet.save_pretrained(tmp_path / "other")
    weights = "diffusion_pytorch_model.safetensors"
    (tmp_path / "other" / weights).replace(tmp_path / "model" / "unet" / weights)

    with pytest.raises(ModelError, match="unet"):
        MegActorPipeline.from_pretrained(tmp_path / "model")


def test_no_face(pipe, driving):
    pipe_without = tiny_pipeline()
    pipe_without._analyzer = CenteredFaceAnalyzer(found=False)
    with pytest.raises(FaceError, match="portrait"):
        pipe_without(PORTRAIT, driving)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"guidance": float("nan")}, "guidance"),
        ({"size": 100}, "divisible by 8"),
        ({"start": 2.0, "end": 1.0}, "behind the start"),
        ({"layout": "grid"}, "layout"),
        ({"face": 5}, "face"),
        ({"motion_scale": -1}, "motion scale"),
        ({"motion": "backwards"}, "absolute, relative"),
        ({"paste_back": True, "layout": "side-by-side"}, "paste back"),
        ({"full_size": True}, "full size"),
    ],
)
def test_options_that_make_no_sense(pipe, driving, options, words):
    with pytest.raises(InputError, match=words):
        pipe(PORTRAIT, driving, **options)
