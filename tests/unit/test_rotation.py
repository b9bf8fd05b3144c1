"""certs.rotate-ca: how far it goes at a time, and what it wants to know before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli import deploying, rotation
from cli.common import Run
from provisioner import succession
from provisioner.errors import Refused, UsageError
from provisioner.succession import Step
from roles.shared import tls
from tests.support import roles as support


class Closed:
    """An inventory, its authority, and the steps that its nodes were brought to. codes: of deploys that fail."""

    def __init__(self, folder: Path) -> None:
        inventory = support.inventory(folder, kafka=["kafka1"], kafka_security="required")
        self.path, self.own = inventory.path, tls.authority(inventory)
        self.reached: list[Step] = []
        self.codes: dict[Step, int] = {}

    def rotate(self, ready: bool = False, yes: bool = True) -> int:
        return rotation.rotate(Run(hosts=str(self.path)), ready, yes, accept_downtime=False)


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closed:
    found = Closed(tmp_path)

    def deploy(run: Run, tags: str, **chosen: Any) -> int:
        step = succession.step(found.own)
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
