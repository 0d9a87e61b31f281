import numpy as np
import pytest
from synth_people import plain_subject, pose
from synth_toy_rig import EYE_RADIUS, EYES

from megactor.synth.anatomy.subject import LocalScale, Material
from megactor.synth.posing.eyes import _blink_gain
from megactor.synth.posing.poser import NECK_JOINT, Poser, expression_shapes


@pytest.fixture(scope="module")
def shapes(bust):
    return expression_shapes(bust)


@pytest.fixture(scope="module")
def poser(bust, shapes, subject):
    return Poser(bust, shapes, subject)


def skin(bust):
    return bust.rig.vertices_of("face")


def test_at_rest_only_the_eyes_move(bust, poser, subject):
    """They look straight ahead; the rig's look outwards."""
    posed = poser.neutral()
    others = np.ones(len(subject.rest), bool)
    for side in "LR":
        others[bust.rig.vertices_of(f"sclera{side}")] = False
    lids = np.abs(posed.positions - subject.rest).max(axis=1) > 1e-4
    assert np.abs(posed.positions - subject.rest)[others].max() < 0.1
    assert np.count_nonzero(lids & others) < 40  # only lids are pushed off the eyeballs
    assert np.array_equal(poser.pose(pose(bust)).positions, posed.positions)


def test_an_expression_adds_its_displacement(bust, poser):
    moved = poser.pose(pose(bust, jawOpen=0.5)).positions - poser.neutral().positions
    wanted = 0.5 * bust.rig.expressions[bust.rig.expression("jawOpen")]
    assert np.abs(moved[: bust.head_vertices] - wanted).max() < 2e-3  # what is dropped as invisible
    assert np.abs(moved[bust.head_vertices :]).max() == 0


def test_expression_gain_leaves_the_eyes_alone(bust, shapes, subject):
    strong = Poser(bust, shapes, plain_subject(bust, expression_gain=1.5))
    plain = Poser(bust, shapes, subject)
    for name, factor in (("jawOpen", 1.5), ("eyeWide_L", 1.0)):
        frame = pose(bust, **{name: 0.5})
        moved = [p.pose(frame).positions - p.neutral().positions for p in (strong, plain)]
        assert np.abs(moved[0] - factor * moved[1]).max() < 1e-4, name


def test_the_head_turns_about_the_neck_and_the_chest_stays(bust, poser):
    yaw = 0.6
    before, after = poser.neutral().positions, poser.pose(pose(bust, rotation=(0, yaw, 0))).positions
    c, s = np.cos(yaw), np.sin(yaw)
    matrix = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    head, chest = bust.head_weight == 1, bust.head_weight == 0
    wanted = (before[head] - NECK_JOINT) @ matrix.T + NECK_JOINT
    assert np.abs(after[head] - wanted).max() < 1e-4
    assert np.abs(after[chest] - before[chest]).max() < 1e-5
    # positive yaw turns the face to the person's left
    nose = bust.rig.landmarks[30]
    assert after[nose, 0] > before[nose, 0] + 3


def test_a_partly_weighted_vertex_turns_by_its_part(bust, poser):
    neck = np.flatnonzero((bust.head_weight > 0.4) & (bust.head_weight < 0.6))[0]
    before, after = (poser.pose(pose(bust, rotation=(0, yaw, 0))).positions[neck] - NECK_JOINT for yaw in (0.0, 0.5))
    turned = np.arctan2(after[0], after[2]) - np.arctan2(before[0], before[2])
    assert turned == pytest.approx(0.5 * bust.head_weight[neck], abs=1e-4)


def test_translation_moves_all(bust, poser):
    moved = poser.pose(pose(bust, translation=(1, -2, 3)))
    assert np.allclose(moved.positions - poser.neutral().positions, [1, -2, 3], atol=1e-4)
    assert moved.translation.tolist() == [1, -2, 3]


@pytest.mark.parametrize(("gaze", "axis", "sign"), [((0.4, 0), 0, 1), ((-0.4, 0), 0, -1), ((0, 0.3), 1, 1)])
def test_eyes_look_where_the_gaze_says(bust, poser, gaze, axis, sign):
    """Yaw to the person's left, pitch up."""
    for eye, center in zip(poser.pose(pose(bust, gaze=gaze)).eyes, EYES.values(), strict=True):
        assert np.abs(eye.center - center).max() < 0.01
        assert eye.radius == pytest.approx(EYE_RADIUS, abs=0.01)
        assert sign * eye.axes[0, axis] > 0.25
        assert np.allclose(eye.axes @ eye.axes.T, np.eye(3), atol=1e-6)


def test_eyes_converge_and_turn_with_the_head(bust, poser):
    left, right = poser.neutral().eyes
    assert left.axes[0, 0] < 0 < right.axes[0, 0]
    turned = poser.pose(pose(bust, rotation=(0, 0.5, 0)))
    ahead = turned.eyes[0].axes[0] + turned.eyes[1].axes[0]
    assert np.arctan2(ahead[0], ahead[2]) == pytest.approx(0.5, abs=1e-3)


def test_lids_follow_the_gaze_unless_closed(bust, poser):
    """The look shapes come from the gaze, not from the expression weights."""
    above = np.array([3.1, 4.5, 9.5])
    lid = np.linalg.norm(bust.rest[skin(bust)] - above, axis=1).argmin()
    still = poser.neutral().positions[lid]
    down = poser.pose(pose(bust, gaze=(0, -0.4))).positions[lid]
    asked = poser.pose(pose(bust, eyeLookDown_L=1)).positions[lid]
    assert down[1] < still[1] - 0.05
    assert np.allclose(asked, still)
    closed = poser.pose(pose(bust, eyeBlink_L=1)).positions[lid]
    closed_down = poser.pose(pose(bust, eyeBlink_L=1, gaze=(0, -0.4))).positions[lid]
    assert np.linalg.norm(closed_down - closed) < 0.02


@pytest.mark.parametrize("gaze", [(0, 0), (0.5, 0.3), (-0.5, -0.3)])
@pytest.mark.parametrize("blink", [0.2, 0.5, 0.8, 1.0])
def test_lids_stay_outside_of_the_eyeball(bust, poser, gaze, blink):
    at_rest = np.linalg.norm(bust.rest[skin(bust)] - EYES["L"], axis=1)
    lids = at_rest > EYE_RADIUS + 0.05
    points = poser.pose(pose(bust, gaze=gaze, eyeBlink_L=blink)).positions[skin(bust)][lids]
    assert np.linalg.norm(points - EYES["L"], axis=1).min() > 0.999 * EYE_RADIUS * (0.96 if blink > 0.6 else 1)


def test_a_blink_closes_eyes_that_gape_at_one_end():
    """Two pairs of lid landmarks, one twice as far apart; the rig's blink closes the mean eye only."""
    rest, blink = np.zeros((4, 3)), np.zeros((4, 3))
    rest[:2, 1], blink[:2, 1] = (0.6, 1.0), (-0.8, -0.8)
    gain = _blink_gain(rest, blink, np.array([[0, 2], [1, 3]]))
    closed = rest + gain * blink
    assert (closed[:2, 1] < closed[2:, 1] - 0.1).all()


def test_the_tongue_comes_out(bust, poser):
    tip = int(np.argmax(bust.tongue))
    moved = poser.pose(pose(bust, tongueOut=1)).positions - poser.neutral().positions
    assert moved[tip, 2] > 3
    assert moved[tip, 1] < -0.5
    assert np.abs(moved[bust.tongue == 0]).max() == 0


def test_what_is_attached_turns_with_the_head_and_follows_its_anchors(bust, shapes):
    """Three points on the chin: one free, one that moves with the jaw, one with half of it."""
    chin = bust.rig.landmarks[8]
    anchors = np.full((3, 3), chin, np.int32)
    weights = np.array([[0, 0, 0], [0.5, 0.3, 0.2], [0.5, 0, 0]], np.float32)
    triangle = (bust.rest[chin] + np.eye(3), np.array([[0, 1, 2]]), Material.HAIR)
    normals = np.tile(np.array([[0, 0, 1]], np.float32), (3, 1))
    subject = plain_subject(
        bust, triangle, anchors=anchors, anchor_weights=weights, hair_normals=normals, hair_tangents=normals
    )
    poser = Poser(bust, shapes, subject)
    rest, open_jaw = (poser.pose(pose(bust, jawOpen=weight)).positions for weight in (0, 1))
    chin_moved = open_jaw[chin] - rest[chin]
    assert np.linalg.norm(chin_moved) > 0.5
    for index, part in enumerate((0, 1, 0.5)):
        assert np.allclose((open_jaw - rest)[len(bust.rest) + index], part * chin_moved, atol=1e-5)
    turned = poser.pose(pose(bust, rotation=(0, np.pi / 2, 0)))
    assert np.allclose(turned.tangents, [1, 0, 0], atol=1e-5)
    assert np.allclose(turned.normals[len(bust.rest) :], [1, 0, 0], atol=1e-5)


def test_normals_of_glasses_come_from_their_surface(bust, shapes):
    triangle = (np.array([[0, 3, 14], [2, 3, 14], [0, 5, 14]]), np.array([[0, 1, 2]]), Material.FRAME)
    posed = Poser(bust, shapes, plain_subject(bust, triangle)).neutral()
    assert np.allclose(posed.normals[len(bust.rest) :], [0, 0, 1], atol=1e-6)


def test_normals_point_out_and_have_unit_length(bust, poser):
    posed = poser.pose(pose(bust, jawOpen=1, rotation=(0.2, 0.4, 0.1)))
    bust_normals = posed.normals[: len(bust.rest)]
    used = np.unique(bust.triangles)
    assert np.allclose(np.linalg.norm(bust_normals[used], axis=1), 1, atol=1e-5)
    nose = bust.rig.landmarks[30]
    assert poser.neutral().normals[nose, 2] > 0.8


def test_exaggeration_scales_about_its_center(bust, shapes):
    """Rest positions and displacements alike; two in a row apply one after the other."""
    weight = (bust.rest[:, 1] > 5).astype(np.float32)
    local = LocalScale(center=np.array([0, 8, 0]), weight=0.5 * weight, axes=np.array([1, 1, 0]))
    subject = plain_subject(bust, local_scales=(local, local))
    poser = Poser(bust, shapes, subject)
    point = int(np.flatnonzero(weight[skin(bust)])[0])
    wanted = (bust.rest[point] - [0, 8, 0]) * [2.25, 2.25, 1] + [0, 8, 0]
    assert np.allclose(poser.neutral().positions[point], wanted, atol=1e-4)
    brow = bust.rig.landmarks[19]
    frame = pose(bust, browOuterUp_R=1)
    moved = poser.pose(frame).positions - poser.neutral().positions
    plain = bust.rig.expressions[bust.rig.expression("browOuterUp_R"), brow]
    assert np.allclose(moved[brow], plain * ([2.25, 2.25, 1] if weight[brow] else [1, 1, 1]), atol=1e-3)


def test_the_same_pose_twice_is_the_same(bust, shapes, subject):
    frame = pose(bust, jawOpen=0.7, eyeBlink_L=0.4, rotation=(0.1, 0.5, 0), gaze=(0.2, 0.1))
    first, second = (Poser(bust, shapes, subject).pose(frame) for _ in range(2))
    assert np.array_equal(first.positions, second.positions)
    assert np.array_equal(first.normals, second.normals)
