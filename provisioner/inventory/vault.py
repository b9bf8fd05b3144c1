"""What ansible-vault writes, and how a password opens it. Pure.

A header, `$ANSIBLE_VAULT;1.1;AES256`, in format 1.2 with the label of the password behind it; then, as hex and folded
at 80 columns, the hex of a salt, of an HMAC and of the text, a line each (Ansible's guide, "Format of files encrypted
with Ansible Vault"). PBKDF2 with 10,000 rounds of HMAC-SHA256 makes of password and salt a key for AES-256 in counter
mode, one for the HMAC-SHA256 of what is encrypted, and the first counter. The text is filled up as in PKCS #7.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

HEADER = "$ANSIBLE_VAULT"
DEFAULT = "default"  # the label of a password that has none
_ROUNDS, _KEY, _COUNTER = 10_000, 32, 16  # bytes, but the rounds
_CIPHER = "AES256"
_FORMATS = {"1.1": 3, "1.2": 4}  # fields of the header


class Damaged(Exception):
    """A text that begins like one of ansible-vault's and is none: a sentence."""


@dataclass(frozen=True)
class Sealed:
    """An encrypted text. label: of the password that it was encrypted with, as its author called it."""

    label: str
    salt: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    data: bytes = field(repr=False)


def parse(text: str) -> Sealed:
    """What ansible-vault wrote, whatever blanks YAML has left around its lines. Raises Damaged."""
    header, *lines = text.split() or [""]
    name, *fields = header.split(";")
    if name != HEADER or not fields:
        raise Damaged(f"it does not begin with {HEADER};1.1;{_CIPHER}")
    if fields[0] not in _FORMATS or len(fields) != _FORMATS[fields[0]] - 1:
        raise Damaged(f"its format is {';'.join(fields)}, and 1.1 and 1.2 are known")
    if fields[1] != _CIPHER:
        raise Damaged(f"its cipher is {fields[1]}, and {_CIPHER} is known")
    try:
        salt, mac, data = map(binascii.unhexlify, binascii.unhexlify("".join(lines)).split(b"\n"))
    except ValueError:  # binascii.Error is one
        raise Damaged("what follows its header is not what ansible-vault writes; a line may be missing") from None
    return Sealed(fields[2] if len(fields) > 2 else DEFAULT, salt, mac, data)


def opened(sealed: Sealed, password: bytes) -> str | None:
    """The text; None when the password is another one. Raises Damaged for what is no text."""
    made = hashlib.pbkdf2_hmac("sha256", password, sealed.salt, _ROUNDS, 2 * _KEY + _COUNTER)
    key, mac_key, counter = made[:_KEY], made[_KEY : 2 * _KEY], made[2 * _KEY :]
    if not hmac.compare_digest(hmac.digest(mac_key, sealed.data, "sha256"), sealed.mac):
        return None
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    padded = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(sealed.data)
    try:
        return padded[: -padded[-1]].decode()
    except (IndexError, UnicodeDecodeError):
        raise Damaged("what is encrypted is no UTF-8 text") from None
