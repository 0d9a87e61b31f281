"""Raw material made of the packaged demo clips, 320 x 320 talking heads that the face analyzer finds."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from media_samples import Clip, write_clip, write_sound_only

from megactor.media.reader import VideoReader

DEMO = Path(__file__).parents[2] / "src" / "megactor" / "assets" / "demo"


@cache
def demo_frames(name: str, count: int = 50) -> tuple[np.ndarray, ...]:
    """Frames (320, 320, 3) of one of the packaged clips, "talk" or "faces"."""
    frames = VideoReader(DEMO / f"{name}.mp4", end=count / 25, fps=25)
    return tuple(frame.copy() for frame in frames)  # PyAV's own arrays would keep its frames for as long


def save(path: Path, frames: list[np.ndarray]) -> Path:
    size = (frames[0].shape[1], frames[0].shape[0])
    return write_clip(path, Clip(size=size, options={}), frames)


def write_raw(folder: Path) -> Path:
    """A folder of everything that curation must tell apart."""
    folder.mkdir()
    talk, faces = list(demo_frames("talk")), list(demo_frames("faces"))
    black = [np.zeros_like(talk[0])] * 12
    both = [cv2.resize(np.hstack(pair), (320, 160)) for pair in zip(talk, faces, strict=True)]
    both = [np.pad(frame, ((80, 80), (0, 0), (0, 0))) for frame in both]
    save(folder / "show.mp4", talk + faces + black + both + [faces[7]] * 50)
    save(folder / "copy.mp4", [cv2.resize(frame, (288, 288)) for frame in talk])
    save(folder / "dark.mp4", [frame // 30 for frame in talk])
    save(folder / "short.mp4", faces[:20])
    write_sound_only(folder / "sound.m4a")
    (folder / "broken.mp4").write_bytes((folder / "show.mp4").read_bytes()[:20_000])
    (folder / "text.mp4").write_text("no video")
    return folder
