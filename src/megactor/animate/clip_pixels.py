"""A picture as the CLIP vision model takes it."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from megactor.models.background_encoder import CLIP_MEAN, CLIP_STD


def clip_pixels(picture: np.ndarray, size: int) -> Tensor:
    """CLIP's preprocessing: shortest side to `size` (bicubic), center crop, normalization.

    The same numbers as transformers' `CLIPImageProcessor` with Pillow, which needs torchvision nowadays.

    Args:
        picture: (H, W, 3) uint8 RGB; the portrait with its foreground black.
        size: Input side of the CLIP model.

    Returns:
        (1, 3, size, size) float32.
    """
    image = Image.fromarray(picture)
    scale = size / min(image.size)
    width, height = (max(size, int(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    image = image.crop((left, top, left + size, top + size))
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)  # (size, size, 3)
    pixels = (pixels - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
    return pixels.permute(2, 0, 1)[None].contiguous()
