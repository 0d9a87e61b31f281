"""The vision half of CLIP (Radford et al., arXiv 2103.00020), as Stable Diffusion 1.5 came with it.

Names and numbers of tensors are those of `CLIPVisionModelWithProjection` in transformers, so that its files fit.
transformers itself takes longer to import than nano takes to make its first frame.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class ClipVision(ModelMixin, ConfigMixin):
    """A vision transformer over patches, with CLIP's projection.

    Args:
        image_size: Side of the square picture in pixels.
        patch_size: Side of a patch.
        hidden_size: Width of a token.
        intermediate_size: Width inside the feed-forward layers.
        num_hidden_layers: Blocks.
        num_attention_heads: Heads of each.
        projection_dim: Width of a projected token.
        num_channels: Channels of the picture.
        hidden_act: "quick_gelu" (OpenAI's CLIP) or "gelu" (later ones).
        layer_norm_eps: Of all layer norms.
    """

    @register_to_config
    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 32,
        hidden_size: int = 768,
        intermediate_size: int = 3072,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        projection_dim: int = 512,
        num_channels: int = 3,
        hidden_act: str = "quick_gelu",
        layer_norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if hidden_act not in ("quick_gelu", "gelu"):
            raise ValueError(f"hidden_act is {hidden_act!r}, but CLIP has quick_gelu or gelu")
        blocks = [
            _Block(hidden_size, intermediate_size, num_attention_heads, hidden_act == "quick_gelu", layer_norm_eps)
            for _ in range(num_hidden_layers)
        ]
        self.vision_model = _VisionModel(hidden_size, image_size, patch_size, num_channels, blocks, layer_norm_eps)
        self.visual_projection = nn.Linear(hidden_size, projection_dim, bias=False)
        self._initialize()

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, channels, size, size) -> (B, 1 + patches, hidden_size), of the last block, before the layer norm."""
        tokens: Tensor = self.vision_model(pixels)
        return tokens

    def _initialize(self) -> None:
        """The scales of OpenAI's CLIP (`initialize_parameters` there)."""
        width, layers = self.config.hidden_size, self.config.num_hidden_layers
        scales = {
            "q_proj.weight": width**-0.5 * (2 * layers) ** -0.5,
            "k_proj.weight": width**-0.5 * (2 * layers) ** -0.5,
            "v_proj.weight": width**-0.5 * (2 * layers) ** -0.5,
            "out_proj.weight": width**-0.5,
            "fc1.weight": (2 * width) ** -0.5,
            "fc2.weight": width**-0.5 * (2 * layers) ** -0.5,
            "visual_projection.weight": width**-0.5,
            "class_embedding": width**-0.5,
            "patch_embedding.weight": 0.02,
            "position_embedding.weight": 0.02,
        }
        for name, tensor in self.named_parameters():
            if tensor.is_meta:
                continue  # filled from a file, and torch would import sympy to know its shape
            for end, scale in scales.items():
                if name.endswith(end):
                    nn.init.normal_(tensor, std=scale)
            if name.endswith(("proj.bias", "fc1.bias", "fc2.bias")):
                nn.init.zeros_(tensor)


def clip_vision_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `ClipVision` out of a `config.json` of transformers, be it of all of CLIP or of its vision half."""
    own = config.get("vision_config", config)
    known = ClipVision._get_init_keys(ClipVision) - {"self"}
    return {name: value for name, value in own.items() if name in known}


class _VisionModel(nn.Module):
    def __init__(
        self, width: int, image_size: int, patch_size: int, channels: int, blocks: list[_Block], eps: float
    ) -> None:
        super().__init__()
        self.embeddings = _Embeddings(width, image_size, patch_size, channels)
        self.pre_layrnorm = nn.LayerNorm(width, eps)  # spelled so in all files there are
        self.encoder = _Encoder(blocks)
        self.post_layernorm = nn.LayerNorm(width, eps)

    def forward(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.encoder(self.pre_layrnorm(self.embeddings(pixels)))
        return tokens


class _Encoder(nn.Module):
    def __init__(self, blocks: list[_Block]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.layers:
            tokens = block(tokens)
        return tokens


class _Embeddings(nn.Module):
    def __init__(self, width: int, image_size: int, patch_size: int, channels: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(channels, width, patch_size, patch_size, bias=False)
        places = 1 + (image_size // patch_size) ** 2
        self.position_embedding = nn.Embedding(places, width, _weight=torch.empty(places, width))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels.to(self.patch_embedding.weight.dtype)).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Block(nn.Module):
    def __init__(self, width: int, inner: int, heads: int, quick: bool, eps: float) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width, eps)
        self.self_attn = _Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width, eps)
        self.mlp = _FeedForward(width, inner, quick)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.self_attn(self.layer_norm1(tokens))
        tokens = tokens + self.mlp(self.layer_norm2(tokens))
        return tokens


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        split = (project(tokens).unflatten(-1, (self.heads, -1)) for project in (self.q_proj, self.k_proj, self.v_proj))
        query, key, value = (heads.transpose(1, 2) for heads in split)  # (B, heads, N, width / heads)
        seen = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out_proj(seen.transpose(1, 2).flatten(2))
        return out


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, quick: bool) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.quick = quick

    def forward(self, tokens: Tensor) -> Tensor:
        inner = self.fc1(tokens)
        inner = inner * torch.sigmoid(1.702 * inner) if self.quick else F.gelu(inner)
        out: Tensor = self.fc2(inner)
        return out
