"""Whose face it is, by dlib's recognition network, where it and its weights are installed (`megactor[identity]`).

The network (King, 2017; a ResNet of 29 layers, 99.4 % on Labeled Faces in the Wild) is dlib's, under the Boost license;
its weights are in the package face_recognition_models, under CC0.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from megactor.errors import ModelError

_WEIGHTS = "models/dlib_face_recognition_resnet_model_v1.dat"
_SIDE, _PADDING = 150, 0.25
"""Of the upright crop that the network was trained on."""


class FaceEmbedding:
    """Maps faces to vectors that lie near each other for one person.

    Raises:
        ModelError: dlib or its weights are not installed.
    """

    def __init__(self) -> None:
        weights = weights_file()
        if weights is None:
            raise ModelError("face embeddings need dlib and its weights: pip install 'megactor[identity]'")
        import dlib

        self._dlib, self._network = dlib, dlib.face_recognition_model_v1(str(weights))

    def __call__(self, picture: np.ndarray, landmarks68: np.ndarray) -> np.ndarray:
        """A face in a uint8 RGB picture (H, W, 3), found at (68, 2) pixels -> (128,)."""
        points = [self._dlib.point(int(x), int(y)) for x, y in np.round(landmarks68)]
        corners = [int(value) for value in (*landmarks68.min(0), *landmarks68.max(0))]
        found = self._dlib.full_object_detection(self._dlib.rectangle(*corners), points)
        crop = self._dlib.get_face_chip(np.ascontiguousarray(picture), found, _SIDE, _PADDING)
        return np.array(self._network.compute_face_descriptor(crop))


def weights_file() -> Path | None:
    """Where the weights lie; None where they or dlib are not installed."""
    models = find_spec("face_recognition_models")  # not imported: it needs the pkg_resources of an old setuptools
    if models is None or not models.submodule_search_locations or find_spec("dlib") is None:
        return None
    path = Path(models.submodule_search_locations[0]) / _WEIGHTS
    return path if path.is_file() else None
