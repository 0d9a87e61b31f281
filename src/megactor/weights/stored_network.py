"""One network and the tensors meant for it: what fits, and the network filled with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn

from megactor.errors import ModelError


@dataclass(frozen=True)
class TensorReport:
    """How the tensors of a part agree with its network.

    Attributes:
        name: The component's name.
        source: File or folder that the tensors came from.
        expected: Number of tensors that the network has.
        found: How many of them are there in the right shape.
        missing: Those that are not there.
        left_over: Tensors that no part of the network takes.
        mismatched: Those of another shape: name, shape found, shape expected.
        not_finite: Those that hold NaN or infinity.
    """

    name: str
    source: Path
    expected: int
    found: int
    missing: tuple[str, ...]
    left_over: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    not_finite: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each kind of problem, with an example; empty if all is well."""
        lines = []
        if self.missing:
            lines.append(f"{len(self.missing)} tensors are missing, such as {self.missing[0]}")
        if self.left_over:
            lines.append(f"{len(self.left_over)} tensors are left over, such as {self.left_over[0]}")
        if self.mismatched:
            name, found, expected = self.mismatched[0]
            lines.append(f"{len(self.mismatched)} shapes differ, such as {name}: {found}, expected {expected}")
        if self.not_finite:
            lines.append(f"{len(self.not_finite)} tensors are not finite, such as {self.not_finite[0]}")
        return tuple(lines)


@dataclass(frozen=True)
class StoredNetwork:
    """A network without memory for its weights, and the tensors that belong in it.

    Attributes:
        name: The component's name in the pipeline.
        source: File or folder of the tensors.
        network: As `without_memory` makes it.
        tensors: Under the network's own names.
    """

    name: str
    source: Path
    network: nn.Module
    tensors: Mapping[str, Tensor]

    def report(self) -> TensorReport:
        """Compares names and shapes, and reads every value once."""
        own = {name: tuple(value.shape) for name, value in self.network.state_dict().items()}
        shapes = {name: tuple(value.shape) for name, value in self.tensors.items()}
        return TensorReport(
            name=self.name,
            source=self.source,
            expected=len(own),
            found=sum(shapes.get(name) == shape for name, shape in own.items()),
            missing=tuple(name for name in own if name not in shapes),
            left_over=tuple(name for name in shapes if name not in own),
            mismatched=tuple(
                (name, shapes[name], shape) for name, shape in own.items() if shapes.get(name, shape) != shape
            ),
            not_finite=tuple(name for name, value in self.tensors.items() if not torch.isfinite(value).all()),
        )

    def filled(self, dtype: torch.dtype | None = None) -> nn.Module:
        """The network with its weights, ready for inference; use it once.

        Args:
            dtype: Type of the weights; None leaves each as it is stored.

        Raises:
            ModelError: Anything is missing, left over, of another shape, or not finite.
        """
        problems = self.report().problems
        if problems:
            raise ModelError(f"{self.source}: the {self.name} cannot be filled: {problems[0]}")
        tensors = {name: value.to(dtype) if dtype is not None else value for name, value in self.tensors.items()}
        self.network.load_state_dict(tensors, assign=True)
        return self.network.eval()


def without_memory(build: Callable[[], nn.Module]) -> nn.Module:
    """What `build` makes, with parameters that have shapes but no values; buffers are real."""
    with init_empty_weights(include_buffers=False):
        return build()
