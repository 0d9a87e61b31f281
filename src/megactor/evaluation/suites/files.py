"""Folders of people's own files, as suites see them."""

from itertools import pairwise
from pathlib import Path

from megactor.errors import InputError
from megactor.evaluation.fingerprint import fingerprint

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif", ".webp")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".heif", ".bmp", ".tif", ".tiff")


def files_in(folder: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """A folder's files of a kind, sub-folders included, by name; those that start with a dot are not meant.

    Raises:
        InputError: there is none, the folder cannot be read, or two have one name but for the suffix.
    """
    if not folder.is_dir():
        raise InputError(f"no folder of {kind}s at {folder}: check the path")
    try:
        found = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    except OSError as error:
        raise InputError(f"cannot read the folder {folder} ({error.strerror}): check its permissions") from None
    files = sorted((path for path in found if not path.name.startswith(".")), key=lambda path: path.stem)
    if not files:
        raise InputError(f"no {kind} in {folder}: it should hold {', '.join(suffixes)} files")
    for path, following in pairwise(files):
        if path.stem == following.stem:
            raise InputError(f"{path} and {following} share a name: rename one, results are named after them")
    return files


def style_of(path: Path, folder: Path) -> str:
    """The sub-folder's name: that is how people say that these are paintings and those are comics."""
    return path.parent.name if path.parent != folder else "-"


def file_named(folder: Path, suffixes: tuple[str, ...], stem: str) -> Path:
    """The file of a name without its suffix."""
    return next(path for path in files_in(folder, suffixes, "file") if path.stem == stem)


def fingerprints(folder: Path, suffixes: tuple[str, ...], kind: str) -> dict[str, str]:
    """File -> fingerprint of its content."""
    files = files_in(folder, suffixes, kind)
    return {path.relative_to(folder).as_posix(): fingerprint([path]) for path in files}
