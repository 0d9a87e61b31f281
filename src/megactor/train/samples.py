"""Samples: what one training step sees of one clip, a pure function of the clip and of a seed."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from megactor.drive.masking import face_rectangle, keep_rectangles, landmark_box
from megactor.train.augment import (
    Shift,
    Window,
    blurred,
    mirror_picture,
    mirror_points,
    random_recoloring,
    random_shift,
    random_window,
)
from megactor.train.clips import BrokenClipError, ClipLayers, Motion, TrainingClip
from megactor.train.data_config import AugmentConfig, DataConfig
from megactor.train.finish import random_finish
from megactor.train.overlay import random_overlay

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class _Choice:
    """What is cut from the clip.

    portrait: frame that is the portrait.
    frames: (F,) frames that are made.
    source: row of `clip.motion` that belongs to the portrait, or None.
    driver: stream that drives.
    """

    portrait: int
    frames: np.ndarray
    source: int | None
    driver: str


def cut_sample(clip: TrainingClip, config: DataConfig, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Chooses portrait, frames and driver from a clip and changes them at random.

    Args:
        clip: at the size of the pictures that are wanted.
        config: how.
        rng: decides everything.

    Returns:
        Arrays, with F frames of S x S pixels:

        portrait            (3, S, S) uint8
        portrait_background (1, S, S) uint8, 1 = background
        portrait_keypoints  (70, 2) float32 in picture units
        target              (F, 3, S, S) uint8
        keypoints           (F, 70, 2), of the target
        driving             (F, 3, S, S) uint8, masked driving frames
        driving_keypoints   (F, 70, 2)
        anchor_keypoints    (70, 2), the driver's in the frame in which he does what the portrait does
        driver_shown        (F, 3, S, S) uint8, the same without the mask, for people to look at
        flow                (F, 2, S / 2, S / 2) float32, see `Motion`; 0 where it is unknown
        visible             (F, 1, S / 2, S / 2) uint8
        flow_known          () float32, 1 or 0

        and with `config.layers`:

        portrait_matte      (1, S, S) uint8, 255 = all person
        matte               (F, 1, S, S) uint8, of the targets
        plate               (F, 3, S, S) uint8, the targets without their person; 0 where it is unknown
        layers_known        () float32, 1 or 0; 0: mattes are the foreground, as coarse as it is
    """
    size = clip.target.shape[1]
    choice = _choose(clip, config, rng)
    if rng.random() < config.augment.crop:
        window = random_window(rng)
        clip, choice = _cropped(clip, choice, window, window)
    if config.augment.apart and rng.random() < config.augment.apart:
        clip, choice = _cropped(clip, choice, random_window(rng), random_window(rng))
    portrait, targets = clip.target[choice.portrait], clip.target[choice.frames]
    mattes, plates = _layers(clip, choice, config.layers)
    if rng.random() < config.augment.recolor:
        recolor = random_recoloring(rng, tint=0.12, brightness=0.0, gamma=0.15)
        portrait, targets, plates = recolor(portrait), recolor(targets), recolor(plates)
    if config.augment.finish and rng.random() < config.augment.finish:
        finish = random_finish(rng, size)
        portrait, targets, plates = finish(portrait), finish(targets), finish(plates)
    background = ~clip.foreground[choice.portrait]
    portrait_points, points = clip.landmarks["target"][[choice.portrait]], clip.landmarks["target"][choice.frames]
    shown, driving, driving_points = _drive(clip, choice, config, rng)
    flow, visible = _motion(clip, choice)
    if config.augment.overlay and rng.random() < config.augment.overlay:
        overlay = random_overlay(rng, shown, np.concatenate([portrait_points, points]))
        if overlay is not None:
            portrait, targets, plates = (overlay.put_on(pictures) for pictures in (portrait, targets, plates))
            mattes = np.where(overlay.mask(size), np.uint8(0), mattes)
            background = background | overlay.mask(size)
            flow, visible = overlay.change_motion(flow, visible)
    if rng.random() < config.augment.mirror:
        portrait, targets, plates = (mirror_picture(p) for p in (portrait, targets, plates))
        shown, driving = mirror_picture(shown), mirror_picture(driving)
        background, mattes = background[:, ::-1], mattes[..., ::-1]
        portrait_points, points, driving_points = (
            mirror_points(p, size) for p in (portrait_points, points, driving_points)
        )
        flow, visible = flow[..., ::-1] * np.array([-1, 1], np.float32)[:, None, None], visible[..., ::-1]
    sample = {
        "portrait": _channels_first(portrait),
        "portrait_background": np.ascontiguousarray(background[None]).astype(np.uint8),
        "portrait_keypoints": portrait_points[0] / size,
        "target": _channels_first(targets),
        "keypoints": points / size,
        "driving": _channels_first(driving),
        "driving_keypoints": driving_points[1:] / size,
        "anchor_keypoints": driving_points[0] / size,
        "driver_shown": _channels_first(shown),
        "flow": np.ascontiguousarray(flow),
        "visible": np.ascontiguousarray(visible).astype(np.uint8),
        "flow_known": np.float32(choice.source is not None),
    }
    if config.layers:
        sample |= {
            "portrait_matte": np.ascontiguousarray(mattes[:1]),
            "matte": np.ascontiguousarray(mattes[1:, None]),
            "plate": _channels_first(plates),
            "layers_known": np.float32(clip.layers is not None),
        }
    return sample


def cut_landmarks(
    landmarks: dict[str, np.ndarray], config: DataConfig, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """What `cut_sample` says of landmarks, for tasks that look at nothing else; nothing is changed at random.

    Args:
        landmarks: (T, 70, 2) in picture units of every stream, "target" among them.
        config: how frames and drivers are chosen.
        rng: decides everything.
    """
    target = landmarks["target"]
    frames, portrait = _frames(len(target), config, rng), int(rng.integers(len(target)))
    driver = _driver([name for name in landmarks if name != "target"], config, rng)
    return {
        "portrait_keypoints": target[portrait],
        "keypoints": target[frames],
        "driving_keypoints": landmarks[driver][frames],
        "anchor_keypoints": landmarks[driver][portrait],
    }


def collate(samples: list[dict[str, np.ndarray]]) -> Batch:
    """Stacks samples: every array gets a leading B."""
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def _choose(clip: TrainingClip, config: DataConfig, rng: np.random.Generator) -> _Choice:
    frames = _frames(len(clip), config, rng)
    source, portrait = None, int(rng.integers(len(clip)))
    if clip.motion is not None and config.known_motion:
        source = int(rng.integers(len(clip.motion.sources)))
        portrait = int(clip.motion.sources[source])
    return _Choice(portrait, frames, source, _driver(list(clip.twins), config, rng))


def _frames(length: int, config: DataConfig, rng: np.random.Generator) -> np.ndarray:
    if config.stride is None:
        return np.sort(rng.choice(length, config.frames, replace=length < config.frames))
    if length < config.frames:
        raise BrokenClipError(f"a clip of {length} frames is too short for samples of {config.frames}")
    # as the official loader: what is too short for the stride gets a lower one
    stride = min(config.stride, (length - 1) // max(1, config.frames - 1))
    span = 1 + (config.frames - 1) * stride
    return int(rng.integers(length - span + 1)) + stride * np.arange(config.frames)


def _driver(twins: list[str], config: DataConfig, rng: np.random.Generator) -> str:
    twins = sorted(twins)
    return twins[int(rng.integers(len(twins)))] if twins and rng.random() < config.twin else "target"


def _cropped(clip: TrainingClip, choice: _Choice, first: Window, others: Window) -> tuple[TrainingClip, _Choice]:
    """What is needed of the clip, and a part of that in all streams; frames are numbered anew.

    Args:
        clip: as it is.
        choice: from it.
        first: the part of the portrait's frame.
        others: that of the frames to make.
    """
    kept = [choice.portrait, *choice.frames]
    size = clip.target.shape[1]

    def pictures(frames: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        parts = first.pictures(frames[kept[:1]], interpolation), others.pictures(frames[kept[1:]], interpolation)
        return np.concatenate(parts)

    motion = None
    if clip.motion is not None and choice.source is not None:
        flow = clip.motion.flow[choice.source, kept].astype(np.float32).transpose(0, 2, 3, 1)
        visible = clip.motion.visible[choice.source, kept].astype(np.uint8)
        flow, visible = (others.pictures(part, cv2.INTER_NEAREST) for part in (flow, visible))
        flow, inside = _between(flow, others, first)
        motion = Motion(
            sources=np.zeros(1, int), flow=flow.transpose(0, 3, 1, 2)[None], visible=((visible > 0) & inside)[None]
        )
    cropped = TrainingClip(
        target=pictures(clip.target),
        twins={name: pictures(frames) for name, frames in clip.twins.items()},
        landmarks={
            name: np.concatenate([first.points(points[kept[:1]], size), others.points(points[kept[1:]], size)])
            for name, points in clip.landmarks.items()
        },
        foreground=pictures(clip.foreground.astype(np.uint8), cv2.INTER_NEAREST) > 0,
        motion=motion,
        layers=None if clip.layers is None else ClipLayers(pictures(clip.layers.matte), pictures(clip.layers.plate)),
    )
    source = None if choice.source is None else 0
    return cropped, _Choice(0, np.arange(1, len(kept)), source, choice.driver)


def _between(flow: np.ndarray, window: Window, first: Window) -> tuple[np.ndarray, np.ndarray]:
    """The flow (N, h, w, 2) seen in one window, as the way into another one, and what of it ends there (N, h, w).

    0 says that nobody is there, and stays 0.
    """
    size = flow.shape[1]
    centers = np.stack(np.meshgrid(*[(np.arange(size, dtype=np.float32) + 0.5) / size] * 2), -1)
    place = centers * np.float32(window.side) + np.array([window.x, window.y], np.float32)
    there = (place + flow - np.array([first.x, first.y], np.float32)) / np.float32(first.side)
    inside = ((there >= 0) & (there <= 1)).all(-1)
    return np.where((flow != 0).any(-1, keepdims=True), there - centers, 0).astype(np.float32), inside


def _layers(clip: TrainingClip, choice: _Choice, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mattes (1 + F, S, S) of portrait and frames, plates (F, S, S, 3) of the frames; none of each unless wanted."""
    if not wanted:
        return clip.foreground[:0].astype(np.uint8), clip.target[:0]
    kept = [choice.portrait, *choice.frames]
    if clip.layers is None:
        return clip.foreground[kept].astype(np.uint8) * np.uint8(255), np.zeros_like(clip.target[choice.frames])
    return clip.layers.matte[kept], clip.layers.plate[choice.frames]


def _drive(
    clip: TrainingClip, choice: _Choice, config: DataConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Driving frames (F, S, S, 3) whole and masked; landmarks (1 + F, 70, 2) in pixels, the portrait's frame first."""
    augment = config.augment
    pictures = clip.target if choice.driver == "target" else clip.twins[choice.driver]
    frames, points = pictures[choice.frames], clip.landmarks[choice.driver][[choice.portrait, *choice.frames]]
    size = frames.shape[1]
    shown = [frames]  # and, where the mask comes first, what it leaves of them
    if config.mask == "target":
        shown.append(_masked(frames, clip.landmarks["target"][choice.frames], augment, rng))
    if rng.random() < augment.driver_jitter:
        shift = random_shift(rng, size, scale=0.04, degrees=1.2, shift=0.012)
        shown, points = [np.stack([shift.picture(frame) for frame in part]) for part in shown], shift.points(points)
    if rng.random() < augment.driver_warp:
        stretch = _random_stretch(rng, size)
        shown = [np.stack([stretch.picture(frame) for frame in part]) for part in shown]
        points = stretch.points(points)
    if augment.finish and rng.random() < augment.finish:
        finish = random_finish(rng, size)
        shown = [finish(part) for part in shown]
    frames = shown[0]
    masked = shown[1] if config.mask == "target" else _masked(frames, points[1:], augment, rng)
    if rng.random() < augment.driver_recolor:
        masked = random_recoloring(rng, tint=0.0, brightness=0.15, gamma=0.25)(masked)
        if rng.random() < 0.3:
            masked = np.stack([blurred(rng, frame, widest=1.2) for frame in masked])
    return frames, masked, points


def _random_stretch(rng: np.random.Generator, size: int) -> Shift:
    """The official driver warp: other proportions and another size, each in [0.8, 1.2], as in the official dataset."""
    aspect, scale = rng.uniform(0.8, 1.2, 2)
    factors = np.array([min(aspect, 1.0), min(1 / aspect, 1.0)]) * scale
    center = (size - 1) / 2
    return Shift(np.column_stack([np.diag(factors), center * (1 - factors)]))


def _masked(frames: np.ndarray, points: np.ndarray, augment: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    jitter = rng.normal(0, augment.box_jitter, (len(frames), 4)) if augment.box_jitter else np.zeros((len(frames), 4))
    height, width = frames.shape[1:3]
    kept = []
    for frame, face, edges in zip(frames, points, jitter, strict=True):
        box = landmark_box(face)
        box = box + edges * max(box[2] - box[0], box[3] - box[1])
        kept.append(keep_rectangles(frame, [face_rectangle(box, width, height)]))
    return np.stack(kept)


def _motion(clip: TrainingClip, choice: _Choice) -> tuple[np.ndarray, np.ndarray]:
    half = clip.target.shape[1] // 2
    count = len(choice.frames)
    if clip.motion is None or choice.source is None:
        return np.zeros((count, 2, half, half), np.float32), np.zeros((count, 1, half, half), bool)
    flow = clip.motion.flow[choice.source, choice.frames].astype(np.float32)
    return flow, clip.motion.visible[choice.source, choice.frames][:, None]


def _channels_first(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(pictures, -1, -3))


def resized(clip: TrainingClip, size: int) -> TrainingClip:
    """A clip of other picture size, without its motion: for filmed clips, which come as they were written."""
    if clip.target.shape[1] == size:
        return clip
    scale = size / clip.target.shape[1]

    def pictures(frames: np.ndarray) -> np.ndarray:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.stack([cv2.resize(frame, (size, size), interpolation=how) for frame in frames])

    return TrainingClip(
        target=pictures(clip.target),
        twins={name: pictures(frames) for name, frames in clip.twins.items()},
        landmarks={name: (points * scale).astype(np.float32) for name, points in clip.landmarks.items()},
        foreground=pictures(clip.foreground.astype(np.uint8) * 255) > 127,
        motion=None,
    )
