"""MediaPipe's face networks as files: where they lie, and how they come here where mediapipe cannot be installed.

The wheels of mediapipe 0.10.21 (Apache-2.0) hold them. There is none for Python 3.13 and later, but the files in any of
them are the same. pip fetches one, from the index that it takes all packages from.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from megactor.errors import ModelError

PLACE_VARIABLE = "MEGACTOR_FACES"
"""Names a wheel that holds the four files, or a folder with such a wheel or the files themselves."""

VERSION = "0.10.21"
WHEEL = f"mediapipe-{VERSION}-cp312-cp312-manylinux_2_28_x86_64.whl"
WHEEL_BYTES = 35_627_340

_DOWNLOAD = (
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.12",
    "--platform=manylinux_2_28_x86_64",
)
_BY_HAND = f"pip {' '.join(_DOWNLOAD)} mediapipe=={VERSION}"

FILES = {
    "mediapipe/modules/face_detection/face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite": (
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
    ),
    "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite": (
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"
    ),
    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite": (
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
    ),
}
"""Files in a wheel, with their SHA-256."""

FetchProgress = Callable[[str, int, int], None]
"""Called with "download", megabytes so far, and megabytes in all."""

FaceModels = Mapping[str, Path]
"""Where each of the files is, by its name."""


def face_models(progress: FetchProgress | None = None) -> FaceModels:
    """The files that `MEGACTOR_FACES` brings, else an installed mediapipe's, else those fetched before, or now.

    Args:
        progress: Told of a download; without it one line on stderr says that there is one.

    Raises:
        ModelError: They are not here, and cannot be fetched.
    """
    if brought := os.environ.get(PLACE_VARIABLE):
        return _brought(Path(brought).expanduser())
    return _installed() or _whole(cache_folder()) or _fetched(progress)


def cache_folder() -> Path:
    """Where fetched files are kept, for all environments and programs of this user."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / f"mediapipe-{VERSION}-models"


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _is_whole(content: bytes, checksum: str) -> bool:
    return hashlib.sha256(content).hexdigest() == checksum


def _whole(folder: Path) -> FaceModels | None:
    """The files of a folder, if all are there and undamaged."""
    found = {_name(path): folder / _name(path) for path in FILES}
    try:
        whole = all(_is_whole(found[_name(path)].read_bytes(), checksum) for path, checksum in FILES.items())
    except OSError:
        return None
    return found if whole else None


def _installed() -> FaceModels | None:
    try:
        if importlib.metadata.version("mediapipe") != VERSION:
            return None
        spec = importlib.util.find_spec("mediapipe")  # it is not imported: it would bring jax and matplotlib along
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    found = {_name(path): Path(spec.origin).parent.parent / path for path in FILES}
    return found if all(path.is_file() for path in found.values()) else None


def _brought(place: Path) -> FaceModels:
    if found := _whole(place):
        return found
    wheels = [place] if place.is_file() else sorted(place.glob(f"mediapipe-{VERSION}-*.whl"))
    if not wheels:
        names = [_name(path) for path in FILES]
        here = [name for name in names if (place / name).is_file()]
        if not place.exists():
            wrong = "which is not there"
        elif len(here) == len(names):
            wrong = "where a face model is damaged"
        else:
            wrong = "where face models are missing"
        raise ModelError(
            f"{PLACE_VARIABLE} is {place}, {wrong}: name {WHEEL} (`{_BY_HAND}`), "
            f"a folder with it, or a folder with the four files {', '.join(names)}"
        )
    return _whole(cache_folder()) or _unpacked(wheels[0])


def _fetched(progress: FetchProgress | None) -> FaceModels:
    if progress is None:
        print(f"fetching MediaPipe's face models, once: {WHEEL_BYTES / 1e6:.0f} MB", file=sys.stderr, flush=True)
    else:
        progress("download", 0, -(-WHEEL_BYTES // 1_000_000))
    with tempfile.TemporaryDirectory(prefix="megactor-faces-") as folder:
        command = [sys.executable, "-m", "pip", *_DOWNLOAD, f"mediapipe=={VERSION}", "--dest", folder]
        command += ["--disable-pip-version-check", "--no-input", "--retries=1", "--progress-bar=raw"]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | _pip_of_ensurepip(),
        ) as run:
            assert run.stdout is not None
            reason = _followed(run.stdout, progress)
        wheel = Path(folder) / WHEEL
        if run.returncode or not wheel.is_file():
            raise ModelError(
                f"face models are missing, and pip cannot fetch mediapipe {VERSION} ({reason}): where there is a "
                f"network, run `{_BY_HAND}`, bring {WHEEL} here and set {PLACE_VARIABLE} to it"
            )
        return _unpacked(wheel)


def _followed(lines: Iterable[str], progress: FetchProgress | None) -> str:
    """Tells of pip's progress; returns why it failed, if it did: what it said last, unless that hides the reason."""
    last, connected = "it says nothing", True
    for line in lines:
        connected &= "after connection broken by" not in line
        count = re.match(r"Progress (\d+) of (\d+)", line)
        if count and progress:
            progress("download", *(-(-int(size) // 1_000_000) for size in count.groups()))
        elif line.strip() and not count:
            last = line.strip()
    return last if connected else "no connection to the package index"


def _pip_of_ensurepip() -> dict[str, str]:
    """Where environments have no pip, as those of uv, Python's own copy: a wheel, which can be imported as it is."""
    if importlib.util.find_spec("pip") is None and (own := importlib.util.find_spec("ensurepip")) and own.origin:
        bundled = sorted((Path(own.origin).parent / "_bundled").glob("pip-*.whl"))
        if bundled:
            return {"PYTHONPATH": str(bundled[-1])}
    return {}


def _unpacked(wheel: Path) -> FaceModels:
    """The wheel's files in the cache, each whole or not there."""
    folder = cache_folder()
    try:
        with zipfile.ZipFile(wheel) as packed:
            contents = {path: packed.read(path) for path in FILES}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} is damaged ({error}): fetch it again") from error
    for path, checksum in FILES.items():
        if not _is_whole(contents[path], checksum):
            raise ModelError(f"{wheel.name} is not the release {VERSION}: {_name(path)} has another checksum")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            # beside its place, then moved there: others may be reading, or fetching the same
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
                part.write(content)
            os.chmod(part.name, 0o644)
            os.replace(part.name, folder / _name(path))
    except OSError as error:
        raise ModelError(
            f"face models cannot be kept in {folder} ({error.strerror}): unzip the .tflite files of {WHEEL} "
            f"(`{_BY_HAND}`) into a folder, all four side by side, and set {PLACE_VARIABLE} to it"
        ) from error
    return {_name(path): folder / _name(path) for path in FILES}
