import sys

import numpy as np
import pytest
from fake_faces import face_at

from megactor.errors import ModelError
from megactor.metrics.embedding import FaceEmbedding, weights_file


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr("megactor.metrics.embedding.find_spec", lambda name: None)


def test_what_is_missing_is_said(nothing_installed):
    assert weights_file() is None
    with pytest.raises(ModelError, match=r"pip install 'megactor\[identity\]'"):
        FaceEmbedding()


def test_a_package_without_its_weights_is_not_one(tmp_path, monkeypatch):
    for name in ("dlib", "face_recognition_models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not to be imported')")
        sys.modules.pop(name, None)
    monkeypatch.syspath_prepend(tmp_path)
    assert weights_file() is None
    weights = tmp_path / "face_recognition_models" / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    assert weights_file() == weights


@pytest.mark.skipif(weights_file() is None, reason="megactor[identity] is not installed")
def test_a_face_is_itself_wherever_it_lies():
    """The crop follows the landmarks: moved and enlarged, it is the same face; another picture is another."""
    embed = FaceEmbedding()
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 255, (40, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    here, there = embed(texture, face_at(160, 160, 120).landmarks68), None
    moved = np.roll(texture, (16, -24), axis=(0, 1))
    there = embed(moved, face_at(136, 176, 120).landmarks68)
    assert here.shape == (128,) and np.linalg.norm(here) > 0.5
    assert np.linalg.norm(here - there) < 0.05 < np.linalg.norm(here - embed(moved, face_at(160, 160, 120).landmarks68))
