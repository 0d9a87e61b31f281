"""Model offload, where a part of a network is used without its `forward`."""

from torch import nn


def bring_to_device(network: nn.Module) -> None:
    """Moves an offloaded network to its device; does nothing to any other.

    accelerate's offload watches `forward` only. Call this before anything else of a network is run.
    """
    hook = getattr(network, "_hf_hook", None)
    if hook is not None:
        hook.pre_forward(network)
