"""Faces without a detector: an analyzer that answers from a list, and a mesh of plausible landmarks."""

import numpy as np

from megactor.faces.face import Face

# vertices that the project reads, in units of the face's width around its center
PLACES = {
    **{10: (0, -0.6), 152: (0, 0.6), 234: (-0.5, 0), 454: (0.5, 0), 1: (0, 0.15), 168: (0, -0.15)},
    **{33: (-0.34, -0.15), 133: (-0.14, -0.15), 159: (-0.24, -0.18), 145: (-0.24, -0.12)},
    **{263: (0.34, -0.15), 362: (0.14, -0.15), 386: (0.24, -0.18), 374: (0.24, -0.12)},
    **{13: (0, 0.3), 14: (0, 0.36), 61: (-0.18, 0.33), 291: (0.18, 0.33)},
    **{468: (-0.24, -0.15), 473: (0.24, -0.15)},
}


def face_at(x: float, y: float, size: float = 40.0, moved: dict[int, tuple[float, float]] | None = None) -> Face:
    """A face whose box is `size` wide and 1.2 `size` high; `moved` overrides places, in face widths."""
    angles = np.arange(478) * 2.4
    radii = 0.3 * np.sqrt(np.arange(478) / 478)
    places = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    for vertex, place in (PLACES | (moved or {})).items():
        places[vertex] = place
    return Face((places * size + (x, y)).astype(np.float32))


def frame_of(number: int, width: int = 160, height: int = 120) -> np.ndarray:
    """A frame whose pixels carry its number in red, and its columns and rows in green and blue."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(x, number), x % 256, y % 256], axis=-1).astype(np.uint8)


class FakeAnalyzer:
    """Knows the faces of every frame made by `frame_of`, in any cutout of it."""

    def __init__(self, *faces_of_frames: list[Face]):
        self.faces_of_frames = faces_of_frames
        self.calls = 0

    def faces(self, image: np.ndarray) -> list[Face]:
        self.calls += 1
        number, left, top = (int(v) for v in image[0, 0])
        height, width = image.shape[:2]
        found = [face.moved(1, (-left, -top)) for face in self.faces_of_frames[number]]
        found = [f for f in found if (f.box[:2] >= 0).all() and (f.box[2:] <= (width, height)).all()]
        return sorted(found, key=lambda face: -face.area)

    def near_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces(image)

    def all_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces(image)

    def turns_to_upright(self, image: np.ndarray, face: Face) -> int:
        return 0

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """The left half is a person."""
        mask = np.zeros(image.shape[:2], np.float32)
        mask[:, : image.shape[1] // 2] = 1
        return mask

    def close(self) -> None:
        pass
