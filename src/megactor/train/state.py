"""A run's state in and out of its networks, the same for one process, copies and shards."""

from typing import Any

from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.optim import Optimizer

from megactor.train.average import MovingAverage

_GET = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
_SET = StateDictOptions(full_state_dict=True, broadcast_from_rank0=False, strict=False)


def learning_weights(task: nn.Module) -> list[nn.Parameter]:
    """Weights that learn, in a fixed order."""
    return [parameter for parameter in task.parameters() if parameter.requires_grad]


def get_weights(task: nn.Module, average: MovingAverage | None = None) -> dict[str, Tensor]:
    """Copies of the weights that learn, or of their average, by name; all processes must call it.

    Where weights are sharded, the first process alone gets them.
    """
    if average is None:
        return _copies(get_model_state_dict(task, options=_GET))
    with average.applied(learning_weights(task)):
        return _copies(get_model_state_dict(task, options=_GET))


def set_weights(task: nn.Module, weights: dict[str, Tensor]) -> None:
    """Puts weights back; those that are not named stay as they are."""
    set_model_state_dict(task, dict(weights), options=_SET)


def get_optimizer(task: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """The optimizer's state by the weights' names; all processes must call it."""
    return get_optimizer_state_dict(task, optimizer, options=_GET)


def set_optimizer(task: nn.Module, optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Puts the optimizer's state back."""
    set_optimizer_state_dict(task, optimizer, state, options=_SET)


def _copies(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
