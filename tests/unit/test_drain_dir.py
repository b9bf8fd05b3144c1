"""--drain-dir: what is named and refused, what the plan says, and how the moves are handed out and watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cli.drain_dir import Emptying, place, require_able, shifts_of, show_plan, what_next
from cluster.endpoint import Endpoint
from cluster.model import Broker
from cluster.moving import drain_dir, log_dirs
from cluster.moving.directories import Directory, plan
from provisioner.agent.failure import Failure
from provisioner.errors import HostFailed, Refused, UsageError
from tests.support.directories import MIB, OLD, A, B, directory

# -- which directory, and what is refused

ONE: Mapping[int, Any] = {1: SimpleNamespace(name="single1")}
THREE: Mapping[int, Any] = {number: SimpleNamespace(name=f"kafka{number}") for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("where", "brokers", "found"),
    [
        ("/srv/old", ONE, (1, "/srv/old")),
        ("single1:/srv/old/", ONE, (1, "/srv/old")),
        ("kafka2:/srv//old", THREE, (2, "/srv/old")),
        ("3:/srv/old", THREE, (3, "/srv/old")),
        ("/srv/with:colon", ONE, (1, "/srv/with:colon")),
    ],
)
def test_a_directory_is_named_by_host_and_path(where: str, brokers: Any, found: tuple[int, str]):
    assert place(where, brokers) == found


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/srv/old", "--drain-dir /srv/old: of which broker?"),
        ("kafka4:/srv/old", "no broker kafka4; did you mean kafka"),
        ("kafka1", "no data directory"),
        ("kafka1:srv", "no data directory"),
        ("kafka1:/", "no data directory"),
        ("4:/srv/old", "no broker 4"),
    ],
)
def test_a_directory_that_is_none_is_said(where: str, said: str):
    with pytest.raises(UsageError) as error:
        place(where, THREE)
    assert said in str(error.value) and ("kafka1:/srv/old" in str(error.value) or "kafka1, kafka2" in str(error.value))


def test_a_directory_of_nobody_is_answered_with_those_that_there_are():
    with pytest.raises(UsageError, match="did you mean /srv/old") as error:
        require_able("kafka1", "/srv/odl", [directory(OLD), directory(A)], 1)
    assert error.value.details == ["its data directories are: /srv/old, /srv/a"]


@pytest.mark.parametrize("broken", [OLD, A])
def test_with_an_offline_directory_nothing_moves_and_the_way_out_is_said(broken: str):
    found = [directory(path, error="KafkaStorageError" * (path == broken)) for path in (OLD, A)]
    with pytest.raises(HostFailed, match=f"{broken} is offline") as error:
        require_able("kafka1", OLD, found, 3)
    assert "`invoke rebalance --drain kafka1`" in str(error.value.advice)
    with pytest.raises(HostFailed) as error:
        require_able("kafka1", OLD, found, 1)
    assert "--drain" not in str(error.value.advice)


def test_without_another_directory_the_advice_is_the_list_to_deploy_first():
    with pytest.raises(Refused, match="the 2 partitions of /srv/old") as error:
        shifts_of("kafka1", OLD, [directory(OLD, 1, 2)], [OLD], 0)
    assert "kafka_data_dirs: [/srv/old, /srv/new]" in str(error.value) and not error.value.details
    with pytest.raises(Refused) as error:
        shifts_of("kafka1", OLD, [directory(OLD, 1), directory(A)], ["/srv/next"], 0)
    assert error.value.details == ["not in kafka_data_dirs any more: /srv/a"]
    assert "kafka_data_dirs: [/srv/old, /srv/a, /srv/next]; deploy" in str(error.value)
    assert shifts_of("kafka1", OLD, [directory(OLD)], [OLD], 0) == [], "an empty one needs no other"


def test_too_little_room_is_said_with_what_there_is():
    with pytest.raises(Refused, match=r"too little room for the 8 MiB of /srv/old: no room for d-0, 5 MiB") as error:
        shifts_of("kafka1", OLD, [directory(OLD, 5 * MIB, 3 * MIB), directory(A, free=5 * MIB)], [A], MIB)
    assert error.value.details == ["/srv/a: 5 MiB free"] and "1 MiB stay free (kafka_disk_min)" in str(error.value)


def test_the_last_line_fits_the_inventory():
    assert what_next(OLD, [OLD, A]).endswith("now take it out of kafka_data_dirs and deploy")
    assert what_next(OLD, [A]).endswith("deploy now")


class Shown:
    """What a reporter was told, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __getattr__(self, kind: str) -> Callable[..., None]:
        return lambda *what: self.lines.append(f"{kind} {' '.join(map(str, what))}")


@pytest.fixture
def shown() -> Any:
    return Shown()


def test_the_plan_says_how_much_goes_where(shown: Any):
    found = [
        directory(OLD, 8 * MIB, 6 * MIB),
        directory(A, MIB),
        directory(B, coming={("d", 1): 4 * MIB}),
    ]
    show_plan(shown, "kafka1", OLD, found, plan(found, OLD, [A, B]), {"throttled": "others"})
    assert shown.lines[0].startswith("warning somebody else has set a rate")
    assert shown.lines[1:] == [
        "phase Plan",
        "change kafka1:/srv/old 1 partition to /srv/a ~ 8 MiB",
        "note   /srv/a: 1 partition, 1 MiB -> 2 partitions, 9 MiB",
        "change kafka1:/srv/old 1 partition to /srv/b ~ 6 MiB",
        "note   /srv/b: 0 partitions, 0 B -> 1 partition, 6 MiB",
        "note   1 partition under way from before: they go on",
        "note 2 partitions to move, 10 MiB to copy",
    ]


def test_moves_that_were_begun_again_are_said(shown: Any):
    Emptying(shown, "kafka1").event({"anew": 2})
    assert shown.lines == ["warning 2 partitions had stopped on the way: begun again"]


def test_the_wait_for_old_copies_follows_the_bytes(shown: Any):
    line = Emptying(shown, "kafka1")
    line.event({"left": 1, "bytes_left": 0, "bytes": 10})
    assert not line.deleting
    line.event({"deleting": 2, "seconds": 60.0})
    line.event({"deleting": 1, "seconds": 60.0})
    line.end()
    assert [one for one in shown.lines if "copied" in one] == ["progress rebalance copied 10 10"]
    assert shown.lines[-1] == ("host kafka1 waiting until the broker deletes 1 old copy, which it keeps for 1 minute")
    assert line.deleting


# -- the work on the host


class FakeBroker:
    """Takes moves as a broker does; `arrive` finishes them."""

    def __init__(self, *directories: Directory) -> None:
        self.directories = {one.path: one for one in directories}
        self.asked: list[dict[Any, str]] = []
        self.codes: dict[Any, int] = {}
        self.broken: Exception | None = None
        self.folders: list[str] = []
        self.limits: list[int | None] = []

    def describe(self, connection: Any) -> list[Directory]:
        if self.broken:
            raise self.broken
        return list(self.directories.values())

    def change(self, path: str, **values: Any) -> None:
        was = self.directories[path]
        fields = {name: getattr(was, name) for name in ("copies", "coming", "error", "device", "free")}
        self.directories[path] = Directory(path, **{**fields, **values})

    def place(self, connection: Any, wanted: dict[Any, str]) -> dict[Any, int]:
        self.asked.append(dict(wanted))
        for key, to in wanted.items():
            if self.codes.get(key):
                continue
            for path, one in self.directories.items():
                coming = {other: size for other, size in one.coming.items() if other != key}
                self.change(path, coming={**coming, key: 0} if path == to and key not in one.copies else coming)
        return {key: self.codes.get(key, 0) for key in wanted}

    def arrive(self) -> None:
        done = {key: (path, size) for path, one in self.directories.items() for key, size in one.coming.items()}
        for path, one in self.directories.items():
            stays = {key: size for key, size in one.copies.items() if key not in done}
            self.change(path, coming={}, copies={**stays, **{key: s for key, (to, s) in done.items() if to == path}})


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeBroker]:
    def make(*directories: Directory) -> FakeBroker:
        found = FakeBroker(*directories)
        connection = SimpleNamespace(__enter__=None)

        class Connection:
            def __init__(self, *_: object) -> None: ...

            def __enter__(self) -> Any:
                return connection

            def __exit__(self, *_: object) -> None: ...

        monkeypatch.setattr(drain_dir.wire, "Connection", Connection)
        monkeypatch.setattr(log_dirs, "describe", found.describe)
        monkeypatch.setattr(log_dirs, "place", found.place)
        monkeypatch.setattr(log_dirs, "folders", lambda path: found.folders)
        monkeypatch.setattr(drain_dir.throttle, "limit_directories", lambda broker, rate: found.limits.append(rate))
        monkeypatch.setattr(drain_dir.Watch, "_delete_delay", lambda self, connection: 60.0)
        return found

    return make


def watch(found: FakeBroker, stall: float = 60.0, staying: Sequence[str] = (A, B)) -> drain_dir.Watch:
    shifts = plan(list(found.directories.values()), OLD, staying)
    goals = {shift.key: shift.to for shift in shifts}
    return drain_dir.Watch(Broker(1, Endpoint("127.0.0.1", 9092)), OLD, goals, staying, 0, stall)


@pytest.fixture
def said() -> list[dict[str, Any]]:
    return []


def test_only_so_many_are_under_way_at_once_until_none_is_left(broker: Any, said: list[dict[str, Any]]):
    rest = 5
    found = broker(directory(OLD, *[10] * (drain_dir.AT_ONCE + rest)), directory(A))
    at_work = watch(found)
    assert at_work.advance(said.append) and at_work.advance(said.append)
    assert [len(batch) for batch in found.asked] == [drain_dir.AT_ONCE], "more than may be under way were begun"
    found.arrive()
    assert at_work.advance(said.append)
    assert [len(batch) for batch in found.asked] == [drain_dir.AT_ONCE, rest]
    found.arrive()
    assert not at_work.advance(said.append)
    assert [report["left"] for report in said] == [drain_dir.AT_ONCE + rest, drain_dir.AT_ONCE + rest, rest]
    assert len(at_work.goals) == drain_dir.AT_ONCE + rest


def test_bytes_are_missing_until_they_are_in_the_future_copy(broker: Any, said: list[dict[str, Any]]):
    found = broker(directory(OLD, 8 * MIB, 2 * MIB), directory(A, coming={("d", 0): 5 * MIB}))
    watch(found).advance(said.append)
    assert said == [{"left": 2, "bytes_left": 5 * MIB, "bytes": 10 * MIB}]
    assert found.asked == [{("d", 1): A}], "what is under way is not begun anew"


def test_a_partition_that_is_made_meanwhile_in_the_emptied_directory_goes_as_well(
    broker: Any, said: list[dict[str, Any]]
):
    found = broker(directory(OLD, 10), directory(A))
    at_work = watch(found)
    at_work.advance(said.append)
    found.arrive()
    found.change(OLD, copies={("new", 0): 0})
    assert at_work.advance(said.append)
    assert found.asked[-1] == {("new", 0): A}
    found.arrive()
    assert not at_work.advance(said.append)


def test_a_move_into_the_directory_is_ended(broker: Any, said: list[dict[str, Any]]):
    found = broker(directory(OLD, coming={("a", 0): 1}), directory(A, 10))
    at_work = watch(found)
    assert at_work.advance(said.append) and found.asked == [{("a", 0): A}]
    assert not at_work.advance(said.append) and not found.directories[OLD].coming


def test_each_refused_partition_is_named_with_the_reason(broker: Any, said: list[dict[str, Any]]):
    found = broker(directory(OLD, 1, 2, 3), directory(A))
    found.codes = {("d", 0): 17, ("d", 1): 56}
    with pytest.raises(Failure, match="refuses to move 2 partitions out of /srv/old") as failure:
        watch(found).advance(said.append)
    first, second = failure.value.details
    assert first.startswith("d-0 to /srv/a: InvalidTopicError, its name is too long")
    assert second.startswith("d-1 to /srv/a: KafkaStorageError, a data directory")


def test_a_topic_that_is_deleted_meanwhile_is_no_refusal(broker: Any, said: list[dict[str, Any]]):
    found = broker(directory(OLD, 1), directory(A))
    found.codes = {("d", 0): drain_dir.GONE[0]}
    at_work = watch(found)
    assert at_work.advance(said.append)
    found.change(OLD, copies={})
    assert not at_work.advance(said.append)


def test_old_copies_are_waited_for_without_a_throttle_and_strangers_are_named(broker: Any, said: list[dict[str, Any]]):
    found = broker(directory(OLD), directory(A))
    found.folders = [f"d-0.{'a' * 32}-delete", "lost-7"]
    at_work = watch(found)
    assert at_work.advance(said.append) and said == [{"deleting": 1, "seconds": 60.0}]
    assert found.limits == [None]
    found.folders = ["lost-7"]
    with pytest.raises(Failure, match="there is 1 folder that it does not know") as failure:
        at_work.advance(said.append)
    assert failure.value.details == ["lost-7"]
    found.folders = []
    assert not at_work.advance(said.append)


def test_a_move_that_has_stopped_is_ended_and_begun_again_once(
    broker: Any, said: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]
    monkeypatch.setattr(drain_dir.time, "monotonic", lambda: now[0])
    found = broker(directory(OLD, 9 * MIB), directory(A, coming={("d", 0): MIB}))
    at_work = watch(found, stall=60.0)
    at_work.advance(said.append)
    now[0] = 9.0
    found.broken = ConnectionRefusedError(None, "Connection refused")
    at_work.advance(said.append)
    found.broken = None
    now[0] = 18.0
    at_work.advance(said.append)
    assert not found.asked, "a broker that has been back for less than 10 s may go on by itself"
    now[0] = 20.0
    found.change(OLD, copies={("d", 0): 12 * MIB})  # records that are written meanwhile are no progress
    at_work.advance(said.append)
    assert found.asked == [{("d", 0): OLD}] and {"anew": 1} in said
    at_work.advance(said.append)
    assert found.asked[1:] == [{("d", 0): A}]
    at_work.advance(said.append)
    now[0] = 79.0
    assert at_work.advance(said.append) and len(found.asked) == 2
    now[0] = 81.0
    with pytest.raises(Failure, match="nothing has advanced"):
        at_work.advance(said.append)


def test_it_gives_up_when_nothing_advances_but_not_before_the_broker_would_delete(
    broker: Any, said: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]
    monkeypatch.setattr(drain_dir.time, "monotonic", lambda: now[0])
    found = broker(directory(OLD, 9 * MIB), directory(A))
    at_work = watch(found, stall=10.0)
    at_work.advance(said.append)
    now[0] = 9.0
    found.change(A, coming={("d", 0): MIB})
    assert at_work.advance(said.append)
    now[0] = 18.0
    found.broken = ConnectionRefusedError(None, "Connection refused")
    assert at_work.advance(said.append), "bytes had advanced 9 s before; a restart is waited for"
    now[0] = 20.0
    with pytest.raises(Failure, match="nothing has advanced in /srv/old for 10 s") as failure:
        at_work.advance(said.append)
    assert failure.value.details == ["Connection refused"]
    found.broken = None
    found.arrive()
    found.folders = [f"d-0.{'a' * 32}-delete"]
    assert at_work.advance(said.append)
    now[0] = 190.0
    assert at_work.advance(said.append), "a broker that keeps old copies for 60 s was given up"
    now[0] = 201.0
    with pytest.raises(Failure, match="nothing has advanced"):
        at_work.advance(said.append)


@pytest.mark.parametrize(
    ("state", "said"), [({"error": "KafkaStorageError"}, "has gone offline"), (None, "is no data")]
)
def test_a_directory_that_goes_away_meanwhile_ends_it(broker: Any, state: dict[str, str] | None, said: str):
    found = broker(directory(OLD, 1), directory(A))
    at_work = watch(found)
    if state:
        found.change(OLD, **state)
    else:
        del found.directories[OLD]
    with pytest.raises(Failure, match=f"/srv/old {said}"):
        at_work.advance(lambda message: None)


@pytest.mark.parametrize(("coming", "removed"), [({("d", 0): 1}, []), ({("theirs", 0): 1}, [None]), ({}, [None])])
def test_the_limit_goes_unless_moves_of_ours_go_on(broker: Any, coming: dict[Any, int], removed: list[None]):
    found = broker(directory(OLD, 1), directory(A, coming=coming))
    at_work = watch(found)
    at_work.unthrottle()
    assert found.limits == removed
    found.broken = ConnectionResetError(None, "gone")
    at_work.unthrottle()
    assert found.limits == removed


def test_folders_of_partitions_are_told_from_everything_else(tmp_path: Any):
    parts = ["orders-0", "a-b-12", f"orders-1.{'0f' * 16}-future", f"orders-1.{'0f' * 16}-delete"]
    for name in [*parts, "lost+found", "orders"]:
        (tmp_path / name).mkdir()
    for name in ("recovery-point-offset-checkpoint", "meta.properties", "file-1"):
        (tmp_path / name).write_text("")
    assert log_dirs.folders(str(tmp_path)) == sorted(parts)
    assert log_dirs.folders(str(tmp_path / "none")) == []
