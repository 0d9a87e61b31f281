"""Spreads within a clip, read from faces whose motion is known."""

import cv2
import numpy as np
import pytest
from fake_faces import FakeAnalyzer, frame_of

from megactor.faces.face import MESH_TO_68, Face
from megactor.faces.head_pose import MEAN_FACE
from megactor.synth.audit.spread import LOOKS, MOTION, RHYTHM, compare, read_clip, teeth_brightness

FPS, FRAMES, WIDTH, HEIGHT = 25.0, 100, 400, 400
NAMES = [quantity.name for quantity in (*MOTION, *RHYTHM, *LOOKS)]


def face(yaw=0.0, lids=1.0, mouth=0.0, gaze=0.0) -> Face:
    """The mean face seen from afar, turned by degrees of yaw; lids 1 open, 0 closed; gaze in eye widths."""
    points = MEAN_FACE.copy()
    points[[65, 66, 67], 1] += mouth
    turned = 70 * (points @ cv2.Rodrigues(np.array([0, -np.radians(yaw), 0]))[0].T)[:, :2] + (200, 180)
    landmarks = np.tile(turned.mean(axis=0), (478, 1))
    landmarks[list(MESH_TO_68)] = turned
    landmarks[10] = turned[27] - (0, 90)
    for (outer, inner), upper, lower, iris in (((36, 39), 159, 145, 468), ((42, 45), 386, 374, 473)):
        a, b = turned[outer], turned[inner]
        middle, width = (a + b) / 2, b[0] - a[0]
        half = np.array([0, 0.15 * width * lids])
        landmarks[upper], landmarks[lower] = middle - half, middle + half
        landmarks[iris] = middle + np.array([gaze * width, 0])
    return Face(landmarks.astype(np.float32))


def read(faces) -> dict[str, float]:
    frames = [frame_of(n, WIDTH, HEIGHT) for n in range(len(faces))]
    values = read_clip(frames, FPS, FakeAnalyzer(*([one] if one else [] for one in faces)))
    return dict(zip(NAMES, values, strict=True))


def test_a_still_face_has_no_spread():
    found = read([face() for _ in range(20)])
    assert all(found[quantity.name] == pytest.approx(0, abs=1e-6) for quantity in MOTION)
    assert found["blinks a minute"] == 0 and np.isnan(found["length of a blink, s"])
    assert found["face, part of the picture's height"] == pytest.approx(0.5, abs=0.1)


def test_turns_openings_and_glances_have_their_size():
    wave = np.sin(np.arange(FRAMES) / 7)
    found = read([face(yaw=4 * w, mouth=0.1 + 0.1 * w, gaze=0.1 * np.sign(w)) for w in wave])
    assert found["yaw, degrees"] == pytest.approx(4 * wave.std(), rel=0.02)
    assert found["pitch, degrees"] < 0.1
    assert found["gaze to the side, degrees"] == pytest.approx(np.degrees(np.arcsin(0.1 / 0.42)), rel=0.1)
    assert found["mouth opening"] > 0.02 and found["mouth opening, change a second"] > 0.05
    assert found["yaw, degrees a second"] == pytest.approx(4 * np.abs(np.diff(wave)).mean() * FPS, rel=0.02)


def test_blinks_are_counted_and_timed():
    lids = np.ones(FRAMES)
    for first in (20, 60):
        lids[first : first + 5] = [0.6, 0.1, 0.1, 0.4, 0.7]
    lids[40:50] = 0.65  # a squint is no blink
    found = read([face(lids=value) for value in lids])
    assert found["blinks a minute"] == pytest.approx(2 / ((FRAMES - 1) / FPS / 60))
    assert found["length of a blink, s"] == pytest.approx(5 / FPS)


@pytest.mark.parametrize("white", [60, 240])
def test_teeth_are_as_bright_as_they_are_beside_cheeks(white):
    opened = face(mouth=0.3)
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    cv2.fillPoly(picture, [opened.landmarks68[60:68].round().astype(np.int32)], (white,) * 3)
    assert teeth_brightness(picture, opened) == pytest.approx(white / 120, rel=0.01)
    assert np.isnan(teeth_brightness(picture, face()))


def test_clips_that_hardly_show_a_face_say_nothing():
    frames = [frame_of(n, WIDTH, HEIGHT) for n in range(20)]
    assert read_clip(frames, FPS, FakeAnalyzer(*([face()] if n < 8 else [] for n in range(20)))) is None
    assert read([face(yaw=n) if n % 4 else None for n in range(40)])["yaw, degrees"] > 5


def test_the_table_has_medians_and_percentiles():
    clips = [np.full(len(NAMES), float(value)) for value in range(11)]
    rows = compare(clips, [np.full(len(NAMES), np.nan)])
    assert [row[0] for row in rows] == NAMES
    assert rows[0][1:] == ("5.0 (1.0 to 9.0)", "-")
