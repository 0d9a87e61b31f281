"""Getting the official release, or a model of ours, from the Hugging Face hub, once, into the hub's own cache folder.

The hub's client brings the cache (`HF_HOME` moves it), interrupted downloads that go on, and proxies. Which files are
needed, whether there is room, and whether each file has the checksum that the hub lists, is looked after here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from megactor.errors import InputError, ModelError, OutputError
from megactor.weights.hub import PATTERNS, HubSource, hub_folder, is_hub_name
from megactor.weights.hub_errors import words_for_hub_errors
from megactor.weights.official_folder import (
    IMAGE_ENCODER,
    IMAGE_ENCODER_FILES,
    RELEASED_CHECKPOINT,
    UNET_CONFIG,
    VAE,
    VAE_FILES,
    OfficialFolder,
)

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

RELEASES = {"sd15": "HVSiniX/RawVideoDriven"}
"""Names that can be fetched, and the hub's repository of each."""

REVISION = "main"
"""What is fetched unless another is asked for; the commit behind it is looked up once and used for all files."""

SPARE_BYTES = 200_000_000
"""Room that a download leaves on the disk."""

DownloadProgress = Callable[[str, int, int | None], None]
"""(stage, done, total): stage "download" in MB, then "check" in files."""


def _silent(stage: str, done: int, total: int | None) -> None:
    pass


@dataclass(frozen=True)
class HubFile:
    """A file of the release as the hub describes it.

    Attributes:
        path: Its path in the repository.
        size: Bytes.
        sha256: Checksum of a large file, or None.
        git_id: Git's blob id (sha1) of a small one.
    """

    path: str
    size: int
    sha256: str | None
    git_id: str | None

    @classmethod
    def of(cls, sibling: RepoSibling) -> Self:
        """From the hub's answer."""
        large = sibling.lfs.sha256 if sibling.lfs is not None else None
        return cls(sibling.rfilename, sibling.size or 0, large, sibling.blob_id)

    def is_whole(self, path: Path) -> bool:
        """Whether a file on disk is this one, by its checksum."""
        with path.open("rb") as file:
            if self.sha256 is not None:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
            digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
            digest.update(file.read())
        return self.git_id in (None, digest.hexdigest())


def fetch(
    name: str,
    revision: str | None = None,
    *,
    progress: DownloadProgress = _silent,
    endpoint: str | None = None,
    cache: Path | None = None,
) -> Path:
    """Downloads what is missing of a release and checks all of it.

    Args:
        name: "sd15", or "owner/name" of a model that `push_to_hub` sent there.
        revision: Branch, tag or commit of the repository; None for `REVISION`.
        progress: See `DownloadProgress`.
        endpoint: Another server than the hub, such as a mirror.
        cache: Another folder than the hub's cache.

    Returns:
        The folder of the release, as `--model` takes it.

    Raises:
        InputError: No such release.
        ModelError: No connection, the hub lacks a file, or a file arrived damaged.
        OutputError: No room on the disk.
    """
    from huggingface_hub import HfApi

    if name not in RELEASES and not is_hub_name(name):
        raise InputError(f"{name!r} cannot be fetched: choose one of {', '.join(RELEASES)}, or OWNER/NAME of the hub")
    repository, cache = RELEASES.get(name, name), cache or _hub_cache()
    with words_for_hub_errors(repository, endpoint):
        info = HfApi(endpoint=endpoint).model_info(repository, revision=revision or REVISION, files_metadata=True)
    files = [HubFile.of(sibling) for sibling in info.siblings or ()]
    wanted = _needed(files, repository) if name in RELEASES else _ours(files)
    commit = str(info.sha)

    missing = [file for file in wanted if not _cached(cache, repository, commit, file).is_file()]
    _check_room(cache, sum(file.size for file in missing))
    meter = _Meter(progress, sum(file.size for file in missing))
    for file in missing:
        _download(repository, commit, file, cache, endpoint, meter)
        meter.next_file(file.size)
    if missing:
        meter.reached(0)
    for number, file in enumerate(wanted):
        progress("check", number, len(wanted))
        _check(_cached(cache, repository, commit, file), file)
    progress("check", len(wanted), len(wanted))
    if name not in RELEASES:  # notes which commit the revision is, so that it is found without a network
        return hub_folder(name, HubSource(revision, cache_dir=cache))
    return _snapshots(cache, repository) / commit


def fetched_release(name: str = "sd15", cache: Path | None = None) -> Path:
    """The folder of a release that `fetch` brought; nothing is downloaded.

    Raises:
        ModelError: It is not there, or not all of it.
    """
    folders = _snapshots(cache or _hub_cache(), RELEASES[name])
    found = sorted(folders.iterdir(), key=lambda path: path.stat().st_mtime) if folders.is_dir() else []
    if not found:
        raise ModelError(
            f"the {name} weights are not on this machine: get them with `megactor weights fetch {name}` (about 6 GB), "
            "or give --model the folder that holds them"
        )
    for folder in reversed(found):  # the newest that is complete
        with contextlib.suppress(ModelError):
            OfficialFolder.find(folder)
            return folder
    raise ModelError(f"the download of {name} did not end: run `megactor weights fetch {name}` again")


def _needed(files: Sequence[HubFile], repository: str) -> list[HubFile]:
    """The files that `OfficialFolder` reads; of weights stored twice the preferred form."""
    by_path = {PurePosixPath(file.path): file for file in files}
    config = f"{IMAGE_ENCODER}/config.json"
    roots = [path.parents[2] for path in by_path if path.as_posix().endswith(config)]
    root = roots[0] if roots else PurePosixPath("weights")

    def first_of(*names: str) -> HubFile:
        for name in names:
            if root / name in by_path:
                return by_path[root / name]
        raise ModelError(f"the hub's {repository} has no {root / names[0]}: was it moved? Try --revision")

    checkpoints = [path.name for path in by_path if path.parent == root and path.suffix == ".ckpt"]
    needed = [
        first_of(RELEASED_CHECKPOINT, *(checkpoints if len(checkpoints) == 1 else ())),
        first_of(config),
        first_of(*(f"{IMAGE_ENCODER}/{name}" for name in IMAGE_ENCODER_FILES)),
        first_of(f"{VAE}/config.json"),
        first_of(*(f"{VAE}/{name}" for name in VAE_FILES)),
    ]
    unet = by_path.get(root / UNET_CONFIG)
    return needed if unet is None else [*needed, unet]


def _ours(files: Sequence[HubFile]) -> list[HubFile]:
    return [file for file in files if any(fnmatch(file.path, pattern) for pattern in PATTERNS)]


def _download(repository: str, commit: str, file: HubFile, cache: Path, endpoint: str | None, meter: _Meter) -> None:
    from huggingface_hub import hf_hub_download

    with words_for_hub_errors(repository, endpoint):
        hf_hub_download(
            repository, file.path, revision=commit, cache_dir=cache, endpoint=endpoint, tqdm_class=meter.bar()
        )


def _check(path: Path, file: HubFile) -> None:
    if not file.is_whole(path):
        # the cache's file behind the link as well: the next fetch must not find it again
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise ModelError(f"{file.path} arrived damaged (its checksum is wrong) and was removed: fetch again")


def _check_room(cache: Path, needed: int) -> None:
    place = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed and free < needed + SPARE_BYTES:
        raise OutputError(
            f"the download needs {needed / 1e9:.1f} GB, but {cache} has {free / 1e9:.1f} GB left: "
            "free some space, or set HF_HOME to a folder on another disk"
        )


class _Meter:
    """Counts the bytes of all downloads.

    Args:
        progress: Told of every step.
        total: Bytes to come.
    """

    def __init__(self, progress: DownloadProgress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._before = 0
        self._file = 0

    def next_file(self, previous_size: int) -> None:
        """A file is complete; another begins."""
        self._before += previous_size
        self._file = 0

    def reached(self, count: float) -> None:
        """So many bytes of the file are there. Several bars may tell: received, written."""
        self._file = max(self._file, int(count))
        megabytes = -(-self._total // 1_000_000)
        self._progress("download", min((self._before + self._file) // 1_000_000, megabytes), megabytes)

    def bar(self) -> type:
        """The class that the hub's client takes for a progress bar; what it draws goes nowhere."""
        from tqdm import tqdm

        meter = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs | {"file": io.StringIO()})
                meter.reached(self.n)

            def update(self, n: float | None = 1) -> bool | None:
                shown = super().update(n)
                meter.reached(self.n)
                return shown

        return Bar


def _hub_cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _snapshots(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}" / "snapshots"


def _cached(cache: Path, repository: str, commit: str, file: HubFile) -> Path:
    return _snapshots(cache, repository) / commit / file.path
