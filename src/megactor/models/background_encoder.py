"""Background tokens: what the denoiser is told about the scene in place of a text prompt."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

# CLIP's own normalization (openai/CLIP, clip.py).
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


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


def background_tokens(image_encoder: CLIPVisionModelWithProjection, pixels: Tensor) -> Tensor:
    """All tokens of the last layer, normalized and projected like the class token.

    CLIP itself projects the class token only. The official model feeds every token through the same layer
    norm and projection: 1 + (size / patch)^2 of them, 257 at full size.

    Args:
        image_encoder: CLIP vision model with its projection.
        pixels: (B, 3, size, size) as `clip_pixels` makes them.

    Returns:
        (B, tokens, projection_dim).
    """
    hidden = image_encoder.vision_model(pixels).last_hidden_state
    return image_encoder.visual_projection(image_encoder.vision_model.post_layernorm(hidden))
