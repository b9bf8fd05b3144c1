"""What a program makes once: read, made, made again after it was cut off, and never before it is known with what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.agent.failure import Failure
from provisioner.agent.system import System
from provisioner.resources import Initial, Link, differing, from_wire
from provisioner.resources.frozen import replace
from provisioner.run.plan import HostPlan, completed, make


class Host(System):
    """A host whose files are real, and whose commands a test makes up. ran: those that were asked for."""

    def __init__(self, command: Callable[[], object]) -> None:
        super().__init__(lambda event: None)
        self.command = command
        self.ran: list[list[str]] = []

    def run(self, argv: list[str], timeout: float = 120) -> str:
        self.ran.append(argv)
        self.command()
        return ""


@pytest.fixture
def made(tmp_path: Path) -> Initial:
    return Initial(f"{tmp_path}/identity", "someone", ("make", "--id=-x"), "a new node of cluster -x")


def due(one: Initial, host: Host) -> bool:
    return bool(differing(one.expected(), one.read(host)))


def test_it_is_made_once_by_its_user_and_is_nobody_else_s_from_then_on(made: Initial):
    host = Host(Path(made.path).touch)
    assert due(made, host) and made.read(host) is None and made.note_when_absent == "a new node of cluster -x"
    made.fix(host, None, ("made",))
    assert host.ran == [["runuser", "--user", "someone", "--", "make", "--id=-x"]]
    assert not due(made, host)
    Path(made.path).write_text("another node's")
    assert not due(made, host), "whose it is, is for others to judge"
    assert made.present(host) == [] and made.remove(host) == "" and Path(made.path).exists()


def test_one_that_was_cut_off_is_still_to_be_made(made: Initial, tmp_path: Path):
    host = Host((tmp_path / "half").touch)
    made.fix(host, None, ("made",))
    assert due(made, host)
    host.command = Path(made.path).touch
    made.fix(host, None, ("made",))
    assert not due(made, host) and len(host.ran) == 2


def test_a_link_that_leads_nowhere_is_not_taken_for_an_empty_place(made: Initial):
    Path(made.path).symlink_to("/nowhere")
    assert not due(made, Host(lambda: None))


def test_before_it_is_decided_nothing_is_run(made: Initial):
    host = Host(Path(made.path).touch)
    undecided = replace(made, decided=False)
    with pytest.raises(Failure, match="what it is made with was never decided"):
        undecided.fix(host, None, ("made",))
    assert host.ran == [] and due(undecided, host)


def test_it_comes_to_the_host_as_it_is(made: Initial):
    for one in (made, replace(made, decided=False)):
        assert from_wire(one.wire(content=True)) == one


def test_a_plan_is_completed_by_key_and_keeps_its_order(made: Initial):
    link = Link("/opt/x", "x-1")
    plan: HostPlan = make("h", [link, replace(made, decided=False, command=("make",))], {})
    after = completed(plan, [made])
    assert [change.resource for change in after.changes] == [link, made]
    assert list(after.resources) == [link, made]
    assert [change.action for change in after.changes] == ["+", "+"]
    assert after.changes[1].note == plan.changes[1].note == "a new node of cluster -x"
    assert completed(plan, []) == plan
