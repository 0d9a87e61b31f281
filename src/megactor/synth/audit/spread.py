"""How clips of one person move and look, read by the face analyzer, so that rendered and real ones can be compared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.faces.head_pose import frontal_landmarks, head_pose
from megactor.faces.tracking import FaceFollower
from megactor.media.reader import VideoReader
from megactor.synth.clips.clip import Clip
from megactor.synth.clips.plan import plan_clip
from megactor.synth.clips.variety import Variety
from megactor.synth.render.renderer import Renderer

LEAST_FRAMES = 12
"""Clips that show a face in fewer frames say nothing about motion."""

_READ_AT = 384
"""Side to which smaller pictures are enlarged: the analyzer's own grid is coarse."""
_READ_UP_TO = 720
"""Longer side to which videos are reduced."""
_RENDERED_SIZE, _FPS = 256, 25.0
_EYEBALL = 0.42
"""Radius of an eyeball in eye widths, which makes the iris's place an angle."""
_SHUT, _OPEN = 0.55, 0.75
"""Lid opening over its median, below which a blink is one and within which it lasts."""
_PARTED = 0.05
"""Mouth opening from which teeth can be seen."""
_LUMINANCE = np.array([0.3, 0.59, 0.11], np.float32)


@dataclass(frozen=True)
class Quantity:
    """A number that a clip has: its name with the unit, and the decimals that it is printed with."""

    name: str
    decimals: int


MOTION = (
    Quantity("yaw, degrees", 1),
    Quantity("pitch, degrees", 1),
    Quantity("roll, degrees", 1),
    Quantity("head to the side, eye distances", 3),
    Quantity("head up and down, eye distances", 3),
    Quantity("gaze to the side, degrees", 1),
    Quantity("mouth opening", 3),
    Quantity("mouth width, eye distances", 3),
    Quantity("lid opening", 3),
    Quantity("brow height, eye distances", 3),
)
"""Standard deviations within a clip."""

RHYTHM = (
    Quantity("yaw, degrees a second", 1),
    Quantity("mouth opening, change a second", 2),
    Quantity("blinks a minute", 0),
    Quantity("length of a blink, s", 2),
)
"""Mean absolute changes, a count, a median."""

LOOKS = (
    Quantity("face, part of the picture's height", 2),
    Quantity("brightness of the face", 2),
    Quantity("contrast of the face", 2),
    Quantity("warmth of the face (red - blue)", 2),
    Quantity("saturation of the face", 2),
    Quantity("brightness of the picture", 2),
    Quantity("sharpness of the face", 3),
    Quantity("brightest inside an open mouth, cheeks = 1", 2),
    Quantity("change at the upper rim", 3),
)
"""Means over a clip, of values in [0, 1] where nothing else is said. Sharpness is the mean absolute Laplacian of the
face at 128 x 128 pixels; what changes at the picture's upper rim from frame to frame is the background: the camera
moves, or something in it."""


def read_clip(frames: Iterable[np.ndarray], fps: float, analyzer: FaceAnalyzer) -> np.ndarray | None:
    """The quantities of one clip.

    Args:
        frames: uint8 RGB (H, W, 3), consumed once.
        fps: frames a second.
        analyzer: finds faces.

    Returns:
        (N,) floats, those of `MOTION`, `RHYTHM` and `LOOKS` in their order, NaN where the clip does not tell; None
        where fewer than `LEAST_FRAMES` frames show the face.
    """
    follow = FaceFollower(analyzer)
    times, poses, looks = [], [], []
    last_rim = None
    for number, frame in enumerate(frames):
        scale = max(_READ_AT / max(frame.shape[:2]), 1.0)
        large = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else frame
        face, rim = follow(large), _upper_rim(frame)
        if face is not None:
            change = np.nan if last_rim is None else float(np.abs(rim - last_rim).mean())
            times.append(number / fps)
            poses.append(_pose(face))
            looks.append([*_looks(large, face), change])
        last_rim = rim
    if len(poses) < LEAST_FRAMES:
        return None
    when, track = np.array(times), np.array(poses)
    track[:, 3:5] /= np.median(track[:, -1])
    means = np.ma.masked_invalid(looks).mean(axis=0).filled(np.nan)  # NaN, without a warning, where nothing is known
    return np.concatenate([track[:, :-1].std(axis=0), _rhythm(when, track), means])


def read_videos(paths: Sequence[Path], seconds: float, analyzer: FaceAnalyzer) -> Iterator[np.ndarray | None]:
    """`read_clip` of the first seconds of each video.

    Raises:
        InputError: a file cannot be read.
    """
    for path in paths:
        reader = VideoReader(path, end=seconds, max_side=_READ_UP_TO)
        yield read_clip(reader, float(reader.fps), analyzer)


def read_rendered(
    renderer: Renderer, seeds: range, seconds: float, variety: Variety, analyzer: FaceAnalyzer
) -> Iterator[np.ndarray | None]:
    """`read_clip` of rendered photographs of the clips of some seeds, 25 frames a second."""
    frames = max(round(seconds * _FPS), 1)
    for seed in seeds:
        plan = plan_clip(seed, frames, _FPS, photo=1.0, variety=variety)
        clip = Clip(renderer, plan, _RENDERED_SIZE, streams=("target",))
        yield read_clip((frame.pictures["target"] for frame in clip), _FPS, analyzer)


def compare(rendered: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> list[tuple[str, str, str]]:
    """Rows of a table: a quantity, and for each kind of clips the median with the 10th and the 90th percentile.

    Args:
        rendered: at least one result of `read_clip`.
        real: likewise.
    """
    quantities = (*MOTION, *RHYTHM, *LOOKS)
    columns = [
        [_summary(values, quantity) for quantity, values in zip(quantities, np.array(clips).T, strict=True)]
        for clips in (rendered, real)
    ]
    return [(quantity.name, ours, theirs) for quantity, ours, theirs in zip(quantities, *columns, strict=True)]


def _summary(values: np.ndarray, quantity: Quantity) -> str:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return "-"
    low, middle, high = (f"{value:.{quantity.decimals}f}" for value in np.percentile(known, [10, 50, 90]))
    return f"{middle} ({low} to {high})"


def _pose(face: Face) -> list[float]:
    """Columns of `MOTION`, the head's place in pixels, and the pixels of an eye distance."""
    points = face.landmarks68
    pose = head_pose(points)
    frontal = frontal_landmarks(points, pose)
    side = float(np.clip(measures.gaze(face)[0] / _EYEBALL, -1, 1))
    return [
        *pose.degrees,
        *pose.offset,
        float(np.degrees(np.arcsin(side))),
        measures.mouth_opening(face),
        float(np.linalg.norm(frontal[48] - frontal[54])),
        float(np.mean(measures.eye_opening(face))),
        float(-frontal[17:27, 1].mean()),
        pose.scale,
    ]


def _rhythm(when: np.ndarray, track: np.ndarray) -> list[float]:
    steps = np.diff(when)
    changes = np.abs(np.diff(track, axis=0)) / steps[:, None]
    blinks = _blinks(when, track[:, 8])
    minutes = (when[-1] - when[0]) / 60
    length = float(np.median(blinks)) if blinks else np.nan
    return [float(changes[:, 0].mean()), float(changes[:, 6].mean()), len(blinks) / minutes, length]


def _blinks(when: np.ndarray, lids: np.ndarray) -> list[float]:
    """Seconds that each blink lasts; those that the clip cuts off are left out."""
    opening = lids / max(float(np.median(lids)), 1e-6)
    edges = np.diff(np.concatenate([[False], opening < _OPEN, [False]]).astype(int))
    runs = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    return [
        float(when[last] - when[first])
        for first, last in runs
        if first > 0 and last < len(when) and np.min(opening[first:last]) < _SHUT
    ]


def _looks(picture: np.ndarray, face: Face) -> list[float]:
    """Columns of `LOOKS` but for the last."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = np.clip(face.box, 0, [width, height, width, height]).astype(int)
    shown = cv2.resize(picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)], (128, 128), interpolation=cv2.INTER_AREA)
    colors = shown[16:112, 24:104].astype(np.float32) / 255
    light = colors @ _LUMINANCE
    return [
        float(face.box[3] - face.box[1]) / height,
        float(light.mean()),
        float(light.std()),
        float((colors[..., 0] - colors[..., 2]).mean()),
        float((colors.max(axis=2) - colors.min(axis=2)).mean()),
        float((picture[::4, ::4] @ _LUMINANCE).mean() / 255),
        float(np.abs(cv2.Laplacian(light, cv2.CV_32F)).mean()),
        teeth_brightness(picture, face),
    ]


def teeth_brightness(picture: np.ndarray, face: Face) -> float:
    """95th percentile of the brightness between the lips over the cheeks' median; NaN where the mouth is closed."""
    if measures.mouth_opening(face) < _PARTED:
        return float("nan")
    points = face.landmarks68
    lips, cheeks = (np.zeros(picture.shape[:2], np.uint8) for _ in range(2))
    cv2.fillPoly(lips, [points[60:68].round().astype(np.int32)], 1)
    radius = round(0.05 * float(np.linalg.norm(points[27] - points[8])))
    for nose, jaw in ((31, 2), (35, 14)):
        x, y = ((points[nose] + points[jaw]) / 2).round().astype(int).tolist()
        cv2.circle(cheeks, (x, y), radius, 1, -1)
    inside, beside = (picture[mask > 0] @ _LUMINANCE for mask in (cv2.erode(lips, np.ones((3, 3))), cheeks))
    if not (len(inside) and len(beside)):
        return float("nan")
    return float(np.percentile(inside, 95) / max(np.median(beside), 1.0))


def _upper_rim(picture: np.ndarray) -> np.ndarray:
    """Gray values of the outer eighth of the picture's upper half, at 64 x 64 pixels."""
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA) @ _LUMINANCE / 255
    inside = np.zeros((32, 64), bool)
    inside[8:, 8:56] = True
    return np.asarray(small[:32][~inside])
