"""How the processes of a run share its weights: each has all of them, or a shard."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from megactor.train.config import OptimizerConfig
from megactor.train.samples import Batch
from megactor.train.state import learning_weights
from megactor.train.tasks.task import TrainingTask

_LARGE = ("unet", "reference_net")
"""Networks that are put together when they are called and taken apart again; the rest of a task is one piece."""


class Replicas:
    """Every process has all weights, and gradients are averaged (DistributedDataParallel).

    Attributes:
        task: to be called directly, as for validation.
        module: the task as it learns.
        optimizer: of its weights.
        whole: whether a process can compute alone.
    """

    whole = True

    def __init__(self, accelerator: Accelerator, task: TrainingTask, numbers: OptimizerConfig) -> None:
        task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._accelerator, self.task = accelerator, task
        self.module, self.optimizer = accelerator.prepare(task, _optimizer(task, numbers))

    @contextlib.contextmanager
    def one_pass(self, last: bool) -> Iterator[None]:
        """Around a forward and a backward pass; only after the last one of a step gradients are exchanged."""
        with contextlib.nullcontext() if last else self._accelerator.no_sync(self.module):
            yield

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The task's, in the precision of the run."""
        return self.module(batch, step)


class Shards:
    """Every process keeps a part of the weights that learn, of their gradients and of the optimizer's state (FSDP2).

    The attributes are those of `Replicas`. Whatever calls a network must be called in all processes.
    """

    whole = False

    def __init__(self, accelerator: Accelerator, task: TrainingTask, numbers: OptimizerConfig) -> None:
        self._accelerator = accelerator
        task.to(accelerator.device)
        mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
        networks: list[Any] = [network for name, network in task.named_children() if name in _LARGE]
        for part in (*networks, task):
            frozen = {weight for weight in part.parameters() if not weight.requires_grad}
            fully_shard(part, mesh=mesh, reshard_after_forward=True, ignored_params=frozen)
        assert isinstance(task, FSDPModule)
        register_fsdp_forward_method(task, "validate")
        for network in networks:
            if hasattr(network, "guided"):
                register_fsdp_forward_method(network, "guided")
        self.module = self.task = task
        # made now: the shards are other parameters than those before
        self.optimizer = accelerator.prepare(_optimizer(task, numbers))

    @contextlib.contextmanager
    def one_pass(self, last: bool) -> Iterator[None]:
        """See `Replicas`."""
        self.module.set_requires_gradient_sync(last)
        yield

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `Replicas`."""
        with self._accelerator.autocast():
            return self.module(batch, step)


def _optimizer(task: TrainingTask, numbers: OptimizerConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        learning_weights(task), lr=numbers.learning_rate, betas=numbers.betas, weight_decay=numbers.weight_decay
    )


def whole_number(value: Tensor) -> float:
    """A scalar, which may be spread over the processes."""
    return float(value.full_tensor() if isinstance(value, DTensor) else value)
