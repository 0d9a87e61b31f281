"""Our models on the Hugging Face hub: "owner/name" brought into the hub's own cache, and folders sent there."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from megactor.errors import ModelError
from megactor.weights.hub_errors import words_for_hub_errors

INDEX = "model_index.json"
CARD = "README.md"

PATTERNS = (INDEX, CARD, "*/config.json", "*/scheduler_config.json", "*/*.safetensors", "*/*.safetensors.index.json")
"""Files of a model that are fetched; pickles never are."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class HubSource:
    """Where and how a model is looked for on the hub; the names are those of diffusers' `from_pretrained`.

    revision: branch, tag or commit; None for the main branch.
    token: of an account, for private models; None for the one of `hf auth login`.
    cache_dir: another folder than the hub's cache.
    local_files_only: take what was fetched before and ask nobody.
    force_download: fetch all files again.
    """

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    force_download: bool = False


def is_hub_name(name: str | os.PathLike[str]) -> bool:
    """Whether a name can only be one of the hub: "owner/name", and nothing of that name lies here."""
    return isinstance(name, str) and _HUB_NAME.fullmatch(name) is not None and not Path(name).exists()


def public_name(name: str | os.PathLike[str]) -> str:
    """What strangers may read of a model's name: presets and the hub's names, but no folder of this machine."""
    return str(name) if name in ("nano", "sd15") or is_hub_name(name) else "custom"


def hub_folder(name: str, source: HubSource | None = None) -> Path:
    """The folder of a model on the hub, after what is missing of it was downloaded.

    Without a connection the copy that was fetched last is taken.

    Raises:
        ModelError: no such model, no access, no connection and no copy, or no model of ours.
    """
    from huggingface_hub import snapshot_download

    source = source or HubSource()
    with words_for_hub_errors(name):
        folder = Path(snapshot_download(name, allow_patterns=list(PATTERNS), **vars(source)))
    if not (folder / INDEX).is_file():
        raise ModelError(f"{name} on the hub holds no model of ours: it has no {INDEX}")
    return folder


def upload(
    write: Callable[[Path], object],
    repository: str,
    card: Callable[[str | None, str], str],
    *,
    private: bool | None = None,
    token: str | None = None,
    commit_message: str | None = None,
    create_pr: bool = False,
) -> str:
    """Sends a folder to the hub in one commit; the repository is made where there is none.

    Args:
        write: fills the folder.
        repository: "owner/name", or "name" of one's own.
        card: makes the model card of the one that is there (or None) and the repository's full name.
        private: of a new repository; None for the account's default.
        token: of an account; None for the one of `hf auth login`.
        commit_message: of the commit.
        create_pr: offer the commit as a pull request.

    Returns:
        Address of the commit.

    Raises:
        ModelError: no access, or no connection.
    """
    from huggingface_hub import HfApi, ModelCard
    from huggingface_hub.errors import EntryNotFoundError

    hub = HfApi(token=token)
    with words_for_hub_errors(repository):
        repository = hub.create_repo(repository, private=private, exist_ok=True).repo_id
        try:
            before = str(ModelCard.load(repository, token=token))
        except EntryNotFoundError:
            before = None
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        (Path(folder) / CARD).write_text(card(before, repository), encoding="utf-8")
        with words_for_hub_errors(repository):
            commit = hub.upload_folder(
                repo_id=repository,
                folder_path=folder,
                commit_message=commit_message or "Upload MegActorPipeline",
                create_pr=create_pr,
            )
    return str(commit)
