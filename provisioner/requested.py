"""Keys, requests and certificates of servers in a folder of this machine, where somebody else's authority signs.

HOST.key and HOST.pem are in use; HOST.csr asks for the next certificate, with HOST.next.key where that gets a key of
its own. Nothing in use changes before a certificate has come that fits.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner import authority, given
from provisioner.errors import ConfigError, ProvisionerError, Several
from provisioner.words import some

if TYPE_CHECKING:
    from cryptography import x509

TRUSTED = "ca.pem"  # what clients trust
NAMES = (".pem", ".crt", ".cer", ".cert", ".der")  # how the files of certificates in a folder end


class Signed(NamedTuple):
    """A certificate that has come, and its file."""

    certificate: x509.Certificate
    path: Path


class Taken(NamedTuple):
    """What a server gets. key: where its key is now."""

    host: str
    key: Path
    pair: given.Pair


class Folder:
    """The folder, which need not be there yet. decrypt: opens keys that ansible-vault has encrypted."""

    def __init__(self, path: Path, decrypt: given.Decrypt) -> None:
        self.path, self.decrypt = path, decrypt

    def files(self, host: str) -> given.Files:
        """The files of a server that are in use."""
        return given.Files(self.path / f"{host}.pem", self.path / f"{host}.key", self.path / TRUSTED)

    def request(self, host: str, names: Sequence[str], new_key: bool) -> tuple[Path, bool]:
        """Write a request for a server of these names. (its path, whether a key was made). new_key: with another key
        than the one in use. Raises ConfigError, and Refused for a key that others can read."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignored = self.path / ".gitignore"
        if not ignored.exists():
            authority.write(ignored, authority.UNSHARED, authority.PUBLIC)
        own, key = self.files(host).key, self._requested(host)
        if new_key and key == own and own.exists():
            key = self._next(host)
        made = not key.exists()
        if made:
            authority.write(key, authority.private(authority.new_key()), authority.SECRET)
        text = given.request(given.key(key, self.decrypt), names)
        path = self.path / f"{host}.csr"
        authority.write(path, text.encode(), authority.PUBLIC)
        return path, made

    def taken(
        self, servers: Mapping[str, Sequence[str]], signed: Sequence[Signed], trusted: Path, now: datetime.datetime
    ) -> list[Taken]:
        """What each of these servers {host: its names} gets of certificates that have come, all of it checked. trusted:
        a file with what clients trust. Raises Several."""
        roots, found, errors = tuple(given.certificates(trusted)), [], list[ProvisionerError]()
        for host, names in servers.items():
            try:
                found.append(one := self._taken(host, signed, roots, trusted))
            except ProvisionerError as error:
                errors.append(error.on([host]))
                continue
            place = next(each.path for each in signed if each.certificate == one.pair.chain[0])
            files = given.Files(place, one.key, trusted)
            errors += [error.on([host]) for error in given.wrong(one.pair, files, names, now)]
        errors += self._left_behind(servers, roots, trusted)
        if errors:
            raise Several(errors)
        return found

    def _taken(self, host: str, signed: Sequence[Signed], roots: tuple[x509.Certificate, ...], trusted: Path) -> Taken:
        place = self._requested(host)
        if not place.exists():
            raise ConfigError(f"there is no key for it in {self.path}", advice="`invoke certs.request` makes it")
        key = given.key(place, self.decrypt)
        own = [one for one in signed if authority.public(one.certificate) == authority.public(key)]
        if not own:
            raise ConfigError(
                f"none of the certificates is for its key, {place}",
                details=[f"they are those of {some(given.name(one.certificate) for one in signed)}"],
                advice=f"have {self.path / f'{host}.csr'} signed; or leave this host out with --limit",
            )
        newest = max(own, key=lambda one: one.certificate.not_valid_before_utc)
        try:
            chain = given.chain(newest.certificate, [one.certificate for one in signed], roots)
        except ConfigError as error:
            error.summary = f"{newest.path} does not lead to {trusted}: {error.summary}"
            error.advice = "give the issuer's certificate, too (--signed); if clients are to trust it, in --ca"
            raise
        return Taken(host, place, given.Pair(key, chain, roots))

    def _left_behind(
        self, servers: Iterable[str], roots: Sequence[x509.Certificate], trusted: Path
    ) -> list[ProvisionerError]:
        """Certificates in use, of other servers, that do not lead to what clients will trust: all share one file."""
        others = [path for path in sorted(self.path.glob("*.pem")) if path.name != TRUSTED and path.stem not in servers]
        return [
            ConfigError(
                f"{path} does not lead to {trusted}, which would take the place of {self.path / TRUSTED}",
                advice="put the certificates of both authorities into one file, and give that",
            )
            for path in others
            if not given.leads(given.certificates(path), roots)
        ]

    def put(self, taken: Sequence[Taken]) -> None:
        """Put what was taken in its place, all of it or nothing."""
        contents: list[tuple[Path, bytes, int]] = []
        for one in taken:
            files = self.files(one.host)
            contents.append((files.certificate, one.pair.chain_text.encode(), authority.PUBLIC))
            contents.append((files.trusted, one.pair.trust.encode(), authority.PUBLIC))
            if one.key != files.key:
                contents.append((files.key, one.key.read_bytes(), authority.SECRET))
        ready = {path: path.with_name(f".{path.name}.ready") for path, _, _ in contents}
        for path, content, mode in contents:
            authority.write(ready[path], content, mode)
        for path, part in ready.items():
            part.replace(path)
        for one in taken:
            if one.key != self.files(one.host).key:
                one.key.unlink()

    def _next(self, host: str) -> Path:
        return self.path / f"{host}.next.key"

    def _requested(self, host: str) -> Path:
        """The key for which a certificate was requested last."""
        following = self._next(host)
        return following if following.exists() else self.files(host).key


def signed(paths: Iterable[Path]) -> list[Signed]:
    """The certificates in these files and folders. Raises ConfigError for a file that holds none."""
    found: list[Signed] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                one for one in path.iterdir() if one.suffix.lower() in NAMES and not one.name.startswith(".")
            )
            for one in inside:
                found += _signed(one, lambda error: [])
        else:
            found += _signed(path, _raise)
    return found


def _signed(path: Path, otherwise: Callable[[ConfigError], list[Signed]]) -> list[Signed]:
    """Those of a file, as text or in binary form; otherwise: what to do with one that holds none."""
    from cryptography import x509

    try:
        return [Signed(one, path) for one in given.certificates(path)]
    except ConfigError as error:
        try:
            return [Signed(x509.load_der_x509_certificate(path.read_bytes()), path)]
        except (OSError, ValueError):
            return otherwise(error)


def _raise(error: ConfigError) -> Any:
    raise error
