"""MegActor as nodes of ComfyUI: a portrait performs a driving video."""

from comfy_api.latest import ComfyExtension, io

from .nodes import Animate, LoadModel


class MegActorExtension(ComfyExtension):
    """What ComfyUI asks for nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes of this pack."""
        return [LoadModel, Animate]


async def comfy_entrypoint() -> MegActorExtension:
    """Called by ComfyUI once it has imported this folder."""
    return MegActorExtension()
