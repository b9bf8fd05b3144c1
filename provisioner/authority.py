"""A certificate authority of a cluster's own, in a folder of the control machine: `ca.crt`, and `ca.key` that signs.

Hosts get certificates and never the key. The key is made with the first certificate that it signs, so that a run that
changes nothing makes none, and never a second time: whoever has only `ca.crt` deploys as before and cannot sign. The
certificate is renewed while it is used, with the same key; `succession.py` replaces that.

The first certificate in `ca.crt` is the one that signs. Others behind it are trusted as well, while one key takes the
place of another. Keys may be encrypted by ansible-vault.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from provisioner import certificates
from provisioner.certificates import Certificate
from provisioner.errors import ConfigError, Refused

if TYPE_CHECKING:
    from cryptography import x509

Decrypt = Callable[[str, str], str]
T = TypeVar("T")

CERTIFICATE, KEY = "ca.crt", "ca.key"
NEXT_KEY = "next.key"  # of the one that signs next
LASTS = datetime.timedelta(days=365 * 10)  # the authority's own certificate
SEALED = b"$ANSIBLE_VAULT;"  # how a file begins that ansible-vault has encrypted
SECRET, PUBLIC = 0o600, 0o644  # modes
UNSHARED = b"*.key\n"  # what git leaves out
EARLIER = datetime.timedelta(hours=1)  # by which a certificate is good before now: clocks of hosts differ


def _unopened(text: str, what: str) -> str:
    raise ConfigError(f"{what} is encrypted by ansible-vault, and there is no password")


class Issued(NamedTuple):
    """What a host gets. text: its private key and certificate (PEM); trusted: the certificate of the authority, and of
    others that are trusted (PEM); authority: its `fingerprint`; until: the end of what was made, seconds since 1970."""

    text: str
    trusted: str
    authority: str
    until: int

    def __repr__(self) -> str:
        return f"Issued(until={self.until})"  # the key is secret


class Authority:
    """The authority in a folder, which need not be there yet. Used by the threads of many hosts. organization: in the
    names of all its certificates. decrypt: (what ansible-vault wrote, what it is) -> the text; raises ConfigError."""

    def __init__(self, folder: Path, organization: str, decrypt: Decrypt = _unopened) -> None:
        self.folder, self.organization, self.decrypt = folder, organization, decrypt
        self._lock = threading.Lock()
        self._signer: tuple[Any, x509.Certificate] | None = None
        self._early: Path | None = None  # the key of the signer, where it has not got its place yet

    @property
    def fingerprint(self) -> str:
        """sha256 of its public key, in hex, which stays when its certificate is renewed; "" where it has none yet.
        Raises ConfigError for a file that is no certificate."""
        return next(iter(self._keys), "")

    @property
    def others(self) -> tuple[str, ...]:
        """The same of the others that are trusted, sorted."""
        return tuple(sorted(self._keys[1:]))

    @property
    def known(self) -> list[Certificate]:
        """What is trusted, the one that signs first; nothing where there is no authority yet. Raises ConfigError."""
        return self._trusted(certificates.every)

    @property
    def _keys(self) -> list[str]:
        """The fingerprints of what is trusted, in the same order. Raises ConfigError."""
        return self._trusted(certificates.keys)

    def _trusted(self, read: Callable[[str], list[T]]) -> list[T]:
        path = self.folder / CERTIFICATE
        try:
            return read(path.read_text())
        except FileNotFoundError:
            return []
        except ValueError:
            raise ConfigError(f"{path} is no certificate (PEM)", advice="bring it back from a backup") from None

    @property
    def certificate(self) -> str:
        """Its certificate and the others that are trusted (PEM), which whoever connects needs. Raises ConfigError where
        there is none."""
        try:
            return (self.folder / CERTIFICATE).read_text()
        except FileNotFoundError:
            raise ConfigError(
                f"{self.folder / CERTIFICATE} is not here",
                advice="the first deploy makes it; copy it from the machine that deployed: it is no secret",
            ) from None

    @property
    def can_sign(self) -> bool:
        """Whether it can sign: its key is here, or there is no authority so far and one will be made."""
        return (self.folder / KEY).is_file() or not (self.folder / CERTIFICATE).exists()

    def issue(self, name: str, names: Sequence[str], days: int) -> Issued:
        """A new key and a certificate for it, of this name. names: the host names and addresses by which it is reached;
        without any, it is one that connects, and that nobody takes for a server; days: how long it is good. Raises
        ConfigError or Refused where the key cannot be used."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        with self._lock:
            if self._signer is None:
                self._signer = self._load() if (self.folder / CERTIFICATE).exists() else self._make()
            if self._early:
                self._early.replace(self.folder / KEY)
                self._early = None
            signer, own = self._signer = self._lasting(*self._signer, days)
        key = new_key()
        now = datetime.datetime.now(datetime.timezone.utc)
        until = min(now + datetime.timedelta(days=days), own.not_valid_after_utc)
        usage = [*([ExtendedKeyUsageOID.SERVER_AUTH] if names else []), ExtendedKeyUsageOID.CLIENT_AUTH]
        made = _builder(_subject(self.organization, name), own.subject, key.public_key(), now, until)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName([general(one) for one in names]), critical=False)
        certificate = (
            made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, _sha256())
        )
        return Issued(
            (private(key) + pem(certificate)).decode(), self.certificate, self.fingerprint, int(until.timestamp())
        )

    def require_key(self) -> None:
        """Raise ConfigError, or Refused, where the key that signs is not here or cannot be used."""
        with self._lock:
            self._signer = self._load()

    def read_key(self, name: str) -> Any:
        """The private key in a file. Raises FileNotFoundError, ConfigError, and Refused where others can read it."""
        from cryptography.hazmat.primitives import serialization

        path = self.folder / name
        content = path.read_bytes()
        if content.startswith(SEALED):
            content = self.decrypt(content.decode(errors="replace"), str(path)).encode()
        elif stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Refused(f"others can read {path}, which signs for the cluster", advice=f"chmod 600 {path}")
        try:
            return serialization.load_pem_private_key(content, password=None)
        except (ValueError, TypeError):  # their messages may quote the file
            raise ConfigError(f"{path} cannot be read as a private key (PEM)", advice="bring it back") from None

    def sealed(self, name: str) -> bool:
        """Whether ansible-vault has encrypted a key."""
        path = self.folder / name
        return path.is_file() and path.read_bytes().startswith(SEALED)

    def forget(self) -> None:
        """Read the files anew for the next certificate: another key may sign it."""
        with self._lock:
            self._signer = None

    def _load(self) -> tuple[Any, x509.Certificate]:
        from cryptography import x509

        try:
            own = x509.load_pem_x509_certificate((self.folder / CERTIFICATE).read_bytes())
            key = self.read_key(KEY)
        except FileNotFoundError:
            raise lost(self.folder) from None
        if public(key) == public(own):
            return key, own
        # A certificate has just become the first, and a run was cut off before its key had its place.
        if (self.folder / NEXT_KEY).is_file() and public(key := self.read_key(NEXT_KEY)) == public(own):
            self._early = self.folder / NEXT_KEY
            return key, own
        raise ConfigError(
            f"{self.folder / KEY} is not the key of {CERTIFICATE} beside it", advice="bring back the right one"
        )

    def _lasting(self, key: Any, own: x509.Certificate, days: int) -> tuple[Any, x509.Certificate]:
        """The authority, with another certificate where this one is good for fewer days. It has the same key and the
        same name, so each of the two vouches for what was signed before and after."""
        now = datetime.datetime.now(datetime.timezone.utc)
        if own.not_valid_after_utc < now + min(datetime.timedelta(days=days), LASTS / 2):
            own = _own(key, own.subject)
            behind = certificates.blocks(self.certificate)[1:]
            write(self.folder / CERTIFICATE, "".join([pem(own).decode(), *behind]).encode(), PUBLIC)
        return key, own

    def _make(self) -> tuple[Any, x509.Certificate]:
        key, own = new(self.organization, f"authority of {self.folder.stem}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self.folder / ".gitignore", UNSHARED, PUBLIC)
        # The certificate last: with it, the authority is there.
        write(self.folder / KEY, private(key), SECRET)
        write(self.folder / CERTIFICATE, pem(own), PUBLIC)
        return key, own


def new(organization: str, name: str) -> tuple[Any, x509.Certificate]:
    """The key and the certificate of another authority, with this name."""
    key = new_key()
    return key, _own(key, _subject(organization, name))


def new_key() -> Any:
    """A private key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def lost(folder: Path, name: str = KEY) -> Refused:
    """What is to say where an authority is to sign and its key is not here."""
    return Refused(
        f"a certificate has to be made, and the key that signs it is not here: {folder / name}",
        advice="deploy from the machine that has it, or copy it here (chmod 600); whoever has it can let hosts in",
    )


def write(path: Path, content: bytes, mode: int) -> None:
    """A new file, complete and on disk or not there at all; one that is there is replaced."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, now: datetime.datetime, until: datetime.datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(until)
    )


def _own(key: Any, subject: x509.Name) -> x509.Certificate:
    """The certificate of an authority, signed by itself."""
    from cryptography import x509

    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        _builder(subject, subject, key.public_key(), now, now + LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_may_only_sign(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, _sha256())
    )


def _subject(organization: str, name: str) -> x509.Name:
    """Written by Java from its end: CN=name,O=organization (RFC 2253)."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, name[:64]))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def general(name: str) -> x509.GeneralName:
    """A host name or an address as certificates have it."""
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _may_only_sign() -> x509.KeyUsage:
    from cryptography import x509

    other = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    flags = dict.fromkeys([*other, "encipher_only", "decipher_only"], False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **flags)


def _sha256() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def private(key: Any) -> bytes:
    """PKCS #8, the only form that Kafka reads."""
    from cryptography.hazmat.primitives import serialization

    found: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return found


def key_of(key: Any) -> str:
    """The fingerprint of who has this private key."""
    return hashlib.sha256(public(key)).hexdigest()


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as text."""
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def public(one: Any) -> bytes:
    """The public key of a private key or of a certificate."""
    from cryptography.hazmat.primitives import serialization

    found: bytes = one.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found
