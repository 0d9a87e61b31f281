"""What takes the networks' and the analyzer's place where only what is kept of a long video is to be measured."""

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

import numpy as np

from megactor.drive.masking import DrivingCrop
from megactor.drive.portrait import Portrait
from megactor.faces.face import Face
from megactor.media.images import load_image
from megactor.pipeline import MegActorPipeline


class WanderingFace:
    """A `FaceAnalyzer` that sees the same face in every picture, now here, now there, without looking."""

    def __init__(self, landmarks: np.ndarray) -> None:
        """Takes (478, 2) landmarks in parts of the picture's width and height."""
        self._landmarks = landmarks
        self._looks = 0

    def faces(self, image: np.ndarray) -> list[Face]:
        """See `FaceAnalyzer.faces`."""
        self._looks += 1
        places = self._landmarks + 0.02 * np.sin(self._looks / 7)
        return [Face((places * image.shape[1::-1]).astype(np.float32))]

    near_faces = all_faces = faces

    def turns_to_upright(self, image: np.ndarray, face: Face) -> int:
        """See `FaceAnalyzer.turns_to_upright`."""
        return 0

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """See `FaceAnalyzer.foreground`."""
        return np.ones(image.shape[:2], np.float32)

    def close(self) -> None:
        """See `FaceAnalyzer.close`."""


class StandInPipeline(MegActorPipeline):
    """A model whose frames are the portrait: the driving video is read, followed, cropped and written as ever."""

    @property
    def analyzer(self) -> WanderingFace:
        """Sees the packaged portrait's face everywhere."""
        if not isinstance(self._analyzer, WanderingFace):
            with resources.as_file(resources.files("megactor") / "assets" / "demo" / "photo.jpg") as file:
                picture = load_image(file)
            landmarks = super().analyzer.faces(picture)[0].landmarks / picture.shape[1::-1]
            self._analyzer = WanderingFace(landmarks)
        return self._analyzer

    def animate_crops(
        self, portrait: Portrait, driving: Iterable[np.ndarray | DrivingCrop], *others: Any, **more: Any
    ) -> Iterator[np.ndarray]:
        """The portrait once for every crop."""
        return (portrait.large for _ in driving)
