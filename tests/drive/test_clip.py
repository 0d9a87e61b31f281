"""The portrait and the driving clip together, with known faces instead of a detector."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
from fake_faces import FakeAnalyzer, face_at, frame_of

from megactor.drive.crop import face_center, face_size
from megactor.drive.portrait import MIN_FACE, Portrait, read_portrait
from megactor.drive.recording import DrivingClip
from megactor.errors import FaceError
from megactor.faces.face import Face
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions
from megactor.result import no_progress

SIZE = 64


class FakeReader:
    """Frames from memory; counts how often they are read."""

    def __init__(self, count: int):
        self.frame_count_estimate = count
        self.passes = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        self.passes += 1
        return (frame_of(i) for i in range(self.frame_count_estimate))


def portrait_of(*faces: Face, index: int = 0) -> Portrait:
    return read_portrait(frame_of(0), FakeAnalyzer(list(faces)), index, SIZE, 2 * SIZE)


def clip(*faces: Face | None, **options: float) -> DrivingClip:
    analyzer = FakeAnalyzer(*([face] if face else [] for face in faces))
    reader = cast(VideoReader, FakeReader(len(faces)))
    wanted = AnimationOptions(**options)  # type: ignore[arg-type]
    return DrivingClip(reader, analyzer, portrait_of(face_at(80, 60)), wanted, SIZE, 2 * SIZE, no_progress)


def test_portrait_parts_belong_together() -> None:
    portrait = portrait_of(face_at(40, 50, 30), face_at(110, 60, 40))
    assert face_center(portrait.face.box)[0] == pytest.approx(110)
    assert portrait.image.shape == portrait.background.shape == (SIZE, SIZE, 3)
    assert portrait.large.shape == (2 * SIZE, 2 * SIZE, 3)
    assert not portrait.background[:, : SIZE // 2].any()
    np.testing.assert_array_equal(portrait.background[:, SIZE // 2 :], portrait.image[:, SIZE // 2 :])


def test_another_face_can_be_chosen() -> None:
    portrait = portrait_of(face_at(40, 50, 30), face_at(110, 60, 40), index=1)
    assert face_center(portrait.face.box)[0] == pytest.approx(40)


@pytest.mark.parametrize(
    "faces, index, words",
    [
        ([], 0, "no face found in the 160x120 portrait"),
        ([face_at(80, 60)], 1, r"--face can be 0 to 0, not 1"),
        ([face_at(80, 60, MIN_FACE / 1.2 - 2)], 0, f"{MIN_FACE} are needed"),
    ],
)
def test_unusable_portraits(faces: list[Face], index: int, words: str) -> None:
    with pytest.raises(FaceError, match=words) as error:
        portrait_of(*faces, index=index)
    assert "\n" not in str(error.value)


def test_frames_are_read_twice_and_shown_once_each() -> None:
    driving = clip(*(face_at(60 + i, 60) for i in range(4)))
    frames = list(driving.frames())
    assert driving.frame_count == len(frames) == 4
    assert cast(FakeReader, driving._reader).passes == 2
    for condition, preview in frames:
        assert condition.shape == (SIZE, SIZE, 3) and preview.shape == (2 * SIZE, 2 * SIZE, 3)
        assert condition.dtype == preview.dtype == np.uint8
        assert 0 < (condition > 0).any(-1).mean() < 1


def test_the_drivers_face_is_framed_like_the_portraits() -> None:
    driving = clip(*(face_at(50, 60, 20) for _ in range(3)))
    portrait = portrait_of(face_at(80, 60))
    ours = driving._boxes[1]
    theirs = portrait.crop.to_crop(portrait.face.box.reshape(2, 2), SIZE).reshape(4)
    np.testing.assert_allclose(face_center(ours), face_center(theirs), atol=0.1)
    assert face_size(ours) == pytest.approx(face_size(theirs), rel=1e-3)


def test_a_gap_in_the_face_is_no_failure_and_no_face_is() -> None:
    assert len(list(clip(None, face_at(60, 60), None).frames())) == 3
    with pytest.raises(FaceError, match="2 driving frames"):
        clip(None, None)


def test_without_head_motion_the_mask_stays() -> None:
    moving = [face_at(60 + 3 * i, 60) for i in range(5)]
    free = [condition.any(-1) for condition, _ in clip(*moving).frames()]
    held = [condition.any(-1) for condition, _ in clip(*moving, motion_scale=0.0).frames()]
    assert np.argwhere(free[4])[:, 1].min() > np.argwhere(free[0])[:, 1].min()
    centers = [np.argwhere(mask).mean(0) for mask in held]
    np.testing.assert_allclose(centers, np.repeat(centers[:1], 5, axis=0), atol=1.0)


@pytest.mark.parametrize("factor", [1.0, 0.0, 2.0])
def test_the_mask_does_not_jitter(factor: float) -> None:
    trembling = [face_at(60 + 2 * (i % 2), 60) for i in range(20)]
    driving = clip(*trembling, motion_scale=factor)
    step = 2 * SIZE / driving._crop.side * max(factor, 1)
    # the ends are smoothed from one side only
    assert np.abs(np.diff(driving._boxes[6:-6, 0])).max() < 0.1 * step


def test_contour_preserve_shows_less_of_the_driver() -> None:
    faces = [face_at(60, 60) for _ in range(2)]
    plain = next(clip(*faces).frames())[0]
    contour = next(clip(*faces, contour_preserve=True).frames())[0]
    assert 0 < contour.any(-1).sum() < plain.any(-1).sum()


def test_progress_ends_at_the_number_of_frames() -> None:
    reports: list[tuple[str, int, int | None]] = []
    reader = cast(VideoReader, FakeReader(3))
    analyzer = FakeAnalyzer(*[[face_at(60, 60)]] * 3)
    options = AnimationOptions()
    DrivingClip(reader, analyzer, portrait_of(face_at(80, 60)), options, SIZE, SIZE, lambda *r: reports.append(r))
    assert reports[0] == ("faces", 0, 3) and reports[-1] == ("faces", 3, 3)
