"""Which keys of known_hosts a connection trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.hostkeys import HostKeys

from provisioner.connect import ssh

KEY = paramiko.ECDSAKey.generate()
OTHER = paramiko.ECDSAKey.generate()
NAME = "[10.0.0.1]:2222"


def line(names: str, key: paramiko.PKey = KEY) -> str:
    return f"{names} {key.get_name()} {key.get_base64()}"


def trusted(path: Path, *lines: str) -> bool:
    """Whether a client that has been told these lines knows the host, and by no key but KEY."""
    path.write_text("\n".join(lines) + "\n")
    client: Any = paramiko.SSHClient()
    ssh._load(client, path, NAME)
    found = client._system_host_keys.lookup(NAME)
    assert not client._system_host_keys.check(NAME, OTHER)
    return found is not None and bool(
        found.check(NAME, KEY) if hasattr(found, "check") else found[KEY.get_name()] == KEY
    )


@pytest.mark.parametrize(
    "lines",
    [
        [line(NAME)],
        [line(f"web.example.com,{NAME}")],
        [line(HostKeys.hash_host(NAME))],
        ["# a comment", "", line("web", OTHER), line(HostKeys.hash_host("web"), OTHER), f"  {line(NAME)} me@here"],
        ["|1|broken|line x y", "|1|c2hvcnQ=|aGFzaA== ssh-rsa AAAA", "nonsense", line(NAME)],
    ],
    ids=["plain", "one of several names", "hashed", "among others", "among broken ones"],
)
def test_a_hosts_own_line_is_found(tmp_path: Path, lines: list[str]):
    assert trusted(tmp_path / "known_hosts", *lines)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line("10.0.0.1")],
        [line("[10.0.0.1]:22")],
        [f"@cert-authority {line(NAME)}"],
        [f"@revoked {line(NAME)}"],
        [f"{NAME} {KEY.get_name()}"],
    ],
    ids=["nothing", "without the port", "another port", "an authority's", "revoked", "without a key"],
)
def test_no_other_line_is_trusted(tmp_path: Path, lines: list[str]):
    assert not trusted(tmp_path / "known_hosts", *lines)
