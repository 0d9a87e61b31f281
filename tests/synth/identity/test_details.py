"""What makes people differ in detail: teeth, folds of the skin, earrings, lenses."""

from dataclasses import replace

import numpy as np
import pytest
from synth_people import BareScene, pose

from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.subject import Lenses, Material
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.identity.folds import expression_folds
from megactor.synth.identity.mouth import mouth_colors, shaped_teeth
from megactor.synth.identity.traits import EarringTraits, GlassesTraits, LensTraits, MouthTraits
from megactor.synth.render.folding import FoldingSkin
from megactor.synth.render.lenses import mirrored
from megactor.synth.render.renderer import Renderer

PLAIN_MOUTH = MouthTraits(
    teeth=(0.6, 0.6, 0.5),
    gum=(0.4, 0.1, 0.1),
    tongue=(0.3, 0.1, 0.1),
    width=1.0,
    front_gap=0.0,
    crooked=0.0,
    uneven=0.0,
    gum_line=0.0,
    dimness=1.0,
    teeth_dimness=1.0,
)
GLASSES = GlassesTraits(half_width=2.5, half_height=2.0, exponent=2.0, thickness=0.1, color=(0.1, 0.1, 0.1))
LENS = LensTraits(window=(-0.5, -0.5, 1.0, 1.0), strength=1.0, bars=0.0, sheen=0.0, color=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def real_bust(real_rig):
    return build_bust(real_rig)


@pytest.mark.parametrize("seed", range(20))
def test_details_change_nothing_else_about_a_person(seed):
    bare, detailed = random_traits(seed), random_traits(seed, details=True)
    assert replace(detailed, mouth=None, folds=0.0, lenses=None, earrings=None) == bare
    assert detailed.mouth and detailed.folds


def test_some_wear_earrings():
    people = [random_traits(seed, details=True) for seed in range(200)]
    worn = [person.earrings for person in people if person.earrings]
    assert 0.2 < len(worn) / len(people) < 0.5
    assert {earrings.kind for earrings in worn} == {"stud", "hoop", "drop"}


def test_a_plain_mouth_keeps_its_teeth(real_bust):
    moved = shaped_teeth(real_bust, real_bust.rest, PLAIN_MOUTH, seed=1)
    np.testing.assert_allclose(moved, real_bust.rest, atol=1e-5)


def test_gaps_open_between_teeth_and_nothing_else_moves(real_bust):
    gappy = replace(PLAIN_MOUTH, front_gap=0.3, width=0.85)
    moved = shaped_teeth(real_bust, real_bust.rest, gappy, seed=1)
    teeth = np.unique(real_bust.triangles[real_bust.materials == Material.TEETH])
    others = np.setdiff1d(np.arange(len(moved)), teeth)
    np.testing.assert_array_equal(moved[others], real_bust.rest[others])

    def front_gap(points):
        front = points[teeth][(real_bust.rest[teeth, 2] > 10) & (real_bust.rest[teeth, 1] > -3.4)]
        return front[front[:, 0] > 0, 0].min() - front[front[:, 0] < 0, 0].max()

    assert front_gap(moved) > front_gap(real_bust.rest) + 0.3
    crooked = shaped_teeth(real_bust, real_bust.rest, replace(PLAIN_MOUTH, crooked=1.0), seed=1)
    assert 0.02 < np.abs(crooked[teeth] - real_bust.rest[teeth]).mean() < 0.3


def test_gums_reach_down_over_the_upper_teeth(real_bust):
    albedo = np.full_like(real_bust.rest, 0.5)
    teeth = np.unique(real_bust.triangles[real_bust.materials == Material.TEETH])
    redness = []
    for gum_line in (0.0, 1.0):
        colors = mouth_colors(real_bust, albedo, replace(PLAIN_MOUTH, gum_line=gum_line), seed=1)
        high = teeth[(real_bust.rest[teeth, 1] > -1.6) & (real_bust.rest[teeth, 2] > 10)]
        redness.append((colors[high, 0] - colors[high, 1]).mean())
        tongue = np.unique(real_bust.triangles[real_bust.materials == Material.TONGUE])
        np.testing.assert_allclose(colors[tongue], np.tile(PLAIN_MOUTH.tongue, (len(tongue), 1)), rtol=1e-6)
    assert redness[1] > redness[0] + 0.1


def test_teeth_shine_out_of_a_mouth_that_is_dark(real_bust):
    renderer, near = Renderer(real_bust), BareScene().framed(half_height=3.0, center=(0.0, -3.0))
    grin = pose(real_bust, **{f"mouth{part}_{side}": 1.0 for part in ("UpperUp", "LowerDown") for side in "LR"})
    frames = []
    for dimness in (1.0, 0.0):
        traits = replace(random_traits(4), mouth=replace(PLAIN_MOUTH, teeth_dimness=dimness))
        frames.append(
            renderer.render(build_subject(real_bust, traits, texture_size=64), near, grin, 96, supersampling=1)
        )
    dark, light = frames
    teeth = dark.materials == Material.TEETH
    assert teeth.sum() > 200
    assert light.rgb[teeth].mean() > 1.15 * dark.rgb[teeth].mean()
    np.testing.assert_array_equal(light.rgb[~teeth], dark.rgb[~teeth])


@pytest.mark.filterwarnings("error")
def test_folds_too_thin_for_a_small_texture_are_left_out(bust):
    traits = replace(random_traits(1, details=True), folds=1.0)
    small, large = (expression_folds(bust.landmark_uvs, traits, size) for size in (16, 64))
    assert len(small) == len(large) and all(fold.mask.any() for fold in large)
    assert not all(fold.mask.any() for fold in small)


def test_skin_folds_where_the_expression_is_and_only_then(real_bust):
    traits = replace(random_traits(4, details=True), folds=1.0)
    subject = build_subject(real_bust, traits, texture_size=256)
    names = real_bust.rig.expression_names
    skin = FoldingSkin(subject.folds, names, 256, relief=1e-5)
    texture = np.ones((128, 128, 6), np.float32)
    still = np.zeros(len(names), np.float32)
    assert skin.laid_on(texture, still) is texture

    def changed(*shapes):
        weights = still.copy()
        weights[[names.index(shape) for shape in shapes]] = 1
        return np.argwhere((skin.laid_on(texture, weights)[..., :3] < 0.97).any(axis=2))

    brows, frown = changed("browInnerUp_L", "browInnerUp_R"), changed("mouthFrown_L", "mouthFrown_R")
    assert len(brows) > 20 and len(frown) > 20
    assert brows[:, 0].max() < frown[:, 0].min(), "the forehead is above the mouth"
    left, right = changed("noseSneer_L"), changed("noseSneer_R")
    assert left[:, 1].min() > 60 > right[:, 1].max() - 8, "u runs to the person's left"
    assert texture.min() == 1, "the subject's own texture stays as it is"


def test_the_old_fold_deeper_than_the_young(real_bust):
    def deepest(wrinkles):
        traits = random_traits(4, details=True)
        traits = replace(traits, folds=1.0, skin=replace(traits.skin, wrinkles=wrinkles))
        return max(int(fold.mask.max()) for fold in build_subject(real_bust, traits, 128).folds)

    assert deepest(1.0) > 1.5 * deepest(0.0)


@pytest.mark.parametrize("kind", ["stud", "hoop", "drop"])
def test_earrings_hang_at_the_ears(real_bust, kind):
    earrings = EarringTraits(kind=kind, size=1.0, angle=0.8, color=(0.8, 0.7, 0.3), both=True)
    bare = replace(random_traits(4), glasses=None)
    without, worn = build_subject(real_bust, bare), build_subject(real_bust, replace(bare, earrings=earrings))
    extra = worn.rest[len(without.rest) :]
    assert len(extra) > 50 and (worn.head_weight[len(without.rest) :] == 1).all()
    for side in (1, -1):
        here = extra[side * extra[:, 0] > 0]
        assert 7 < side * here[:, 0].mean() < 10.5
        assert here[:, 1].min() > -6 and here[:, 1].max() < 1


def test_lenses_lie_before_the_eyes(real_bust):
    traits = replace(random_traits(4), glasses=GLASSES, lenses=LENS)
    subject = build_subject(real_bust, traits)
    assert subject.lenses is not None
    for rim, name, side in zip(subject.lenses.rims, "LR", (1, -1), strict=True):
        outline = subject.rest[rim].mean(axis=1)
        eye = subject.rest[real_bust.rig.vertices_of(f"sclera{name}")].mean(axis=0)
        middle = outline.mean(axis=0)
        assert np.abs(middle[:2] - eye[:2]).max() < 1 and middle[2] > eye[2]
        assert outline[0, 0] > middle[0] and outline[len(outline) // 4, 1] > middle[1]
        assert side * middle[0] > 0


def test_a_window_is_mirrored_inside_of_the_lens_and_wanders_with_the_head():
    size = 64
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    screen = np.zeros((36, 3), np.float32)
    screen[:, 0], screen[:, 1] = 32 + 20 * np.cos(turn), 32 - 14 * np.sin(turn)
    rim = np.arange(36).reshape(36, 1)
    lenses = Lenses((rim, rim), LENS.window, 1.0, 0.0, 0.0, (1.0, 1.0, 1.0))

    def picture(yaw, material=Material.SKIN):
        rgb = np.full((size, size, 3), 0.2, np.float32)
        alpha, seen = np.ones((size, size), np.float32), np.full((size, size), material, np.uint8)
        mirrored(rgb, alpha, seen, screen, lenses, (yaw, 0.0))
        return rgb[..., 0]

    straight, turned = picture(0.0), picture(0.15)
    assert straight[32, 32] > 0.9 and straight[32, 55] == pytest.approx(0.2) and straight[5, 5] == pytest.approx(0.2)
    columns = np.arange(size)
    centers = [((one - 0.2) * columns).sum() / (one - 0.2).sum() for one in (straight, turned)]
    assert centers[1] > centers[0] + 2
    assert (picture(0.0, Material.HAIR) == np.float32(0.2)).all(), "hair hangs in front"
