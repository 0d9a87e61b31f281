"""A certificate chain that is made when a test needs one: a root, and a signer whom it vouches for."""

import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


class Chain(NamedTuple):
    """Files in PEM."""

    certificates: Path
    key: Path
    root: Path


def write_chain(folder: Path) -> Chain:
    """Signer "Test Signer" of "Test Studio", for a year."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Test Root", "Test Root", root_key.public_key(), root_key, True)
    signer = _certificate("Test Signer", "Test Root", key.public_key(), root_key, False)
    chain = Chain(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    pem = serialization.Encoding.PEM
    chain.certificates.write_bytes(signer.public_bytes(pem) + root.public_bytes(pem))
    chain.root.write_bytes(root.public_bytes(pem))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    chain.key.write_bytes(key.private_bytes(pem, form, plain))
    locked = serialization.BestAvailableEncryption(b"secret")
    chain.key.with_name("locked.pem").write_bytes(key.private_bytes(pem, form, locked))
    return chain


def _certificate(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePrivateKey, authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    used = {"key_cert_sign", "crl_sign"} if authority else {"digital_signature"}
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.KeyUsage(**{usage: usage in used for usage in _USAGES}), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Studio"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
