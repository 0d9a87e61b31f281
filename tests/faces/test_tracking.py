import numpy as np
import pytest
from fake_faces import FakeAnalyzer, face_at, frame_of
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.errors import FaceError
from megactor.faces.tracking import FaceTrack, track_face


def track(*faces_of_frames: list) -> FaceTrack:
    return track_face((frame_of(i) for i in range(len(faces_of_frames))), FakeAnalyzer(*faces_of_frames))


def test_follows_a_moving_face() -> None:
    faces = [face_at(50 + 3 * i, 60 - i) for i in range(8)]
    result = track(*([face] for face in faces))
    assert len(result) == 8 and result.found.all()
    np.testing.assert_allclose(result.landmarks, np.stack([f.landmarks for f in faces]), atol=1e-3)
    np.testing.assert_allclose(result.boxes, np.stack([f.box for f in faces]), atol=1e-3)


def test_a_frame_without_face_takes_the_frame_before() -> None:
    result = track([face_at(50, 60)], [], [], [face_at(56, 60)])
    assert result.found.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(result.landmarks[2], result.landmarks[0])
    np.testing.assert_allclose(result.landmarks[3], face_at(56, 60).landmarks, atol=1e-3)


def test_frames_before_the_first_face_take_it() -> None:
    result = track([], [], [face_at(50, 60)], [face_at(52, 60)])
    assert result.found.tolist() == [False, False, True, True]
    np.testing.assert_array_equal(result.landmarks[0], result.landmarks[2])


def test_starts_with_the_largest_and_stays_with_that_person() -> None:
    person = [face_at(40, 60, 40), face_at(44, 60, 30), face_at(48, 60, 30)]
    other = [face_at(115, 60, 30), face_at(112, 60, 50), face_at(108, 60, 50)]
    result = track(*(list(pair) for pair in zip(person, other, strict=True)))
    np.testing.assert_allclose(result.landmarks, np.stack([f.landmarks for f in person]), atol=1e-3)


def test_a_cut_to_another_place_is_followed_after_a_while() -> None:
    after = face_at(135, 95, 20)
    result = track([face_at(30, 40, 20)], *([after] for _ in range(49)))
    assert not result.found[1:9].any() and result.found[-10:].all()
    np.testing.assert_allclose(result.landmarks[-1], after.landmarks, atol=1e-3)


def test_a_person_who_turns_away_is_not_swapped_for_the_neighbor() -> None:
    person, neighbor = face_at(50, 60, 30), face_at(100, 60, 30)
    result = track([person, neighbor], *[[neighbor]] * 5, [person, neighbor])
    assert result.found.tolist() == [True, *[False] * 5, True]
    np.testing.assert_allclose(result.landmarks, np.repeat(person.landmarks[None], 7, axis=0), atol=1e-3)


class Looks(FakeAnalyzer):
    """Counts how it was asked; from near it only knows faces from a size on."""

    full = near = 0

    def faces(self, image: np.ndarray) -> list:
        self.full += 1
        return super().faces(image)

    def near_faces(self, image: np.ndarray) -> list:
        self.near += 1
        return [face for face in super().faces(image) if np.ptp(face.box[::2]) > 25]


def looks_of(*faces_of_frames: list) -> tuple[FaceTrack, Looks]:
    analyzer = Looks(*faces_of_frames)
    return track_face((frame_of(i) for i in range(len(faces_of_frames))), analyzer), analyzer


def test_a_face_that_stays_is_found_with_half_the_work() -> None:
    result, looks = looks_of(*([face_at(60 + 5 * i, 60)] for i in range(6)))
    assert result.found.all()
    assert (looks.full, looks.near) == (1, 5)


def test_a_face_that_jumps_is_searched_among_all() -> None:
    """What is found from near may be a neighbor: the person's face is smaller now, and nearer."""
    person, moved, neighbor = face_at(60, 60, 30), face_at(66, 60, 24), face_at(76, 60, 34)
    result, looks = looks_of([person], [moved, neighbor])
    np.testing.assert_allclose(result.landmarks[1], moved.landmarks, atol=1e-3)
    assert looks.full == 2


@pytest.mark.parametrize("frames", [0, 3])
def test_no_face_at_all_says_how_many_frames_were_searched(frames: int) -> None:
    with pytest.raises(FaceError, match=f"{frames} driving frames") as error:
        track(*([] for _ in range(frames)))
    assert "--start" in str(error.value) and "\n" not in str(error.value)


def test_progress_counts_frames() -> None:
    seen: list[int] = []
    track_face([frame_of(0), frame_of(0)], FakeAnalyzer([face_at(50, 60)]), seen.append)
    assert seen == [1, 2]


@settings(deadline=None)
@given(st.integers(1, 40), st.floats(0, 5))
def test_smoothing_keeps_still_faces_and_the_number_of_frames(frames: int, sigma: float) -> None:
    face = face_at(50, 60)
    still = FaceTrack(np.repeat(face.landmarks[None], frames, axis=0), np.ones(frames, bool))
    np.testing.assert_allclose(still.smooth_boxes(sigma), still.boxes, atol=1e-3)
    assert still.smooth_boxes(sigma).shape == (frames, 4)


def test_smoothing_takes_jitter_away() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (60, 1, 2))
    jitter = FaceTrack((face_at(50, 60).landmarks + noise).astype(np.float32), np.ones(60, bool))
    assert np.diff(jitter.smooth_boxes(), axis=0).std() < 0.2 * np.diff(jitter.boxes, axis=0).std()
