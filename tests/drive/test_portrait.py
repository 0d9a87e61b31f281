"""Portraits as people bring them, found by the analyzer that is shipped; all pictures are rendered."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from megactor.drive.crop import CropBox, crop_and_resize
from megactor.drive.portrait import Portrait, find_faces, read_portrait
from megactor.errors import FaceError, InputError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.images import load_image

DEMO = Path(str(files("megactor") / "assets" / "demo"))


@pytest.fixture(scope="module")
def analyzer() -> Iterator[FaceAnalyzer]:
    analyzer = create_analyzer()
    yield analyzer
    analyzer.close()


def picture(name: str = "photo.jpg") -> np.ndarray:
    return load_image(DEMO / name)


def read(picture: np.ndarray, analyzer: FaceAnalyzer, index: int = 0) -> Portrait:
    return read_portrait(picture, analyzer, index, 128, 256)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("name", ["photo.jpg", "pencil.jpg"])
def test_a_picture_on_its_side_or_head_is_animated_upright(analyzer: FaceAnalyzer, name: str, turns: int) -> None:
    upright = read(picture(name), analyzer)
    portrait = read(np.rot90(picture(name), turns), analyzer)
    assert (portrait.turns + turns) % 4 == 0 and upright.turns == 0
    np.testing.assert_array_equal(portrait.picture, picture(name))
    np.testing.assert_allclose(portrait.face.box, upright.face.box, atol=0.04 * upright.crop.side)
    assert not upright.warnings and any("turned by about" in warning for warning in portrait.warnings)


@pytest.mark.parametrize("angle, turns", [(30, 0), (-30, 0), (65, 3), (-65, 1), (150, 2), (-150, 2)])
def test_leaning_faces_are_turned_to_the_nearest_side(analyzer: FaceAnalyzer, angle: int, turns: int) -> None:
    upright = picture()
    height, width = upright.shape[:2]
    affine = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 0.8)
    leaning = cv2.warpAffine(upright, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
    assert read(leaning, analyzer).turns == turns


def test_one_of_a_group_lies(analyzer: FaceAnalyzer) -> None:
    standing, lying = picture(), np.rot90(picture("avatar.jpg"), -1)
    lying = cv2.resize(lying, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    group = np.full((standing.shape[0], standing.shape[1] + lying.shape[1], 3), 90, np.uint8)
    group[:, : standing.shape[1]] = standing
    group[: lying.shape[0], standing.shape[1] :] = lying
    assert [read(group, analyzer, index).turns for index in (0, 1)] == [0, 1]
    second = find_faces(group, analyzer)[1].box
    assert (second[[0, 2]] > standing.shape[1]).all()


@pytest.mark.parametrize("name", ["photo.jpg", "oil.jpg"])
def test_a_portrait_cut_to_its_face_is_told_and_goes_on_softly(analyzer: FaceAnalyzer, name: str) -> None:
    whole = picture(name)
    x0, y0, x1, y1 = analyzer.faces(whole)[0].box
    margin = 0.05 * max(x1 - x0, y1 - y0)
    left, top = (max(int(v - margin), 0) for v in (x0, y0))
    tight = whole[top : int(y1 + margin), left : int(x1 + margin)]
    portrait = read(tight, analyzer)
    assert any("cut close" in warning for warning in portrait.warnings)
    assert not read(whole, analyzer).warnings
    height, width = tight.shape[:2]
    assert portrait.crop.side < 1.3 * max(height, width)
    # beyond the sides nothing has the detail of the picture: repeated pixels would be streaks
    outside = crop_and_resize(np.full_like(tight, 255), portrait.crop, 256)[..., 0] == 0
    assert outside[:, 0].any() or outside[:, -1].any()
    far = cv2.erode(outside.astype(np.uint8), np.ones((25, 25)), borderValue=1).astype(bool)
    detail = np.abs(np.diff(portrait.large.astype(int), axis=0)).max(-1)
    assert detail[far[1:]].max() < 0.2 * detail[~outside[1:]].max()


def test_a_part_of_the_portrait_is_asked_for(analyzer: FaceAnalyzer) -> None:
    upright = picture()
    face = analyzer.faces(upright)[0].box
    side = float(round(1.4 * max(face[2:] - face[:2])))
    square = (float(int(face[0]) - 20), float(int(face[1]) - 30), side)
    portrait = read_portrait(upright, analyzer, 0, 128, 256, square=square)
    assert portrait.crop == CropBox(*square)
    np.testing.assert_array_equal(portrait.large, crop_and_resize(upright, portrait.crop, 256))
    # a picture that lies on its side is asked for as it lies there
    lying = np.ascontiguousarray(np.rot90(upright, 1))
    there = CropBox(*square).turned(1, *upright.shape[1::-1])
    turned = read_portrait(lying, analyzer, 0, 128, 256, square=(there.x, there.y, there.side))
    assert turned.turns == 3 and turned.crop == portrait.crop
    np.testing.assert_array_equal(turned.large, portrait.large)


def test_a_part_that_cannot_be_animated_is_refused_in_a_line(analyzer: FaceAnalyzer) -> None:
    two = np.concatenate([picture(), picture("avatar.jpg")[:, :400]], axis=1)

    def refusal(square: tuple[float, float, float], index: int = 0) -> str:
        with pytest.raises((InputError, FaceError)) as told:
            read_portrait(two, analyzer, index, 128, 256, square=square)
        return str(told.value)

    assert refusal((0, 0, 600)) == "the portrait crop 0,0,600 reaches out of the 912x512 portrait"
    assert "reaches out" in refusal((-9, 0, 300)) and "reaches out" in refusal((700, 0, 300))
    assert refusal((0, 0, 200)) == "the portrait crop 0,0,200 holds no whole face: choose a part around one"
    left, right = sorted(range(2), key=lambda number: find_faces(two, analyzer)[number].box[0])
    assert refusal((0, 0, 512), right) == (
        f"the portrait crop 0,0,512 holds face {left}, not {right}: say so with --face {left}"
    )
    assert read_portrait(two, analyzer, left, 128, 256, square=(0, 0, 512)).crop == CropBox(0, 0, 512)
    far = np.full((1000, 1000, 3), 120, np.uint8)
    far[:200, :200] = cv2.resize(picture(), (200, 200), interpolation=cv2.INTER_AREA)
    with pytest.raises(FaceError, match="times as large as the face, 4 are the most"):
        read_portrait(far, analyzer, 0, 128, 256, square=(0, 0, 1000))
