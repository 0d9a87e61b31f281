"""A finished result in another look, without the networks: as an animated picture, or back in the whole portrait."""

from pathlib import Path

import numpy as np

from megactor.animate.layout import Composer
from megactor.animate.paste_back import PasteBack
from megactor.drive.portrait import Portrait
from megactor.media.container import probe
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter


def as_picture(path: Path, target: Path) -> None:
    """Writes a result as an animated GIF or WebP, by the suffix.

    Raises:
        OutputError: it cannot be written.
    """
    video, reader = probe(path), VideoReader(path)
    with VideoWriter(target, reader.fps, (video.width, video.height), force=True) as writer:
        for frame in reader:
            writer.write(frame)


def in_whole_picture(path: Path, portrait: Portrait, target: Path) -> None:
    """Puts the frames of a result that shows the face back into its portrait, with the sound.

    Args:
        path: the result.
        portrait: of the same picture and face, at any size.
        target: an .mp4.

    Raises:
        OutputError: it cannot be written.
    """
    compose = Composer("result", PasteBack(portrait.picture, portrait.crop), portrait.large, portrait.turns)
    reader = VideoReader(path)
    with VideoWriter(target, reader.fps, compose.size, audio=reader.audio_track(), force=True) as writer:
        for frame in reader:
            writer.write(compose(np.ascontiguousarray(np.rot90(frame, portrait.turns)), None))
