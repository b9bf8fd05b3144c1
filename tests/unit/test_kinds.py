"""A resource kind is one file: one that only this test knows goes through plan, diff, apply, uninstall and the bench
without a line about it anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Mapping, Optional  # noqa: UP035  # as in a kind's own file

import pytest

from bench import peers
from provisioner.agent import removal as on_host
from provisioner.agent.main import Agent
from provisioner.report.reporter import Row
from provisioner.resources import KINDS, Directory, Link, Resource, Service, from_wire, sha256
from provisioner.resources.base import State, Texts
from provisioner.resources.frozen import dataclass, replace
from provisioner.run import apply, plan, shown
from provisioner.run.uninstall import removal


@pytest.fixture
def a_new_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file made of lines, with every answer that a kind may give; it is gone again after the test."""
    known = dict(KINDS)

    @dataclass(frozen=True)
    class Lines(Resource):
        kind: ClassVar[str] = "lines"
        path: str
        lines: tuple[str, ...]
        source: Any = None
        data: bool = False
        purge: bool = False

        @property
        def name(self) -> str:
            return self.path

        @property
        def text(self) -> str:
            return "".join(f"{line}\n" for line in self.lines)

        def expected(self) -> State:
            return {"text": self.text}

        def read(self, system: Any) -> Optional[State]:
            text = system.read_text(self.path)
            return None if text is None else {"text": text}

        def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
            Path(self.path).write_text(self.text)

        def present(self, system: Any) -> list[str]:
            return [self.path] if Path(self.path).exists() else []

        def remove(self, system: Any) -> str:
            Path(self.path).unlink(missing_ok=True)
            return ""

        def wire(self, content: bool) -> dict[str, Any]:
            return {"kind": self.kind, "path": self.path, "lines": list(self.lines)}

        @property
        def note_when_absent(self) -> str:
            return f"{len(self.lines)} lines"

        def texts(self, actual: Optional[Mapping[str, Any]], differs: tuple[str, ...]) -> Optional[Texts]:
            return Texts((actual or {}).get("text", ""), self.text, "before", "after")

        def written(self) -> dict[str, str]:
            return {self.path: self.text}

        @property
        def payload_source(self) -> Any:
            return self.source

        @property
        def place(self) -> str:
            return self.path

        @property
        def stays(self) -> bool:
            return self.data

        @property
        def called(self) -> str:
            return f"the lines of {self.path}"

        def purged(self) -> Resource:
            return replace(self, purge=True)

        def described(self) -> tuple[str, list[dict[str, Any]]]:
            return "files", [{"path": self.path, "content": self.text, "template": ""}]

    yield Lines
    KINDS.clear()
    KINDS.update(known)


def test_it_is_planned_and_a_service_that_reads_it_restarts(a_new_kind: Any):
    lines = a_new_kind("/opt/x/list", ("a", "b"))
    resources = [lines, Link("/opt/current", "/opt/x"), Service("reader", ("/opt/current/list",))]
    old = {"/opt/current/list": sha256(b"a\n")}
    running = {"enabled": True, "active": True, "started": old, "disk": old}
    made = plan.make("h", resources, {lines.key: None, "service:reader": running})
    assert [(change.action, change.note) for change in made.changes][:1] == [("+", "2 lines")]
    assert [restart.reasons for restart in made.restarts] == [("/opt/current/list",)]


def test_its_diff_is_shown_with_secrets_masked(a_new_kind: Any):
    lines = a_new_kind("/x", ("a=2", "password=new"))
    (change,) = plan.make("h", [lines], {lines.key: {"text": "a=1\npassword=old\n"}}).changes
    assert list(shown.diff(change)[:4]) == ["--- before", "+++ after", "@@ -1,2 +1,2 @@", "-a=1"]
    assert "old" not in str(shown.diff(change)) and "new" not in str(shown.diff(change))


def test_it_travels_with_its_payload_and_is_made_on_the_host(a_new_kind: Any, tmp_path: Path):
    class Source:
        id, label = "one", "a payload"

        def obtain(self, progress: Any) -> Any:
            return SimpleNamespace(sha256="abc", path=tmp_path / "payload")

    class Session:
        """Passes requests on to a real agent, through JSON."""

        def __init__(self) -> None:
            self.agent = Agent(0, 1, str(tmp_path / "state"), str(tmp_path / "lock"))
            self.sent: list[Any] = []

        def put(self, path: Path, digest: str, progress: Any) -> None:
            self.sent.append((path, digest))

        def request(self, op: str, event: Any = None, **arguments: Any) -> Any:
            return getattr(self.agent, f"op_{op}")(json.loads(json.dumps(arguments)), event)

    lines = a_new_kind(str(tmp_path / "list"), ("a", "b"), Source())
    session, reporter = Session(), SimpleNamespace(host=lambda *_: None, progress=None)
    lines_shown: list[tuple[Any, ...]] = []
    reporter.change = lambda *said: lines_shown.append(said)
    fleet: Any = SimpleNamespace(
        sessions={"h": session},
        reporter=reporter,
        show=lambda host: lambda message: None,
        request=lambda host, *asked, **arguments: session.request(*asked, **arguments),
    )
    row = Row()
    apply.apply(fleet, "h", plan.make("h", [lines], {lines.key: None}).at_once, apply.Payloads(fleet), row)
    assert (tmp_path / "list").read_text() == "a\nb\n"
    assert session.sent == [(tmp_path / "payload", "abc")]
    assert lines_shown == [("h", lines.key, "+", "2 lines")] and row.changed == 1


def test_an_uninstall_asks_it_what_stays(a_new_kind: Any, tmp_path: Path):
    guard = Directory("/data", once="data")
    plain, own, inside = a_new_kind("/x", ()), a_new_kind("/y", (), data=True), a_new_kind("/data/z", ())
    keeping, purging = (removal([guard, plain, own, inside], purge) for purge in (False, True))
    assert keeping.rest == (plain,)
    assert set(keeping.keeps) == {"/data", "the lines of /y", "the lines of /data/z"}
    assert [one.name for one in purging.rest] == ["/data/z", "/y", "/x", "/data"] and purging.keeps == ()
    assert all(getattr(one, "purge", False) for one in purging.rest)
    there = a_new_kind(str(tmp_path / "list"), ("a",))
    Path(there.path).write_text("a\n")
    (tmp_path / "once").mkdir()  # a deploy was here
    wires = [one.wire(content=False) for one in (plain, there)]
    found = on_host.look({"resources": wires, "state": str(tmp_path)}, lambda event: None)
    assert found == {"present": [there.path]}


def test_the_bench_hands_its_peers_what_it_says_of_itself(a_new_kind: Any):
    host: Any = SimpleNamespace(name="h", rendered={})
    made = peers._resources(host, "it", [a_new_kind("/x", ("a",))])
    assert made["contents"] == [{"path": "/x", "content": "a\n"}] and made["name"] == "it"


def test_a_kind_that_answers_only_what_it_must_is_removed_like_any_other(a_new_kind: Any):
    class Bare(Resource):
        kind: ClassVar[str] = "bare"
        name = "it"

        def expected(self) -> State:
            return {"there": True}

    bare = from_wire({"kind": "bare"})
    (change,) = plan.make("h", [bare], {bare.key: None}).changes
    assert (change.note, shown.diff(change)) == ("", ())
    assert removal([bare], purge=False).rest == removal([bare], purge=True).rest == (bare,)
    assert apply._wire(bare, SimpleNamespace(), "h", apply.Payloads(SimpleNamespace())) == {"kind": "bare"}  # type: ignore[arg-type]
