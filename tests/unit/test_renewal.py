"""certs.renew: which certificates it replaces, and that a run which was cut off is finished by the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli import deploying
from cli import renewal as verb
from cli.common import Run
from provisioner import certificates, renewal
from provisioner.errors import Refused, UsageError
from provisioner.resources import Credential, differing, from_wire
from provisioner.resources.credential import certificate_digest
from roles.shared import tls
from tests.support import roles as support
from tests.unit.test_credential import FakeSystem

HOSTS = ("kafka1", "kafka2", "kafka3")


class Closed:
    """Three nodes as a deploy treats them: one after the other. stops: how many hosts a deploy reaches."""

    def __init__(self, folder: Path) -> None:
        inventory = support.inventory(folder, kafka=[*HOSTS], kafka_security="required")
        self.path, self.own = inventory.path, tls.authority(inventory)
        self.systems = {name: FakeSystem() for name in HOSTS}
        self.stops = len(HOSTS)
        self.renewed: list[str] = []
        self.deploy(Run(hosts=str(self.path)), "")
        self.renewed.clear()

    def deploy(self, run: Run, tags: str, **chosen: Any) -> int:
        inventory = run.inventory()
        for number, host in enumerate(inventory.limit(run.limit or None)):
            if number >= self.stops:
                return 4
            of = support.target(inventory, host.name)
            (one,) = [each for each in support.resources(of) if isinstance(each, Credential)]
            there, system = from_wire(one.wire(content=True)), self.systems[host.name]
            if differs := differing(there.expected(), there.read(system)):
                there.fix(system, there.read(system), differs)
                self.renewed.append(host.name)
        return 0

    def there(self, run: Run) -> dict[str, str]:
        files = {one.name: self.systems[one.name].files for one in run.inventory().limit(run.limit or None)}
        found = {name: certificates.blocks(of["/etc/kafka/tls/node.pem"][0])[0] for name, of in files.items()}
        return {certificate_digest(text): name for name, text in found.items()}

    def renew(self, limit: str = "", yes: bool = True) -> int:
        return verb.renew(Run(hosts=str(self.path), limit=limit), yes, accept_downtime=False)

    def take(self) -> list[str]:
        found, self.renewed = self.renewed, []
        return found


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closed:
    found = Closed(tmp_path)
    monkeypatch.setattr(deploying, "deploy", found.deploy)
    monkeypatch.setattr(verb, "_there", found.there)
    return found


def test_every_node_gets_another_one_and_nothing_is_remembered(closed):
    assert closed.renew() == 0 and closed.take() == [*HOSTS]
    assert not (closed.own.folder / renewal.FILE).exists()
    closed.deploy(Run(hosts=str(closed.path)), "")
    assert closed.take() == [], "a deploy behind it changes nothing"
    assert closed.renew() == 0 and closed.take() == [*HOSTS], "and the same command renews again"


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_one_that_was_cut_off_goes_on_where_it_was(closed, reached, capsys):
    closed.stops = reached
    assert closed.renew() == 4 and closed.take() == [*HOSTS[:reached]]
    assert "the same command goes on from there" in capsys.readouterr().out
    closed.stops = len(HOSTS)
    assert closed.renew(yes=False) == 0, "and does not ask again"
    assert closed.take() == [*HOSTS[reached:]]
    assert "A renewal was cut off: " in capsys.readouterr().out
    assert not (closed.own.folder / renewal.FILE).exists()


def test_a_deploy_goes_on_with_it_too_and_the_next_renewal_is_another_one(closed, capsys):
    closed.stops = 1
    closed.renew()
    closed.stops = len(HOSTS)
    closed.deploy(Run(hosts=str(closed.path)), "")
    assert closed.take() == [*HOSTS]
    assert closed.renew(yes=False) == 0 and closed.take() == [], "what was begun comes to its end first"
    assert "the renewal that was cut off is complete" in capsys.readouterr().out
    assert not (closed.own.folder / renewal.FILE).exists()
    assert closed.renew() == 0 and closed.take() == [*HOSTS]


def test_a_run_that_was_cut_off_at_the_last_restart_renews_nothing_twice(closed):
    run, began = Run(hosts=str(closed.path)), closed.there(Run(hosts=str(closed.path)))
    renewal.begin(closed.own.folder, began)
    closed.deploy(run, "")
    assert closed.take() == [*HOSTS] and renewal.left(closed.own.folder, closed.there(run)) == []
    assert closed.renew(yes=False) == 0 and closed.take() == []


def test_a_limit_goes_on_with_its_hosts_and_leaves_what_is_left_of_others(closed):
    closed.stops = 1
    closed.renew()
    closed.stops = len(HOSTS)
    assert closed.take() == ["kafka1"]
    assert closed.renew(limit="kafka2", yes=False) == 0 and closed.take() == ["kafka2"]
    assert {*renewal.unwanted(closed.own.folder).values()} == {"kafka1", "kafka3"}
    assert closed.renew(yes=False) == 0 and closed.take() == ["kafka3"]
    assert not (closed.own.folder / renewal.FILE).exists()


def test_a_limit_renews_these_hosts_and_no_deploy_renews_others(closed):
    assert closed.renew(limit="kafka2") == 0 and closed.take() == ["kafka2"]
    closed.deploy(Run(hosts=str(closed.path)), "")
    assert closed.take() == []


def test_what_it_refuses_changes_nothing(closed, tmp_path):
    with pytest.raises(UsageError, match="nothing was changed"):
        closed.renew(yes=False)
    (closed.own.folder / "ca.key").rename(tmp_path / "ca.key")
    with pytest.raises(Refused, match="the key that signs it is not here"):
        closed.renew()
    assert not closed.renewed and not (closed.own.folder / renewal.FILE).exists()
    support.inventory(tmp_path, kafka=["kafka1"])
    with pytest.raises(UsageError, match="the cluster is open"):
        closed.renew()
