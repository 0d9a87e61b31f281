"""How the driver's chest moves: his own shoulders say it, where they are in the picture.

The networks are shown a face and nothing else of the driver, so that nothing else of him gets into the result; and a
face that moves does not say whether the body did. A shift and a zoom of the chest are three numbers, which look like
nobody.
"""

import cv2
import numpy as np

from megactor.faces.analyzer import FaceAnalyzer

SIDE = 256
"""Of the pictures that are compared: points are followed to a tenth of such a pixel."""
_MOST, _LEAST = 150, 20
"""Points that are followed, and without which nothing is said."""
_BELOW = 0.12
"""The chest begins so many heights of the face's box below it."""
_PERSON = 0.6
"""Of the analyzer's mask: points of the wall behind do not count."""
_THERE_AND_BACK = 1.0
"""Pixels that a point may miss its place by when it is followed back."""
_MOST_AGREE = 0.4
"""Part of the points that must be found again, and go the same way."""
_FAR = 1.0
"""Pixels from what most points say, at which a point counts by a half."""
_ROUNDS = 10
_LITTLE_ZOOM = 0.05
"""Ridge of the zoom: a narrow strip of a chest tells a zoom and a shift apart badly."""
_WINDOW = {"winSize": (21, 21), "maxLevel": 3}

STILL = np.zeros(3, np.float32)


class BodyFollower:
    """The chest of one driver, picture after picture, since the first one.

    Points on it are followed by Lucas and Kanade's method (1981) in pyramids, there and back, always from the picture
    in which they were found, so that nothing drifts; a robust mean of their ways is the motion.

    Args:
        analyzer: tells the person from the wall in the first picture, and is not needed afterwards.
    """

    def __init__(self, analyzer: FaceAnalyzer) -> None:
        self._analyzer = analyzer
        self._person: np.ndarray | None = None  # where somebody is in the first picture
        self._first: _Points | None = None
        self._later: tuple[_Points, np.ndarray] | None = None  # and what had moved already when they were found
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._now, self._lost = STILL, False

    def __call__(self, picture: np.ndarray, box: np.ndarray | None) -> np.ndarray | None:
        """The motion from here back to the first picture.

        Args:
            picture: uint8 (`SIDE`, `SIDE`, 3) in the portrait's framing, not masked.
            box: (4,) of the face, in the square; None if there is none.

        Returns:
            (3,) float32, see `dense_motion.flow.zoom_flow`; None if the first picture shows no chest, and while it is
            hidden, or too fast to be followed.
        """
        if self._person is None and box is not None:
            self._person = self._analyzer.foreground(picture) > _PERSON
            self._first = self._points(picture, box)
        elif self._first is not None:
            motion = self._followed(self._first, picture)
            self._lost = motion is None
            self._now = self._now if motion is None else motion
        if box is not None:
            self._last = picture, box
        return None if self._first is None or self._lost else self._now

    def begin_again(self) -> None:
        """The next picture is not the one behind the last: the motion goes on being that since the first of all."""
        self._later, self._now, self._lost = None, STILL, False

    def _followed(self, first: "_Points", picture: np.ndarray) -> np.ndarray | None:
        """By the first points; where they are gone, by others that came later, as long as it was known where."""
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        motion = first.motion_to(gray, self._now)
        if motion is None and self._later is not None:
            points, before = self._later
            motion = points.motion_to(gray, self._now - before)
            motion = None if motion is None else before + motion
        if motion is None and self._last is not None and not self._lost:
            others = self._points(*self._last)
            if others is not None:
                self._later = others, self._now
                motion = others.motion_to(gray, STILL)
                motion = None if motion is None else self._now + motion
        return motion

    def _points(self, picture: np.ndarray, box: np.ndarray) -> "_Points | None":
        """Points on the chest that can be followed."""
        assert self._person is not None
        x, y, zoom = self._now
        back = np.array([[1 + zoom, 0, (x - 0.5 * zoom) * SIDE], [0, 1 + zoom, (y - zoom) * SIDE]])
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        person = cv2.warpAffine(self._person.astype(np.uint8), back, (SIDE, SIDE), flags=flags)
        # a frame that ends in the square is black beyond: its edge rests while the person moves
        inside = cv2.erode((picture > 0).any(2) * person, np.ones((7, 7)))
        inside[: max(0, int((box[3] + _BELOW * (box[3] - box[1])) * SIDE))] = 0
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = cv2.goodFeaturesToTrack(gray, _MOST, 0.005, 4, mask=inside, blockSize=5)
        return None if found is None or len(found) < _LEAST else _Points(gray, found[:, 0])


class _Points:
    """Points of one picture.

    Args:
        gray: uint8 (S, S).
        places: (P, 2) float32 in pixels.
    """

    def __init__(self, gray: np.ndarray, places: np.ndarray) -> None:
        self._gray, self._places = gray, places

    def motion_to(self, gray: np.ndarray, guess: np.ndarray) -> np.ndarray | None:
        """From another picture, uint8 (S, S), back to this one, (3,); None if too few points are found again."""
        needed = max(_LEAST, _MOST_AGREE * len(self._places))
        for start in (guess, STILL) if guess.any() else (STILL,):
            here, there = self._found_again(gray, start)
            if len(here) >= needed:
                motion, agreeing = _robust_zoom(here, there)
                if agreeing >= needed:
                    return motion.astype(np.float32)
        return None

    def _found_again(self, gray: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(Q, 2) each, in picture units: the points that are found there and back."""
        moved = (self._places - _zoomed(self._places / SIDE, guess) * SIDE).astype(np.float32)
        flags = cv2.OPTFLOW_USE_INITIAL_FLOW
        there, found, _ = cv2.calcOpticalFlowPyrLK(self._gray, gray, self._places, moved, **_WINDOW, flags=flags)
        start = self._places.copy()
        back, again, _ = cv2.calcOpticalFlowPyrLK(gray, self._gray, there, start, **_WINDOW, flags=flags)
        missed = np.linalg.norm(back - self._places, axis=1)
        good = (found[:, 0] > 0) & (again[:, 0] > 0) & (missed < _THERE_AND_BACK)
        return (self._places[good] + 0.5) / SIDE, (there[good] + 0.5) / SIDE


def _zoomed(places: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(P, 2) flow at places (P, 2), see `dense_motion.flow.zoom_flow`."""
    return np.asarray(motion[:2] + motion[2] * (places - [0.5, 1.0]))


def _robust_zoom(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, int]:
    """The motion (3,) that most points make from `there` back to `here`, (P, 2) in picture units, and how many do."""
    one, zero, away = np.ones(len(here)), np.zeros(len(here)), there - [0.5, 1.0]
    across, down = np.column_stack([one, zero, away[:, 0]]), np.column_stack([zero, one, away[:, 1]])
    basis = np.concatenate([across, down, [[0, 0, _LITTLE_ZOOM * len(here) ** 0.5]]])
    wanted = np.concatenate([*(here - there).T, [0]])
    weights = one
    for _ in range(_ROUNDS):
        rows = np.concatenate([weights, weights, [1.0]])
        motion = np.linalg.lstsq(basis * rows[:, None], wanted * rows, rcond=None)[0]
        off = np.linalg.norm((here - there - _zoomed(there, motion)) * SIDE, axis=1)
        weights = 1 / (1 + (off / _FAR) ** 2) ** 0.5
    return motion, int((off < 2 * _FAR).sum())
