"""Clips on disk (docs/data-format.md) as a `ClipSource`: any clip of any shard at once, in any order."""

import contextlib
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import av
import braceexpand
import fsspec
import numpy as np

from megactor.errors import InputError
from megactor.train.clips import BrokenClipError, TrainingClip, motion_strength, read_arrays, strongest_of

MOST_FRAMES, MOST_PIXELS = 2000, 2048 * 2048
"""A clip that claims more is refused before it is decoded."""

MOST_INCOMPLETE = 0.05
"""Share of clips without all their files above which something is wrong with the shards."""

_TWINS = ("swapped", "styled")
_NEEDED = {"mp4", "truth.npz", "json"}
_BLOCK = 512


@dataclass(frozen=True)
class _Entry:
    """Where a file lies inside of a tar."""

    shard: str
    offset: int
    size: int

    def read(self) -> bytes:
        with fsspec.open(self.shard, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


class ShardClips:
    """A `ClipSource` of webdataset shards.

    The tar files are listed once; after that a clip is read by seeking to it, so the order of samples can be a pure
    function of their number.

    Args:
        urls: see `ShardsConfig`.

    Raises:
        InputError: no such shards, one is cut off, they hold no clips, too many clips lack files, or nothing here opens
            that kind of URL.

    Attributes:
        notes: what is wrong with clips that are left out; a line for each shard.
    """

    def __init__(self, urls: str) -> None:
        self._clips: list[tuple[str, dict[str, _Entry]]] = []
        self.notes: list[str] = []
        incomplete = 0
        for shard in _shards(urls):
            listed = _list(shard)
            lacking = {key: lacks for key, entries in listed if (lacks := _NEEDED - entries.keys())}
            self._clips += [clip for clip in listed if clip[0] not in lacking]
            if lacking:
                incomplete += len(lacking)
                self.notes.append(_lacking(shard, len(listed), lacking))
        if incomplete > MOST_INCOMPLETE * (incomplete + len(self._clips)):
            raise InputError(f"{incomplete} of {incomplete + len(self._clips)} clips lack files; {self.notes[0]}")
        if not self._clips:
            raise InputError(f"{urls} holds no clips")

    def __len__(self) -> int:
        """Clips in all shards."""
        return len(self._clips)

    def clip(self, number: int) -> TrainingClip:
        """Reads and decodes one clip."""
        try:
            return _decode(self._clips[number][1])
        except (OSError, ValueError, KeyError, EOFError, av.FFmpegError) as error:
            raise BrokenClipError(" ".join(str(error).split())) from error

    def name(self, number: int) -> str:
        """See `ClipSource`."""
        key, entries = self._clips[number]
        return f"{entries['mp4'].shard}: clip {key}"

    def landmarks(self, number: int) -> dict[str, np.ndarray]:
        """Of one clip, which is decoded to be sure that it is whole."""
        return self.clip(number).relative_landmarks()

    def strongest(self, share: float) -> np.ndarray:
        """Numbers of the clips that move most, by their truth or their score; clips without either count as still."""
        strengths = []
        for _, entries in self._clips:
            try:
                strengths.append(_strength(entries))
            except (OSError, ValueError, KeyError, TypeError, EOFError):
                strengths.append(0.0)
        return strongest_of(np.array(strengths), share)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    # fsspec: unknown protocols are ValueErrors, packages that a protocol needs ImportErrors
    except (OSError, ValueError, ImportError, tarfile.TarError) as error:
        raise InputError(f"cannot read the shard {name}: {error}") from error


def _shards(urls: str) -> list[str]:
    """Shards that braces and wildcards stand for; a name without them stands for itself."""
    found: list[str] = []
    with _reading(urls):
        for pattern in braceexpand.braceexpand(urls):
            if not any(mark in pattern for mark in "*?["):
                found.append(pattern)
                continue
            files = fsspec.open_files(pattern, "rb")
            found += sorted(file.full_name if "://" in pattern else file.path for file in files)
    return found


def _list(shard: str) -> list[tuple[str, dict[str, _Entry]]]:
    clips: dict[str, dict[str, _Entry]] = defaultdict(dict)
    with _reading(shard), fsspec.open(shard, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if not member.isreg():
                continue
            key, _, extension = PurePosixPath(member.name).name.partition(".")
            clips[key][extension] = _Entry(shard, member.offset_data, member.size)
        file.seek(tar.offset)
        # a file that ends between two members, or within the header of one, is complete to tarfile
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise InputError(f"the shard {shard} is cut off after {len(clips)} clips: get it again")
    return list(clips.items())


def _lacking(shard: str, count: int, lacking: dict[str, set[str]]) -> str:
    key, files = next(iter(lacking.items()))
    names = " and ".join(f"{key}.{name}" for name in sorted(files))
    return f"{shard}: {len(lacking)} of {count} clips lack files and are left out, such as {names}"


def _decode(entries: dict[str, _Entry]) -> TrainingClip:
    truth = _truth(entries)
    about = json.loads(entries["json"].read())
    target = _video(entries["mp4"].read())
    twins = {name: _video(entries[f"{name}.mp4"].read()) for name in _TWINS if f"{name}.mp4" in entries}
    landmarks = {name: truth[f"landmarks.{name}"] for name in ("target", *twins)}
    packed = truth["foreground.target"]
    foreground = np.unpackbits(packed, axis=-1, count=target.shape[2]).astype(bool)
    for name, frames in {"target": target, **twins}.items():
        if len(frames) != about["frames"] or len(landmarks[name]) != len(frames):
            raise ValueError(f"{name} has {len(frames)} frames, {about['frames']} were announced")
        if frames.shape[1] != frames.shape[2] or frames.shape != target.shape:
            raise ValueError(f"{name} has pictures of {frames.shape[2]}x{frames.shape[1]}")
        if not np.isfinite(landmarks[name]).all():
            raise ValueError(f"landmarks of {name} are not finite")
    if foreground.shape != target.shape[:3]:
        raise ValueError("the foreground has another shape than the pictures")
    return TrainingClip(target, twins, landmarks, foreground, motion=None)


def _truth(entries: dict[str, _Entry]) -> dict[str, np.ndarray]:
    return read_arrays(io.BytesIO(entries["truth.npz"].read()))


def _strength(entries: dict[str, _Entry]) -> float:
    truth = _truth(entries)
    if "expressions" in truth:
        return motion_strength(truth["expressions"], truth["gaze"])
    return float(json.loads(entries["json"].read())["score"])  # of curated clips: nobody knows their true expressions


def _video(content: bytes) -> np.ndarray:
    """All frames (T, H, W, 3) uint8 RGB."""
    with av.open(io.BytesIO(content), mode="r", format="mp4") as container:
        stream = container.streams.video[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise ValueError(f"pictures of {stream.width}x{stream.height} are too large")
        frames: list[np.ndarray] = []
        for frame in container.decode(stream):
            if len(frames) == MOST_FRAMES:
                raise ValueError(f"more than {MOST_FRAMES} frames")
            frames.append(frame.to_ndarray(format="rgb24"))
    if not frames:
        raise ValueError("no frames")
    return np.stack(frames)
