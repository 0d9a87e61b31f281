"""Progress on the node: its bar, the newest frame, and whether it was canceled."""

import time

import comfy.model_management
import comfy.utils
import numpy as np
from PIL import Image

_WEIGHTS = {"faces": 15, "denoise": 70, "frames": 15}
"""Percent of the bar; most models give frames while others are denoised, the released one at the end."""

_PREVIEW_SIDE = 512
_PREVIEW_SECONDS = 0.2


class NodeProgress:
    """A `megactor.result.Progress` that moves the bar of the node that runs.

    Every call raises ComfyUI's InterruptProcessingException where its user has canceled.
    """

    def __init__(self) -> None:
        self._bar = comfy.utils.ProgressBar(100)
        self._shares = dict.fromkeys(_WEIGHTS, 0.0)
        self._shown = -_PREVIEW_SECONDS

    def __call__(self, stage: str, done: int, total: int | None, frame: np.ndarray | None = None) -> None:
        """Says that `done` of `total` (None: not known yet) are through `stage`.

        Args:
            stage: of `result.Progress`, or "frames".
            done: how many are through.
            total: of how many.
            frame: the newest one, uint8 RGB (H, W, 3).
        """
        comfy.model_management.throw_exception_if_processing_interrupted()
        if total and stage in self._shares:
            self._shares[stage] = min(done / total, 1.0)
        preview, now = None, time.monotonic()
        if frame is not None and (now - self._shown >= _PREVIEW_SECONDS or done == total):
            preview, self._shown = ("JPEG", Image.fromarray(frame), _PREVIEW_SIDE), now
        value = sum(_WEIGHTS[name] * share for name, share in self._shares.items())
        self._bar.update_absolute(round(value), 100, preview)
