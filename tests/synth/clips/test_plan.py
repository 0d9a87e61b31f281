"""Plans: SynthBench's never change, whatever is added for other clips."""

import hashlib
import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.synth.clips.clip import Clip
from megactor.synth.clips.handling import ON_A_STAND
from megactor.synth.clips.plan import plan_clip
from megactor.synth.clips.synthbench import bench_items
from megactor.synth.clips.variety import Variety
from megactor.synth.motion.performance import random_motion

FIELDS = ("seed", "motion_seed", "framings", "performers", "frames", "fps")
"""Of the plans when the figures of docs/evaluation.md were measured."""
FINGERPRINT = "ba17358f526ccf214c7b1e46fa2e4bff642f507ab41d3122f38bc165af125bc8"
MOTIONS = [
    (91.86135515227215, 23.808975009596907, 43.74037533439696, 4.9232416586601175),
    (103.4356094456889, 32.473814950790256, 56.96603631740436, 12.099474653368816),
    (94.35591668309644, 19.887351661920547, 23.666584585502278, 17.37208690471016),
]
"""Sums over the first three items' motions: expressions, then absolute values of rotation, translation and gaze."""

PICTURES = {
    ("target", 0): [
        *(44, 58, 53, 126, 86, 57, 55, 56, 47),
        *(45, 59, 54, 162, 109, 74, 74, 61, 49),
        *(40, 51, 46, 154, 112, 78, 74, 63, 49),
    ],
    ("target", 1): [
        *(72, 56, 48, 60, 47, 38, 27, 30, 26),
        *(79, 64, 54, 69, 34, 23, 29, 32, 28),
        *(84, 80, 97, 102, 72, 84, 41, 43, 50),
    ],
    ("swapped", 7): [
        *(68, 63, 60, 156, 123, 103, 44, 47, 50),
        *(63, 54, 52, 138, 100, 86, 41, 45, 48),
        *(52, 57, 55, 153, 124, 112, 51, 59, 61),
    ],
}
"""Frame 17 of three items' streams at 48 pixels on the toy rig, reduced to 3 x 3."""


def rounded(value):
    """Floats to nine digits: machines differ in the last ones."""
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def test_the_plans_of_the_test_set_are_what_they_were():
    plans = [
        [item.name, item.driver, {name: rounded(asdict(item.plan)[name]) for name in FIELDS}] for item in bench_items()
    ]
    assert hashlib.sha256(json.dumps(plans, sort_keys=True).encode()).hexdigest() == FINGERPRINT


def test_the_test_set_has_nothing_that_came_later():
    for item in bench_items():
        assert item.plan == plan_clip(item.plan.seed, item.plan.frames)
        assert not item.plan.talking_head and not item.plan.details and item.plan.handling == ON_A_STAND


def test_the_motions_of_the_test_set_are_what_they_were():
    names = toy_rig().expression_names
    for item, wanted in zip(bench_items(), MOTIONS, strict=False):
        motion = random_motion(item.plan.motion_seed, 48, names)
        sums = [motion.expressions.sum(dtype=float)]
        sums += [np.abs(track).sum(dtype=float) for track in (motion.rotation, motion.translation, motion.gaze)]
        np.testing.assert_allclose(sums, wanted, rtol=1e-5)


@pytest.mark.parametrize(("stream", "number"), PICTURES)
def test_the_pictures_of_the_test_set_are_what_they_were(renderer, stream, number):
    frame = Clip(renderer, bench_items()[number].plan, 48, (stream,)).frame(17)
    small = cv2.resize(frame.pictures[stream], (3, 3), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small.ravel(), PICTURES[stream, number], atol=1)


def test_variety_changes_nothing_else_about_a_clip():
    half = Variety(talking=0.5, details=0.5, blurred=0.5, shaken=0.5, repeated=0.5)
    found = []
    for seed in range(200):
        bare, varied = plan_clip(seed, 8), plan_clip(seed, 8, variety=half)
        assert {name: asdict(bare)[name] for name in FIELDS} == {name: asdict(varied)[name] for name in FIELDS}
        found.append(has(varied))
    assert (np.abs(np.mean(found, axis=0) - 0.5) < 0.1).all()
    assert np.abs(np.corrcoef(np.array(found).T) - np.eye(5)).max() < 0.3, "each is drawn by itself"


def has(plan) -> list[bool]:
    handling = plan.handling
    return [plan.talking_head, plan.details, handling.shutter > 0, handling.shake > 0, handling.repeated > 0]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_all(share):
    variety = Variety(*[share] * 5)
    assert {value for seed in range(20) for value in has(plan_clip(seed, 8, variety=variety))} == {bool(share)}
