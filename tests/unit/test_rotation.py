"""certs.rotate-ca: how far it goes at a time, and what it wants to know before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli import deploying, rotation
from cli.common import Run
from provisioner import certificates, succession
from provisioner.errors import Refused, UsageError
from provisioner.succession import Step
from roles.kafka import client_certificates
from roles.shared import tls
from tests.support import roles as support


class Closed:
    """An inventory, its authority, and the steps that its nodes were brought to. codes: of deploys that fail."""

    def __init__(self, folder: Path) -> None:
        listed = [{"name": "PLAINTEXT", "port": 9092}, {"name": "CERTS", "port": 9096, "clients": "certificates"}]
        users = {"alice": {"certificate": True}, "bob": {"password": "a-password-of-bob"}}
        closed: dict[str, Any] = {"kafka_security": "required", "kafka_listeners": listed, "kafka_users": users}
        inventory = support.inventory(folder, kafka=["kafka1"], **closed)
        self.path, self.own = inventory.path, tls.authority(inventory)
        self.clients = client_certificates.authority(inventory)
        self.reached: list[Step] = []
        self.codes: dict[Step, int] = {}

    def rotate(self, ready: bool = False, yes: bool = True) -> int:
        return rotation.rotate(Run(hosts=str(self.path)), ready, yes, accept_downtime=False)

    def of_clients(self, ready: bool = False, yes: bool = True) -> int:
        return rotation.rotate_clients(Run(hosts=str(self.path)), ready, yes, accept_downtime=False)

    def trusted(self) -> list[str]:
        """What brokers trust of clients, by the keys of the authorities, in the file's order."""
        inventory = Run(hosts=str(self.path)).inventory()
        resources = client_certificates.resources(support.target(inventory, "kafka1"))
        return certificates.keys(resources[0].content)  # type: ignore[attr-defined]


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closed:
    found = Closed(tmp_path)

    def deploy(run: Run, tags: str, **chosen: Any) -> int:
        step = max(succession.step(found.own), succession.step(found.clients))
        found.reached.append(step)
        return found.codes.pop(step, 0)

    monkeypatch.setattr(deploying, "deploy", deploy)
    found.own.issue("kafka", ["kafka1"], 30)
    return found


def test_it_stops_until_clients_trust_the_new_one_and_then_goes_to_the_end(closed, capsys):
    old = closed.own.fingerprint
    assert closed.rotate() == 0 and closed.reached == [Step.ANNOUNCED] and closed.own.fingerprint == old
    assert f"Now give clients the new {closed.own.folder / 'ca.crt'}" in capsys.readouterr().out
    with pytest.raises(Refused, match="whether clients trust the new authority is not known") as refused:
        closed.rotate()
    assert "--clients-ready" in str(refused.value) and closed.own.fingerprint == old
    closed.reached.clear()
    assert closed.rotate(ready=True) == 0
    assert closed.reached == [Step.ANNOUNCED, Step.SUCCEEDED, Step.RETIRED]
    assert succession.step(closed.own) is Step.SETTLED and closed.own.fingerprint != old


def test_no_flag_skips_the_stop_of_a_rotation_that_begins(closed):
    assert closed.rotate(ready=True) == 0 and closed.reached == [Step.ANNOUNCED]


@pytest.mark.parametrize("at", [Step.ANNOUNCED, Step.SUCCEEDED, Step.RETIRED])
def test_a_step_that_nodes_have_not_reached_is_not_passed_and_the_same_command_goes_on(closed, at, capsys):
    closed.rotate()
    closed.codes[at] = 4
    assert closed.rotate(ready=True) == 4 and succession.step(closed.own) is at
    assert "the same command goes on from there" in capsys.readouterr().out
    closed.reached.clear()
    assert closed.rotate(ready=True) == 0
    assert closed.reached == [one for one in Step if one >= at]
    assert succession.number(closed.own.known[0]) == 2, "one rotation, not two"


def test_what_it_refuses_changes_nothing(closed, tmp_path):
    with pytest.raises(UsageError, match="nothing was changed"):
        closed.rotate(yes=False)
    before = closed.own.certificate
    (closed.own.folder / "ca.key").rename(tmp_path / "ca.key")
    with pytest.raises(Refused, match="the key that signs it is not here"):
        closed.rotate()
    (closed.own.folder / "ca.crt").unlink()
    with pytest.raises(Refused, match="the key that signs it is not here"):
        closed.rotate()
    assert not closed.reached and before.count("BEGIN") == 1
    support.inventory(tmp_path, kafka=["kafka1"])
    with pytest.raises(UsageError, match="the cluster is open"):
        closed.rotate()


# -- of clients


def test_brokers_trust_both_before_the_new_one_signs_and_the_old_one_goes_when_clients_are_said_to_be_ready(
    closed, capsys
):
    closed.clients.issue("alice", (), 1)
    old = closed.clients.fingerprint
    assert closed.of_clients() == 0 and closed.reached == [Step.ANNOUNCED]
    new = closed.clients.fingerprint
    assert new != old and closed.clients.issue("alice", (), 1).authority == new
    said = capsys.readouterr().out
    assert "`invoke certs.issue --user USER --out FILE` (alice)" in said and "bob" not in said
    assert closed.trusted() == [new, old]
    with pytest.raises(Refused, match="whether clients have certificates of the new authority is not known") as refused:
        closed.of_clients()
    assert "--clients-ready" in str(refused.value) and closed.trusted() == [new, old]
    assert closed.of_clients(ready=True) == 0 and closed.reached == [Step.ANNOUNCED, Step.RETIRED]
    assert closed.trusted() == [new] and succession.step(closed.clients) is Step.SETTLED
    assert succession.step(closed.own) is Step.SETTLED and succession.number(closed.own.known[0]) == 1


def test_what_brokers_have_does_not_change_when_the_new_one_begins_to_sign(closed):
    closed.clients.issue("alice", (), 1)
    succession.announce(closed.clients)
    before = closed.trusted()
    succession.succeed(closed.clients)
    assert closed.trusted() == before and closed.clients.fingerprint == before[0] and len(before) == 2


@pytest.mark.parametrize(("at", "ready"), [(Step.ANNOUNCED, False), (Step.RETIRED, True)])
def test_a_step_that_brokers_have_not_reached_is_not_passed_either(closed, at, ready, capsys):
    closed.clients.issue("alice", (), 1)
    if ready:
        closed.of_clients()
    closed.codes[at] = 4
    assert closed.of_clients(ready) == 4 and succession.step(closed.clients) is at
    assert "the same command goes on from there" in capsys.readouterr().out
    inventory = Run(hosts=str(closed.path)).inventory()
    (warning,) = client_certificates.warnings(inventory)
    assert client_certificates.STEPS[at] in warning and "certs.rotate-ca --of-clients` goes on" in warning
    assert closed.of_clients(ready) == 0 and succession.number(closed.clients.known[0]) == 2


def test_without_an_authority_of_clients_there_is_none_to_replace(closed, tmp_path):
    with pytest.raises(UsageError, match="clients have no authority here"):
        closed.of_clients()
    closed.clients.issue("alice", (), 1)
    (closed.clients.folder / "ca.key").rename(tmp_path / "ca.key")
    with pytest.raises(Refused, match="the key that signs it is not here"):
        closed.of_clients()
    assert not closed.reached
