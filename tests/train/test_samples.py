from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train.fake_shards import SIZE, landmarks, pictures

from megactor.drive.masking import landmark_box
from megactor.models.dense_motion.flow import warp
from megactor.train.clips import BrokenClipError, ClipLayers, Motion, TrainingClip, load_clip, save_clip
from megactor.train.data_config import AugmentConfig, DataConfig, RenderedConfig
from megactor.train.samples import collate, cut_landmarks, cut_sample, resized

FRAMES = 8
STILL = AugmentConfig(mirror=0, crop=0, recolor=0, driver_jitter=0, driver_warp=0, driver_recolor=0, box_jitter=0)


def shifting_clip() -> TrainingClip:
    """Everything moves right by one pixel a frame, so the true flow is known."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (SIZE, SIZE + FRAMES, 3), np.uint8)
    target = np.stack([wide[:, FRAMES - t : FRAMES - t + SIZE] for t in range(FRAMES)])
    sources = np.array([3, 6])
    flow = np.zeros((2, FRAMES, 2, SIZE // 2, SIZE // 2), np.float16)
    flow[:, :, 0] = ((sources[:, None] - np.arange(FRAMES)) / SIZE)[..., None, None]
    points = landmarks(1, 0) + np.arange(FRAMES)[:, None, None] * [1, 0] - FRAMES / 2
    return TrainingClip(
        target=target,
        twins={"swapped": 255 - target},
        landmarks={"target": points.astype(np.float32), "swapped": points.astype(np.float32)},
        foreground=np.ones((FRAMES, SIZE, SIZE), bool),
        motion=Motion(sources, flow, np.ones((2, FRAMES, SIZE // 2, SIZE // 2), bool)),
    )


def config(**changes) -> DataConfig:
    return DataConfig(**({"size": SIZE, "frames": 3, "rendered": RenderedConfig(), "augment": STILL} | changes))


def test_landmarks_alone_are_those_that_come_with_pictures():
    """But for the random changes; points move alike in every stream here, so frames can be told from them."""
    clip = shifting_clip()
    sample = cut_landmarks(clip.relative_landmarks(), config(pictures=False, stride=2), np.random.default_rng(3))
    x = sample["keypoints"][:, 0, 0] * SIZE
    np.testing.assert_allclose(np.diff(x), 2, rtol=1e-4)
    np.testing.assert_allclose(sample["driving_keypoints"], sample["keypoints"])
    whole = cut_sample(clip, config(stride=2), np.random.default_rng(3))
    assert {name: array.shape for name, array in sample.items()} == {name: whole[name].shape for name in sample}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), mirror=st.booleans(), frames=st.integers(1, 5))
def test_the_flow_carries_the_portrait_to_every_frame(seed, mirror, frames):
    augment = STILL.model_copy(update={"mirror": float(mirror)})
    sample = collate([cut_sample(shifting_clip(), config(augment=augment, frames=frames), np.random.default_rng(seed))])
    portrait = sample["portrait"].float().expand(frames, -1, -1, -1)
    flow = sample["flow"][0]
    fine = torch.nn.functional.interpolate(flow, size=SIZE, mode="nearest")
    moved, target = warp(portrait, fine), sample["target"][0].float()
    inside = slice(FRAMES, -FRAMES)
    torch.testing.assert_close(moved[..., inside], target[..., inside], atol=2.0, rtol=0)
    assert sample["flow_known"].item() == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_person_elsewhere_keeps_flow_and_landmarks_in_step(seed):
    clip = smooth(shifting_clip())
    assert clip.motion is not None
    clip.motion.flow[:] += np.float16(1e-3)  # 0 says that nobody is there
    augment = STILL.model_copy(update={"apart": 1.0})
    sample = collate([cut_sample(clip, config(augment=augment, twin=0), np.random.default_rng(seed))])

    flow, visible = (
        torch.nn.functional.interpolate(sample[name][0].float(), size=SIZE, mode="nearest")
        for name in ("flow", "visible")
    )
    moved = warp(sample["portrait"].float().expand(3, -1, -1, -1), flow)
    shown = (1 - torch.nn.functional.max_pool2d(1 - visible, 5, 1, 2)).expand_as(moved).clone()
    shown[..., :11], shown[..., -11:] = 0, 0  # nothing comes in from beyond the part
    assert shown.mean() > 0.2
    assert float(((moved - sample["target"][0].float()).abs() * shown).max()) < 12
    assert float(visible.mean()) < 1, "what the portrait's part does not show is not visible"
    there = sample["keypoints"][0] + _at(sample["flow"][0], sample["keypoints"][0])
    torch.testing.assert_close(there, sample["portrait_keypoints"].expand_as(there), atol=0.01, rtol=0)
    assert (sample["anchor_keypoints"] - sample["portrait_keypoints"]).abs().max() < 1e-6, "he does the same there"


def _at(flow: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """(F, 2, h, w) at points (F, K, 2) -> (F, K, 2)."""
    grid = (2 * points - 1)[:, None]
    return torch.nn.functional.grid_sample(flow, grid, align_corners=False, padding_mode="border")[:, :, 0].mT


@pytest.mark.parametrize("seed", range(6))
def test_parts_of_the_picture_keep_flow_and_landmarks_in_step(seed):
    clip = smooth(shifting_clip())
    rng = np.random.default_rng(seed)
    sample = collate([cut_sample(clip, config(augment=STILL.model_copy(update={"crop": 1.0}), twin=0), rng)])
    flow = torch.nn.functional.interpolate(sample["flow"][0], size=SIZE, mode="nearest")
    moved = warp(sample["portrait"].float().expand(3, -1, -1, -1), flow)
    inside = slice(11, -11)  # where nothing comes in from beyond the part
    torch.testing.assert_close(moved[..., inside], sample["target"][0].float()[..., inside], atol=8.0, rtol=0)
    shift = (sample["keypoints"][0] - sample["portrait_keypoints"])[:, 0, 0]
    torch.testing.assert_close(-flow[:, 0, 0, 0], shift, atol=1e-3, rtol=1e-3)
    spread = sample["keypoints"][0, 0, :, 0].std() / torch.from_numpy(clip.landmarks["target"][0, :, 0] / SIZE).std()
    assert 1 <= spread <= 1.34


def smooth(clip: TrainingClip) -> TrainingClip:
    return replace(clip, target=np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in clip.target]))


def test_a_sample_is_a_function_of_its_seed():
    everything = AugmentConfig(mirror=0.5, recolor=1, driver_jitter=1, driver_warp=0.5, driver_recolor=1)
    clip = shifting_clip()
    one, same, other = (cut_sample(clip, config(augment=everything), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["driving"], other["driving"])


def test_drivers_are_twins_as_often_as_asked():
    clip = shifting_clip()
    for twin, whose in ((1.0, 255 - clip.target), (0.0, clip.target)):
        sample = cut_sample(clip, config(twin=twin, stride=2), np.random.default_rng(0))
        shown = np.moveaxis(sample["driver_shown"], 1, -1)
        starts = [t for t in range(FRAMES) if np.array_equal(shown[0], whose[t])]
        assert len(starts) == 1
        np.testing.assert_array_equal(shown, whose[starts[0] : starts[0] + 5 : 2])


def test_only_the_face_drives():
    sample = cut_sample(shifting_clip(), config(), np.random.default_rng(0))
    kept = sample["driving"] == sample["driver_shown"]
    black = sample["driving"] == 0
    assert (kept | black).all() and black.all(axis=(1,)).any()
    box = landmark_box(sample["driving_keypoints"][0] * SIZE)
    x, y = ((box[:2] + box[2:]) / 2).astype(int)
    assert kept[0, :, y, x].all()


def test_clips_survive_the_disk(tmp_path):
    clip = shifting_clip()
    save_clip(clip, tmp_path / "clip.npz")
    loaded = load_clip(tmp_path / "clip.npz")
    one, same = (cut_sample(c, config(), np.random.default_rng(5)) for c in (clip, loaded))
    assert all(np.array_equal(one[name], same[name]) for name in one)


def layered_clip() -> TrainingClip:
    """A person of noise over a plate of noise, half-covered in the middle rows: the layers add up exactly."""
    clip = shifting_clip()
    rng = np.random.default_rng(1)
    plate = np.broadcast_to(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8), clip.target.shape)
    matte = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    matte[:, SIZE // 4 :], matte[:, SIZE // 2 :] = 51, 255
    part = matte[..., None] / 255
    return replace(
        clip,
        target=np.round(part * clip.target + (1 - part) * plate).astype(np.uint8),
        layers=ClipLayers(matte, plate),
    )


@pytest.mark.parametrize(
    "changes", [{}, {"crop": 1.0}, {"mirror": 1.0}, {"overlay": 1.0}, {"recolor": 1.0}, {"finish": 1.0}]
)
def test_layers_go_through_the_same_changes_as_the_picture(changes):
    clip = layered_clip()
    augment = STILL.model_copy(update=changes)
    for seed in range(4):
        sample = cut_sample(clip, config(augment=augment, layers=True), np.random.default_rng(seed))
        bare = cut_sample(clip, config(augment=augment), np.random.default_rng(seed))
        assert set(sample) - set(bare) == {"portrait_matte", "matte", "plate", "layers_known"}
        assert all(np.array_equal(sample[name], bare[name]) for name in bare)
        assert sample["matte"].shape == (3, 1, SIZE, SIZE) and sample["portrait_matte"].shape == (1, SIZE, SIZE)
        assert sample["layers_known"] == 1
        empty = np.broadcast_to(sample["matte"] == 0, sample["target"].shape)
        assert 0.1 < empty.mean() < 0.6
        np.testing.assert_array_equal(sample["target"][empty], sample["plate"][empty])


def test_the_driver_is_finished_in_a_way_of_its_own():
    clip = shifting_clip()
    rng = np.random.default_rng(2)
    sample = cut_sample(clip, config(augment=STILL.model_copy(update={"finish": 1.0}), twin=0.0), rng)
    assert (sample["driver_shown"].mean(axis=(0, 2, 3)) - sample["target"].mean(axis=(0, 2, 3)) != 0).all()
    masked = (sample["driving"] == 0).all(axis=1)
    assert masked.any(), "what is masked stays black"


def test_where_layers_are_not_known_the_foreground_stands_in():
    sample = cut_sample(shifting_clip(), config(layers=True), np.random.default_rng(0))
    assert sample["layers_known"] == 0 and (sample["matte"] == 255).all() and not sample["plate"].any()


def test_layers_survive_the_disk_and_a_plate_that_stands_still_is_kept_once(tmp_path):
    clip = layered_clip()
    moving = replace(clip, layers=replace(clip.layers, plate=clip.target))
    for name, one in (("still", clip), ("moving", moving)):
        save_clip(one, tmp_path / name)
        loaded = load_clip(tmp_path / name)
        np.testing.assert_array_equal(loaded.layers.matte, one.layers.matte)
        np.testing.assert_array_equal(loaded.layers.plate, one.layers.plate)
    assert (tmp_path / "moving").stat().st_size - (tmp_path / "still").stat().st_size == clip.target[1:].nbytes


def test_filmed_clips_take_the_size_that_is_asked_for():
    points = landmarks(4, 1)
    shown = pictures(points, 1)
    clip = TrainingClip(shown, {}, {"target": points}, np.ones((4, SIZE, SIZE), bool), None)
    small = resized(clip, SIZE // 2)
    assert small.target.shape == (4, SIZE // 2, SIZE // 2, 3)
    np.testing.assert_allclose(small.landmarks["target"], points / 2)
    sample = cut_sample(small, config(size=SIZE // 2, frames=6), np.random.default_rng(0))
    assert sample["target"].shape == (6, 3, SIZE // 2, SIZE // 2)
    assert sample["flow_known"] == 0 and not sample["flow"].any()


@pytest.mark.parametrize(("frames", "stride", "lowered"), [(4, 3, 2), (8, 5, 1), (1, 9, 9), (3, 3, 3)])
def test_clips_too_short_for_the_stride_get_a_lower_one(frames, stride, lowered):
    clip = shifting_clip()  # of 8 frames
    for seed in range(6):
        sample = cut_landmarks(clip.relative_landmarks(), config(frames=frames, stride=stride), rng(seed))
        x = sample["keypoints"][:, 0, 0] * SIZE
        np.testing.assert_allclose(np.diff(x), lowered, atol=1e-3)


@pytest.mark.parametrize("pictures", [True, False])
def test_clips_with_fewer_frames_than_a_sample_are_broken(pictures):
    clip, wanted = shifting_clip(), config(frames=9, stride=2)
    with pytest.raises(BrokenClipError, match="8 frames is too short for samples of 9"):
        cut_sample(clip, wanted, rng(0)) if pictures else cut_landmarks(clip.relative_landmarks(), wanted, rng(0))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
