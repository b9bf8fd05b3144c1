"""What a certificate says (PEM), for whoever looks at it on the control machine."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

EXPLICIT_0 = 0xA0  # the type of the element that is the version
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


def keys(text: str) -> list[str]:
    """`Certificate.key` of each certificate of a text, without the library: to load that takes 50 ms, which every run
    of a closed cluster would pay for this. Raises ValueError where there is none."""
    return [hashlib.sha256(_public_key(one)).hexdigest() for one in blocks(text) or [text]]


def _public_key(text: str) -> bytes:
    """SubjectPublicKeyInfo of a certificate (RFC 5280, 4.1), as it stands there. Raises ValueError."""
    try:
        data = base64.b64decode("".join(text.split("-----")[2].split()), validate=True)
        at = _element(data, _element(data, 0)[0])[0]  # Certificate, TBSCertificate
        # Version, serial number, algorithm, issuer, validity and subject are before it; the first one may be left out.
        for _ in range(6 if data[at] == EXPLICIT_0 else 5):
            at = _element(data, at)[1]
        return data[at : _element(data, at)[1]]
    except (IndexError, binascii.Error):
        raise ValueError("no certificate") from None


def _element(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of an element begins, and where it ends (X.690, 8.1: type, length, content). Raises IndexError
    where it ends behind the data."""
    length, begins = data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begins = int.from_bytes(data[begins : begins + size], "big"), begins + size
    if begins + length > len(data):
        raise IndexError
    return begins, begins + length


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
