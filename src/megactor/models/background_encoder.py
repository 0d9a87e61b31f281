"""Background tokens: what the denoiser is told about the scene in place of a text prompt."""

from __future__ import annotations

from torch import Tensor

from megactor.models.clip_vision import ClipVision

# CLIP's own normalization (openai/CLIP, clip.py).
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def background_tokens(image_encoder: ClipVision, pixels: Tensor) -> Tensor:
    """All tokens of the last layer, normalized and projected like the class token.

    CLIP itself projects the class token only. The official model feeds every token through the same layer
    norm and projection: 1 + (size / patch)^2 of them, 257 at full size.

    Args:
        image_encoder: CLIP vision model with its projection.
        pixels: (B, 3, size, size), normalized by `CLIP_MEAN` and `CLIP_STD`.

    Returns:
        (B, tokens, projection_dim).
    """
    hidden = image_encoder(pixels)
    return image_encoder.visual_projection(image_encoder.vision_model.post_layernorm(hidden))
