"""What a file tells about its making: tags, XMP and C2PA manifests, of our files and of others."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import av.error
from PIL import Image

from megactor.errors import InputError, one_line
from megactor.media.files import readable_file
from megactor.media.provenance import GENERATED_COMMENT, IPTC_SOURCE_TYPE
from megactor.media.signing import OFFLINE

_CONTAINERS = {"mov": "video/mp4", "avi": "video/avi", "wav": "audio/wav", "mp3": "audio/mpeg"}
_NOT_ABOUT_MAKING = {"major_brand", "minor_version", "compatible_brands", "duration", "language"}
_EXIF = {0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0131: "software"}
_XMP = {"xmp:CreatorTool": "software", "DigitalSourceType": "source type"}
_LONGEST = 300


@dataclass(frozen=True)
class Manifest:
    """A C2PA manifest.

    state: "trusted" (signed by somebody that a given root vouches for), "valid" (signed, unchanged, by nobody in
        particular) or "invalid".
    signer: common name and organization of the certificate, as it says.
    actions: (what was done, IPTC source type or "", program, parameters).
    problems: what does not hold, in the library's words.
    """

    state: str
    signer: str
    actions: list[tuple[str, str, str, dict[str, Any]]]
    problems: list[str]


@dataclass
class Making:
    """What a file tells.

    tags: (name, value), unsigned: anyone can write or remove them.
    manifest: the active C2PA manifest, or None.
    unread: why no manifest was looked for, or "".
    """

    tags: list[tuple[str, str]] = field(default_factory=list)
    manifest: Manifest | None = None
    unread: str = ""

    @property
    def generated(self) -> str:
        """Who says that a trained model made it: "manifest", "tags" or "" for nobody."""
        actions = [] if self.manifest is None or self.manifest.state == "invalid" else self.manifest.actions
        if IPTC_SOURCE_TYPE in (kind for _, kind, _, _ in actions):
            return "manifest"
        marks = (GENERATED_COMMENT, IPTC_SOURCE_TYPE)
        return "tags" if any(mark in value for _, value in self.tags for mark in marks) else ""


def inspect(path: str | os.PathLike[str], trust: bytes | None = None) -> Making:
    """Reads what a picture, a video or a sound says about its making; nobody is asked.

    Args:
        path: the file.
        trust: PEM of root certificates whose word counts.

    Raises:
        InputError: it cannot be opened, or is none of these.
    """
    file = readable_file(path, "file")
    tags, kind = _picture(file) or _video(file) or _unknown(path)
    making = Making([(name, one_line(value)[:_LONGEST]) for name, value in tags if value.strip()])
    if find_spec("c2pa") is None:
        making.unread = "not read: pip install 'megactor[sign]'"
    elif kind is None:
        making.unread = "this kind of file has no place for one"
    else:
        making.manifest = _manifest(file, kind, trust)
    return making


def _picture(file: Path) -> tuple[list[tuple[str, str]], str | None] | None:
    try:
        with Image.open(file) as image:
            info, exif, kind = dict(image.info), image.getexif(), Image.MIME.get(image.format or "")
    except Exception:  # as in images.load_image: Pillow's decoders raise many kinds
        return None
    tags = [(name, str(exif[number])) for number, name in _EXIF.items() if number in exif]
    comment = info.pop("comment", b"")
    tags.append(("comment", comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)))
    packet = info.pop("xmp", info.pop("XML:com.adobe.xmp", b""))
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else str(packet)
    for term, name in _XMP.items():
        tags += [(f"XMP {name}", value) for value in re.findall(rf'{term}(?:>|=")([^<"]+)', text)]
    tags += [("XMP description", value) for value in re.findall(r"<rdf:li xml:lang=[^>]*>([^<]+)", text)]
    return tags + [(str(name), value) for name, value in info.items() if isinstance(value, str)], kind


def _video(file: Path) -> tuple[list[tuple[str, str]], str | None] | None:
    try:
        with av.open(str(file)) as container:
            tags = [(name, value) for name, value in container.metadata.items() if name not in _NOT_ABOUT_MAKING]
            return tags, _CONTAINERS.get(container.format.name.split(",")[0])
    except (av.error.FFmpegError, ValueError):
        return None


def _unknown(path: str | os.PathLike[str]) -> tuple[list[tuple[str, str]], str | None]:
    raise InputError(f"neither a picture nor a video nor a sound: {path}")


def _manifest(file: Path, kind: str, trust: bytes | None) -> Manifest | None:
    import c2pa

    settings: dict[str, dict[str, Any]] = {"verify": {**OFFLINE["verify"], "verify_trust": True}}
    if trust is not None:
        settings["trust"] = {"user_anchors": trust.decode("utf-8", "replace")}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            file.open("rb") as stream,
            c2pa.Reader(kind, stream, context=context) as reader,
        ):
            told = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:  # a manifest that cannot even be read
        return Manifest("invalid", "", [], [one_line(str(error))])
    return _summary(told)


def _summary(told: dict[str, Any]) -> Manifest:
    active = told["manifests"][told["active_manifest"]]
    actions = []
    for assertion in active.get("assertions", ()):
        if assertion["label"].startswith("c2pa.actions"):
            for action in assertion["data"].get("actions", ()):
                agent = action.get("softwareAgent", "")
                program = " ".join(str(agent[key]) for key in ("name", "version") if key in agent)
                kind = action.get("digitalSourceType", "")
                program = program if isinstance(agent, dict) else str(agent)
                actions.append((action.get("action", ""), kind, program, action.get("parameters") or {}))
    signed = active.get("signature_info", {})
    names = [one_line(str(signed[key])) for key in ("common_name", "issuer") if signed.get(key)]
    problems = [
        one_line(problem.get("explanation") or problem["code"])
        for problem in told.get("validation_status", ())
        if problem["code"] != "signingCredential.untrusted"  # the state says so
    ]
    return Manifest(told.get("validation_state", "Invalid").lower(), ", ".join(names), actions, problems)
