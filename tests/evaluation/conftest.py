"""The evaluation of a tiny model: few frames, faces where they are told to be, everything in this process."""

from types import SimpleNamespace

import numpy as np
import pytest
from command_line import Outcome, megactor
from fake_faces import face_at
from PIL import Image
from synth_toy_rig import toy_rig
from tiny_model import CenteredFaceAnalyzer, tiny_pipeline

from megactor.evaluation import run
from megactor.faces.face import Face
from megactor.media.writer import VideoWriter


class MovingFaceAnalyzer(CenteredFaceAnalyzer):
    """A plausible face whose mouth opens with the picture's brightness; none in a black picture."""

    def faces(self, image: np.ndarray) -> list[Face]:
        light = float(image.mean()) / 255
        if light < 0.02:
            return []
        height, width = image.shape[:2]
        face = face_at(width / 2, height / 2, width / 3, {14: (0, 0.32 + 0.2 * light), 1: (0.1 * light, 0.15)})
        return [face]


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    toy_rig().save(folder / "toy.npz")
    tiny_pipeline().save_pretrained(folder / "model")
    return folder


@pytest.fixture(scope="module")
def fake_analyzer():
    """Faces without MediaPipe, and as few frames of SynthBench as metrics need."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("megactor.synth.clips.synthbench.FRAMES", 7)
        monkeypatch.setattr("megactor.pipeline.create_analyzer", MovingFaceAnalyzer)
        monkeypatch.setattr("megactor.evaluation.run.create_analyzer", MovingFaceAnalyzer)
        for network in ("embedding", "perceptual"):  # whatever is installed
            monkeypatch.setattr(f"megactor.metrics.{network}.find_spec", lambda name: None)
        run._analyzer.cache_clear()
        yield
    run._analyzer.cache_clear()


@pytest.fixture(scope="module")
def evaluate(toy_files, fake_analyzer):
    """Runs `megactor eval` with the tiny model."""

    def evaluate(suite: str, folder: object, *options: object) -> Outcome:
        rig = ("--rig", toy_files / "toy.npz") if suite == "synthbench" else ()
        return megactor("eval", "--suite", suite, "-o", folder, "--model", toy_files / "model", *rig, *options)

    return evaluate


@pytest.fixture
def recordings(tmp_path):
    """Two short videos, two portraits of two styles."""
    folders = SimpleNamespace(videos=tmp_path / "videos", portraits=tmp_path / "portraits")
    folders.videos.mkdir()
    rng = np.random.default_rng(0)
    texture = rng.integers(60, 120, (96, 128, 3))
    for name, phase in (("a", 0.0), ("b", 2.0)):
        with VideoWriter(folders.videos / f"{name}.mp4", 25, (128, 96)) as writer:
            for t in range(7):
                writer.write((texture + 60 * np.sin(t + phase)).clip(0, 255).astype(np.uint8))
    for style, name in (("photo", "x"), ("oil", "y")):
        (folders.portraits / style).mkdir(parents=True)
        Image.fromarray(rng.integers(60, 200, (80, 80, 3), np.uint8)).save(folders.portraits / style / f"{name}.png")
    return folders
