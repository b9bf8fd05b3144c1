"""Which host keys a connection trusts: known_hosts as OpenSSH reads it, and attacks by a server with another key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paramiko.hostkeys import HostKeys

from provisioner.connect import known_hosts, ssh
from provisioner.connect.route import Hop
from provisioner.connect.settings import Settings
from provisioner.errors import Unreachable
from tests.support.ssh_server import serving

KEY = paramiko.ECDSAKey.generate()
OTHER = paramiko.ECDSAKey.generate()
RSA = paramiko.RSAKey.generate(2048)
NAME = "[10.0.0.1]:2222"


def line(names: str, key: paramiko.PKey = KEY) -> str:
    return f"{names} {key.get_name()} {key.get_base64()}"


def trusted(path: Path, *lines: str, name: str = NAME) -> bool:
    """Whether these lines trust KEY; they never trust OTHER."""
    path.write_text("\n".join(lines) + "\n")
    known = known_hosts.read([path], name)
    assert not known.trusts(OTHER.asbytes())
    return known.trusts(KEY.asbytes())


@pytest.mark.parametrize(
    "lines",
    [
        [line(NAME)],
        [line(f"web.example.com,{NAME}")],
        [line(HostKeys.hash_host(NAME))],
        ["# a comment", "", line("web", OTHER), line(HostKeys.hash_host("web"), OTHER), f"  {line(NAME)} me@here"],
        ["|1|broken|line x y", "|1|c2hvcnQ=|aGFzaA== ssh-rsa AAAA", "nonsense", line(NAME)],
        [line("[10.0.0.*]:2222")],
        [line("[10.0.0.?]:2222,!web")],
        [line("*")],
        [line("!web,*")],
        [f"@revoked {line(NAME, OTHER)}", line(NAME)],
        [f"@revoked {line('web')}", line(NAME)],
        [line(NAME).replace(" ", "\t")],
    ],
    ids=[
        "plain", "one of several names", "hashed", "among others", "among broken ones", "pattern", "one sign", "any",
        "any but another", "another key is revoked", "revoked for another", "tabs",
    ],
)  # fmt: skip
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
        [f"@revoked {line(NAME)}", line(NAME)],
        [line(NAME), f"@revoked {line('*')}"],
        [line(NAME), f"@revoked {line(HostKeys.hash_host(NAME))}"],
        [line("*,![10.0.0.1]:2222")],
        [line(f"!*,{NAME}")],
        [line("[10.0.0.1]:222")],
        [line("[1]0.0.0.1]:2222")],
        [f"@unknown {line(NAME)}"],
        [f"#{line(NAME)}"],
        [f"{NAME} ssh-rsa {KEY.get_base64()}"],
    ],
)
def test_no_other_line_is_trusted(tmp_path: Path, lines: list[str]):
    assert not trusted(tmp_path / "known_hosts", *lines)


def test_a_key_that_one_file_revokes_is_trusted_by_none(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(line(NAME))
    other.write_text(f"@revoked {line('*')}")
    assert not known_hosts.read([one, other], NAME).trusts(KEY.asbytes())
    assert known_hosts.read([one, tmp_path / "missing"], NAME).trusts(KEY.asbytes())


NAMES = st.text("ab.*?![]:0|1", min_size=1, max_size=8)


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")
@settings(max_examples=15, deadline=None)
@given(lines=st.lists(st.lists(NAMES, min_size=1, max_size=3).map(",".join), min_size=10, max_size=20))
def test_the_same_lines_as_for_openssh(tmp_path_factory: pytest.TempPathFactory, lines: list[str]):
    """ssh-keygen -F finds the lines of a host by OpenSSH's own matcher."""
    file = tmp_path_factory.mktemp("known") / "known_hosts"
    file.write_text("".join(f"{line(names)}\n" for names in lines if not names.startswith("|")))
    for name in ("ab", "a.b", "[a]:1"):
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, timeout=20, check=False
        )
        theirs = [
            int(one.rpartition("line ")[2].split()[0]) for one in done.stdout.splitlines() if one.startswith("# Host")
        ]
        ours = [found.number for found in known_hosts.read([file], name).trusted]
        assert ours == theirs, file.read_text()


# -- against a server


def connecting(port: int, file: Path, **changes: Any) -> None:
    name = known_hosts.name_of("127.0.0.1", port)
    hop = Hop("127.0.0.1", port, "me", known_as=name, known_hosts=(file,), agent="", timeout=20)
    settings = Settings("broker", "127.0.0.1", port=port, password="right")
    ssh.connect(settings, [hop._replace(**changes)]).close()


@pytest.mark.parametrize("accept_new", [False, True])
@pytest.mark.parametrize(
    ("written", "message"),
    [
        (["{0} other"], "has CHANGED"),
        (["* other"], "has CHANGED"),
        (["[127.0.0.?]:*,!web other"], "has CHANGED"),
        (["hashed other"], "has CHANGED"),
        (["{0} rsa"], "has CHANGED"),  # known by a key of another kind, which this server does not have
        (["{0} key", "@revoked {0} key"], "is REVOKED"),
        (["{0} key", "@revoked * key"], "is REVOKED"),
        (["@revoked * key"], "is REVOKED"),
        (["@cert-authority * other"], "certificate authority"),
        (["{0} key"], None),
        (["* key"], None),
        (["{0} other", "{0} key"], None),
        (["{0} rsa", "{0} key"], None),
        (["!{0},* other", "web other", "@revoked web key"], "is not known"),
    ],
)
def test_a_server_is_let_through_by_its_own_key_only(tmp_path: Path, written, message, accept_new):
    file = tmp_path / "known_hosts"
    with serving(KEY, password="right") as server:
        name = f"[127.0.0.1]:{server.port}"
        keys = {"key": KEY, "other": OTHER, "rsa": RSA}
        text = ""
        for entry in written:
            *names, key = entry.format(name).replace("hashed", HostKeys.hash_host(name)).split(" ")
            text += line(" ".join(names), keys[key]) + "\n"
        file.write_text(text)
        if message is None or (message == "is not known" and accept_new):
            connecting(server.port, file, accept_new=accept_new)
            assert server.passwords == ["right"]
        else:
            with pytest.raises(Unreachable, match=message) as caught:
                connecting(server.port, file, accept_new=accept_new)
            assert str(file) in str(caught.value) and caught.value.advice
            assert server.passwords == []  # nothing was said to it
        remembered = f"{line(name)}\n" if message == "is not known" and accept_new else ""
        assert file.read_text() == text + remembered


def test_of_several_kinds_the_server_shows_the_one_that_is_known(tmp_path: Path):
    file = tmp_path / "known_hosts"
    with serving(KEY, password="right") as server:
        server.host_key = RSA
        file.write_text(line(f"[127.0.0.1]:{server.port}", RSA))
        connecting(server.port, file)


@pytest.mark.parametrize("accept_new", [False, True])
def test_a_key_that_no_file_could_remember_is_never_accepted(accept_new):
    with serving(KEY, password="right") as server:
        with pytest.raises(Unreachable, match="is not known") as caught:
            connecting(server.port, Path("/dev/null"), accept_new=accept_new)
        assert server.passwords == [] and ("no file could remember it" in caught.value.summary) == accept_new


def test_a_key_is_remembered_once(tmp_path: Path):
    file = tmp_path / "sub" / "known_hosts"
    for _ in range(2):
        known_hosts.remember(file, NAME, KEY.get_name(), KEY.asbytes())
    assert file.read_text() == f"{line(NAME)}\n" and file.stat().st_mode & 0o777 == 0o600
