"""The default analyzer on the packaged demo pictures, which are all rendered: no photos of people are needed.

It is MediaPipe itself on Python 3.11 and 3.12, and its networks run by LiteRT on later ones.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.faces.measures import eye_opening, gaze, head_roll, head_yaw, mouth_opening
from megactor.faces.search import MAX_SIDE, FaceSearch
from megactor.faces.tracking import track_face
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

DEMO = Path(str(files("megactor") / "assets" / "demo"))
PORTRAITS = sorted(path.name for path in DEMO.glob("*.jpg"))


# fmt: off
POINTS = (33, 133, 362, 263, 61, 291, 13, 14, 1, 152, 10, 468, 473)
"""Corners of the eyes and of the mouth, inner lips, nose, chin, forehead and irises."""

BY_MEDIAPIPE = {
    "cartoon.jpg": (0.5484, [
        (210.9, 171.6), (245.1, 174.5), (284.4, 174.0), (314.8, 171.5), (232.3, 246.6), (296.4, 246.2),
        (266.4, 242.6), (266.2, 257.7), (265.0, 212.0), (264.5, 300.5), (264.6, 112.9), (230.1, 171.5),
        (300.3, 171.7),
    ]),
    "oil.jpg": (0.5248, [
        (203.1, 165.5), (240.9, 170.9), (291.7, 168.9), (325.0, 164.8), (231.9, 255.8), (301.6, 253.6),
        (266.4, 250.0), (266.1, 264.0), (267.8, 219.3), (264.0, 310.1), (266.1, 94.7), (224.7, 167.4),
        (308.1, 166.5),
    ]),
    "pencil.jpg": (0.7507, [
        (195.8, 162.8), (238.1, 166.1), (290.7, 166.5), (328.5, 165.3), (225.9, 265.4), (304.9, 264.9),
        (266.8, 262.1), (266.4, 273.5), (269.6, 225.9), (268.6, 335.3), (264.7, 94.5), (218.7, 162.2),
        (312.3, 163.1),
    ]),
    "photo.jpg": (0.5281, [
        (207.3, 166.9), (242.3, 170.3), (287.0, 170.1), (319.2, 167.1), (231.5, 258.2), (299.5, 256.0),
        (266.2, 251.7), (266.3, 261.7), (267.8, 221.6), (266.9, 317.2), (264.5, 98.2), (227.4, 167.6),
        (303.1, 167.4),
    ]),
}
"""What MediaPipe 0.10.21 says: the part of the picture that is a person, and where the points are."""
# fmt: on


@pytest.fixture(scope="module")
def analyzer() -> Iterator[FaceAnalyzer]:
    analyzer = create_analyzer()
    yield analyzer
    analyzer.close()


def portrait(name: str) -> np.ndarray:
    return load_image(DEMO / name)


@pytest.mark.parametrize("name", PORTRAITS)
def test_demo_portraits_have_a_face(analyzer: FaceAnalyzer, name: str) -> None:
    picture = portrait(name)
    height, width = picture.shape[:2]
    face = analyzer.faces(picture)[0]
    assert face.landmarks.shape == (478, 2) and face.landmarks.dtype == np.float32
    assert (face.box[:2] > -0.05 * width).all() and (face.box[2:] < 1.05 * max(width, height)).all()
    assert face.area > 0.05 * width * height
    assert abs(head_roll(face)) < 0.4 and abs(head_yaw(face)) < 0.6
    assert 0 <= mouth_opening(face) < 0.4
    assert all(0 <= opening < 0.8 for opening in eye_opening(face))
    assert max(map(abs, gaze(face))) < 0.4


@pytest.mark.parametrize("name", BY_MEDIAPIPE)
def test_the_numbers_are_those_of_mediapipe(analyzer: FaceAnalyzer, name: str) -> None:
    person, points = BY_MEDIAPIPE[name]
    picture = portrait(name)
    face = analyzer.faces(picture)[0]
    size = (face.box[2:] - face.box[:2]).max()
    np.testing.assert_allclose(face.landmarks[list(POINTS)], points, atol=0.003 * size)
    assert analyzer.foreground(picture).mean() == pytest.approx(person, abs=0.003)


def test_landmarks_mean_the_parts_of_the_face(analyzer: FaceAnalyzer) -> None:
    points = analyzer.faces(portrait("photo.jpg"))[0].landmarks68
    jaw, brows, nose, eyes, mouth = (points[a:b].mean(0) for a, b in ((0, 17), (17, 27), (27, 36), (36, 48), (48, 68)))
    assert brows[1] < eyes[1] < nose[1] < mouth[1] < points[8, 1]
    assert jaw[1] > eyes[1]
    assert points[36:42, 0].mean() < points[27:36, 0].mean() < points[42:48, 0].mean()
    assert points[0, 0] < points[8, 0] < points[16, 0]


def test_foreground_is_the_person(analyzer: FaceAnalyzer) -> None:
    picture = portrait("photo.jpg")
    mask = analyzer.foreground(picture)
    assert mask.shape == picture.shape[:2] and mask.dtype == np.float32
    assert mask.min() >= 0 and mask.max() <= 1
    x, y = analyzer.faces(picture)[0].landmarks.mean(0).astype(int)
    assert mask[y, x] > 0.9 > 0.5 > mask[:8, :8].mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (200, 200)])
def test_pictures_without_a_face(analyzer: FaceAnalyzer, shape: tuple[int, int]) -> None:
    assert analyzer.faces(np.full((*shape, 3), 127, np.uint8)) == []


def test_huge_pictures_are_looked_at_in_small_and_keep_their_coordinates(
    analyzer: FaceSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []
    look, detect = analyzer._mesh_faces, analyzer._detections
    monkeypatch.setattr(analyzer, "_mesh_faces", lambda image: (sides.append(max(image.shape)), look(image))[1])
    monkeypatch.setattr(
        analyzer, "_detections", lambda image, far: (sides.append(max(image.shape)), detect(image, far))[1]
    )
    picture = portrait("photo.jpg")
    expected = analyzer.faces(picture)[0]
    factor = 7680 / picture.shape[1]
    huge = cv2.resize(picture, (7680, round(picture.shape[0] * factor)), interpolation=cv2.INTER_LINEAR)
    face = analyzer.faces(huge)[0]
    assert 0 < max(sides) <= MAX_SIDE
    np.testing.assert_allclose(face.landmarks, expected.landmarks * factor, atol=0.02 * 7680)


def test_two_faces_are_sorted_by_size(analyzer: FaceAnalyzer) -> None:
    picture = portrait("photo.jpg")
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width * 2 // 3, height * 2 // 3), interpolation=cv2.INTER_AREA)
    canvas = np.full((height, width + small.shape[1], 3), 90, np.uint8)
    canvas[-small.shape[0] :, : small.shape[1]] = small
    canvas[:, small.shape[1] :] = picture
    faces = analyzer.faces(canvas)
    assert len(faces) == 2
    assert faces[0].area > 1.5 * faces[1].area
    assert faces[1].box[2] < small.shape[1] < faces[0].box[0]


def test_a_small_face_in_a_large_picture_is_found(analyzer: FaceAnalyzer) -> None:
    picture = portrait("photo.jpg")
    small = cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA)
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    canvas[300:460, 700:860] = small
    faces = analyzer.faces(canvas)
    assert len(faces) == 1
    x, y = (faces[0].box[:2] + faces[0].box[2:]) / 2
    assert 700 < x < 860 and 300 < y < 460


@pytest.mark.parametrize("height, share", [(720, 0.06), (4320, 0.06)])
def test_a_face_that_only_tiles_show_is_found(analyzer: FaceAnalyzer, height: int, share: float) -> None:
    picture = portrait("photo.jpg")
    face = analyzer.faces(picture)[0]
    scale = share * height / (face.box[3] - face.box[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((height, height * 16 // 9, 3), 90, np.uint8)
    y, x = height // 3, height
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    found = analyzer.faces(canvas)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].box, face.moved(scale, (x, y)).box, atol=0.15 * share * height)


@pytest.mark.parametrize("width, height, side", [(4032, 3024, 480), (1280, 720, 120)])
def test_everybody_in_a_group_is_found(analyzer: FaceAnalyzer, width: int, height: int, side: int) -> None:
    canvas = np.full((height, width, 3), (120, 140, 110), np.uint8)
    people = [load_image(DEMO / name) for name in PORTRAITS]
    places = [(x, y) for y in range(3) for x in range(5)][:13]
    for number, (x, y) in enumerate(places):
        x, y = x * width // 5 + (width // 5 - side) // 2, y * height // 3 + (height // 3 - side) // 2
        person = people[number % len(people)]
        canvas[y : y + side, x : x + side] = cv2.resize(person, (side, side), interpolation=cv2.INTER_AREA)
    found = analyzer.all_faces(canvas)
    cells = {(int(x * 5 / width), int(y * 3 / height)) for x, y in (face.landmarks.mean(0) for face in found)}
    assert len(found) == 13 and cells == set(places)


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_at_the_border_is_found_where_it_is(analyzer: FaceAnalyzer, side: str) -> None:
    picture = portrait("photo.jpg")
    face = analyzer.faces(picture)[0]
    x0, y0, x1, y1 = (round(float(v)) for v in face.box)
    cut = (x1 - x0) // 5
    left, top = (x0 + cut if side == "left" else 0), (y0 + cut if side == "top" else 0)
    right = x1 - cut if side == "right" else picture.shape[1]
    bottom = y1 - cut if side == "bottom" else picture.shape[0]
    found = analyzer.faces(picture[top:bottom, left:right])[0]
    np.testing.assert_allclose(found.moved(1, (left, top)).box, face.box, atol=0.15 * (x1 - x0))


def test_nothing_reaches_or_hides_stderr() -> None:
    """The C++ code is chatty, and a progress display on another thread must not be swallowed while it is silenced."""
    script = f"""
import sys
from megactor.faces.analyzer import create_analyzer
from megactor.media.images import load_image
picture = load_image({str(DEMO / "photo.jpg")!r})
analyzer = create_analyzer()
analyzer.faces(picture), analyzer.foreground(picture)
sys.modules[type(analyzer).__module__].quiet_stderr = None  # from here on stderr belongs to others
analyzer.faces(picture[:, :-40]), analyzer.foreground(picture)
analyzer.close()
print("done", file=sys.stderr)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == "done\n", run.stderr


@pytest.mark.parametrize("name", ["talk.mp4", "faces.mp4"])
def test_the_face_is_found_in_the_demo_drives(analyzer: FaceAnalyzer, name: str) -> None:
    track = track_face(VideoReader(DEMO / name), analyzer)
    assert track.found.mean() >= 0.95
    jumps = np.abs(np.diff(track.boxes, axis=0)).max() / (track.boxes[:, 2] - track.boxes[:, 0]).min()
    assert jumps < 0.75, "the track hops between places"
