"""What is left out of a start, and that it is all there for whoever asks."""

import gc
import subprocess
import sys

import pytest
from patience import PATIENCE

from megactor.lean_imports import uncollected

HEAVY = (
    "diffusers.models.transformers.auraflow_transformer_2d",
    "matplotlib",
    "mediapipe.tasks.python.vision",
    "scipy.optimize",
    "sounddevice",
    "sympy",
    "torch._dynamo.utils",
    "transformers.modeling_utils",
)

CODE = f"""
import sys
import megactor.pipeline
loaded = set({HEAVY}) & set(sys.modules)
assert not loaded, f"importing the pipeline loads {{loaded}}"
pipe = megactor.pipeline.MegActorPipeline.from_preset("nano")
assert pipe._made_beside.done()
loaded = set({HEAVY}) & set(sys.modules)
assert not loaded, f"loading nano and the face analyzer loads {{loaded}}"
if "mediapipe" in sys.modules:
    import mediapipe
    assert mediapipe.tasks.vision.FaceLandmarker.__name__ == "FaceLandmarker"
    assert mediapipe.solutions.drawing_utils.DrawingSpec(thickness=3).thickness == 3

import importlib.metadata
import diffusers.utils.import_utils as lister
assert "_all" not in vars(lister._package_map), "packages were listed"
assert lister._is_distribution_installed("PIL")[0] and "torch" in lister._package_map
assert dict(lister._package_map) == importlib.metadata.packages_distributions() != {{}}
assert importlib.metadata.packages_distributions.__module__ == "importlib.metadata"

import torch
calls = []
@torch.compiler.disable
def early():
    calls.append(torch.compiler.is_compiling())
early()
from diffusers.utils.torch_utils import maybe_allow_in_graph
@maybe_allow_in_graph
def allowed():
    pass
assert allowed in megactor.lean_imports._allowed
@torch.compile(backend="eager")
def compiled(x):
    early()
    return x + 1
assert compiled(torch.zeros(1)) == 1 and calls == [False, False], "what was disabled was compiled"
assert not megactor.lean_imports._allowed, "dynamo was not told what was allowed before it was loaded"
import torch._dynamo.trace_rules as rules
assert torch._dynamo.trace_rules is rules is sys.modules["torch._dynamo.decorators"].trace_rules, "there are two"
from diffusers.utils.torch_utils import is_compiled_module
assert is_compiled_module(torch.compile(torch.nn.Linear(1, 1))) and not is_compiled_module(torch.nn.Linear(1, 1))

import diffusers
assert diffusers.Transformer2DModel.__name__ == "Transformer2DModel"
assert "diffusers.models.transformers.auraflow_transformer_2d" not in sys.modules
from diffusers.models.transformers import AuraFlowTransformer2DModel
assert diffusers.models.transformers.AuraFlowTransformer2DModel is AuraFlowTransformer2DModel

from diffusers.loaders.lora_base import PreTrainedModel
assert not isinstance(torch.nn.Linear(1, 1), PreTrainedModel)
import transformers
assert transformers.PreTrainedModel is not PreTrainedModel
clip = transformers.CLIPVisionConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=0)
assert isinstance(transformers.CLIPVisionModel(clip), PreTrainedModel)
assert issubclass(transformers.CLIPVisionModel, PreTrainedModel) and not issubclass(int, PreTrainedModel)
print("all there")
"""


def test_a_start_loads_what_it_needs() -> None:
    outcome = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=PATIENCE)
    assert outcome.stdout == "all there\n", outcome.stderr[-2000:]


@pytest.mark.parametrize("enabled", [True, False])
def test_a_block_without_the_collector_leaves_it_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ValueError), uncollected():
            assert not gc.isenabled()
            raise ValueError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
