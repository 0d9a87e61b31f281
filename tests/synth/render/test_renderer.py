from dataclasses import replace

import numpy as np
import pytest
from synth_people import WALL, BareScene, plain_subject, pose
from synth_toy_rig import EYES

from megactor.synth.anatomy.subject import Material
from megactor.synth.render.renderer import OUTSIDE, Renderer
from megactor.synth.scene.camera import camera_for

SIZE = 64


@pytest.fixture(scope="module")
def frame(renderer, subject, bust):
    return renderer.render(subject, BareScene(), pose(bust), SIZE)


def square(side=4.0, depth=14.0, center=(0.0, -2.0)):
    """A square in front of the face: points and triangles that face the camera."""
    x, y = center
    h = side / 2
    points = np.array([[x - h, y - h, depth], [x + h, y - h, depth], [x + h, y + h, depth], [x - h, y + h, depth]])
    return points, np.array([[0, 1, 2], [0, 2, 3]])


def seen(frame, material):
    return frame.materials == material


def test_shapes_and_types_are_as_promised(frame, subject):
    shapes = {name: (value.shape, value.dtype.name) for name, value in vars(frame).items()}
    assert shapes == {
        "rgb": ((SIZE, SIZE, 3), "float32"),
        "alpha": ((SIZE, SIZE), "float32"),
        "materials": ((SIZE, SIZE), "uint8"),
        "normals": ((SIZE, SIZE, 3), "float32"),
        "depth": ((SIZE, SIZE), "float32"),
        "landmarks": ((70, 2), "float32"),
        "screen": ((len(subject.rest), 3), "float32"),
        "triangle_ids": ((SIZE, SIZE), "int32"),
    }
    assert 0 <= frame.rgb.min() <= frame.rgb.max() <= 1


def test_inside_and_outside_agree_everywhere(frame):
    outside = frame.materials == OUTSIDE
    assert 0.2 < outside.mean() < 0.8
    assert np.array_equal(outside, frame.triangle_ids < 0)
    assert np.array_equal(outside, np.isinf(frame.depth))
    assert not frame.normals[outside].any()
    assert np.allclose(np.linalg.norm(frame.normals[~outside], axis=1), 1, atol=1e-5)
    assert np.allclose(frame.rgb[frame.alpha == 0], WALL)
    assert (frame.alpha[outside] < 1).all()
    # 50 .. 120 units: the person is where the camera looks
    assert 60 < frame.depth[~outside].min() < frame.depth[~outside].max() < 130


def test_truth_names_the_triangle_and_where_it_is(frame, subject):
    """A seen triangle's corners surround its pixel, and its depth lies between theirs."""
    rows, columns = np.nonzero(frame.triangle_ids >= 0)
    corners = frame.screen[subject.triangles[frame.triangle_ids[rows, columns]]]
    x, y = columns + 0.75, rows + 0.75  # the sample nearest to the center with 2 x 2
    assert (corners[..., 0].min(axis=1) <= x + 0.01).all() and (corners[..., 0].max(axis=1) >= x - 0.01).all()
    assert (corners[..., 1].min(axis=1) <= y + 0.01).all() and (corners[..., 1].max(axis=1) >= y - 0.01).all()
    depth = frame.depth[rows, columns]
    assert (corners[..., 2].min(axis=1) <= depth + 0.01).all() and (corners[..., 2].max(axis=1) >= depth - 0.01).all()


def test_screen_is_the_pinhole_camera(frame, subject):
    framing = BareScene().framing
    distance = framing.half_height / np.tan(np.radians(framing.fov_degrees) / 2)
    depth = distance + 5 - subject.rest[:, 2]
    scale = SIZE / 2 / np.tan(np.radians(framing.fov_degrees) / 2)
    chest = subject.rest[:, 1] < -25
    assert np.allclose(frame.screen[chest, 2], depth[chest], atol=1e-3)
    assert np.allclose(frame.screen[chest, 0], SIZE / 2 + scale * subject.rest[chest, 0] / depth[chest], atol=1e-2)
    assert np.allclose(frame.screen[chest, 1], SIZE / 2 - scale * subject.rest[chest, 1] / depth[chest], atol=1e-2)


def test_landmarks_lie_on_the_face(frame, bust):
    assert np.allclose(frame.landmarks[:68], frame.screen[bust.rig.landmarks, :2])
    assert frame.landmarks[36, 0] < frame.landmarks[45, 0]  # the person's right eye is on the picture's left
    assert frame.landmarks[27, 1] < frame.landmarks[8, 1]
    left, right = np.floor(frame.landmarks[68:]).astype(int)
    assert left[0] > right[0]
    for x, y in (left, right):
        assert frame.materials[y, x] in (Material.EYE, Material.LASH)


def test_yaw_and_pitch_turn_the_world(bust):
    """A camera that turns the world by a positive yaw shows more of the person's right side."""
    ahead, turned = (camera_for(replace(BareScene().framing, yaw=yaw), SIZE) for yaw in (0.0, 0.4))
    front = np.array([[0, 0, 12]])
    assert turned.project(front)[0, 0] > ahead.project(front)[0, 0] + 1
    above = camera_for(replace(BareScene().framing, pitch=0.4), SIZE)
    assert above.project(front)[0, 1] > ahead.project(front)[0, 1] + 1
    # the camera's position projects to nowhere, the target to the middle
    assert np.allclose(turned.project(np.array([[0, 0, 5.0]]))[0, :2], SIZE / 2)
    assert np.linalg.norm(turned.position - [0, 0, 5]) == pytest.approx(ahead.position[2] - 5, rel=1e-5)


def test_the_same_frame_twice_is_the_same(subject, bust, frame):
    again = Renderer(bust).render(plain_subject(bust), BareScene(), pose(bust), SIZE)
    for name, value in vars(frame).items():
        assert np.array_equal(value, getattr(again, name)), name


def test_the_exposure_does_not_depend_on_what_was_rendered_first(bust, subject):
    moved = pose(bust, rotation=(0, 0.8, 0), jawOpen=1)
    scene = BareScene()
    first = Renderer(bust)
    first.render(subject, scene, moved, SIZE)
    assert np.array_equal(
        first.render(subject, scene, pose(bust), SIZE).rgb, Renderer(bust).render(subject, scene, pose(bust), SIZE).rgb
    )


@pytest.mark.parametrize("supersampling", [1, 2, 3, 4])
def test_supersampling_smooths_edges_only(renderer, subject, bust, frame, supersampling):
    other = renderer.render(subject, BareScene(), pose(bust), SIZE, supersampling)
    steps = np.unique(other.alpha) * supersampling**2
    assert np.allclose(steps, np.round(steps))
    inside = (frame.alpha == 1) & (other.alpha == 1)
    assert np.abs(other.rgb - frame.rgb)[inside].mean() < 0.02
    assert other.alpha.mean() == pytest.approx(frame.alpha.mean(), abs=0.01)


def test_sizes_that_are_no_multiple_of_anything(renderer, subject, bust, frame):
    odd = renderer.render(subject, BareScene(), pose(bust), 37)
    assert odd.rgb.shape == (37, 37, 3)
    assert odd.alpha.mean() == pytest.approx(frame.alpha.mean(), abs=0.02)
    assert np.allclose(odd.landmarks * SIZE / 37, frame.landmarks, atol=1e-3)


def test_light_comes_from_where_the_lamp_is(renderer, subject, bust):
    """A lamp at the person's left brightens the picture's right half of the face."""
    lamp = np.array([[0.9, 0, 0.43, 1, 1, 1]], np.float32)
    frame = renderer.render(subject, replace(BareScene(), lights=lamp), pose(bust), SIZE)
    skin = seen(frame, Material.SKIN)
    middle = int(frame.landmarks[27, 0])
    left, right = (frame.rgb[:, half][skin[:, half]].mean() for half in (slice(0, middle), slice(middle, None)))
    assert right > left + 0.1


def test_lamps_and_surroundings_have_colors(renderer, subject, bust):
    gray = renderer.render(subject, BareScene(), pose(bust), SIZE)
    red_lamp = np.array([[0, 0.6, 0.8, 1, 0.3, 0.3]], np.float32)
    skin = seen(gray, Material.SKIN)
    red = renderer.render(subject, replace(BareScene(), lights=red_lamp), pose(bust), SIZE).rgb[skin].mean(axis=0)
    assert red[0] > 1.2 * red[1]
    blue_sky = BareScene().ambient * np.array([[0.2], [0.2], [1]], np.float32)
    blue = renderer.render(subject, replace(BareScene(), ambient=blue_sky), pose(bust), SIZE).rgb[skin].mean(axis=0)
    assert blue[2] > 1.1 * blue[0]


def test_things_throw_shadows(renderer, bust):
    """A square held between the lamp and the chest darkens it; without casts_shadow it does not."""
    points, triangles = square(side=8, depth=16, center=(0, -8))
    lamp = replace(BareScene(), lights=np.array([[0, 0.45, 0.9, 1, 1, 1]], np.float32))
    caster = plain_subject(bust, (points, triangles, Material.FABRIC))
    ghost = replace(caster, casts_shadow=np.zeros_like(caster.casts_shadow))
    with_shadow, without = (renderer.render(who, lamp, pose(bust), SIZE) for who in (caster, ghost))
    below = seen(without, Material.CLOTH) & seen(with_shadow, Material.CLOTH)
    darker = without.rgb.mean(axis=-1) - with_shadow.rgb.mean(axis=-1)
    assert darker[below].max() > 0.1
    assert darker[below].min() > -0.02


def test_what_is_in_front_hides_what_is_behind(renderer, bust):
    points, triangles = square()
    subject = plain_subject(bust, (points, triangles, Material.FABRIC))
    frame = renderer.render(subject, BareScene(), pose(bust), SIZE)
    mouth = np.floor(frame.landmarks[62]).astype(int)
    assert frame.materials[mouth[1], mouth[0]] == Material.FABRIC
    behind = plain_subject(bust, (points - [0, 0, 10], triangles, Material.FABRIC))
    assert not seen(renderer.render(behind, BareScene(), pose(bust), SIZE), Material.FABRIC).any()


def test_closed_lids_hide_the_eyes(renderer, subject, bust):
    close = BareScene().framed(half_height=8.0, center=(0.0, 3.6))
    open_eyes = renderer.render(subject, close, pose(bust), SIZE)
    closed = renderer.render(subject, close, pose(bust, eyeBlink_L=1, eyeBlink_R=1), SIZE)
    assert seen(open_eyes, Material.EYE).sum() > 100
    assert seen(closed, Material.EYE).sum() == 0


def test_the_iris_follows_the_gaze(renderer, subject, bust):
    """Its landmark moves by as much as the eyeball turns, and the dark of the pupil with it."""
    close = BareScene().framed(half_height=6.0, center=(3.1, 3.6))
    frames = {yaw: renderer.render(subject, close, pose(bust, gaze=(yaw, 0)), 96) for yaw in (-0.4, 0.0, 0.4)}
    x = [frames[yaw].landmarks[68, 0] for yaw in (-0.4, 0.0, 0.4)]
    assert x[0] < x[1] < x[2]
    depth = frames[0.0].depth[48, 48]
    pixels_per_unit = 96 / 2 / np.tan(np.radians(10)) / depth
    assert x[2] - x[0] == pytest.approx(2 * np.sin(0.4) * 1.5 * pixels_per_unit, rel=0.1)
    for frame in frames.values():
        column, row = np.floor(frame.landmarks[68]).astype(int)
        pupil, white = frame.rgb[row, column], frame.rgb[row, int(96 / 2 + (EYES["L"][0] - 3.1)) - 10]
        assert pupil.mean() < 0.6 * white.mean()


def test_collars_and_hats_turn_skin_into_cloth(renderer, subject, bust, frame):
    clothes = replace(subject.clothes, hat=(0.8, 0.1, 0.1), hat_height=8.0)
    hatted = renderer.render(replace(subject, clothes=clothes), BareScene(), pose(bust), SIZE)
    crown = frame.screen[bust.rest[:, 1] > 11][:, 1].mean()
    column, row = SIZE // 2, int(crown)
    assert frame.materials[row, column] in (Material.SKIN, Material.HEAD)
    assert hatted.materials[row, column] == Material.CLOTH
    assert hatted.rgb[row, column, 0] > 1.5 * hatted.rgb[row, column, 1]
    high = replace(subject.clothes, neckline=-7.0)
    turtleneck = renderer.render(replace(subject, clothes=high), BareScene(), pose(bust), SIZE)
    assert seen(turtleneck, Material.CLOTH).sum() > seen(frame, Material.CLOTH).sum() + 50


@pytest.mark.parametrize("pattern", range(5))
def test_patterns_use_both_colors_or_say_so(renderer, subject, bust, pattern):
    clothes = replace(subject.clothes, pattern=pattern, scale=3.0, colors=((0.4, 0, 0), (0, 0, 0.4)))
    frame = renderer.render(replace(subject, clothes=clothes), BareScene(), pose(bust), SIZE)
    cloth = frame.rgb[seen(frame, Material.CLOTH) & (frame.alpha == 1)]
    blue = (cloth[:, 2] > cloth[:, 0]).mean()
    assert (blue == 0) if pattern == 0 else (0.05 < blue < 0.95)


def test_dark_skin_is_shown_darker_than_fair_skin(renderer, bust):
    brightness = []
    for albedo in (0.05, 0.2, 0.6):
        subject = plain_subject(bust, colors=np.full_like(plain_subject(bust).colors, albedo))
        subject = replace(subject, skin=replace(subject.skin, albedo=(albedo,) * 3))
        frame = renderer.render(subject, BareScene(), pose(bust), SIZE)
        brightness.append(frame.rgb[seen(frame, Material.SKIN)].mean())
    assert 0.15 < brightness[0] < brightness[1] < brightness[2] < 0.95


@pytest.mark.parametrize(
    "extreme",
    [
        {"rotation": (0, 3.1, 0)},
        {"rotation": (1.2, 0, 0)},
        {"translation": (200, 0, 0)},
        {"translation": (0, 0, 90)},
        {"gaze": (1.2, -1.2)},
        {"jawOpen": 2.0, "mouthFunnel": -1.0},
    ],
)
def test_extreme_poses_give_pictures_too(renderer, subject, bust, extreme):
    frame = renderer.render(subject, BareScene(), pose(bust, **extreme), SIZE)
    assert np.isfinite(frame.rgb).all()
    assert np.isfinite(frame.screen).all()


def test_many_subjects_one_renderer(renderer, bust, frame, subject):
    """Tables of old subjects are dropped and made again."""
    for seed in range(6):
        colors = np.full((len(bust.rest), 3), 0.1 * seed, np.float32)
        renderer.render(plain_subject(bust, colors=colors), BareScene(), pose(bust), 16)
    assert np.array_equal(renderer.render(subject, BareScene(), pose(bust), SIZE).rgb, frame.rgb)
