"""What the denoiser is given: of the portrait once a clip, of every frame once."""

from dataclasses import dataclass

from torch import Tensor

from megactor.models.dense_motion import DenseMotion
from megactor.models.dense_motion.picture_layers import Layers


@dataclass(frozen=True)
class PortraitInputs:
    """All that is computed once per clip.

    image: (1, 3, S, S) in [0, 1], the portrait crop at the model's size.
    large: (1, 3, N, N) in [0, 1], the same crop at the size of the result.
    mask: (1, 1, S, S), 1 = background.
    tokens: (1, tokens, D), background tokens.
    reference_latents: (1, C, h, w), posterior mean, for the ReferenceNet.
    latents: (1, C, h, w), posterior sample, for the denoiser's input.
    layers: `large` taken apart, where person and background can be told apart and the person is moved; else None.
    """

    image: Tensor
    large: Tensor
    mask: Tensor
    tokens: Tensor
    reference_latents: Tensor
    latents: Tensor
    layers: Layers | None = None


@dataclass(frozen=True)
class FrameConditions:
    """What the denoiser and the decoder have to know of one frame.

    channels: (1, C + M + P, 1, h, w), what the denoiser reads beside the noisy latents, see `join_conditions`.
    motion: dense motion of this frame, or None where the preset has none.
    """

    channels: Tensor
    motion: DenseMotion | None
