"""What the project asks of a face detector, whichever library does the work."""

import os
import sys
from typing import Protocol

import numpy as np

from megactor.errors import ModelError
from megactor.faces.face import Face
from megactor.faces.face_models import PLACE_VARIABLE, face_models

HAS_MEDIAPIPE = sys.version_info < (3, 13)
"""Whether there are wheels of the release of MediaPipe that brings its networks."""


class FaceAnalyzer(Protocol):
    """Finds faces and the person in single pictures; holds no state between calls."""

    def faces(self, image: np.ndarray) -> list[Face]:
        """The faces in a uint8 RGB picture (H, W, 3), the largest first; in a group small ones may be overlooked."""
        ...

    def all_faces(self, image: np.ndarray) -> list[Face]:
        """Those of `faces`, and the small ones of a group; takes seconds with a large picture."""
        ...

    def near_faces(self, image: np.ndarray) -> list[Face]:
        """Those of `faces` that fill a good part of the picture, for half the work."""
        ...

    def turns_to_upright(self, image: np.ndarray, face: Face) -> int:
        """Quarter turns of the picture (`np.rot90`), 0 to 3, that bring one of its faces nearest to upright.

        `faces` may have laid a face's landmarks upside down where this is not 0.
        """
        ...

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """float32 (H, W) in [0, 1]: 1 where a person is."""
        ...

    def close(self) -> None:
        """Frees the models."""
        ...


def create_analyzer() -> FaceAnalyzer:
    """The default analyzer: MediaPipe 0.10.21 where there is one, on Python 3.11 and 3.12, else its networks by LiteRT.

    Raises:
        ModelError: its library is not installed, or the networks are not here and cannot be fetched.
    """
    needed, remedy = "mediapipe 0.10.21", "install megactor again"
    try:
        if runs_mediapipe():
            from megactor.faces.mediapipe_analyzer import MediaPipeAnalyzer

            return MediaPipeAnalyzer()
        needed = "ai-edge-litert"
        if HAS_MEDIAPIPE:
            remedy = f"`pip install {needed}`, or unset {PLACE_VARIABLE}"
        from megactor.faces.litert_analyzer import LiteRTAnalyzer
    except ImportError as error:
        raise ModelError(f"face analysis needs {needed}, which cannot be imported ({error}): {remedy}") from error
    return LiteRTAnalyzer(face_models())


def runs_mediapipe() -> bool:
    """Whether the default analyzer is MediaPipe itself."""
    return HAS_MEDIAPIPE and not os.environ.get(PLACE_VARIABLE)
