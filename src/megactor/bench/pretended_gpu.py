"""A CUDA device that is not there: its tensors have shape, type and place but no memory. The host's are real.

For code that is to run as on a GPU, on a machine without one, to see which tensors it makes there. Numbers that come
back from the device are zeros.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._prims_common import suggest_memory_format
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from megactor.bench.official.live_tensors import LiveTensors, leaves

GPU = torch.device("cuda", 0)

ALLOCATED = 512
"""Bytes in multiples of which PyTorch's caching allocator gives memory away (c10/cuda/CUDACachingAllocator)."""

WEIGHTS = "weights"
"""Label of the memory of networks that were moved."""

aten = torch.ops.aten


@contextmanager
def pretended_gpu() -> Iterator[LiveTensors]:
    """Inside of its `with`, `GPU` can be used; gives the counter of the memory that tensors take there.

    Networks are moved there by `to`, or from the meta device by `to_empty`; their memory has the label `WEIGHTS`.
    """
    with pretended(GPU.type) as tensors, _Functions():
        yield tensors


@contextmanager
def pretended(device: str) -> Iterator[LiveTensors]:
    """Whatever is computed with a pretended tensor is pretended too; gives the counter of such memory.

    Args:
        device: kind of device that is pretended. On "cpu", which is there, real tensors stay real and are counted
            with the others.
    """
    tensors = LiveTensors(device, ALLOCATED)
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with mock.patch.object(nn.Module, "_apply", _moving(tensors)), fake, tensors, _Operations(device):
        yield tensors


def _moving(tensors: LiveTensors) -> Callable[..., nn.Module]:
    """In place of `nn.Module._apply`, which cannot exchange parameters that FakeTensorMode remembers."""

    def move_all(network: nn.Module, move: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        before, tensors.label = tensors.label, WEIGHTS
        for part in network.modules() if recurse else (network,):
            for name, parameter in part._parameters.items():
                if parameter is not None:
                    part._parameters[name] = nn.Parameter(move(parameter), requires_grad=False)
            for name, buffer in part._buffers.items():
                if buffer is not None:
                    part._buffers[name] = move(buffer)
        tensors.label = before
        return network

    return move_all


class _Operations(TorchDispatchMode):
    """Operations of the host are run for real, those of the device pretended; and what comes back from it is real."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        options = options or {}
        if function is torch.ops.prim.device.default and isinstance(arguments[0], FakeTensor):
            return arguments[0].fake_device  # asked for at every turn
        if not any(map(_concerns_device, leaves([arguments, options]))):
            with unset_fake_temporarily():
                return function(*arguments, **options)
        if function is aten._local_scalar_dense.default:
            with unset_fake_temporarily():
                return torch.ones((), dtype=arguments[0].dtype).item()
        if function is aten.convolution.default and self._device == GPU.type:
            return _convolution(*arguments, **options)
        result = function(*arguments, **options)
        return self._arrived(result) if isinstance(result, Tensor) else tree_map(self._arrived, result)

    def _arrived(self, result: Any) -> Any:
        if not isinstance(result, FakeTensor) or result.device.type == self._device:
            return result
        with unset_fake_temporarily():
            # the system gives such memory where it is written to, so gigabytes of offloaded weights cost nothing
            zeros = torch.frombuffer(mmap.mmap(-1, max(1, result.untyped_storage().nbytes())), dtype=torch.uint8)
            whole = zeros[: result.untyped_storage().nbytes()].view(result.dtype)
            return whole.as_strided(result.shape, result.stride())


class _Functions(TorchFunctionMode):
    """What a build without CUDA cannot do on the device before an operation is called: the same in other words."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        other = _IN_OTHER_WORDS.get(function)
        if other is not None and arguments[0].device.type == GPU.type:
            function = other
        return function(*arguments, **(options or {}))


def _concerns_device(leaf: Any) -> bool:
    return isinstance(leaf, FakeTensor) or (isinstance(leaf, torch.device) and leaf.type == GPU.type)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """PyTorch's choice among the kernels of its fused attention on a GPU.

    Flash attention for half precision and up to 256 channels a head, else the memory-efficient one: neither has a
    matrix of all queries and keys.
    """
    if attn_mask is not None or dropout_p or is_causal or enable_gqa:
        raise NotImplementedError("attention with a mask, dropout or grouped queries: no network of sd15 has it")
    channels = query.shape[-1]
    if query.dtype != torch.float32 and channels % 8 == 0 and channels <= 256:
        attended: Tensor = aten._scaled_dot_product_flash_attention(query, key, value, scale=scale)[0]
    else:
        attended = aten._scaled_dot_product_efficient_attention(query, key, value, None, False, scale=scale)[0]
    return attended


def _index(tensor: Tensor, key: Any) -> Tensor:
    """`tensor[key]` with numbers, slices and None."""
    dimension = 0
    for item in key if isinstance(key, tuple) else (key,):
        if isinstance(item, int):
            tensor = tensor.select(dimension, item)
            continue
        if item is None:
            tensor = tensor.unsqueeze(dimension)
        elif isinstance(item, slice):
            tensor = aten.slice(tensor, dimension, item.start, item.stop, item.step or 1)
        else:
            raise NotImplementedError(f"index {item!r}")
        dimension += 1
    return tensor


def _contiguous(tensor: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    there = tensor.is_contiguous(memory_format=memory_format)
    return tensor if there else tensor.clone(memory_format=memory_format)


def _new_tensor(beside: Tensor, numbers: Any) -> Tensor:
    return torch.tensor(numbers, dtype=beside.dtype).to(beside.device)


_IN_OTHER_WORDS: dict[Callable[..., Any], Callable[..., Tensor]] = {
    F.scaled_dot_product_attention: _attention,
    Tensor.__getitem__: _index,
    Tensor.contiguous: _contiguous,
    Tensor.new_tensor: _new_tensor,
}


def _convolution(pictures: Tensor, weight: Tensor, *arguments: Any) -> Tensor:
    """Of cuDNN: channels-last if pictures or weights are, and what is not is copied (ATen/native/ConvUtils.h)."""
    layouts = {suggest_memory_format(pictures), suggest_memory_format(weight)}
    layout = torch.channels_last if torch.channels_last in layouts else torch.contiguous_format
    result: Tensor = aten.convolution(_contiguous(pictures, layout), weight, *arguments)
    with unset_fake_temporarily():
        like = torch.empty(result.shape, device="meta").to(memory_format=layout)
    return result.as_strided(result.shape, like.stride())
