from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fake_faces import face_at

from megactor.bench import synth_faces
from megactor.errors import InputError
from megactor.faces.face import Face
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.scene.scene import random_framing


class EveryOtherFace:
    """Finds a face of random landmarks in every second picture."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.calls = 0
        self.closed = False

    def faces(self, image):
        assert image.dtype == np.uint8
        assert image.shape == (32, 32, 3)
        self.calls += 1
        return [Face(self.rng.uniform(0, 32, (478, 2)).astype(np.float32))] if self.calls % 2 else []

    def close(self):
        self.closed = True


def test_counts_faces_and_correlates_the_rest(renderer, monkeypatch):
    analyzer, progress = EveryOtherFace(), []
    monkeypatch.setattr(synth_faces, "create_analyzer", lambda: analyzer)
    result = synth_faces.measure(
        renderer, people=2, frames=8, size=32, report=lambda done, total: progress.append((done, total))
    )
    assert (result.shown, result.found) == (16, 8)
    assert [row.name for row in result.agreements][:3] == ["mouth", "lids", "blink"]
    assert progress == [(1, 2), (2, 2)]
    assert analyzer.closed


def test_what_a_finder_sees_is_held_against_the_same_moment():
    rng = np.random.default_rng(0)
    framing = random_framing(0)
    pose = MotionFrame(np.zeros(1), np.array([-framing.pitch, -framing.yaw, 0]), np.zeros(3), np.zeros(2))
    looks = []
    for person, openness in enumerate(rng.uniform(0.05, 0.3, (3, 8))):
        for opening in openness:
            face = face_at(60, 60, 40, {14: (0, 0.3 + opening)})
            looks.append(synth_faces._Look(person, face, face.landmarks68, pose, framing, 0.0))
    found = {row.name: row for row in synth_faces._agreements(looks)}
    shuffled = [replace(look, landmarks=other.landmarks) for look, other in pairwise(looks)]

    assert found["mouth"].pooled == pytest.approx(1, abs=1e-3)
    assert abs({row.name: row for row in synth_faces._agreements(shuffled)}["mouth"].pooled) < 0.7
    assert np.isnan(found["yaw"].pooled), "nothing turns"


def test_too_few_pictures_are_refused(renderer):
    with pytest.raises(InputError, match="ask for"):
        synth_faces.measure(renderer, people=1, frames=2)


def test_correlation_of_what_moves_together():
    line = np.arange(10.0)
    assert synth_faces._correlation(np.stack([line, 2 * line + 1], axis=1)) == pytest.approx(1)
    assert np.isnan(synth_faces._correlation(np.stack([line, 0 * line], axis=1)))
    assert np.isnan(synth_faces._correlation(np.zeros((3, 2))))
