"""torch.compile, block by block."""

import torch
from torch import nn

from megactor.models.attention import SpatialTransformer
from megactor.models.dense_motion.patch_unet import PatchUNet
from megactor.models.motion_module import MotionModule
from megactor.models.resnet import JointResnetBlock

BLOCKS = (JointResnetBlock, SpatialTransformer, MotionModule, PatchUNet)
"""What the networks consist of, many times over: blocks of the same shape share their code. PatchUNet is small enough
to be one."""

MAX_SHAPES = 64
"""Of one kind of block: sd15 has about 20, with the portrait and without. torch gives up at 8 by default."""


def compile_blocks(network: nn.Module, backend: str = "inductor") -> None:
    """Compiles the blocks of a network in place, each as one graph for fixed shapes.

    Compiling whole networks would take several times as long and gain nothing: the code between the blocks only
    passes features on.

    Args:
        network: `DenoisingUNet`, `ReferenceNet` or whatever holds them.
        backend: of torch.compile.
    """
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, MAX_SHAPES)
    for block in network.modules():
        if isinstance(block, BLOCKS):
            # Shapes are the same for all windows of a clip, so code for just these shapes is reused and fastest.
            block.compile(backend=backend, fullgraph=True, dynamic=False)
