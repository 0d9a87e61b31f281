"""Shards in the layout of docs/data-format.md without any rendering: a disk with a mouth wanders over a wall."""

import io
import json
import tarfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from megactor.media.writer import VideoWriter

SIZE = 32


def landmarks(frames: int, seed: int) -> np.ndarray:
    """(frames, 70, 2) pixels: an oval of points that wanders and opens its mouth."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.3, 0.7, (70, 2)) * SIZE
    time = np.arange(frames)[:, None, None]
    wander = 2 * np.sin(0.7 * time + rng.uniform(0, 6, 2))
    moved = points + wander
    moved[:, 57:] += np.abs(np.sin(0.9 * time)) * [0, 1]
    return moved.astype(np.float32)


def pictures(points: np.ndarray, seed: int) -> np.ndarray:
    """(T, 70, 2) -> (T, S, S, 3) uint8: a disk around the points, dark below the middle where the mouth opens."""
    rng = np.random.default_rng(seed)
    wall, skin = rng.integers(0, 256, 3), rng.integers(60, 256, 3)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    frames = []
    for face in points:
        center = face.mean(0)
        inside = np.hypot(x - center[0], y - center[1]) < SIZE / 4
        frames.append(np.where(inside[..., None], skin, wall))
    return np.stack(frames).astype(np.uint8)


def mp4(path: Path, frames: np.ndarray) -> bytes:
    with VideoWriter(path, Fraction(25), (SIZE, SIZE), force=True, crf=5) as writer:
        for frame in frames:
            writer.write(frame)
    return path.read_bytes()


def sample_files(folder: Path, seed: int, frames: int) -> dict[str, bytes]:
    """Files of one clip by extension."""
    files, truth = {}, {}
    for number, name in enumerate(("target", "swapped")):
        points = landmarks(frames, seed)
        if name == "swapped":  # a narrower face
            center = points.mean(1, keepdims=True)
            points = (center + (points - center) * [0.6, 1.0]).astype(np.float32)
        shown = pictures(points, 10 * seed + number)
        files["mp4" if name == "target" else f"{name}.mp4"] = mp4(folder / "clip.mp4", shown)
        truth[f"landmarks.{name}"] = points
    foreground = np.zeros((frames, SIZE, SIZE), bool)
    foreground[:, 8:, 8:24] = True
    truth["foreground.target"] = np.packbits(foreground, axis=-1)
    truth["expressions"] = np.random.default_rng(seed).uniform(0, seed + 1, (frames, 4))
    truth["gaze"] = np.zeros((frames, 2))
    packed = io.BytesIO()
    np.savez(packed, **truth)
    (folder / "clip.mp4").unlink()
    return files | {"truth.npz": packed.getvalue(), "json": json.dumps({"frames": frames}).encode()}


def write_shard(
    path: Path, clips: int, frames: int = 6, broken: tuple[int, ...] = (), lacking: dict[int, str] | None = None
) -> Path:
    """A tar of `clips` clips; the videos of the broken ones are garbage, `lacking` ones have no file of that kind."""
    with tarfile.open(path, "w") as tar:
        for number in range(clips):
            files = sample_files(path.parent, number, frames)
            if number in broken:
                files["mp4"] = b"not a video"
            files.pop((lacking or {}).get(number, ""), None)
            for extension, content in files.items():
                member = tarfile.TarInfo(f"{number:09d}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path
