"""What a certificate says (PEM), for whoever looks at it on the control machine."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Certificate(NamedTuple):
    """subject: whose it is, as in RFC 2253; names: host names and addresses, sorted; serial: hexadecimal; until: its
    end, seconds since 1970; fingerprint and key: sha256 of the certificate and of its public key, hexadecimal."""

    subject: str
    names: tuple[str, ...]
    serial: str
    until: int
    fingerprint: str
    key: str


def read(text: str) -> Certificate:
    """The first certificate of a text. Raises ValueError where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    public = serialization.PublicFormat.SubjectPublicKeyInfo
    found = _load(text)
    try:
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(one.value) for one in listed]
    except x509.ExtensionNotFound:
        names = []
    return Certificate(
        found.subject.rfc4514_string(),
        tuple(sorted(names)),
        f"{found.serial_number:x}",
        int(found.not_valid_after_utc.timestamp()),
        hashlib.sha256(found.public_bytes(serialization.Encoding.DER)).hexdigest(),
        hashlib.sha256(found.public_key().public_bytes(serialization.Encoding.DER, public)).hexdigest(),
    )


def blocks(text: str) -> list[str]:
    """Each certificate of a text, without anything else that is in it."""
    return [f"{found}\n" for found in _BLOCK.findall(text)]


def every(text: str) -> list[Certificate]:
    """All certificates of a text. Raises ValueError where there is none."""
    return [read(one) for one in blocks(text) or [text]]


def signed_by(text: str, authority: str) -> bool:
    """Whether an authority has signed a certificate. Raises ValueError where one of the two is none."""
    from cryptography.exceptions import InvalidSignature

    try:
        _load(text).verify_directly_issued_by(_load(authority))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _load(text: str) -> x509.Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(text.encode())
