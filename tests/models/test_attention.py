from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention
from golden import formula_values, formula_weights

from megactor.models.attention import (
    BackgroundAttention,
    ReferenceAttention,
    SpatialTransformer,
    TransformerBlock,
)
from megactor.models.folded_frames import (
    fold_frames,
    pictures_to_tokens,
    tokens_to_pictures,
    unfold_frames,
)
from megactor.models.resnet import JointGroupNorm

FRAMES, TOKENS, CHANNELS = 3, 6, 16


@torch.no_grad()
def test_reference_attention_is_attention_to_own_and_saved_tokens() -> None:
    ours = ReferenceAttention(CHANNELS, heads=4)
    formula_weights(ours)
    plain = Attention(CHANNELS, heads=4, dim_head=CHANNELS // 4)
    renamed = {key.replace("to_out.", "to_out.0."): value for key, value in ours.state_dict().items()}
    plain.load_state_dict(renamed)
    tokens = formula_values((2 * FRAMES, TOKENS, CHANNELS), 0)
    saved = formula_values((2, 7, CHANNELS), 1)
    both = torch.cat([tokens, saved.repeat_interleave(FRAMES, dim=0)], dim=1)
    torch.testing.assert_close(ours(tokens), plain(tokens))
    torch.testing.assert_close(ours(tokens, ours.project(saved)), plain(tokens, encoder_hidden_states=both))


@torch.no_grad()
def test_background_attention_is_the_one_of_diffusers() -> None:
    ours, plain = BackgroundAttention(CHANNELS, 8, heads=4), Attention(CHANNELS, 8, heads=4, dim_head=CHANNELS // 4)
    formula_weights(ours)
    plain.load_state_dict(ours.state_dict())
    tokens, background = formula_values((2, TOKENS, CHANNELS), 0), formula_values((2, 5, 8), 1)
    expected = plain(tokens, encoder_hidden_states=background)
    torch.testing.assert_close(ours(tokens, ours.project(background)), expected)


@torch.no_grad()
def test_frames_share_the_background_without_mixing() -> None:
    block = TransformerBlock(CHANNELS, heads=2, cross_attention_dim=8)
    formula_weights(block)
    tokens = formula_values((2 * FRAMES, TOKENS, CHANNELS), 0)
    background = formula_values((2, 5, 8), 1)
    folded, seen = block(tokens, block.attn2.project(background))
    repeated = background.repeat_interleave(FRAMES, dim=0)
    by_frame, _ = block(tokens, block.attn2.project(repeated))
    torch.testing.assert_close(folded, by_frame)
    torch.testing.assert_close(seen, block.norm1(tokens))


@torch.no_grad()
def test_transformer_hands_over_its_first_norm() -> None:
    transformer = SpatialTransformer(CHANNELS, heads=2, cross_attention_dim=8, norm_groups=4)
    pictures = formula_values((2, CHANNELS, 2, 3), 0)
    background = transformer.block.attn2.project(formula_values((2, 5, 8), 1))
    out, seen = transformer(pictures, background)
    assert out.shape == pictures.shape and seen.shape == (2, 6, CHANNELS)


def test_joint_norm_is_the_norm_of_the_window() -> None:
    norm = JointGroupNorm(4, CHANNELS)
    formula_weights(norm)
    window = formula_values((2, CHANNELS, FRAMES, 4, 5), 0)
    expected = torch.nn.functional.group_norm(window, 4, norm.weight, norm.bias)
    for pictures in (fold_frames(window), fold_frames(window).contiguous()):
        torch.testing.assert_close(unfold_frames(norm(pictures, FRAMES), FRAMES), expected)


def test_folding_round_trip_and_free_views() -> None:
    window = formula_values((2, CHANNELS, FRAMES, 4, 5), 0)
    pictures = fold_frames(window)
    assert pictures.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(unfold_frames(pictures, FRAMES), window, rtol=0, atol=0)
    tokens = pictures_to_tokens(pictures)
    assert tokens.data_ptr() == pictures.data_ptr()
    torch.testing.assert_close(tokens_to_pictures(tokens, 4, 5), pictures, rtol=0, atol=0)
