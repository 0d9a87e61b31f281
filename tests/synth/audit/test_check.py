from dataclasses import replace

import numpy as np
import pytest
from synth_people import BareScene, plain_subject

from megactor.synth.anatomy.subject import Material
from megactor.synth.audit import check
from megactor.synth.audit.check import (
    check_people,
    closed_eye_faults,
    extreme_pose,
    flicker_faults,
    make_pose,
    picture_faults,
)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(check, "SIZE", 96)


def kinds(faults):
    return {fault.kind for fault in faults}


@pytest.fixture
def rendered(renderer, subject, scene):
    return renderer.render(subject, scene, make_pose(renderer, []), 96, supersampling=1)


def test_a_sound_picture_has_no_faults(rendered):
    assert picture_faults(rendered, 0, "still") == []


def test_a_hole_in_the_face_is_found(renderer, subject, scene, bust):
    """Without the triangles of a cheek the background shows."""
    kept = subject.triangles.copy()
    cheek = np.linalg.norm(bust.rest[kept].mean(axis=1) - [4.5, 0, 8], axis=1) < 2.5
    kept[cheek[: len(kept)]] = 0
    broken = replace(subject, triangles=kept)
    # the rest of the head behind the hole is made invisible from inside: back sides are not drawn
    frame = renderer.render(broken, scene, make_pose(renderer, []), 96, supersampling=1)
    assert kinds(picture_faults(frame, 0, "still")) == {"hole"}


def test_numbers_that_are_not_finite_are_found(rendered):
    rgb = rendered.rgb.copy()
    rgb[3, 4] = np.nan
    faults = picture_faults(replace(rendered, rgb=rgb), 7, "still")
    assert [(fault.seed, fault.kind, fault.amount) for fault in faults] == [(7, "not finite", 3.0)]


def test_a_black_person_in_the_dark_is_found(rendered):
    assert "black" in kinds(picture_faults(replace(rendered, rgb=0 * rendered.rgb), 0, "still"))


def test_eyes_that_do_not_close_are_found(renderer, subject, scene, bust):
    assert closed_eye_faults(renderer, subject, scene, 0) == []
    staring = replace(subject, rest=subject.rest.copy())
    for side in "LR":  # in front of the lids
        staring.rest[bust.rig.vertices_of(f"sclera{side}"), 2] += 4
    assert kinds(closed_eye_faults(renderer, staring, scene, 0)) == {"open eye"}


def test_surfaces_that_fight_for_pixels_are_found(renderer, scene, bust):
    """Two slanted sheets of differently cut triangles, of a material each, in one plane or well apart."""

    def two_sheets(gap):
        rng = np.random.default_rng(0)
        x, y = rng.uniform(-12, 12, (2, 600))
        points = np.column_stack([x, y, 16 + 0.1 * x - 0.07 * y])
        points[300:, 2] += gap
        triangles = np.concatenate([rng.integers(0, 300, (400, 3)), rng.integers(300, 600, (400, 3))])
        subject = plain_subject(bust, (points, triangles, Material.FABRIC))
        materials = subject.materials.copy()
        materials[len(bust.triangles) :][:400] = Material.HAIR
        return replace(subject, materials=materials)

    pose = make_pose(renderer, [])
    found = {}
    for gap in (0.0, 0.5):
        subject = two_sheets(gap)
        frame = renderer.render(subject, scene, pose, 96, supersampling=1)
        found[gap] = kinds(flicker_faults(renderer, subject, scene, pose, frame, 0, "still"))
    assert found == {0.0: {"flicker"}, 0.5: set()}


def test_extreme_poses_are_functions_of_the_seed(renderer):
    (name, pose), (again, same), (other, _) = (extreme_pose(renderer, seed, 0) for seed in (3, 3, 4))
    assert (name, name == other) == (again, False)
    assert np.array_equal(pose.expressions, same.expressions)
    assert set(np.unique(pose.expressions)) <= {0, 1}
    assert 1 <= pose.expressions.sum() <= 5
    assert pose.expressions.sum() == len(name.split(" + "))


def test_people_are_checked_one_by_one(renderer):
    results = dict(check_people(renderer, range(2), poses=1))
    assert list(results) == [0, 1]
    assert not any({"not finite", "black"} & kinds(faults) for faults in results.values())


def test_a_bare_scene_is_enough(renderer, subject):
    assert closed_eye_faults(renderer, subject, BareScene(), 0) == []
