"""Stores of keys in Java's own format (JKS), for programs that read no PEM. Standard library only.

The same PEM gives the same bytes: salt and dates, which Java takes at random and from the clock, follow from the
content. So whether a store is the one of the files beside it is an ordinary comparison, which no salted format allows
(PKCS #12), and which loads no library. The format is that of sun.security.provider.JavaKeyStore and KeyProtector; every
Java reads it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import struct
from typing import Iterator, List

# No secret: whoever can read a store can read the key beside it, too. Java wants one, of six letters at least.
PASSWORD = "changeit"
SUFFIX = ".jks"
MAGIC, VERSION = 0xFEEDFEED, 2
KEY, TRUSTED = 1, 2  # kinds of entries
MADE = 0  # the date of all entries
# AlgorithmIdentifier of Sun's protection of keys: 1.3.6.1.4.1.42.2.17.1.1, without parameters (DER).
PROTECTION = bytes.fromhex("300e060a2b060104012a021101010500")
WHITENER = b"Mighty Aphrodite"  # stands between the password and what is digested
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)


def beside(path: str) -> str:
    """Where the store is that has what is in a PEM file."""
    return os.path.splitext(path)[0] + SUFFIX


def of_key(text: str) -> bytes:
    """A store with a private key (PKCS #8) and its certificates, of a text (PEM). Raises ValueError where there is no
    key."""
    keys = _found(text, "PRIVATE KEY")
    if not keys:
        raise ValueError("no private key")
    protected = _protected(keys[0])
    chain = [_certificate(one) for one in _found(text, "CERTIFICATE")]
    entry = _entry(KEY, "node") + _sized(protected) + struct.pack(">I", len(chain)) + b"".join(chain)
    return _store([entry])


def of_trusted(text: str) -> bytes:
    """A store with the certificates of a text (PEM), each of which is trusted."""
    found = enumerate(_found(text, "CERTIFICATE"))
    return _store([_entry(TRUSTED, f"authority{number}") + _certificate(one) for number, one in found])


def _store(entries: List[bytes]) -> bytes:
    content = struct.pack(">III", MAGIC, VERSION, len(entries)) + b"".join(entries)
    return content + hashlib.sha1(_password() + WHITENER + content).digest()


def _entry(kind: int, alias: str) -> bytes:
    return struct.pack(">I", kind) + _text(alias) + struct.pack(">Q", MADE)


def _certificate(data: bytes) -> bytes:
    return _text("X.509") + _sized(data)


def _protected(key: bytes) -> bytes:
    """EncryptedPrivateKeyInfo of a key: salt, the key under a stream of digests, and a digest that proves the
    password."""
    salt = hashlib.sha1(b"salt" + key).digest()
    stream = b"".join(_stream(salt, len(key)))
    hidden = bytes(one ^ other for one, other in zip(key, stream))
    content = salt + hidden + hashlib.sha1(_password() + key).digest()
    return _element(0x30, PROTECTION + _element(0x04, content))


def _stream(salt: bytes, length: int) -> Iterator[bytes]:
    digest = salt
    for _ in range(0, length, len(salt)):
        digest = hashlib.sha1(_password() + digest).digest()
        yield digest


def _element(kind: int, content: bytes) -> bytes:
    """DER: type, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes([kind, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([kind, 0x80 | len(size)]) + size + content


def _found(text: str, kind: str) -> List[bytes]:
    """The content of each block of a kind (DER)."""
    return [base64.b64decode(body) for name, body in _BLOCK.findall(text) if name == kind]


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode("ascii")


def _password() -> bytes:
    return PASSWORD.encode("utf-16-be")
