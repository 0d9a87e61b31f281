"""Drivers as people bring them, found by the analyzer that is shipped; all pictures are rendered."""

from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from megactor.drive.track import KEPT, DriverTrack, follow_driver
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.reader import VideoReader

DEMO = Path(str(files("megactor") / "assets" / "demo"))


@pytest.fixture(scope="module")
def analyzer() -> Iterator[FaceAnalyzer]:
    analyzer = create_analyzer()
    yield analyzer
    analyzer.close()


@pytest.fixture(scope="module")
def talk() -> list[np.ndarray]:
    return list(islice(VideoReader(DEMO / "talk.mp4"), 0, 48, 4))


def smaller(frame: np.ndarray, factor: float = 0.5) -> np.ndarray:
    """The frame in the corner of a plain one."""
    small = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    canvas = np.full_like(frame, 120)
    canvas[-small.shape[0] :, -small.shape[1] :] = small
    return canvas


def box(track: DriverTrack, frame: int) -> np.ndarray:
    points = track.points[frame]
    return np.concatenate([points.min(0), points.max(0)])


def test_a_cut_to_a_smaller_face_elsewhere_is_followed_at_once(analyzer: FaceAnalyzer, talk: list[np.ndarray]) -> None:
    track = follow_driver([*talk, *map(smaller, talk), *talk], analyzer)
    assert track.found.all()
    assert [shot.first for shot in track.shots] == [0, 12, 24]
    assert np.ptp(box(track, 12)[::2]) == pytest.approx(np.ptp(box(track, 0)[::2]) / 2, rel=0.1)


def test_a_dissolve_to_a_smaller_face_is_another_shot(analyzer: FaceAnalyzer, talk: list[np.ndarray]) -> None:
    after = [smaller(frame) for frame in talk]
    parts = np.linspace(0.1, 0.9, 8)
    between = [cv2.addWeighted(talk[-1], 1 - part, after[0], part, 0) for part in parts]
    track = follow_driver([*talk, *between, *after], analyzer)
    assert len(track.shots) == 2 and 12 < track.shots[1].first <= 26


def test_one_shot_is_one_shot(analyzer: FaceAnalyzer) -> None:
    track = follow_driver(islice(VideoReader(DEMO / "faces.mp4"), 40), analyzer)
    assert track.found.all() and [shot.first for shot in track.shots] == [0]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_driver_on_the_side_or_head(analyzer: FaceAnalyzer, talk: list[np.ndarray], turns: int) -> None:
    upright = follow_driver(talk[:4], analyzer)
    turned = follow_driver([np.rot90(frame, turns) for frame in talk[:4]], analyzer)
    assert turned.found.all()
    assert (turned.shots[0].turns + turns) % 4 == 0 and upright.shots[0].turns == 0
    height, width = talk[0].shape[:2]
    expected = upright.points
    for _ in range(turns):
        expected = np.stack([expected[..., 1], width - expected[..., 0]], axis=-1)
        height, width = width, height
    np.testing.assert_allclose(turned.points, expected, atol=0.05 * np.ptp(upright.points[0, :, 0]))


def test_a_fade_from_black_shows_no_face_yet(analyzer: FaceAnalyzer, talk: list[np.ndarray]) -> None:
    fading = [(frame * light).astype(np.uint8) for frame, light in zip(talk, (0, 0.05, 0.1, 0.15), strict=False)]
    track = follow_driver([*fading, *talk], analyzer)
    assert not track.found[:4].any() and track.found[4:].all()


def test_little_is_kept_of_a_frame(analyzer: FaceAnalyzer, talk: list[np.ndarray]) -> None:
    track = follow_driver(talk[:3], analyzer)
    assert track.points.shape == (3, len(KEPT), 2) and track.points.dtype == track.looks.dtype == np.float32
    assert sum(rows.nbytes for rows in (track.points, track.looks, track.found)) / 3 < 400
