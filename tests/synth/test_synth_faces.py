import numpy as np
import pytest

from megactor.bench import synth_faces
from megactor.errors import InputError
from megactor.faces.face import Face


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
    assert all(abs(row.pooled) <= 1 or np.isnan(row.pooled) for row in result.agreements)
    assert progress == [(1, 2), (2, 2)]
    assert analyzer.closed


def test_too_few_pictures_are_refused(renderer):
    with pytest.raises(InputError, match="ask for"):
        synth_faces.measure(renderer, people=1, frames=2)


def test_correlation_of_what_moves_together():
    line = np.arange(10.0)
    assert synth_faces._correlation(np.stack([line, 2 * line + 1], axis=1)) == pytest.approx(1)
    assert np.isnan(synth_faces._correlation(np.stack([line, 0 * line], axis=1)))
    assert np.isnan(synth_faces._correlation(np.zeros((3, 2))))
