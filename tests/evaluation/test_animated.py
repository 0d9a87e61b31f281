from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_model import CenteredFaceAnalyzer, tiny_official_pipeline, tiny_pipeline

from megactor.evaluation.animated import animate_aligned, animate_files
from megactor.evaluation.case import CaseFiles
from megactor.media.writer import VideoWriter
from megactor.options import AnimationOptions


class Recorder:
    """Stands in for a pipeline: keeps what it was given and answers with gray pictures."""

    def __init__(self) -> None:
        self.config, self.driving_size, self.dense_motion = SimpleNamespace(image_size=32), 32, object()
        self.knows_body = True
        self.analyzer = CenteredFaceAnalyzer()

    def animate_crops(self, portrait, driving, frame_count, asked, samples):
        self.portrait, self.driving, self.asked, self.samples = portrait, list(driving), asked, samples
        assert len(self.driving) == frame_count
        return [np.full_like(portrait.large, 99)] * frame_count


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    portrait = rng.integers(1, 256, (64, 64, 3), np.uint8)
    driving = rng.integers(1, 256, (2, 64, 64, 3), np.uint8)
    return portrait, driving, np.array([[20, 26, 44, 44], [22, 26, 44, 46.0]])


def test_results_have_the_size_of_the_portrait(clip):
    portrait, driving, boxes = clip
    pipe = tiny_official_pipeline()  # its pictures have 32 pixels a side
    pipe._analyzer = CenteredFaceAnalyzer()
    result = animate_aligned(pipe, portrait, driving, boxes, AnimationOptions(steps=1))
    assert result.shape == (2, 64, 64, 3) and result.dtype == np.uint8 and result.std() > 5


def test_nothing_is_cropped_and_only_the_face_drives(clip):
    portrait, driving, boxes = clip
    pipe = Recorder()
    animate_aligned(pipe, portrait, driving, boxes, AnimationOptions(steps=3))
    assert pipe.asked.steps == 3
    assert (pipe.portrait.large == portrait).all() and pipe.portrait.image.shape == (32, 32, 3)
    assert pipe.portrait.layers is not None  # person and background are told apart as for users
    for (condition, *_), frame in zip(pipe.driving, driving, strict=True):
        small = frame.reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert condition.shape == (32, 32, 3)
        face = condition[12:20, 12:20]
        assert np.abs(face - small[12:20, 12:20]).max() <= 1
        assert not condition[:, :3].any() and not condition[-6:].any()


def test_files_are_animated_as_for_users(tmp_path):
    portrait, driver = tmp_path / "a.png", tmp_path / "v.mp4"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (96, 80, 3), np.uint8)).save(portrait)
    with VideoWriter(driver, 25, (96, 64)) as writer:
        for _ in range(9):
            writer.write(rng.integers(0, 256, (64, 96, 3), np.uint8))
    pipe = tiny_pipeline()
    pipe._analyzer = CenteredFaceAnalyzer()
    options = AnimationOptions(seed=3, motion="relative")
    result = animate_files(pipe, CaseFiles(portrait, driver, 0.08, 0.28), 64, options)
    wanted = pipe(portrait, driver, start=0.08, end=0.28, size=64, seed=3, motion="relative")
    assert result.shape == (5, 64, 64, 3) and (result == np.stack(list(wanted.frames))).all()
