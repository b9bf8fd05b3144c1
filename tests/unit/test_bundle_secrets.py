"""A bundle of a closed cluster's project has none of its secrets: canaries of each kind, made by the code that makes
them."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli import client_config, given_certs, issue
from cli.common import Run
from provisioner import succession
from provisioner.artifacts import bundle as bundle_module
from provisioner.artifacts.bundle import bundle
from roles.kafka import client_certificates
from roles.shared import tls
from tests.lab import canary
from tests.support import roles as support

PASSWORD, VAULT = "canary-5c0de-of-dora", "canary-5c0de-opens"
LISTED = [{"name": "PLAINTEXT", "port": 9092}, {"name": "CERTS", "port": 9096, "clients": "certificates"}]
USERS = {"dora": {"password": PASSWORD}, "alice": {"certificate": True}}


def keys_in(folder: Path) -> dict[Path, list[str]]:
    """{file: a line of each private key in it}."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "PRIVATE KEY" in path.read_text(errors="replace"):
            lines = path.read_text().splitlines()
            found[path] = [lines[at + 1] for at, line in enumerate(lines) if line.startswith("-----BEGIN PRIV")]
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with everything that verbs write, also where a careless user has let them write it."""
    root = tmp_path / "project"
    root.mkdir()
    closed: Any = {"kafka_security": "required", "kafka_listeners": LISTED, "kafka_users": USERS}
    inventory = support.inventory(root, kafka=["kafka1"], **closed)
    run = Run(hosts=str(inventory.path))
    tls.authority(inventory).issue("kafka", ["kafka1"], 30)
    succession.announce(tls.authority(inventory))
    issue.issue(run, "alice", str(root / "alice.pem"), 30, True)
    succession.announce(client_certificates.authority(inventory))
    given_certs.request(run, False)
    for form in client_config.FORMATS:
        client_config.show(run, "dora", form, str(root / f"dora.{form}"))
    chain = tls.authority(inventory).certificate * 9
    assert len(chain) > 8192
    (root / "chain.pem").write_text(chain + (root / "alice.pem").read_text())
    (root / "bag.pem").write_text(f"Bag Attributes\n    friendlyName: {'x' * 99}\n" + (root / "alice.pem").read_text())
    (root / "vault-pass.txt").write_text(f"{VAULT}\n")
    (root / "tasks.py").write_text("")
    monkeypatch.setattr(bundle_module, "_wheels", lambda scratch, requirements: [])
    return root


@pytest.mark.parametrize("tracked", [False, True])
def test_no_secret_is_in_a_bundle_with_or_without_git_and_also_where_everything_is_tracked(
    project: Path, tmp_path: Path, tracked: bool
) -> None:
    keys = keys_in(project)
    names = {path.relative_to(project).as_posix() for path in keys}
    assert names >= {
        *("site.ca/ca.key", "site.ca/next.key", "site.ca/clients/ca.key", "site.ca/clients/next.key"),
        *("site.certs/kafka1.key", "alice.pem", "chain.pem", "bag.pem"),
    }
    secrets = [PASSWORD, VAULT, *(line for lines in keys.values() for line in lines)]
    holding = {path.relative_to(project).as_posix() for path in canary.holding(project, *secrets)}
    assert holding == names | {"site.yml", "vault-pass.txt", "dora.java", "dora.librdkafka", "dora.python"}
    (project / "site.yml").write_text("all: {}\n")  # an inventory is packed as it is: passwords in it are its user's
    if tracked:
        for command in (["git", "init", "-q"], ["git", "add", "--all", "--force", "."]):
            subprocess.run(command, cwd=project, check=True)
    made = bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[], inventory=project / "site.yml")
    packed = made.path.read_bytes()
    assert b"site.ca/ca.crt" in packed and b"tasks.py" in packed
    for secret in secrets:
        assert secret.encode() not in packed and base64.b64encode(secret.encode()) not in packed
