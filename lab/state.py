"""What a lab remembers on the user's machine: its login key, a password, its ports and its hosts' keys.

It is in the user's cache, not in a clone, so that two clones that use the same lab agree about it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.hosts import Ports

# Spelled out in the shipped inventories too, hence not movable by XDG_CACHE_HOME.
CACHE = Path("~/.cache/kafka-provisioner/lab")


class State:
    """The files of one lab. Nothing is made before it is asked for."""

    def __init__(self, lab: str) -> None:
        self.lab = lab
        self.directory = CACHE.expanduser() / lab

    @property
    def key(self) -> Path:
        """The private key that logs in on every host of the lab; made on first use, readable by the user only."""
        path = self.directory / "id_ed25519"
        if not path.exists():
            from cryptography.hazmat.primitives import serialization as s
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

            key = Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH)
            private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, s.NoEncryption())
            self._write("id_ed25519.pub", f"{public.decode()} lab-{self.lab}\n", 0o644)
            self._write("id_ed25519", private.decode(), 0o600)
        return path

    @property
    def public_key(self) -> str:
        """The line for authorized_keys."""
        return self.key.with_suffix(".pub").read_text().strip()

    @property
    def password(self) -> str:
        """The sudo password of the user `opspw`; made on first use, readable by the user only."""
        path = self.directory / "opspw.password"
        if not path.exists():
            self._write(path.name, secrets.token_urlsafe(18) + "\n", 0o600)
        return path.read_text().strip()

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys as the lab read them inside the containers, in OpenSSH's format. May not exist yet."""
        return self.directory / "known_hosts"

    def remember_keys(self, names: dict[str, str], forget: Iterable[str] = ()) -> None:
        """Bring known_hosts up to date. names: what ssh calls a host -> its public host keys, one a line."""
        gone = {*names, *forget}
        old = self.known_hosts.read_text().splitlines() if self.known_hosts.exists() else []
        kept = [line for line in old if line.split(" ", 1)[0] not in gone]
        new = [f"{name} {' '.join(key.split()[:2])}" for name, keys in names.items() for key in keys.splitlines()]
        self._write("known_hosts", "".join(f"{line}\n" for line in sorted(kept + new)), 0o644)

    def ports(self) -> Ports | None:
        """The ports this lab took, or None if it has not taken any yet."""
        path = self.directory / "ports.json"
        return json.loads(path.read_text()) if path.exists() else None

    def remember_ports(self, ports: Ports) -> None:
        """Keep the ports for as long as the lab exists."""
        self._write("ports.json", json.dumps(ports, indent=2) + "\n", 0o644)

    def ports_of_other_labs(self) -> set[int]:
        """Ports that are spoken for, although the labs that took them may be stopped now."""
        taken: set[int] = set()
        for path in self.directory.parent.glob("*/ports.json"):
            if path.parent != self.directory:
                taken |= all_ports(json.loads(path.read_text()))
        return taken

    def write_inventory(self, relative: str, text: str) -> Path:
        """Put a generated inventory file into the state directory and return its path."""
        return self._write(f"inventory/{relative}", text, 0o644)

    def forget(self) -> None:
        """Remove everything that this lab remembers."""
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, what: str = "") -> Iterator[None]:
        """One change at a time, across processes. The lock goes with the process, whatever ends it.

        what: "" for this lab; any other word for a lock that all labs share.
        """
        directory = self.directory.parent
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{what or f'lab-{self.lab}'}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, name: str, text: str, mode: int) -> Path:
        """Write whole or not at all, and never readable by others for an instant if mode says so."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text() == text:
            return path
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
        temporary.replace(path)
        return path


def all_ports(ports: Ports) -> set[int]:
    """The numbers of a port table."""
    return {number for uses in ports.values() for number in uses.values()}
