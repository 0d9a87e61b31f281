"""Clips that show the same: their pictures have nearly the same perceptual hash, and the faces move alike.

The hash alone would take two moments of one interview for the same; the motion tells them apart. Both are taken at
fixed parts of a clip, so the same video at another size, rate or quality is found, a copy that is cut elsewhere is not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.curate.select import SPREADS

MOMENTS = (0.1, 0.4, 0.65, 0.9)
"""Parts of a clip at which pictures are hashed."""
TRACK_POINTS = 32
_TRACKS = ("mouth", "yaw", "pitch")
_BAND_BYTES = 2
"""Hashes that are compared share at least one such piece: looking at all pairs would take days for a million clips."""
_SAME_MOTION = 1.5
"""Mean difference of two tracks, in units of `SPREADS`, up to which the faces move alike."""
_MOST_IN_BAND = 2000
"""A piece that more clips share says nothing: letterboxes, plain walls."""


@dataclass(frozen=True)
class Signature:
    """What two clips are compared by.

    hash: 32 bytes.
    tracks: (3, 32) float32, mouth, yaw and pitch in units of `SPREADS`.
    """

    hash: bytes
    tracks: np.ndarray

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        return {"hash": self.hash.hex(), "tracks": np.round(self.tracks, 2).tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "Signature":
        """Of `to_dict`."""
        return cls(bytes.fromhex(str(values["hash"])), np.array(values["tracks"], np.float32))


def signature(pictures: np.ndarray, measured: Mapping[str, np.ndarray]) -> Signature:
    """Of one clip.

    Args:
        pictures: (T, S, S, 3) uint8.
        measured: of `faces.measured`.
    """
    last = len(pictures) - 1
    bits = np.concatenate([_difference_hash(pictures[round(part * last)]) for part in MOMENTS])
    places = np.linspace(0, last, TRACK_POINTS)
    tracks = [np.interp(places, np.arange(last + 1), measured[name]) / SPREADS[name] for name in _TRACKS]
    return Signature(np.packbits(bits).tobytes(), np.array(tracks, np.float32))


def _difference_hash(picture: np.ndarray) -> np.ndarray:
    """64 bits: whether each of 8 x 8 fields is darker than its right neighbor."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    return (small[:, 1:] > small[:, :-1]).ravel()


def find_duplicates(clips: Sequence[tuple[str, Signature]], most_different: float) -> dict[str, str]:
    """Clips that show the same as one named before them.

    Args:
        clips: keys and signatures, the clip to keep first.
        most_different: share of the hash's bits that may differ.

    Returns:
        Key of the duplicate -> key of what is kept.
    """
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    found: dict[str, str] = {}
    for number, (key, mine) in enumerate(clips):
        pieces = [(at, mine.hash[at : at + _BAND_BYTES]) for at in range(0, len(mine.hash), _BAND_BYTES)]
        near: set[int] = set()
        for piece in pieces:
            near.update(bands[piece])
        original = next(
            (clips[other][0] for other in sorted(near) if _same(mine, clips[other][1], most_different)), None
        )
        if original is not None:
            found[key] = original
            continue  # what equals a duplicate equals, or nearly equals, what that is a duplicate of
        for piece in pieces:
            if len(bands[piece]) < _MOST_IN_BAND:
                bands[piece].append(number)
    return found


def _same(a: Signature, b: Signature, most_different: float) -> bool:
    different = (int.from_bytes(a.hash) ^ int.from_bytes(b.hash)).bit_count()
    if different > most_different * 8 * len(a.hash):
        return False
    return bool(np.abs(a.tracks - b.tracks).mean() < _SAME_MOTION)


def preferred_first(clips: Iterable[tuple[str, float, Signature]]) -> list[tuple[str, Signature]]:
    """Of copies, the one with the largest crop is kept; ties by key.

    Args:
        clips: key, side of the crop in the source's pixels, signature.
    """
    ranked = sorted(clips, key=lambda clip: (-clip[1], clip[0]))
    return [(key, mark) for key, _, mark in ranked]
