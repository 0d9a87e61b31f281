"""What there is to curate: videos, folders of pictures and zips of pictures, found under what the user named."""

import dataclasses
import hashlib
import json
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from megactor.curate.celebv import read_celebv
from megactor.curate.remote import check_url, is_url, url_name
from megactor.errors import InputError

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp"})
SOUNDS = frozenset({".m4a", ".mp3", ".wav", ".aac", ".ogg", ".flac", ".opus"})
"""Not videos, but whoever left one among videos wants to be told that it was not used."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
LEAST_PICTURES = 8
"""A folder with fewer pictures holds no clip: covers, thumbnails."""
MOST_MEMBERS = 2_000_000
MOST_LIST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Source:
    """One video, or one sequence of pictures.

    Attributes:
        name: relative to what the user named, with `/`; what clips are called in index and report.
        kind: "video", "pictures" (a folder), "zip" (of pictures), or "faulty" (an entry of a list that makes no sense).
        path: absolute path, or URL.
        inside: folder within a zip; of a faulty one, what is wrong with it.
        span: first and last second to look at; None for all.
        region: left, top, right, bottom to look at, in parts of the picture; None for all.
    """

    name: str
    kind: str
    path: str
    inside: str = ""
    span: tuple[float, float] | None = None
    region: tuple[float, float, float, float] | None = None

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same in every run."""
        return stable_key(self.name, self.span, self.region)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Source":
        """Of `to_dict`, whatever happened to tuples on the way."""
        span, region = values["span"], values["region"]
        return cls(
            values["name"],
            values["kind"],
            values["path"],
            values["inside"],
            None if span is None else (float(span[0]), float(span[1])),
            None if region is None else (float(region[0]), float(region[1]), float(region[2]), float(region[3])),
        )


def stable_key(*parts: object) -> str:
    """16 hexadecimal digits of anything that can be told as JSON."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def find_sources(inputs: Sequence[str], videos: Path | None = None, allow_remote: bool = False) -> list[Source]:
    """Everything that can be read under the inputs, in a stable order.

    Args:
        inputs: folders, videos, zips of pictures, list files (.txt), CelebV annotations (.json), URLs.
        videos: folder with the videos of CelebV annotations; None for the folder of the annotations.
        allow_remote: whether URLs may be read.

    Raises:
        InputError: an input is missing, damaged or remote without leave; two sources have one name; nothing was found.
    """
    found: list[Source] = []
    for name in inputs:
        found += _sources_of(name, videos, allow_remote)
    if not found:
        raise InputError(f"nothing to curate in {', '.join(inputs)}: no videos, no folders or zips of pictures")
    found = list(dict.fromkeys(found))
    keys = Counter(source.key for source in found)
    twice = next((source for source in found if keys[source.key] > 1), None)
    if twice is not None:
        raise InputError(f"two inputs are both called {twice.name}: rename one of their folders, or name it once")
    return sorted(found, key=lambda source: (source.name, source.span or (0.0, 0.0)))


def _sources_of(name: str, videos: Path | None, allow_remote: bool) -> list[Source]:
    if is_url(name):
        check_url(name, allow_remote)
        return [Source(url_name(name), _kind(name) or "video", name)]
    path = Path(os.path.abspath(Path(name).expanduser()))
    if not path.exists():
        raise InputError(f"input not found: {name}; check the path")
    if path.is_dir():
        return list(_in_folder(path))
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _annotated(path, videos or path.parent)
    if suffix == ".txt":
        return _listed(path, allow_remote)
    if suffix == ".zip":
        return _in_zip(path, path.name)
    return [Source(path.name, "video", str(path))]


def _kind(name: str) -> str | None:
    suffix = PurePosixPath(name.partition("?")[0]).suffix.lower()
    if suffix == ".zip":
        return "zip"
    return "video" if suffix in VIDEOS or suffix in SOUNDS else None


def _in_folder(top: Path) -> Iterator[Source]:
    """Depth first, links to folders not followed: they may lead anywhere, or in a circle."""
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        relative = PurePosixPath(top.name, *Path(folder).relative_to(top).parts)
        pictures = 0
        for name in sorted(files):
            path = Path(folder, name)
            if name.startswith(".") or not _is_file(path):
                continue
            pictures += path.suffix.lower() in PICTURES
            kind = _kind(name)
            if kind == "zip":
                yield from _in_zip(path, str(relative / name))
            elif kind == "video":
                yield Source(str(relative / name), "video", str(path))
        if pictures >= LEAST_PICTURES:
            yield Source(str(relative), "pictures", folder)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _in_zip(path: Path, name: str) -> list[Source]:
    """A source for each folder of pictures; members are read by name and never written under it."""
    pictures: Counter[str] = Counter()
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MOST_MEMBERS:
                raise InputError(f"{path} has more than {MOST_MEMBERS} members")
            for member in archive.infolist():
                inner = PurePosixPath(member.filename)
                pictures[str(inner.parent)] += inner.suffix.lower() in PICTURES
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return [Source(name, "zip", str(path))]  # reading it will fail and be counted with its reason
    found = [inside for inside, count in pictures.items() if count >= LEAST_PICTURES]
    return [
        # names are for people, but somebody may make paths of them one day
        Source(name if inside == "." else f"{name}/{inside.replace('..', '%2E%2E')}", "zip", str(path), inside)
        for inside in sorted(found)
    ] or [Source(name, "zip", str(path))]


def _listed(path: Path, allow_remote: bool) -> list[Source]:
    """One path (relative to the list's folder) or URL a line; `#` begins a remark."""
    if path.stat().st_size > MOST_LIST_BYTES:
        raise InputError(f"{path} is too large for a list")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a list of names in UTF-8 ({error})") from None
    found: list[Source] = []
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        if is_url(line):
            check_url(line, allow_remote)
            found.append(Source(url_name(line), _kind(line) or "video", line))
        else:
            # a listed file that is missing is one bad file of many: it is counted when it cannot be read
            file = Path(os.path.abspath(path.parent / line))
            kind = "pictures" if file.is_dir() else _kind(line) or "video"
            found += _in_zip(file, line) if kind == "zip" else [Source(PurePosixPath(line).as_posix(), kind, str(file))]
    return found


def _annotated(path: Path, videos: Path) -> list[Source]:
    """Sources of CelebV annotations; a video that is not there becomes a source that cannot be read."""
    if not videos.is_dir():
        raise InputError(f"folder of the videos not found: {videos}; name it with --videos")
    known = {file.stem: file for file in sorted(videos.rglob("*")) if file.suffix.lower() in VIDEOS and _is_file(file)}
    return [
        Source(f"{path.stem}/{clip.name}", "faulty", str(path), clip.fault)
        if clip.fault
        else Source(
            f"{path.stem}/{clip.name}",
            "video",
            str(known.get(clip.video, videos / f"{clip.video}.mp4")),
            span=clip.span,
            region=clip.region,
        )
        for clip in read_celebv(path)
    ]
