"""Signed results: a C2PA manifest says, verifiably, that a file was made by a trained model, by which, and who says so.

The manifest holds an action `c2pa.created` with the IPTC source type `trainedAlgorithmicMedia`, the program, its
version and the model's name, and a hash of the file; it names no file, folder, portrait or driver. Nothing is sent
anywhere: there is no time stamp of an authority, and no certificate is looked up. https://spec.c2pa.org/
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from PIL import Image

from megactor import __version__
from megactor.errors import InputError, OutputError
from megactor.media.files import readable_file
from megactor.media.provenance import IPTC_SOURCE_TYPE

KINDS = {".mp4": "video/mp4", ".mov": "video/quicktime", ".gif": "image/gif", ".webp": "image/webp"}
"""What can be signed, by the suffix of its name; C2PA has no place in Matroska."""

OFFLINE: dict[str, dict[str, Any]] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
"""Settings of the C2PA library: it asks nobody."""

_MODEL = "org.megactor.model"
_WORDS = "a portrait animated by a driving video, not a recording"


@dataclass(frozen=True)
class Signature:
    """Who signs.

    certificates: PEM, the signer's first, then those that vouch for it.
    key: PEM, the signer's private key.
    algorithm: C2PA's name of it.
    """

    certificates: bytes
    key: bytes = field(repr=False)
    algorithm: str

    @classmethod
    def load(cls, certificates: str | os.PathLike[str], key: str | os.PathLike[str]) -> Self:
        """Reads both files and tries them, so that a wrong one is found before any work.

        Args:
            certificates: PEM file with the signer's certificate and those between it and a root.
            key: PEM file with its private key, not encrypted.

        Raises:
            InputError: a file cannot be used, they do not belong together, or c2pa-python is not installed.
        """
        if find_spec("c2pa") is None:
            raise InputError("signing needs c2pa-python: pip install 'megactor[sign]'")
        chain = readable_file(certificates, "certificate").read_bytes()
        private = readable_file(key, "private key").read_bytes()
        signature = cls(chain, private, _algorithm(private, key))
        _check_certificate(chain, certificates, private, key)
        blank = io.BytesIO()
        Image.new("RGB", (1, 1)).save(blank, "PNG")
        try:
            signature._write("image/png", blank, io.BytesIO(), "nano")
        except Exception as error:
            raise InputError(f"{certificates} and {key} cannot sign ({_reason(error)})") from error
        return signature

    def sign(self, source: Path, target: Path, suffix: str, model: str) -> None:
        """Copies a file with a manifest in it.

        Args:
            source: the finished file.
            target: an empty file that is filled.
            suffix: key of `KINDS`.
            model: name of the model that made it.

        Raises:
            OutputError: the library refuses.
            OSError: the file cannot be written.
        """
        with source.open("rb") as unsigned, target.open("w+b") as signed:
            try:
                self._write(KINDS[suffix], unsigned, signed, model)
            except OSError:
                raise
            except Exception as error:
                raise OutputError(f"the result cannot be signed ({_reason(error)})") from error

    def _write(self, kind: str, source: Any, target: Any, model: str) -> None:
        import c2pa

        signer_info = c2pa.C2paSignerInfo(self.algorithm.encode(), self.certificates, self.key, None)
        with (
            c2pa.Context.from_dict(OFFLINE) as context,
            c2pa.Signer.from_info(signer_info) as signer,
            c2pa.Builder.from_json(json.dumps(_manifest(model)), context) as builder,
        ):
            builder.sign(signer, kind, source, target)


def check_signable(path: str | os.PathLike[str]) -> None:
    """Whether a result of that name can hold a manifest.

    Raises:
        OutputError: it cannot.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in KINDS:
        raise OutputError(f"C2PA has no place for a manifest in {suffix}: to sign, use one of {', '.join(KINDS)}")


def _manifest(model: str) -> dict[str, Any]:
    program = {"name": "MegActor", "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": IPTC_SOURCE_TYPE,
        "softwareAgent": program,
        "description": _WORDS,
        "parameters": {_MODEL: model},
    }
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    return {"claim_generator_info": [program], "assertions": [actions]}


def _algorithm(key: bytes, path: str | os.PathLike[str]) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    private = _private_key(key, path)
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[private.curve.key_size]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    raise InputError(f"C2PA knows no signatures of keys like {path}: use one of P-256, P-384, P-521, Ed25519 or RSA")


def _private_key(key: bytes, path: str | os.PathLike[str]) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(key, None)
    except TypeError:
        raise InputError(f"the private key is encrypted: {path}; give one without a password") from None
    except ValueError:
        raise InputError(f"no private key in PEM: {path}; it begins with -----BEGIN PRIVATE KEY-----") from None


def _check_certificate(
    chain: bytes, path: str | os.PathLike[str], key: bytes, key_path: str | os.PathLike[str]
) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        first = load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise InputError(f"no certificate in PEM: {path}; it begins with -----BEGIN CERTIFICATE-----") from None
    if first.public_key() != _private_key(key, key_path).public_key():
        raise InputError(f"the first certificate of {path} is not that of the key {key_path}")


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
