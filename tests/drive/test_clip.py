"""The portrait and the driving clip together, with known faces instead of a detector."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
from fake_faces import FakeAnalyzer, face_at, frame_of

from megactor.drive.crop import face_center
from megactor.drive.masking import face_rectangle
from megactor.drive.portrait import MIN_FACE, Portrait, read_portrait
from megactor.drive.recording import DrivingClip
from megactor.drive.shot import frame_shot
from megactor.drive.track import follow_driver
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
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        self.passes += 1
        return (frame_of(i) for i in range(self.frame_count_estimate))


def portrait_of(*faces: Face, index: int = 0) -> Portrait:
    return read_portrait(frame_of(0), FakeAnalyzer(list(faces)), index, SIZE, 2 * SIZE)


def clip(*faces: Face | None, **options: object) -> DrivingClip:
    analyzer = FakeAnalyzer(*([face] if face else [] for face in faces))
    reader = cast(VideoReader, FakeReader(len(faces)))
    wanted = AnimationOptions(**options)  # type: ignore[arg-type]
    return DrivingClip(reader, analyzer, portrait_of(face_at(80, 60)), wanted, SIZE, 2 * SIZE, no_progress)


def test_portrait_parts_belong_together() -> None:
    portrait = portrait_of(face_at(40, 50, 30), face_at(110, 60, 40))
    assert face_center(portrait.face.box)[0] == pytest.approx(110)
    assert portrait.image.shape == portrait.background.shape == (SIZE, SIZE, 3)
    assert portrait.large.shape == (2 * SIZE, 2 * SIZE, 3)
    person = portrait.foreground > 0.5
    assert person.any()
    assert not portrait.background[person].any()
    np.testing.assert_array_equal(portrait.background[~person], portrait.image[~person])


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
    for condition, preview, *_ in frames:
        assert condition.shape == (SIZE, SIZE, 3) and preview.shape == (2 * SIZE, 2 * SIZE, 3)
        assert condition.dtype == preview.dtype == np.uint8
        assert 0 < (condition > 0).any(-1).mean() < 1


def kept(condition: np.ndarray) -> np.ndarray:
    """(4,) x0, y0, x1, y1 of what is not black."""
    rows, columns = np.nonzero(condition.any(-1))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def conditions(driving: DrivingClip) -> list[np.ndarray]:
    return [frame.condition for frame in driving.frames()]


@pytest.mark.parametrize("motion", ["absolute", "relative"])
def test_the_drivers_face_is_framed_like_the_portraits(motion: str) -> None:
    portrait = portrait_of(face_at(80, 60))
    theirs = portrait.crop.to_crop(portrait.face.box.reshape(2, 2), SIZE).reshape(4)
    x0, x1, y0, y1 = face_rectangle(theirs, SIZE, SIZE)
    for condition in conditions(clip(*(face_at(70, 70, 20) for _ in range(3)), motion=motion)):
        np.testing.assert_allclose(kept(condition), [x0, y0, x1, y1], atol=1)


def test_a_gap_holds_what_was_seen_last_and_comes_back_softly() -> None:
    here, there = face_at(60, 60), face_at(74, 60)
    driving = clip(*[here] * 4, *[None] * 8, *[there] * 12)
    seen = conditions(driving)
    for held in seen[4:12]:
        np.testing.assert_array_equal(held, seen[3])
    lefts = np.array([kept(condition)[0] for condition in seen])
    steps = np.diff(lefts[11:])
    assert lefts[-1] - lefts[0] > 8 and (steps >= 0).all()
    assert 0 < steps.max() < 0.5 * (lefts[-1] - lefts[0]), "it jumps"
    assert cast(FakeReader, driving._reader).warnings == ["8 of 24 frames show no face: held still there"]


def test_frames_before_the_first_face_hold_it() -> None:
    driving = clip(None, None, face_at(60, 60), face_at(62, 60), face_at(64, 60))
    seen = conditions(driving)
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[1], seen[2])
    assert (seen[3] != seen[2]).any()


def test_single_missed_frames_do_not_slow_the_driver_down() -> None:
    moving = [face_at(60 + i, 60) for i in range(20)]
    flickering = [face if i % 2 else None for i, face in enumerate(moving)]
    seen, wanted = conditions(clip(*flickering)), conditions(clip(*moving))
    for number in range(9, 20, 2):
        np.testing.assert_allclose(kept(seen[number]), kept(wanted[number]), atol=2)


@pytest.mark.parametrize("shown, total", [(0, 2), (5, 50), (1, 4)])
def test_a_mostly_faceless_video_is_refused(shown: int, total: int) -> None:
    words = f"only {shown} of the {total} driving frames show a face" if shown else "no face in any of the 2 driving"
    with pytest.raises(FaceError, match=words) as error:
        clip(*[face_at(60, 60)] * shown, *[None] * (total - shown))
    assert "--start" in str(error.value) and "\n" not in str(error.value)


def test_a_third_of_the_frames_is_enough() -> None:
    assert len(conditions(clip(None, face_at(60, 60), None))) == 3


def test_a_face_that_leaves_the_picture_is_held_before_it_is_cut_off() -> None:
    class WithEdges(FakeAnalyzer):
        def faces(self, image: np.ndarray) -> list[Face]:
            number, left, top = (int(v) for v in image[0, 0])
            return [face.moved(1, (-left, -top)) for face in self.faces_of_frames[number]]

    leaving = [face_at(70 + 6 * i, 60) for i in range(20)]  # the picture ends at 160
    reader = FakeReader(len(leaving))
    driving = DrivingClip(
        cast(VideoReader, reader), WithEdges(*([face] for face in leaving)), portrait_of(face_at(80, 60)),
        AnimationOptions(), SIZE, None, no_progress,
    )  # fmt: skip
    seen = conditions(driving)
    assert "frames show no face" in reader.warnings[0]
    last = kept(seen[-1])
    assert last[2] - last[0] > 0.7 * (kept(seen[0])[2] - kept(seen[0])[0])
    np.testing.assert_array_equal(seen[-1], seen[-2])


def test_a_face_that_comes_back_elsewhere_is_framed_anew() -> None:
    far, near = face_at(40, 40, 30), face_at(100, 70, 60)
    frames = list(clip(*[far] * 8, *[None] * 30, *[near] * 10).frames())
    np.testing.assert_allclose(kept(frames[-1].condition), kept(frames[0].condition), atol=2)
    assert [number for number, frame in enumerate(frames) if frame.crop.starts] == [38]


def test_samples_are_frames_as_they_drive() -> None:
    driving = clip(*[face_at(60 + i, 60) for i in range(20)], None)
    seen, samples = conditions(driving), driving.samples()
    assert len(samples) == 10
    for sample, condition in zip(samples, seen[::2], strict=False):  # JPEGs, and boxes that are not smoothed
        assert np.abs(sample.picture.astype(int) - condition).mean() < 3
    assert np.abs(samples[0].picture.astype(int) - samples[-1].picture).mean() > 3

    assert clip(*[face_at(40, 40, 30)] * 8, *[None] * 9, *[face_at(100, 70, 60)] * 8).samples() == []


def test_a_face_that_jumps_is_not_framed_anew_while_it_is_seen() -> None:
    """Clips of few frames a second: half a face from one frame to the next is motion."""
    jumping = [face_at(60 + 24 * (i % 2), 60) for i in range(10)]
    lefts = [kept(condition)[0] for condition in conditions(clip(*jumping))]
    assert np.ptp(lefts) > 4


@pytest.mark.parametrize("portrait_roll", [0.0, 0.3])
def test_relative_motion_takes_over_the_portraits_lean(portrait_roll: float) -> None:
    def leaning(face: Face, roll: float) -> Face:
        c, s = np.cos(roll), np.sin(roll)
        center = face.landmarks.mean(0)
        return Face(((face.landmarks - center) @ np.array([[c, s], [-s, c]]) + center).astype(np.float32))

    portrait = portrait_of(leaning(face_at(80, 60), portrait_roll))
    track = follow_driver((frame_of(i) for i in range(6)), FakeAnalyzer(*[[leaning(face_at(70, 60), 0.5)]] * 6))
    rolls = {}
    for motion in ("absolute", "relative"):
        shot, _ = frame_shot(track.points, track.looks, 0, portrait, AnimationOptions(motion=motion))
        rolls[motion] = shot.of_frame(track.points[0])[1].roll
    assert rolls["absolute"] == pytest.approx(0.5, abs=1e-3)
    assert rolls["relative"] == pytest.approx(portrait_roll, abs=1e-3)


def test_relative_motion_starts_at_the_frame_most_like_the_portrait() -> None:
    """The mouth opens while the head wanders: the portrait's mouth is closed, as in the first frames."""
    opening = [face_at(60 + i, 60, moved={14: (0, 0.36 + 0.01 * i)}) for i in range(30)]
    first = kept(conditions(clip(*opening, motion="relative"))[0])
    middle = kept(conditions(clip(*opening, motion="absolute"))[14])
    np.testing.assert_allclose(first, middle, atol=3)


def test_a_driver_who_leans_in_is_held_back_in_relative_motion() -> None:
    coming = [face_at(80, 60, 30 + i) for i in range(31)]
    absolute, relative = (
        [np.ptp(kept(c)[::2]) for c in conditions(clip(*coming, motion=motion))] for motion in ("absolute", "relative")
    )
    assert absolute[-1] > 1.8 * absolute[0]
    assert relative[0] * 1.1 < relative[-1] < 1.65 * relative[0]


def test_wherever_the_head_goes_it_stays_in_the_square() -> None:
    walking = [face_at(30 + 2 * i, 60, 24) for i in range(50)]
    for motion in ("absolute", "relative"):
        widths = [np.ptp(kept(c)[::2]) for c in conditions(clip(*walking, motion=motion))]
        assert min(widths) > 0.6 * max(widths)


def test_without_head_motion_the_mask_stays() -> None:
    moving = [face_at(60 + 3 * i, 60) for i in range(5)]
    free = [condition.any(-1) for condition in conditions(clip(*moving))]
    held = [condition.any(-1) for condition in conditions(clip(*moving, motion_scale=0.0))]
    assert np.argwhere(free[4])[:, 1].min() > np.argwhere(free[0])[:, 1].min()
    centers = [np.argwhere(mask).mean(0) for mask in held]
    np.testing.assert_allclose(centers, np.repeat(centers[:1], 5, axis=0), atol=1.0)


@pytest.mark.parametrize("factor", [1.0, 0.0, 2.0])
def test_the_mask_does_not_jitter(factor: float) -> None:
    trembling = [face_at(60 + 2 * (i % 2), 60) for i in range(20)]
    driving = clip(*trembling, motion_scale=factor)
    lefts = np.array([kept(condition)[0] for condition in conditions(driving)])
    # the ends are smoothed from one side only
    assert np.ptp(lefts[6:-6]) <= 1


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
