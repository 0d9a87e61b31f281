"""What a live process runs where a test is not about the networks."""

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from megactor.errors import FaceError
from megactor.media.images import load_image


class Brightness:
    """Gives a picture as bright as each frame, without green once it has begun again; a black portrait has no face."""

    config = types.SimpleNamespace(output_size=64)

    def stream(self, portrait: Any, frames: Iterator[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        if load_image(portrait).max() == 0:
            raise FaceError("no face found in the portrait")
        return self._pictures(frames, options)

    def _pictures(self, frames: Iterator[np.ndarray], options: dict[str, Any]) -> Iterator[np.ndarray]:
        turned = False
        for frame in frames:
            turned ^= options["begins_again"]()
            picture = np.full((64, 64, 3), frame.mean() * options["eyes_scale"], np.uint8)
            if turned:
                picture[..., 1] = 0
            yield picture


def load(**arguments: Any) -> Brightness:
    return Brightness()
