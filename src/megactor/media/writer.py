"""Writing a result: H.264 video or animated picture, by the suffix of its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av.error
import numpy as np
from numpy.typing import NDArray

from megactor.errors import OutputError
from megactor.media import gif, h264, webp
from megactor.media.atomic import atomic_path, check_target, os_errors_as_output_errors, scratch_path
from megactor.media.provenance import GENERATED_COMMENT
from megactor.media.signing import Signature, check_signable
from megactor.media.sound import AudioTrack
from megactor.media.timing import checked_rate

SUFFIXES = (*h264.CONTAINERS, ".gif", ".webp")

_MAX_SIDES = {".gif": gif.MAX_SIDE, ".webp": webp.MAX_SIDE}


class VideoWriter:
    """Writes frames to a video or animation that appears only when it is complete.

    Use it as a context manager. The file is written under a hidden temporary name in the same folder. If the
    block ends normally it takes its name, otherwise (error, disk full, Ctrl-C) it is removed, and a file that
    had the name before is untouched.

    Every file says in its metadata that it was generated; see `provenance`.

    Args:
        path: .mp4, .mov, .mkv (H.264, yuv420p), .gif or .webp (animated).
        fps: constant frame rate; GIF and WebP drop frames that are too short to be shown by browsers.
        size: (width, height) of the frames. Odd sizes grow by one row or column in H.264.
        audio: sound to carry along; left out for GIF and WebP. It never makes the video longer.
        force: replace an existing file.
        crf: H.264 quality, 0 (lossless) to 51; lower is better and larger.
        preset: H.264 effort, "ultrafast" to "veryslow".
        reproducible: the same frames give the same H.264 bytes in every run and on any number of cores; a fourth larger
            where the width is no multiple of 128.
        comment: the metadata's words.
        signature: signs the file, see `signing`.
        model: name of the model, for the signature.

    Attributes:
        path: absolute path of the target.
        warnings: what was left out (damaged sound), each a line for the user; complete after the block.

    Raises:
        OutputError: unknown suffix, size beyond the format, missing or unwritable folder, existing file
            without `force` (all in the constructor, before any work); later: disk full, other write errors.
        InputError: `fps` makes no sense, or `audio` cannot be read.
        ValueError: a frame that is not uint8 (H, W, 3) of `size`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: Fraction | float,
        size: tuple[int, int],
        *,
        audio: AudioTrack | None = None,
        force: bool = False,
        crf: int = 18,
        preset: str = "medium",
        reproducible: bool = False,
        comment: str = GENERATED_COMMENT,
        signature: Signature | None = None,
        model: str = "",
    ) -> None:
        self.path = check_output(path, force)
        if signature is not None:
            check_signable(path)
        self._signature, self._model = signature, model
        self._suffix = Path(path).suffix.lower()  # of the name given: a link may lead to another
        self.fps = checked_rate(fps)
        self.size = size
        self.warnings: list[str] = []
        self._force = force
        self._crf, self._preset, self._comment, self._audio = crf, preset, comment, audio
        self._reproducible = reproducible
        self._frames = 0
        self._encoder: _Encoder | None = None
        self._resources = contextlib.ExitStack()
        largest = _MAX_SIDES.get(self._suffix, h264.MAX_SIDE)
        if min(size) < 1:
            raise ValueError(f"size must be positive, got {size}")
        if max(size) > largest:
            raise OutputError(f"{size[0]}x{size[1]} is too large for {self.path.name}: the limit is {largest} a side")

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path, self._force))
            self._signed = temporary
            if self._signature is not None:
                temporary = stack.enter_context(scratch_path(self.path))
            self._unsigned = temporary
            with _write_errors(self.path):
                self._encoder = self._open_encoder(temporary)
            self._resources = stack.pop_all()
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame: uint8 RGB (H, W, 3) of the writer's size."""
        if self._encoder is None:
            raise ValueError("VideoWriter.write works inside its `with` block only")
        width, height = self.size
        if frame.dtype != np.uint8 or frame.shape != (height, width, 3):
            raise ValueError(f"frame must be uint8 {(height, width, 3)}, got {frame.dtype} {frame.shape}")
        with _write_errors(self.path):
            self._encoder.write(np.ascontiguousarray(frame))
        self._frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        encoder, self._encoder = self._encoder, None
        assert encoder is not None
        if error is not None:
            try:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    encoder.close()
            finally:
                self._resources.__exit__(kind, error, traceback)
            return
        with self._resources:  # renames the file at its end, or removes it when an exception passes
            try:
                with _write_errors(self.path):
                    if self._frames == 0:
                        raise OutputError(f"no frame was produced for {self.path}; nothing was written")
                    encoder.finish()
                    if self._signature is not None:
                        self._signature.sign(self._unsigned, self._signed, self._suffix, self._model)
            finally:
                with contextlib.suppress(Exception):
                    encoder.close()
            self.warnings += encoder.warnings

    def _open_encoder(self, temporary: Path) -> _Encoder:
        if self._suffix == ".gif":
            return gif.GifWriter(temporary, self.size, self.fps, self._comment)
        if self._suffix == ".webp":
            return webp.WebPWriter(temporary, self.size, self.fps, self._comment)
        return h264.H264Writer(
            temporary,
            h264.CONTAINERS[self._suffix],
            self.size,
            self.fps,
            self._crf,
            self._preset,
            self._reproducible,
            self._comment,
            self._audio,
        )


def check_output(path: str | os.PathLike[str], force: bool = False) -> Path:
    """Return the absolute path of a video to write after all checks that can be done before any work.

    Raises:
        OutputError: unknown suffix, or as `atomic.check_target`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES and not Path(path).is_dir():
        said = f"unknown output format {suffix!r}" if suffix else "output name without a suffix"
        raise OutputError(f"{said}: {path}; use one of {', '.join(SUFFIXES)}")
    return check_target(path, force)


@contextlib.contextmanager
def _write_errors(target: Path) -> Iterator[None]:
    """OutputError for whatever keeps the file from being written; not all of FFmpeg's errors are OSErrors."""
    try:
        with os_errors_as_output_errors(target):
            yield
    except av.error.FFmpegError as error:
        raise OutputError(f"cannot encode {target} ({error}); try another format") from error


class _Encoder(Protocol):
    @property
    def warnings(self) -> Sequence[str]: ...

    def write(self, image: NDArray[np.uint8]) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...
