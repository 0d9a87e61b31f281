"""How a donor is chosen and fitted to a clip: poses, hidden parts, light, hair, and what the border wants."""

import numpy as np
import pytest

from megactor.curate.twins.colors import fit_light, shows_skin, skin_vertices, spread_from_border
from megactor.curate.twins.donors import choose_donor, read_donors
from megactor.curate.twins.face_mesh import OVAL, face_mesh, poses
from megactor.curate.twins.lend import compiled
from megactor.curate.twins.likeness import likeness
from megactor.curate.twins.visible import in_view, turned_here
from megactor.faces.analyzer import create_analyzer

NOSE_TIP, LEFT_CHEEK, RIGHT_CHEEK = 4, 454, 234
"""Vertices; left and right of the person."""


@pytest.fixture(scope="module")
def donors():
    analyzer = create_analyzer()
    yield read_donors(None, analyzer)
    analyzer.close()


def turned(*yaws: float) -> np.ndarray:
    """(T, 468, 2) the mean face, 300 pixels wide, its nose to the picture's right where the yaw is positive."""
    points = face_mesh().points
    views = []
    for yaw in yaws:
        across = np.cos(yaw) * points[:, 0] - np.sin(yaw) * points[:, 2]
        views.append(np.column_stack([across, points[:, 1]]) * 300 + 256)
    return np.array(views, np.float32)


def test_poses_are_read_from_the_mesh():
    pose = poses(turned(-0.6, 0.0, 0.6))
    yaws = np.arctan2(-pose.rotation[:, 0, 2], pose.rotation[:, 0, 0])
    np.testing.assert_allclose(np.abs(yaws), [0.6, 0, 0.6], atol=0.01)
    np.testing.assert_allclose(pose.scale, 300, rtol=0.01)
    np.testing.assert_allclose(pose.projected(face_mesh().points), turned(-0.6, 0.0, 0.6), atol=0.5)


def test_what_is_turned_away_or_behind_the_nose_is_not_seen():
    points = turned(0.0, 0.75)
    pose = poses(points)
    turn, free = turned_here(pose), in_view(points, pose)
    assert free[0][skin_vertices()].mean() > 0.97
    assert turn[0, NOSE_TIP] == 1 and turn[1, NOSE_TIP] == 1
    # the nose points to the picture's right: the cheek there, the person's left one, is far
    assert turn[1, LEFT_CHEEK] == 0
    behind = ~free[1] & (turn[1] > 0)
    assert behind.sum() > 5 and np.median(points[1, behind, 0]) > points[1, 168, 0] + 5  # beyond the bridge of the nose


def test_a_donor_looks_where_the_clip_looks(donors):
    for yaw in (-0.45, 0.0, 0.45):
        points = turned(yaw, yaw)
        pose = poses(points)
        colors = np.repeat(face_mesh().colors[None], 2, axis=0)
        chosen = [choose_donor(donors, pose, colors, turned_here(pose), seed) for seed in range(6)]
        away = [np.degrees(np.arccos(pose.rotation[0, 2] @ donor.pose.rotation[0, 2])) for donor in chosen]
        assert np.mean(away) < 15 and max(away) < 35
        assert len({id(donor) for donor in chosen}) == 6


def test_a_donor_is_as_light_as_the_clip(donors):
    points = turned(0.0)
    pose, skin = poses(points), skin_vertices()
    brightness = {}
    for shift in (-0.8, 0.4):
        colors = face_mesh().colors[None] + shift
        chosen = [choose_donor(donors, pose, colors, turned_here(pose), seed) for seed in range(3)]
        brightness[shift] = np.mean([donor.colors[skin].mean() for donor in chosen])
    assert brightness[0.4] - brightness[-0.8] > 0.5


def test_light_is_found_below_hair_and_hair_is_left_alone():
    donor, x = face_mesh().colors, face_mesh().points[:, 0]
    light = np.stack([0.3 + 0.5 * x, 0.2 + 0.5 * x, 0.1 + 0.5 * x], axis=1)
    clip = np.repeat((donor + light)[None], 4, axis=0)
    hair = (face_mesh().points[:, 1] < np.quantile(face_mesh().points[:, 1], 0.1)) & skin_vertices()
    clip[:, hair] = np.log(25.0)
    fitted = fit_light(clip, donor, np.repeat(skin_vertices()[None].astype(float), 4, axis=0))
    assert np.abs(fitted - light).max(2)[:, skin_vertices() & ~hair].mean() < 0.06
    bare = shows_skin(clip - donor - fitted)
    assert bare[:, hair].max() < 0.1 and bare[:, ~hair].min() > 0.9


def test_what_the_border_wants_goes_over_into_the_face_without_a_step():
    mesh = face_mesh()
    wanted = np.zeros((3, 468, 3))
    wanted[:, mesh.distance(OVAL) < 0.1] = 0.3
    spread = spread_from_border(wanted, np.ones((3, 468)))[0, :, 0]
    edges = np.concatenate([mesh.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    assert spread[list(OVAL)].mean() > 0.2 and 0 < spread[NOSE_TIP] < 0.15
    assert np.abs(spread[edges[:, 0]] - spread[edges[:, 1]]).max() < 0.12
    assert not spread_from_border(wanted, np.zeros((3, 468))).any()


def test_the_nearer_triangle_is_seen_and_colors_are_multiplied():
    frame = np.full((64, 64, 3), 100, np.uint8)
    picture = np.full((16, 16, 3), 60, np.float32)
    picture[:, 8:] = 120
    square = np.array([[8, 8], [56, 8], [56, 56], [8, 56]], np.float32)
    target = np.concatenate([square, square])
    source = np.array([[1, 1], [7, 1], [7, 15], [1, 15], [9, 1], [15, 1], [15, 15], [9, 15]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    factors, cover = np.full((8, 3), 1.5, np.float32), np.ones(8, np.float32)
    results, lend = [], compiled()[0]
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        twin = frame.copy()
        lend(frame, picture, triangles, np.array(order), target, source, factors, 0.0, cover, twin)
        assert (twin[:8] == 100).all() and (twin[:, 56:] == 100).all()
        results.append(int(twin[30, 30, 0]))
    assert results == [180, 90]
    half = frame.copy()
    lend(frame, picture, triangles, np.arange(4), target, source, factors, 0.0, cover / 2, half)
    assert half[30, 30, 0] == 140


def test_a_face_is_like_itself_in_other_light_and_not_like_another(donors):
    front = [donor for donor in donors if abs(donor.pose.rotation[0, 0, 2]) < 0.1][:4]
    pictures = [donor.picture[None] for donor in front]
    points = [donor.points[None] for donor in front]
    shade = np.linspace(0.6, 1.1, pictures[0].shape[2])[None, None, :, None]
    lit = np.clip(pictures[0] * shade, 0, 255).astype(np.uint8)
    assert likeness(lit, points[0], pictures[0], points[0]) > 0.9
    others = [likeness(pictures[n], points[n], pictures[0], points[0]) for n in range(1, 4)]
    assert max(others) < 0.6
