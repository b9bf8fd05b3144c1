"""What an agent asks the services of its host before it is told to read it."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.connect.opening import Opener
from provisioner.errors import ConfigError
from provisioner.inventory.model import Inventory
from provisioner.options import Options
from provisioner.resources import Request, once
from provisioner.run.preparation import Preparation
from provisioner.run.target import Target, load_templates
from roles import site
from tests.support import roles as support
from tests.unit.test_agent import Process

ROOT = Path(__file__).resolve().parents[2]
HOLDER = {"who": "kim@desk"}


class Agent(Process):
    """An agent process that was told to ask ahead; each call of `asked` leaves a line in a file."""

    def __init__(self, folder: Path, **ahead: Any) -> None:
        self.folder = folder
        (folder / "asked.py").write_text(
            "import pathlib\n"
            "def asked(args, emit):\n"
            "    with pathlib.Path(__file__).with_name('asked.log').open('a') as file: file.write('.')\n"
            "    return {'answer': args['number']}\n"
        )
        super().__init__(folder, **ahead)

    def read(self, *calls: dict[str, Any], **arguments: Any) -> Any:
        self.begin(*calls, **arguments)
        return self.end()[0]

    def begin(self, *calls: dict[str, Any], **arguments: Any) -> None:
        questions = {str(number): wire for number, wire in enumerate(calls)}
        self.send("read", resources=[], wants={"questions": questions}, **arguments)

    @property
    def times(self) -> int:
        log = self.folder / "asked.log"
        return len(log.read_text()) if log.exists() else 0

    def comes_to(self, times: int) -> bool:
        """Whether it is asked that often; what was begun may be at work still."""
        until = time.monotonic() + 20
        while self.times < times and time.monotonic() < until:
            time.sleep(0.01)
        return self.times == times


@contextmanager
def agent(folder: Path, **ahead: Any) -> Iterator[Agent]:
    running = Agent(folder, **ahead)
    with running.process:
        try:
            yield running
        finally:
            running.process.terminate()


def call(number: int) -> dict[str, Any]:
    return Request("asked", "asked", {"number": number}).wire()


def test_what_was_asked_ahead_is_answered_once_and_then_asked_anew(tmp_path: Path) -> None:
    with agent(tmp_path, calls=[[call(1)]]) as one:
        assert one.read(call(1), call(2))["answers"] == {"0": {"answer": 1}, "1": {"answer": 2}}
        assert one.times == 2
        assert one.read(call(1))["answers"] == {"0": {"answer": 1}}
        assert one.times == 3


def test_what_the_first_look_has_not_wanted_is_asked_anew_by_the_second(tmp_path: Path) -> None:
    with agent(tmp_path, calls=[[call(1)]]) as one:
        one.read()
        one.read(call(1))
        assert one.comes_to(2)


def test_what_goes_to_one_place_is_asked_one_after_another_within_what_is_around_it(tmp_path: Path) -> None:
    (tmp_path / "order.py").write_text(
        "import contextlib, pathlib, threading\n"
        "log = pathlib.Path(__file__).with_name('order.log')\n"
        "def say(text):\n"
        "    with log.open('a') as file: file.write(text + ' ' + threading.current_thread().name + '\\n')\n"
        "@contextlib.contextmanager\n"
        "def around():\n"
        "    say('begin')\n"
        "    yield\n"
        "def asked(args, emit):\n"
        "    say(str(args['number']))\n"
        "    if args['number'] == 2: raise OSError('no answer')\n"
        "    return {'answer': args['number']}\n"
    )
    calls = [Request("order", "asked", {"number": number}).wire() for number in (1, 2, 3)]
    with agent(tmp_path, calls=[calls], around="order.around") as one:
        assert one.read(calls[0], calls[2])["answers"] == {"0": {"answer": 1}, "1": {"answer": 3}}
    said = [line.split(" ", 1) for line in (tmp_path / "order.log").read_text().splitlines()]
    assert [text for text, _ in said] == ["begin", "1", "2", "3"] and len({thread for _, thread in said}) == 1


def test_nothing_counts_any_more_that_was_asked_before_something_else_was_done(tmp_path: Path) -> None:
    with agent(tmp_path, calls=[[call(1)]]) as one:
        assert one.ask("has", digests=[])[0] == []
        one.read(call(1))
        assert one.comes_to(2)


def test_it_is_asked_under_the_lock_of_its_run(tmp_path: Path) -> None:
    with agent(tmp_path, calls=[[call(1)]], holder=HOLDER) as one:
        one.read(call(1), holder=HOLDER)
        assert one.times == 1
        with agent(tmp_path, calls=[[call(1)]], holder={"who": "lee@desk"}) as other:
            assert other.read(call(1), holder={"who": "lee@desk"})["held_by"]["who"] == HOLDER["who"]
            assert other.times == 1  # it has not asked at all
        assert one.read(call(1))["answers"]  # and the first one is still there


def test_behind_an_interrupted_run_it_waits_for_its_end_and_asks_then(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"orphaned": True, "doing": "restart of kafka"}))
        file.flush()
        with agent(tmp_path, calls=[[call(1)]], holder=HOLDER) as one:
            one.begin(call(1), holder=HOLDER)
            assert "restart of kafka" in json.loads(one.process.stdout.readline())["event"]["text"]
            assert one.times == 0
            fcntl.flock(file, fcntl.LOCK_UN)
            assert one.end()[0]["answers"] == {"0": {"answer": 1}} and one.times == 1


KINDS: list[dict[str, Any]] = [
    {"kafka": ["a", "b", "c"], "zookeeper": ["a", "b", "c"]},
    {"kafka": ["a", "b", "c"], "kafka_version": "4.3.1"},
    {"kafka": ["a"], "kafka_controller": ["a", "d", "e"], "kafka_version": "4.3.1"},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["off", "open", "required"])
def test_it_is_what_the_host_is_asked_later(tmp_path: Path, kind: dict[str, Any], mode: str) -> None:
    """Else it would be asked twice. Before the host has said anything of itself, nothing is known of it."""
    users: dict[str, Any] = {} if mode == "off" else {"kafka_users": {"alice": {"password": "a-password-of-alice"}}}
    inventory = support.inventory(tmp_path, kafka_security=mode, **users, **kind)
    for name in inventory.hosts:
        later = support.target(inventory, name)
        expected = [once(one.ready).wire() for one in site.services(later) if one.ready]
        expected += [one.wire() for one in site.asked_first(later)]
        before = Target(later.host, inventory, {}, ROOT / "templates")
        found = [one.wire() for sequence in site.asked_ahead(before) for one in sequence]
        assert sorted(found, key=json.dumps) == sorted(expected, key=json.dumps) and expected


@pytest.mark.parametrize(("check", "locked"), [(True, False), (False, True)])
def test_only_a_run_that_may_change_something_locks_its_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: bool, locked: bool
) -> None:
    sent = opened(tmp_path, monkeypatch, check, site)
    assert ("holder" in sent) == locked and len(sent["calls"]) == 2


def test_what_is_wrong_with_a_host_is_not_said_ahead_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any) -> None:
        raise ConfigError("wrong")

    assert opened(tmp_path, monkeypatch, False, SimpleNamespace(asked_ahead=wrong)) == {}


def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: bool, of: Any) -> dict[str, Any]:
    """What the agent of a host is told to begin."""
    inventory: Inventory = support.single(tmp_path)
    sent: list[dict[str, Any]] = []

    class Enough(Exception):
        pass

    def opener(self: Opener, host: Any, ahead: Any) -> None:
        sent.append(ahead())
        raise Enough

    monkeypatch.setattr(Opener, "__init__", lambda self, *_: None)
    monkeypatch.setattr(Opener, "open", opener)
    options = Options(root=ROOT, cache=tmp_path, check=check)
    with pytest.raises(Enough):
        Preparation(SimpleNamespace(), of, inventory, options).host("single1")  # type: ignore[arg-type]
    return sent[0]


def test_a_template_that_cannot_be_loaded_is_left_to_whoever_renders_it(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "a.j2").write_text("{% if %}")
    load_templates(tmp_path, ["kafka", "none"])
