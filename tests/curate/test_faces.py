"""What is measured of a clip, on the demo clips and on what was done to them."""

import cv2
import numpy as np
import pytest
from curate.raw_videos import demo_frames

from megactor.curate import faces, select
from megactor.curate.filter import picture_reason, track_reason
from megactor.curate.settings import CurationSettings
from megactor.faces.analyzer import create_analyzer
from megactor.faces.tracking import FaceTrack

SIZE = 128


@pytest.fixture(scope="module")
def followed():
    analyzer = create_analyzer()
    yield faces.follow(demo_frames("talk"), analyzer, (320, 320))
    analyzer.close()


@pytest.fixture(scope="module")
def clip(followed):
    return faces.cropped(demo_frames("talk"), followed, faces.crop_square(followed), SIZE)


def of_track(followed, **changes):
    track = followed.track
    box = faces.crop_square(followed)
    found = {
        "brightness": 100.0,
        "found": float(track.found.mean()),
        "crowded": followed.crowded,
        "jump": faces.jump(track),
        "outside": faces.outside(followed),
        "face": 0.29,
        "side": box.side,
        "doubled": 0.0,
        "jitter": faces.jitter(track),
        "motion": select.motion(select.spreads(faces.measured(track.landmarks))),
    }
    return track_reason(found | changes, CurationSettings(least_side=100))


def moved(followed, offsets):
    landmarks = (followed.track.landmarks + offsets[:, None]).astype(np.float32)
    return faces.Followed(FaceTrack(landmarks, followed.track.found), followed.size, followed.crowded)


def test_a_good_clip_has_no_reason(followed):
    assert of_track(followed) is None


def test_each_reason_of_a_track(followed):
    count = len(followed.track)
    assert of_track(followed, found=0.8) == "no_face"
    assert of_track(followed, crowded=0.5) == "several_people"
    assert of_track(followed, face=0.1) == "small_face"
    assert of_track(followed, brightness=3.0) == "dark"
    assert of_track(followed, doubled=0.1) == "doubled"
    leap = np.where(np.arange(count)[:, None] < 25, 0, [70, 0])
    assert of_track(moved(followed, leap)) == "cut"
    assert of_track(moved(followed, np.full((count, 2), 190.0))) == "partial_face"
    trembling = np.random.default_rng(0).normal(0, 4, (count, 2))
    assert of_track(moved(followed, trembling)) == "jitter"
    frozen = FaceTrack(np.repeat(followed.track.landmarks[:1], count, 0), followed.track.found)
    assert of_track(faces.Followed(frozen, followed.size, 0.0)) == "still"


def test_the_crop_holds_the_face_and_stays_in_the_picture(followed):
    count = len(followed.track)
    walking = moved(followed, np.linspace((-60, 0), (60, 20), count))
    for person in (followed, walking):
        box, boxes = faces.crop_square(person), person.track.boxes
        assert box.x >= 0 and box.y >= 0 and box.x + box.side <= 320 and box.y + box.side <= 320
        assert (boxes[:, :2] >= (box.x, box.y)).all() and (boxes[:, 2:] <= (box.x + box.side, box.y + box.side)).all()
    assert faces.crop_square(walking).side > faces.crop_square(followed).side


def test_cropped_landmarks_lie_on_the_cropped_face(clip):
    pictures, mesh = clip
    assert pictures.shape == (50, SIZE, SIZE, 3) and mesh.shape == (50, 478, 2)
    analyzer = create_analyzer()
    (again,) = analyzer.faces(cv2.resize(pictures[0], (384, 384)))
    analyzer.close()
    assert np.abs(again.landmarks / 3 - mesh[0]).mean() < 1.5


def test_seventy_landmarks_in_the_order_of_the_schema(clip):
    points = faces.landmarks70(clip[1])
    assert points.shape == (50, 70, 2)
    left, right, eyes_right, eyes_left = (
        points[:, 68],
        points[:, 69],
        points[:, 36:42].mean(1),
        points[:, 42:48].mean(1),
    )
    assert (left[:, 0] > right[:, 0]).all()  # the person's left eye is on the picture's right
    assert np.abs(left - eyes_left).max() < 5 and np.abs(right - eyes_right).max() < 5


def judged(pictures, mesh):
    yaw = faces.measured(mesh)["yaw"]
    found = {
        "brightness": float(pictures.mean()),
        "sharpness": faces.sharpness(pictures, mesh),
        "covered": faces.covered(pictures, mesh, yaw),
    }
    return picture_reason(found, CurationSettings())


def test_reasons_of_pictures(clip):
    pictures, mesh = clip
    assert judged(pictures, mesh) is None
    assert judged((pictures * 0.4).astype(np.uint8), mesh) is None
    assert judged(pictures // 50, mesh) == "dark"
    assert judged(np.stack([cv2.GaussianBlur(p, (0, 0), 2.5) for p in pictures]), mesh) == "blurred"
    hand = pictures.copy()
    for number in range(20, 40):
        x, y = mesh[number, 164].astype(int)
        cv2.ellipse(hand[number], (int(x), int(y) + 6), (24, 18), 20, 0, 360, (150, 105, 85), -1)
    assert judged(hand, mesh) == "covered"


def test_a_face_in_the_wallpaper_is_nobody():
    class Fooled:
        """Sees a second face that is not there when it looks closer."""

        def __init__(self, real):
            self.real = real

        def faces(self, image):
            found = self.real.faces(image)
            whole = image.shape[:2] == (320, 320)
            return found + [face.moved(1, (60, 90)) for face in found if whole]

        near_faces = faces

        def turns_to_upright(self, image, face):
            return 0

    analyzer = create_analyzer()
    frames = demo_frames("talk")[:25]
    assert faces.follow(frames, Fooled(analyzer), (320, 320)).crowded == 0
    both = [np.hstack(pair) for pair in zip(frames, demo_frames("faces")[:25], strict=True)]
    assert faces.follow(both, analyzer, (640, 320)).crowded == 1
    analyzer.close()


def test_scores_rank_what_mouth_eyes_and_gaze_do():
    still = {"mouth": np.zeros(9), "lids": np.zeros((9, 2)), "gaze": np.zeros((9, 2)), "yaw": np.zeros(9)}
    still["pitch"] = np.linspace(0, 1, 9)
    lively = still | {"mouth": np.linspace(0, 0.1, 9)}
    a, b = select.spreads(still), select.spreads(lively)
    assert select.motion(a) > 1 and select.expressiveness(a) == 0 < select.expressiveness(b)
    assert select.strongest({"a": 1.0, "b": 3.0, "c": 3.0, "d": 2.0}, 0.5) == {"b", "c"}
    assert select.strongest({"a": 1.0, "b": 3.0}, 0.05) == {"b"} and select.strongest({}, 0.05) == set()
