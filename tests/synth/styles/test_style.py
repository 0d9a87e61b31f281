import numpy as np
import pytest

from megactor.synth.anatomy.subject import Material
from megactor.synth.render.renderer import OUTSIDE, Rendered
from megactor.synth.styles.style import STYLES, Style, random_style

SIZE = 48


@pytest.fixture(scope="module")
def frame():
    """A ball with a cap of hair before a gray wall."""
    line = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(line, line)
    height = np.sqrt(np.maximum(0, 0.5 - x**2 - y**2))
    inside = height > 0
    normals = np.stack([x, -y, height], axis=-1) / np.sqrt(0.5) * inside[..., None]
    light = np.clip(normals @ [0.3, 0.5, 0.8], 0, 1)
    materials = np.where(inside, np.where(y < -0.3, Material.HAIR, Material.SKIN), OUTSIDE).astype(np.uint8)
    rgb = np.where(inside[..., None], light[..., None] * [0.9, 0.7, 0.6], 0.4)
    return Rendered(
        rgb=rgb.astype(np.float32),
        alpha=inside.astype(np.float32),
        materials=materials,
        normals=normals.astype(np.float32),
        depth=np.where(inside, 50 - 9 * height, np.inf).astype(np.float32),
        landmarks=np.zeros((70, 2), np.float32),
        screen=np.zeros((1, 3), np.float32),
        triangle_ids=np.zeros((SIZE, SIZE), np.int32),
    )


@pytest.mark.parametrize("name", STYLES)
def test_styles_paint_the_same_picture_for_the_same_seed(frame, name):
    picture = Style(name, 1).paint(frame)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert 0 <= picture.min() <= picture.max() <= 1
    assert np.array_equal(picture, Style(name, 1).paint(frame))
    if name == "photo":
        np.testing.assert_array_equal(picture, frame.rgb)
    else:
        assert np.abs(picture - frame.rgb).mean() > 0.003


@pytest.mark.parametrize("name", STYLES)
def test_styles_bear_an_empty_frame(name):
    empty = Rendered(
        rgb=np.full((SIZE, SIZE, 3), 0.5, np.float32),
        alpha=np.zeros((SIZE, SIZE), np.float32),
        materials=np.full((SIZE, SIZE), OUTSIDE, np.uint8),
        normals=np.zeros((SIZE, SIZE, 3), np.float32),
        depth=np.full((SIZE, SIZE), np.inf, np.float32),
        landmarks=np.zeros((70, 2), np.float32),
        screen=np.zeros((1, 3), np.float32),
        triangle_ids=np.full((SIZE, SIZE), -1, np.int32),
    )
    assert np.isfinite(Style(name, 0).paint(empty)).all()


def test_drawings_have_outlines(frame):
    rim = np.abs(np.hypot(*np.meshgrid(*2 * [(np.arange(SIZE) + 0.5) / SIZE * 2 - 1])) - np.sqrt(0.5)) < 0.04
    for name in ("cartoon", "ink", "pop"):
        picture = Style(name, 0).paint(frame)
        assert picture[rim].mean() < 0.7 * frame.rgb[~rim].mean(), name


def test_random_styles_are_mostly_what_was_asked_for():
    names = [random_style(seed, photo=0.5).name for seed in range(200)]
    assert set(names) == set(STYLES)
    assert 70 < names.count("photo") < 130
    assert {random_style(seed, photo=1).name for seed in range(20)} == {"photo"}
