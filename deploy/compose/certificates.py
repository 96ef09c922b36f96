"""The containers' own certificate authority, and a certificate for each server among them. Runs before all others.

    certificates.py              what is missing, or ends within a year
    certificates.py renew        all certificates, with new keys
    certificates.py authority    a new authority, too; what the one before it signed stays good for those who read both

TLS_DIR (/tls) has a folder for each reader, a volume of its own: `authority` for nobody else, `trust` for all who call,
and for each server one with its key and certificate in one file. The folder's group may read it, and nobody besides.
"""

import ipaddress
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Folder -> the names that its server is called by. Each is also 127.0.0.1, for its own health check.
SERVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "web": ("web", "generate"),
    "beat": ("beat",),
    "postgres": ("postgres",),
    "valkey": ("valkey",),
    "s3": ("s3",),
    "gate": ("s3",),
}
AUTHORITY, TRUST, SERVER = "authority/authority.pem", "trust/ca.pem", "server.pem"
_AUTHORITY_DAYS: Final = 20 * 365
_DAYS: Final = 825
_RENEW_DAYS: Final = 365

Key = ec.EllipticCurvePrivateKey


def make(folder: Path, word: str = "") -> Iterator[str]:
    """Writes what `word` asks for; a line for each file."""
    found = _read(folder / AUTHORITY)
    if found is None or word == "authority":
        found = _authority()
        _write(folder / AUTHORITY, found[1], found[0], mode=0o600)
        # For who has not got a new certificate yet, the authority before this one.
        _write(folder / TRUST, found[1], *_trusted(folder)[:1], mode=0o644)
        yield "a new authority"
    elif found[1] not in _trusted(folder):
        _write(folder / TRUST, found[1], mode=0o644)
        yield "the authority, for all who call"
    for server, names in SERVERS.items():
        file = folder / server / SERVER
        if word or not _is_good(file, names, found[1]):
            key, certificate = _signed(names, *found)
            _write(file, certificate, key, mode=0o640)
            yield f"a certificate for {server}, until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _is_good(file: Path, names: tuple[str, ...], authority: x509.Certificate) -> bool:
    found = _read(file)
    if found is None or found[1].not_valid_after_utc < _now() + timedelta(days=_RENEW_DAYS):
        return False
    with suppress(ValueError, TypeError, x509.ExtensionNotFound):
        alternatives = found[1].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if alternatives.get_values_for_type(x509.DNSName) == [*names]:
            with suppress(Exception):  # InvalidSignature, or that it is of another kind
                found[1].verify_directly_issued_by(authority)
                return True
    return False


def _authority() -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"prescription-variants {_now():%Y-%m-%d %H:%M:%S}")])
    builder = _builder(name, name, key, key, _AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return key, builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def _signed(names: tuple[str, ...], signer: Key, authority: x509.Certificate) -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = _builder(name, authority.subject, key, signer, _DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return key, builder.add_extension(_usage(signs_certificates=False), critical=True).sign(signer, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, signer: Key, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - timedelta(hours=1))
        .not_valid_after(_now() + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _trusted(folder: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates((folder / TRUST).read_bytes())
    except (OSError, ValueError):
        return []


def _read(file: Path) -> tuple[Key, x509.Certificate] | None:
    """Key and certificate; None where they are not there or cannot be read."""
    try:
        pem = file.read_bytes()
        key = load_pem_private_key(pem, None)
        return (key, x509.load_pem_x509_certificate(pem)) if isinstance(key, Key) else None
    except (OSError, ValueError, TypeError):
        return None


def _write(file: Path, *parts: x509.Certificate | Key, mode: int) -> None:
    """In one step, so that nobody reads one half of it: a key and another key's certificate, say."""
    aside = file.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        os.fchmod(out.fileno(), mode)  # before there is anything to read
        for part in parts:
            out.write(
                part.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                if isinstance(part, Key)
                else part.public_bytes(Encoding.PEM)
            )
        out.flush()
        os.fsync(out.fileno())
    aside.rename(file)


def main() -> None:
    if len(sys.argv) > 2 or set(sys.argv[1:]) - {"renew", "authority"}:
        sys.exit("certificates.py needs no word, or one: renew (all certificates) or authority (a new one, too)")
    for line in make(Path(os.environ.get("TLS_DIR", "/tls")), *sys.argv[1:]):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
