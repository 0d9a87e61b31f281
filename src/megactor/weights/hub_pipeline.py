"""Saving a pipeline to a folder and to the hub, with a model card."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline

from megactor.weights.hub import CARD, upload
from megactor.weights.model_card import with_metadata, written_card


class HubPipeline(DiffusionPipeline):
    """A diffusers pipeline whose model card speaks of its own weights rather than of a template.

    Attributes:
        card: the model card that goes with the weights where they are saved; None for one made of the settings.
        model_name: what signed results call the model.
    """

    card: str | None = None
    model_name: str = "custom"

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **options: Any) -> None:
        """Writes a folder for `from_pretrained`, as diffusers' pipelines do, with a model card (README.md).

        Args:
            save_directory: is made where it is not there.
            args: see `diffusers.DiffusionPipeline.save_pretrained`.
            options: likewise; with `push_to_hub=True` those of `push_to_hub` too, `repo_id` first.
        """
        pushed = options.pop("push_to_hub", False)
        hub = {key: options.pop(key) for key in ("private", "token", "commit_message", "create_pr") if key in options}
        folder = Path(save_directory)
        repository = options.pop("repo_id", folder.name)
        super().save_pretrained(save_directory, *args, **options)
        (folder / CARD).write_text(self._card(folder.name), encoding="utf-8")
        if pushed:
            self.push_to_hub(repository, **hub)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        license: str | None = None,
        safe_serialization: bool = True,
        variant: str | None = None,
        **options: Any,
    ) -> str:
        """Sends networks, settings and a model card to the hub, in one commit.

        The card is `card`, else the one that the repository has, else one made of the settings; its metadata block is
        completed. Set `card` to your own words, or None, if the networks are no longer those it speaks of.

        Args:
            repo_id: "owner/name", or "name" of your own; made where it is not there.
            license: identifier of the hub's list, in place of the card's.
            safe_serialization: safetensors rather than pickles.
            variant: see `diffusers.DiffusionPipeline.save_pretrained`.
            options: `private`, `token`, `commit_message` and `create_pr`.

        Returns:
            Address of the commit.

        Raises:
            ModelError: no access, or no connection.
        """
        return upload(
            lambda folder: self.save_pretrained(folder, safe_serialization=safe_serialization, variant=variant),
            repo_id,
            lambda before, name: with_metadata(self.card or before or self._card(name), license),
            **options,
        )

    def _card(self, name: str) -> str:
        if self.card is not None:
            return with_metadata(self.card)
        return written_card(name, self.config, self.components)
