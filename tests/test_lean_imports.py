"""What is left out of a start, and that it is all there for whoever asks."""

import subprocess
import sys

HEAVY = (
    "diffusers.models.transformers.auraflow_transformer_2d",
    "matplotlib",
    "scipy.optimize",
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
loaded = set({HEAVY}) & set(sys.modules)
assert not loaded, f"loading nano loads {{loaded}}"

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
    outcome = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300)
    assert outcome.stdout == "all there\n", outcome.stderr[-2000:]
