"""MegActor: animate a portrait with the raw pixels of a driving video (arXiv 2405.20851).

    from megactor import MegActorPipeline

    pipe = MegActorPipeline.from_preset("nano")
    pipe("portrait.png", "driving.mp4").save("out.mp4")

Importing this package is cheap: torch and the networks are loaded at the first use of a name below.
"""

import os
from typing import TYPE_CHECKING, Any

from megactor import lean_imports
from megactor.errors import FaceError, InputError, MegActorError, ModelError, OutputError

if TYPE_CHECKING:
    from megactor.pipeline import MegActorPipeline

lean_imports.install()
# what Apple's GPUs cannot compute is computed on the CPU, of which torch warns; read when torch is imported
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

__version__ = "0.1.0"

__all__ = [
    "FaceError",
    "InputError",
    "MegActorError",
    "MegActorPipeline",
    "ModelError",
    "OutputError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Imports the pipeline when it is first asked for."""
    if name == "MegActorPipeline":
        with lean_imports.uncollected():
            from megactor.pipeline import MegActorPipeline

        return MegActorPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Lists the lazy names too."""
    return sorted(set(globals()) | set(__all__))
