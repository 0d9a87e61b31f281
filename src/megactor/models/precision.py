"""Networks that stay in float32 while the others compute in half precision."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

_WHERE = ("subfolder", "cache_dir", "local_files_only", "revision", "token")


class UpcastMixin(ModelMixin):
    """A network that stays in float32 if its config's `force_upcast` says so, as in diffusers' AutoencoderKL.

    Half precision is then neither loaded by `from_pretrained` nor left by `to`, `half` and `bfloat16`: a pipeline may
    be moved to it as a whole.
    """

    @classmethod
    def is_upcast(cls, config: Mapping[str, Any]) -> bool:
        """Whether a network of this config stays in float32."""
        return bool(config.get("force_upcast", False))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **options: Any) -> Any:
        """As diffusers' own; `torch_dtype` counts for networks only that are not kept in float32."""
        where = {name: options[name] for name in _WHERE if name in options}
        config = cls.load_config(pretrained_model_name_or_path, **where)
        if cls.is_upcast({**config, **options}):
            options.pop("dtype", None)
            options["torch_dtype"] = torch.float32
        return super().from_pretrained(pretrained_model_name_or_path, **options)

    def to(self, *arguments: Any, **options: Any) -> Any:
        """As torch's own, but for half precision."""
        if self.is_upcast(self.config):
            arguments = tuple(map(_without_half, arguments))
            options = {name: _without_half(value) for name, value in options.items()}
        return super().to(*arguments, **options)

    def half(self) -> Any:
        """As torch's own, but for networks that are kept in float32."""
        return self.to(torch.float16)

    def bfloat16(self) -> Any:
        """As torch's own, but for networks that are kept in float32."""
        return self.to(torch.bfloat16)


def _without_half(argument: Any) -> Any:
    if isinstance(argument, torch.dtype):
        return torch.float32 if argument.is_floating_point and argument.itemsize < 4 else argument
    return argument.device if isinstance(argument, Tensor) else argument
