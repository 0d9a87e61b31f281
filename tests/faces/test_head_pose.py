import cv2
import numpy as np
import pytest

from megactor.faces.head_pose import MEAN_FACE, HeadPose, frontal_landmarks, head_pose


def seen(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, scale: float = 80.0, face=MEAN_FACE):
    """The mean face's landmarks as a distant camera sees them; degrees, signs of `HeadPose.degrees`."""
    turned = np.eye(3)
    for axis, angle in (([0, -1, 0], yaw), ([1, 0, 0], pitch), ([0, 0, 1], roll)):
        turned = cv2.Rodrigues(np.radians(angle) * np.array(axis, float))[0] @ turned
    return scale * (face @ turned.T)[:, :2] + (128, 120)


@pytest.mark.parametrize(("name", "index"), [("yaw", 0), ("pitch", 1), ("roll", 2)])
@pytest.mark.parametrize("angle", [-30.0, 12.0, 30.0])
def test_single_turns_are_read_exactly(name, index, angle):
    degrees = head_pose(seen(**{name: angle})).degrees
    assert degrees[index] == pytest.approx(angle, abs=0.01)
    assert np.abs(np.delete(degrees, index)).max() < 0.01


def test_directions_are_those_of_the_picture():
    right, down = head_pose(seen(yaw=20)), head_pose(seen(pitch=20))
    nose = [right.rotation @ (0, 0, -1), down.rotation @ (0, 0, -1)]
    assert nose[0][0] > 0.3 and nose[1][1] > 0.3
    eyes = seen(roll=20)
    assert eyes[45, 1] > eyes[36, 1]  # clockwise: the eye on the right is lower


def test_scale_and_place():
    pose = head_pose(seen(yaw=25, scale=50))
    assert pose.scale == pytest.approx(50, rel=1e-6) and pose.offset == pytest.approx((128, 120))


def test_an_expression_survives_the_pose():
    smile = MEAN_FACE.copy()
    smile[[48, 54], 0] *= 1.2
    smile[57, 1] += 0.2
    landmarks = seen(yaw=20, pitch=-10, roll=15, face=smile)
    pose = head_pose(landmarks)
    assert isinstance(pose, HeadPose)
    assert frontal_landmarks(landmarks, pose) == pytest.approx(smile[:, :2], abs=1e-6)
