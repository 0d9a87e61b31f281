"""`megactor inspect`: what a file tells about its making."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from megactor.cli.failures import one_line, one_line_errors

if TYPE_CHECKING:
    from megactor.media.inspection import Making

_STATES = {
    "trusted": "valid, and vouched for by a certificate of --trust",
    "valid": "valid: the file is as it was signed; who the signer is, nobody vouches for",
    "invalid": "INVALID: the file was changed after it was signed, or the signature is forged",
}
_VERDICTS = {
    "manifest": "yes, says the signed manifest",
    "tags": "yes, says the metadata, which anyone can write or remove",
    "": "nothing says so, which proves nothing",
}


@one_line_errors
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Picture, video or sound, of MegActor or not.")],
    trust: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Certificates whose word counts, e.g. C2PA's trust list or your own root."),
    ] = None,
) -> None:
    """Tell what a file says about its making: metadata, and the C2PA manifest if it has one. Nobody is asked.

    Exit code 1 means that a manifest is there and does not hold.
    """
    from megactor.media.files import readable_file
    from megactor.media.inspection import inspect as inspect_file

    making = inspect_file(file, None if trust is None else readable_file(trust, "certificates").read_bytes())
    for name, value in _lines(making):
        print(one_line(f"{name}: {value}"))
    if making.manifest is not None and making.manifest.state == "invalid":
        raise typer.Exit(1)


def _lines(making: "Making") -> list[tuple[str, str]]:
    lines = [("made by AI", _VERDICTS[making.generated]), *making.tags]
    manifest = making.manifest
    if manifest is None:
        return [*lines, ("C2PA", making.unread or "no manifest")]
    lines.append(("C2PA", _STATES[manifest.state]))
    if manifest.signer:
        lines.append(("signed by", manifest.signer))
    for action, kind, program, parameters in manifest.actions:
        said = [action, kind.rsplit("/", 1)[-1], program, *(f"{key} {value}" for key, value in parameters.items())]
        lines.append(("action", ", ".join(str(word) for word in said if word)))
    return lines + [("problem", problem) for problem in manifest.problems]
