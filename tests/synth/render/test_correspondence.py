"""Correspondence: rendered colors that stick to the surface must be found where it says."""

from functools import partial

import numpy as np
import pytest
from synth_people import BareScene, pose

from megactor.synth.anatomy.subject import Material
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.render.correspondence import correspond

SIZE = 96


def cross(u, v):
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def moved(bust, turn=0.0, shift=0.0):
    rotation, translation = np.float32([0, turn, 0]), np.float32([shift, 0, 0])
    return MotionFrame(pose(bust).expressions, rotation, translation, np.zeros(2, np.float32))


@pytest.fixture(scope="module")
def render(renderer, subject, bust):
    scene = BareScene()
    return lambda supersampling=1, **motion: renderer.render(subject, scene, moved(bust, **motion), SIZE, supersampling)


def test_a_frame_corresponds_to_itself(render, subject):
    frame = render()
    found = correspond(subject, frame, frame, supersampling=1)

    assert np.abs(found.flow).max() < 1e-3
    assert found.visible.all()


@pytest.mark.parametrize("supersampling", [1, 2, 3])
def test_points_are_found_on_the_triangle_that_they_belong_to(render, subject, supersampling):
    frame, source = render(supersampling), render(supersampling, turn=0.3)
    found = correspond(subject, frame, source, supersampling)
    offset = (supersampling // 2 + 0.5) / supersampling

    rows, columns = np.nonzero((frame.materials == Material.SKIN) & found.visible)
    places = np.stack([columns, rows], 1) + offset + found.flow[rows, columns]
    corners = source.screen[subject.triangles[frame.triangle_ids[rows, columns]]][:, :, :2]
    low, high = corners.min(1) - 1e-3, corners.max(1) + 1e-3
    assert ((places >= low) & (places <= high)).all()
    # and what is seen there is the same triangle or one beside it
    there = source.triangle_ids[tuple(np.floor(places).astype(int).T[::-1])]
    shared = [
        len(set(subject.triangles[a]) & set(subject.triangles[b])) > 0
        for a, b in zip(frame.triangle_ids[rows, columns], there, strict=True)
        if b >= 0
    ]
    assert np.mean(shared) > 0.9


def test_there_and_back_again(render, subject):
    first, second = render(), render(turn=0.25)
    there, back = (correspond(subject, a, b, supersampling=1) for a, b in ((first, second), (second, first)))

    rows, columns = np.nonzero((first.materials == Material.SKIN) & there.visible)
    x, y = (columns + 0.5 + there.flow[rows, columns, 0], rows + 0.5 + there.flow[rows, columns, 1])
    returning = back.flow[np.floor(y).astype(int), np.floor(x).astype(int)]
    error = np.hypot(there.flow[rows, columns, 0] + returning[:, 0], there.flow[rows, columns, 1] + returning[:, 1])
    assert np.median(error) < 0.3
    assert np.mean(error < 1.5) > 0.95


def test_what_turns_away_is_not_visible(render, subject):
    frame, source = render(turn=0.6), render(turn=-0.6)
    found = correspond(subject, frame, source, supersampling=1)

    skin = frame.materials == Material.SKIN
    columns = np.nonzero(skin)[1]
    middle = (columns.min() + columns.max()) / 2
    left, right = (
        found.visible[:, : int(middle)][skin[:, : int(middle)]],
        found.visible[:, int(middle) :][skin[:, int(middle) :]],
    )
    # turned to the picture's right, the cheek on its left shows; turned to the left, that cheek is behind
    assert left.mean() < 0.6 < right.mean()


def test_lids_hide_the_eyes_that_they_touch(renderer, subject, bust):
    look = partial(renderer.render, subject, BareScene().framed(half_height=9), size=SIZE, supersampling=1)
    frame, source = look(pose(bust)), look(pose(bust, eyeBlink_L=1, eyeBlink_R=1))
    eyes = frame.materials == Material.EYE
    assert eyes.sum() > 20
    assert correspond(subject, frame, frame, supersampling=1).visible[eyes].all()
    found = correspond(subject, frame, source, supersampling=1)
    assert found.visible[eyes].sum() <= (source.materials == Material.EYE).sum()


def test_visibility_agrees_with_a_search_of_all_triangles(render, subject):
    frame, source = render(turn=0.5), render(turn=-0.4)
    found = correspond(subject, frame, source, supersampling=1)

    solid = subject.triangles[: len(subject.triangles) - subject.lash_triangles]
    corners = source.screen[solid].astype(np.float64)
    a, b, c = (corners[:, i, :2] for i in range(3))
    areas = cross(b - a, c - a)
    drawn = (areas < 0) | (subject.two_sided[: len(solid)] & (areas != 0))

    def triangles_at(place):
        """Indices of drawn triangles over a place in the source, and how far they are there."""
        with np.errstate(all="ignore"):
            shares = np.stack([cross(b - place, c - place), cross(c - place, a - place), cross(a - place, b - place)])
            shares /= areas
            return np.flatnonzero(drawn & (shares > -1e-9).all(0)), 1 / (shares / corners[:, :, 2].T).sum(0)

    rows, columns = np.nonzero((frame.triangle_ids >= 0) & (frame.triangle_ids < len(solid)))
    chosen = np.random.default_rng(0).choice(len(rows), 500, replace=False)
    agree, hidden = [], 0
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        own = frame.triangle_ids[row, column]
        over, depths = triangles_at(np.array([column, row]) + 0.5 + found.flow[row, column].astype(np.float64))
        stranger = ~np.isin(solid[over], solid[own]).any(1)
        visible = drawn[own] and not (stranger & (depths[over] < depths[own] - 0.03)).any()
        hidden += not visible
        agree.append(visible == found.visible[row, column])
    assert np.mean(agree) > 0.995
    assert hidden > 50


def test_background_is_uncovered_and_covered(render, subject):
    frame, source = render(), render(shift=6.0)
    found = correspond(subject, frame, source, supersampling=1)

    background = frame.triangle_ids < 0
    assert not found.flow[background].any()
    assert np.array_equal(found.visible[background], source.triangle_ids[background] < 0)
    assert found.flow[~background][:, 0].mean() > 5


def test_beyond_the_border_nothing_is_visible(render, subject):
    frame, source = render(), render(shift=40.0)
    found = correspond(subject, frame, source, supersampling=1)
    assert not found.visible[frame.triangle_ids >= 0].any()
