"""`megactor batch`: a whole list of animations."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from megactor.cli.animate import Device, Model
from megactor.cli.failures import one_line, one_line_errors
from megactor.cli.terminal import tell


@one_line_errors
def batch(
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="LIST",
            help="CSV, JSON lines or Parquet with the columns portrait and driving, and any of output, audio and the "
            "options of animate (motion_scale, start, ...). Relative paths start at the list's folder.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")],
    model: Model = "nano",
    suffix: Annotated[
        Literal["mp4", "mov", "mkv", "gif", "webp"],
        typer.Option("--format", help="Of results that the list gives no name."),
    ] = "mp4",
    defaults: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option for rows that do not have it, e.g. size=256."),
    ] = None,
    sign: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="CERT KEY", help="Sign every result, as animate does."),
    ] = None,
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Number format of the networks.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option(metavar="W", help="Processes, each with its own model; 0: one a GPU, or one a core.", min=0)
    ] = 0,
    ray_address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Ray cluster whose machines see the same files.")
    ] = None,
) -> None:
    """Animate every row of a list. A bad row stops no other; index.csv in DIR tells what became of each.

    May be stopped at any moment, even by kill -9; the same command goes on, and tries again what failed.
    """
    from megactor.batch.pairs import read_pairs
    from megactor.cli.progress import progress_display
    from megactor.errors import InputError, MegActorError
    from megactor.media.signing import Signature, check_signable

    _require_extra()
    values = [text.partition("=") for text in defaults or []]
    if wrong := next((name for name, sign_, _ in values if not sign_), None):
        raise InputError(f"--set {wrong}: say NAME=VALUE")
    listed = read_pairs(pairs, f".{suffix}", {name.replace("-", "_"): value for name, _, value in values})
    if sign is not None:
        for pair in listed:
            check_signable(pair.output)
        Signature.load(*sign)
    with progress_display() as progress:
        from megactor.batch.run import animate_pairs

        outcome = animate_pairs(
            listed,
            output,
            {"model": _located(model), "device": device, "dtype": dtype},
            progress,
            None if sign is None else (str(sign[0].absolute()), str(sign[1].absolute())),
            workers,
            ray_address,
        )
    if outcome.failed:
        raise MegActorError(
            f"{outcome.failed} of {len(listed)} pairs failed, such as {outcome.example}; {outcome.done} are done, "
            f"see {output / 'index.csv'}"
        )
    tell(one_line(f"{output}: {outcome.done} of {len(listed)} pairs are done; see index.csv"))


def _located(model: str) -> str:
    """Workers have another working folder."""
    return str(Path(model).absolute()) if Path(model).exists() and model not in ("nano", "sd15") else model


def _require_extra() -> None:
    from importlib.util import find_spec

    from megactor.errors import InputError

    missing = [name for name in ("ray", "pyarrow") if find_spec(name) is None]
    if missing:
        raise InputError(f"batches need {', '.join(missing)}: pip install 'megactor[batch]'")
