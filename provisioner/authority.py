"""A certificate authority of a cluster's own, in a folder of the control machine: `ca.crt`, and `ca.key` that signs.

Hosts get certificates and never the key. The key is made with the first certificate that it signs, so that a run that
changes nothing makes none, and never a second time: whoever has only `ca.crt` deploys as before and cannot sign. The
certificate is renewed while it is used, with the same key.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner import certificates
from provisioner.errors import ConfigError, Refused

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE, KEY = "ca.crt", "ca.key"
LASTS = datetime.timedelta(days=365 * 10)  # the authority's own certificate
EARLIER = datetime.timedelta(hours=1)  # by which a certificate is good before now: clocks of hosts differ


class Issued(NamedTuple):
    """What a host gets. text: its private key and certificate (PEM); trusted: the authority's certificate (PEM);
    authority: its `fingerprint`; until: the end of the certificate, seconds since 1970."""

    text: str
    trusted: str
    authority: str
    until: int

    def __repr__(self) -> str:
        return f"Issued(until={self.until})"  # the key is secret


class Authority:
    """The authority in a folder, which need not be there yet. Used by the threads of many hosts. organization: in the
    names of all its certificates."""

    def __init__(self, folder: Path, organization: str) -> None:
        self.folder, self.organization = folder, organization
        self._lock = threading.Lock()
        self._signer: tuple[Any, x509.Certificate] | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 of its public key, in hex, which stays when its certificate is renewed; "" where it has none yet.
        Raises ConfigError for a file that is no certificate."""
        path = self.folder / CERTIFICATE
        try:
            return certificates.read(path.read_text()).key
        except FileNotFoundError:
            return ""
        except ValueError:
            raise ConfigError(f"{path} is no certificate (PEM)", advice="bring it back from a backup") from None

    @property
    def certificate(self) -> str:
        """Its certificate (PEM), which whoever connects needs. Raises ConfigError where there is none."""
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
        """A new key and a certificate for it, of this name. names: the host names and addresses by which
        it is reached; days: how long it is good. Raises ConfigError or Refused where the key cannot be used."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        with self._lock:
            if self._signer is None:
                self._signer = self._load() if (self.folder / CERTIFICATE).exists() else self._make()
            signer, own = self._signer = self._lasting(*self._signer, days)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        until = min(now + datetime.timedelta(days=days), own.not_valid_after_utc)
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            _builder(_subject(self.organization, name), own.subject, key.public_key(), now, until)
            .add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, _sha256())
        )
        return Issued(
            (_private(key) + _pem(certificate)).decode(), _pem(own).decode(), self.fingerprint, int(until.timestamp())
        )

    def _load(self) -> tuple[Any, x509.Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        path = self.folder / KEY
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise Refused(f"others can read {path}, which signs for the cluster", advice=f"chmod 600 {path}")
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            own = x509.load_pem_x509_certificate((self.folder / CERTIFICATE).read_bytes())
        except FileNotFoundError:
            raise lost(self.folder) from None
        except (ValueError, TypeError):  # their messages may quote the file
            raise ConfigError(f"{path} cannot be read as a private key (PEM)", advice="bring it back") from None
        if _public(key) != _public(own):
            raise ConfigError(f"{path} is not the key of {CERTIFICATE} beside it", advice="bring back the right one")
        return key, own

    def _lasting(self, key: Any, own: x509.Certificate, days: int) -> tuple[Any, x509.Certificate]:
        """The authority, with another certificate where this one is good for fewer days. It has the same key and the
        same name, so each of the two vouches for what was signed before and after."""
        now = datetime.datetime.now(datetime.timezone.utc)
        if own.not_valid_after_utc < now + min(datetime.timedelta(days=days), LASTS / 2):
            own = _own(key, own.subject)
            _write(self.folder / CERTIFICATE, _pem(own), 0o644)
        return key, own

    def _make(self) -> tuple[Any, x509.Certificate]:
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        own = _own(key, _subject(self.organization, f"authority of {self.folder.stem}"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self.folder / ".gitignore", f"{KEY}\n".encode(), 0o644)
        # The certificate last: with it, the authority is there.
        _write(self.folder / KEY, _private(key), 0o600)
        _write(self.folder / CERTIFICATE, _pem(own), 0o644)
        return key, own


def lost(folder: Path) -> Refused:
    """What is to say where an authority is to sign and its key is not here."""
    return Refused(
        f"a certificate has to be made, and the key that signs it is not here: {folder / KEY}",
        advice="deploy from the machine that has it, or copy it here (chmod 600); whoever has it can let hosts in",
    )


def _write(path: Path, content: bytes, mode: int) -> None:
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


def _general(name: str) -> x509.GeneralName:
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


def _private(key: Any) -> bytes:
    """PKCS #8, the only form that Kafka reads."""
    from cryptography.hazmat.primitives import serialization

    found: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return found


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _public(one: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    found: bytes = one.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found
