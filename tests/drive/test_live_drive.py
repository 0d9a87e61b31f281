"""What a camera shows, frame by frame, with known faces instead of a detector and without networks."""

import numpy as np
import pytest
from fake_faces import FakeAnalyzer, face_at, frame_of

from megactor.drive.live import LiveDrive
from megactor.drive.portrait import read_portrait
from megactor.faces.face import Face
from megactor.options import AnimationOptions

SIZE = 64


class Camera:
    """Feeds a `LiveDrive` one frame after the other."""

    def __init__(self, *faces: Face | None, **options: object) -> None:
        self.analyzer = FakeAnalyzer(*([face] if face else [] for face in faces))
        portrait = read_portrait(frame_of(0), FakeAnalyzer([face_at(80, 60)]), 0, SIZE, SIZE)
        wanted = AnimationOptions(**options)  # type: ignore[arg-type]
        self.drive = LiveDrive(self.analyzer, portrait, wanted, SIZE, None)
        self.count = len(faces)

    def __call__(self) -> list[np.ndarray | None]:
        shown = (self.drive(frame_of(number)) for number in range(self.count))
        return [None if frame is None else frame.condition for frame in shown]


def left(condition: np.ndarray | None) -> int:
    assert condition is not None
    return int(np.nonzero(condition.any(-1))[1].min())


@pytest.mark.parametrize("options", [{}, {"motion": "relative"}, {"contour_preserve": True}])
def test_a_face_that_goes_is_held_for_as_long_as_it_takes(options: dict[str, object]) -> None:
    seen = Camera(*[face_at(60 + i, 60) for i in range(4)], *[None] * 60, **options)()
    for held in seen[4:]:
        np.testing.assert_array_equal(held, seen[3])


def test_a_face_that_comes_back_comes_softly() -> None:
    seen = Camera(*[face_at(60, 60)] * 4, *[None] * 8, *[face_at(74, 60)] * 14)()
    lefts = np.array([left(condition) for condition in seen])
    steps = np.diff(lefts[11:])
    assert lefts[-1] - lefts[0] > 8 and (steps >= 0).all()
    assert steps.max() < 0.5 * (lefts[-1] - lefts[0]), "it jumps"


def test_nothing_comes_before_the_first_face() -> None:
    seen = Camera(None, None, face_at(60, 60), None)()
    assert seen[0] is None and seen[1] is None
    np.testing.assert_array_equal(seen[3], seen[2])


def test_a_shot_starts_with_the_first_face_and_whenever_it_is_asked_for() -> None:
    camera = Camera(*[face_at(40 + 2 * number, 40) for number in range(6)])
    starts = []
    for number in range(6):
        if number == 3:
            camera.drive.begin_again()
        shown = camera.drive(frame_of(number))
        assert shown is not None and shown.crop.starts == shown.starts
        starts.append(shown.starts)
    assert starts == [True, False, False, True, False, False]


def test_who_comes_back_elsewhere_is_framed_anew() -> None:
    seen = Camera(*[face_at(40, 40, 30)] * 4, *[None] * 30, *[face_at(100, 70, 60)] * 12)()
    assert abs(left(seen[-1]) - left(seen[0])) <= 2


def test_lights_that_go_out_hold_the_face_until_eyes_are_used_to_it() -> None:
    class Dimmed(Camera):
        def __call__(self) -> list[np.ndarray | None]:
            def dim(number: int) -> np.ndarray:
                frame = frame_of(number)
                # the analyzer reads the first pixel, so that stays
                frame[1:] = frame[1:] // 8 if number >= 10 else frame[1:]
                return frame

            shown = (self.drive(dim(number)) for number in range(self.count))
            return [None if frame is None else frame.condition for frame in shown]

    class Blind(FakeAnalyzer):
        """Finds the face whatever the light: of whole frames only, whose first pixel is known."""

        def faces(self, image: np.ndarray) -> list[Face]:
            return super().faces(image) if image.shape[:2] == (120, 160) else []

    camera = Dimmed(*[face_at(60 + 0.05 * i, 60) for i in range(250)])
    camera.drive._follow._follow._analyzer = Blind(*camera.analyzer.faces_of_frames)
    seen = camera()
    np.testing.assert_array_equal(seen[40], seen[9])
    assert (seen[-1] != seen[9]).any()
