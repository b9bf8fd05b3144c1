"""A key with a certificate of somebody else's authority: read from files of this machine, checked before anything shows
it, and asked for."""

from __future__ import annotations

import datetime
import ipaddress
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner import authority
from provisioner.authority import SEALED
from provisioner.errors import ConfigError, ProvisionerError, Refused
from provisioner.words import some

if TYPE_CHECKING:
    from cryptography import x509

Decrypt = Callable[[str, str], str]
LEAST_RSA = 2048  # bits; OpenSSL and Java refuse shorter keys
WEAK = ("md5", "sha1")  # hashes of signatures that they refuse, too
UNLOCK = "`openssl pkcs8 -topk8 -nocrypt` takes the password off; ansible-vault may encrypt the file instead"


class Files(NamedTuple):
    """Where they are: the certificate with those of the authorities between it and what clients trust behind it, its
    key, and what clients trust (PEM)."""

    certificate: Path
    key: Path
    trusted: Path


class Pair(NamedTuple):
    """What such files hold. chain: the certificate first."""

    key: Any
    chain: tuple[x509.Certificate, ...]
    trusted: tuple[x509.Certificate, ...]

    def __repr__(self) -> str:
        return f"Pair({name(self.chain[0])})"  # the key is secret

    @property
    def text(self) -> str:
        """The key and its chain as a service reads them (PEM), with nothing else that the files hold."""
        return authority.private(self.key).decode() + self.chain_text

    @property
    def chain_text(self) -> str:
        """The chain (PEM)."""
        return b"".join(map(authority.pem, self.chain)).decode()

    @property
    def trust(self) -> str:
        """What clients trust (PEM)."""
        return b"".join(map(authority.pem, self.trusted)).decode()

    @property
    def until(self) -> int:
        """The end of the first of its certificates that ends, seconds since 1970."""
        return int(min(one.not_valid_after_utc for one in self.chain).timestamp())


def read(files: Files, decrypt: Decrypt) -> Pair:
    """What the files hold, not checked. Raises ConfigError, and Refused for a key that others can read."""
    return Pair(key(files.key, decrypt), tuple(certificates(files.certificate)), tuple(certificates(files.trusted)))


def certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a file, in its order. Raises ConfigError where there is none."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(content(path))
    except ValueError:
        raise ConfigError(
            f"{path} holds no certificate (PEM)",
            advice="a certificate as text begins with -----BEGIN CERTIFICATE-----; "
            "`openssl x509 -inform der` makes one of a binary file",
        ) from None


def key(path: Path, decrypt: Decrypt) -> Any:
    """The private key in a file. Raises ConfigError, and Refused where others can read it."""
    from cryptography.hazmat.primitives import serialization

    found = content(path)
    if found.startswith(SEALED):
        found = decrypt(found.decode(errors="replace"), str(path)).encode()
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(f"others can read {path}, a private key", advice=f"chmod 600 {path}")
    try:
        return serialization.load_pem_private_key(found, password=None)
    except TypeError:
        raise ConfigError(f"the key in {path} is encrypted with a password", advice=UNLOCK) from None
    except ValueError:  # its message may quote the file
        raise ConfigError(
            f"{path} holds no private key (PEM)", advice="a key as text begins with -----BEGIN PRIVATE KEY-----"
        ) from None


def content(path: Path) -> bytes:
    """What is in a file. Raises ConfigError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path} is not here", advice="copy it to this machine, or correct the path") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def wrong(pair: Pair, files: Files, names: Sequence[str], now: datetime.datetime) -> Iterator[ProvisionerError]:
    """What is wrong with a pair as that of a server which clients reach by these names and addresses. files: where it
    is, for the sentences."""
    own = pair.chain[0]
    if authority.public(pair.key) != authority.public(own):
        yield _not_its_key(pair, files)
        return
    yield from _unusable(pair, files)
    if found := list(weak(pair.chain, files.certificate)):
        yield from found  # and nobody follows the chain
        return
    yield from _untrusted(pair, files)
    yield from _out_of_time(pair, files, now)
    missing = [one for one in names if not covers(own, one)]
    if missing:
        listed = some(covered(own), nothing="none")
        yield ConfigError(
            f"the certificate in {files.certificate} lacks {some(missing)}, by which clients reach it",
            details=[f"subject alternative names: {listed}"],
            advice="request one with all names (`invoke certs.request` lists them in the request)",
        )


def _not_its_key(pair: Pair, files: Files) -> ProvisionerError:
    """What to say where the first certificate is not that of the key."""
    its = next((one for one in pair.chain if authority.public(one) == authority.public(pair.key)), None)
    if its is not None:
        return ConfigError(
            f"the first certificate in {files.certificate} is not the key's own, which is further down: {name(its)}",
            advice="put it first, and behind each certificate that of its issuer",
        )
    return ConfigError(
        f"the key in {files.key} does not belong to the certificate in {files.certificate}",
        details=[f"the certificate is that of {name(pair.chain[0])}"],
        advice="bring the key with which the certificate was requested, or request another one",
    )


def _unusable(pair: Pair, files: Files) -> Iterator[ProvisionerError]:
    """What no server may show, or no client takes."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if not isinstance(pair.key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        yield ConfigError(
            f"the key in {files.key} is neither RSA nor EC", advice="request a certificate for one of these"
        )
    elif isinstance(pair.key, rsa.RSAPrivateKey) and pair.key.key_size < LEAST_RSA:
        yield ConfigError(
            f"the key in {files.key} has {pair.key.key_size} bits, and clients want {LEAST_RSA} at least",
            advice="request a certificate for a longer one",
        )
    usage = _extension(pair.chain[0], x509.ExtendedKeyUsage)
    taken = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(one in usage for one in taken):
        yield ConfigError(
            f"the certificate in {files.certificate} is not for servers: its extended key usage lacks serverAuth",
            advice="request one for a server",
        )


def weak(chain: Iterable[x509.Certificate], path: Path) -> Iterator[ProvisionerError]:
    """Those of a file that are signed in a way which clients refuse. Nobody verifies what signed itself."""
    for one in chain:
        hashed = one.signature_hash_algorithm
        if hashed is not None and hashed.name in WEAK and one.subject != one.issuer:
            yield ConfigError(
                f"the certificate {name(one)} in {path} is signed with {hashed.name.upper()}, which clients refuse",
                advice="request one that is signed with SHA-256",
            )


def _untrusted(pair: Pair, files: Files) -> Iterator[ProvisionerError]:
    """Why the chain does not lead to what clients trust."""
    for one in pair.trusted:
        if not _signs(one):
            yield ConfigError(
                f"{files.trusted} holds {name(one)}, which is no authority's certificate",
                advice="put the certificates there that clients are to trust, and no other",
            )
            return
    if leads(pair.chain, pair.trusted):
        return
    try:
        ordered = chain(pair.chain[0], pair.chain[1:], pair.trusted)
    except ConfigError as error:
        error.summary = f"{files.certificate} does not lead to {files.trusted}: {error.summary}"
        yield error
        return
    yield ConfigError(
        f"the certificates in {files.certificate} are not in order: each is followed by that of its issuer",
        details=[f"the order is: {' | '.join(map(name, ordered))}"],
        advice="put them in this order, and leave others out",
    )


def chain(
    own: x509.Certificate, others: Iterable[x509.Certificate], trusted: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """A certificate and, in order, those among the others that lead to one that is trusted, which is left out. Raises
    ConfigError where none does."""
    found, left = [own], [one for one in others if one != own and _signs(one)]
    while not any(_issued(found[-1], one) for one in trusted):
        nearest = next((one for one in left if one not in found and _issued(found[-1], one)), None)
        if nearest is None:
            raise ConfigError(
                f"the issuer of {name(found[-1])} is in neither",
                details=[f"its issuer is {found[-1].issuer.rfc4514_string()}"],
                advice="put the issuer's certificate behind it; if clients are to trust the issuer itself, give that",
            )
        found.append(nearest)
    return tuple(found)


def leads(found: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> bool:
    """Whether each certificate is followed by its issuer's, and the last one is trusted, or its issuer is."""
    steps = all(_issued(one, by) and _signs(by) for one, by in pairwise(found))
    return steps and (found[-1] in trusted or any(_issued(found[-1], one) for one in trusted))


def _out_of_time(pair: Pair, files: Files, now: datetime.datetime) -> Iterator[ProvisionerError]:
    places = [*((one, files.certificate) for one in pair.chain), *((one, files.trusted) for one in _used(pair))]
    for one, path in places:
        if one.not_valid_after_utc <= now:
            yield ConfigError(
                f"the certificate {name(one)} in {path} has ended, on {one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
                advice="request a new one, and import it",
            )
        elif one.not_valid_before_utc > now:
            begins = f"{one.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            yield ConfigError(
                f"the certificate {name(one)} in {path} is good only from {begins} on",
                advice="deploy it then; and see whether the clock of this machine is right",
            )


def _used(pair: Pair) -> list[x509.Certificate]:
    """Those that are trusted and that the chain leads to."""
    return [one for one in pair.trusted if one not in pair.chain and _issued(pair.chain[-1], one)][:1]


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _signs(one: x509.Certificate) -> bool:
    """Whether it is that of an authority."""
    from cryptography import x509

    limits = _extension(one, x509.BasicConstraints)
    return bool(limits and limits.ca)


def _extension(one: x509.Certificate, kind: Any) -> Any:
    """The value of an extension, None where a certificate does not have it."""
    from cryptography import x509

    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def covered(one: x509.Certificate) -> list[str]:
    """The host names and addresses that a certificate is for. Its common name is none: clients do not read it."""
    from cryptography import x509

    found = _extension(one, x509.SubjectAlternativeName)
    return (
        [] if found is None else [str(each.value) for each in found if isinstance(each, (x509.DNSName, x509.IPAddress))]
    )


def covers(one: x509.Certificate, asked: str) -> bool:
    """Whether a certificate is for a host name or an address: "*.example.com" is for one label more, as clients read
    it."""
    try:
        address = ipaddress.ip_address(asked)
    except ValueError:
        wanted = asked.rstrip(".").lower()
        beyond = f"*.{wanted.partition('.')[2]}"
        return any(name.lower() in (wanted, beyond) for name in covered(one))
    return str(address) in covered(one)


def name(one: x509.Certificate) -> str:
    """Whose it is, for sentences."""
    return one.subject.rfc4514_string() or "(no subject)"


def request(key: Any, names: Sequence[str]) -> str:
    """A request for a certificate of a key, for a server of these names and addresses (PEM); the first one is its
    common name, too."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName([authority.general(one) for one in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
