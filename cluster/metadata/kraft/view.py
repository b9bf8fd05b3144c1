"""The quorum as `status` and `doctor` show it: its members, what is wrong, what still works, what to start first. Pure.

`document` is made of what was seen at one look; the other functions read that document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cluster.metadata.kraft.restart_rules import majority
from cluster.metadata.kraft.seen import CAUGHT_UP, Replica, Seen
from provisioner.words import counted, some

COLUMNS = ("node", "quorum", "lag", "last caught up")  # of `cells`
STILL_WORKS = (
    "brokers that run go on serving producers and consumers, but topics cannot change, partitions get no new leaders "
    "and a broker that restarts does not come back"
)


class Advice(NamedTuple):
    """A foreseeable problem, and how to fix it."""

    what: str
    fix: str


def document(seen: Seen, names: Mapping[int, str]) -> dict[str, Any]:
    """The quorum for the document of `status`. names {id: host} of all nodes, controllers and brokers alike.

    leader: its host (its id as text where the inventory lacks it; None when none answers); followed: the same of the
    one that others follow though it does not answer; epoch; high_watermark; controllers {host: id} of the inventory;
    not_serving {host: why}; voters and observers, each [{host (None where the inventory lacks it), id, directory,
    leader (bool), lag (records behind the leader; None: unknown), behind_ms, silent_ms, replaced (bool: the controller
    is up with another directory)}].
    """
    end = seen.end()

    def host(number: int | None) -> str | None:
        return None if number is None else names.get(number, str(number))

    def row(one: Replica, voter: bool) -> dict[str, Any]:
        return {
            "host": names.get(one.id),
            "id": one.id,
            "directory": one.directory,
            "leader": voter and one.id == seen.leader,
            "lag": max(end - one.end_offset, 0) if one.end_offset >= 0 else None,
            "behind_ms": one.behind_ms,
            "silent_ms": one.silent_ms,
            "replaced": voter and seen.other_disk(one.id) is not None,
        }

    return {
        "leader": host(seen.leader),
        "followed": host(seen.followed),
        "epoch": seen.epoch if seen.leader is not None else None,
        "high_watermark": seen.high_watermark if seen.high_watermark >= 0 else None,
        "controllers": {name: one.id for name, one in seen.controllers.items()},
        "not_serving": {name: one.why for name, one in seen.controllers.items() if not one.serving},
        "voters": [row(one, True) for one in seen.voters],
        "observers": [row(one, False) for one in seen.observers],
    }


def cells(row: Mapping[str, Any], voter: bool) -> tuple[str, ...]:
    """A voter or an observer as a line of a table with COLUMNS."""
    kind = "leader" if row["leader"] else "voter" if voter else "observer"
    lag = "?" if row["lag"] is None else f"{row['lag']:,}"
    return (_name(row), kind, lag, _ago(row["behind_ms"]))


def line(quorum: Mapping[str, Any]) -> str:
    """quorum: kafka1 leads (epoch 24), followed by kafka2, kafka3"""
    if quorum["leader"] is None:
        return "quorum: no leader"
    followers = [_name(row) for row in quorum["voters"] if not row["leader"]]
    return f"quorum: {quorum['leader']} leads (epoch {quorum['epoch']})" + (
        f", followed by {', '.join(followers)}" if followers else ", alone"
    )


def problems(quorum: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the quorum, a sentence each."""
    if quorum["leader"] is None:
        yield no_leader(quorum).what
        return
    for row in quorum["voters"]:
        if row["replaced"]:
            yield f"{_name(row)} is up with another metadata directory than voter {row['id']} has, so it has no vote"
        elif late := _late(row):
            yield f"{_name(row)} is a voter of the quorum and {late}"
    voters = {row["id"] for row in quorum["voters"]}
    for name, number in quorum["controllers"].items():
        if number not in voters:
            yield f"{name} is a controller of the inventory and no voter of the quorum: `invoke deploy` takes it in"
    strangers = sorted(voters - {*quorum["controllers"].values()})
    if strangers and quorum["controllers"]:
        listed = some(f"controller {one}" for one in strangers)
        yield f"the quorum counts on {listed}, unknown to the inventory: `invoke quorum.remove` takes one out"


def leaderless(quorum: Mapping[str, Any]) -> str:
    """A quorum whose leader does not answer, with numbers."""
    if quorum["followed"] is not None:
        return f"{quorum['followed']} leads the controllers, as the others say, and does not answer"
    size = len(quorum["controllers"])
    return (
        f"the controllers have no leader ({size - len(quorum['not_serving'])} of {size} answer, {majority(size)} "
        "are needed)"
    )


def no_leader(quorum: Mapping[str, Any]) -> Advice:
    """What a quorum whose leader does not answer means, and what to start first."""
    controllers, down = quorum["controllers"], list(quorum["not_serving"])
    if quorum["followed"] is not None:
        fix = "ask again: they elect another leader, or only this machine's question did not reach it"
        return Advice(leaderless(quorum), fix)
    needed = majority(len(controllers))
    answering = len(controllers) - len(down)
    what = f"{leaderless(quorum)}: {STILL_WORKS}"
    if answering >= needed:
        return Advice(what, "enough of them answer, so an election is under way, or their logs say what prevents it")
    missing = needed - answering
    first = down[0] if len(down) == 1 else f"{missing if missing < len(down) else 'all'} of {', '.join(down)}"
    then = "stop no broker before there is a leader"
    return Advice(what, f"start {first} first (deploy starts what is down), and {then}")


def advice(quorum: Mapping[str, Any]) -> Iterator[Advice]:
    """What will be a problem, of a quorum that works."""
    size = len(quorum["voters"])
    if size and size % 2 == 0:
        needs = f"the quorum has {counted(size, 'voter')} and needs {majority(size)} of them"
        yield Advice(f"{needs}, so it bears no more losses than {size - 1} would", "add a controller, or remove one")


def lacking(bootstrap: str, controllers: Mapping[str, str]) -> list[str]:
    """The hosts that a node's controller.quorum.bootstrap.servers leaves out: a node that loses its leader asks only
    those that are listed, so it loses the cluster with them. controllers {host: "address:port"}: the inventory's."""
    listed = {one.strip() for one in bootstrap.split(",")}
    return [name for name, address in controllers.items() if address not in listed]


def incomplete(missing: Mapping[str, Iterable[str]]) -> Iterator[Advice]:
    """Nodes whose bootstrap list is not complete. missing {node: what it lacks}, as `lacking` finds it."""
    for node, names in missing.items():
        if listed := some(names):
            yield Advice(
                f"{node}: controller.quorum.bootstrap.servers leaves out {listed}, so it may lose the cluster with "
                "those that are listed",
                "deploy writes all controllers there; it is read when the node starts",
            )


def _name(row: Mapping[str, Any]) -> str:
    return str(row["host"] or f"node {row['id']}")


def _late(row: Mapping[str, Any]) -> str:
    """How a voter is late, "" when it is not."""
    if row["behind_ms"] is not None and row["behind_ms"] < CAUGHT_UP:
        return ""
    if row["silent_ms"] is None or row["silent_ms"] >= CAUGHT_UP:
        return "does not fetch from the leader"
    return f"lags behind the leader (last level {_ago(row['behind_ms'])}, {row['lag']} behind)"


def _ago(age: int | None) -> str:
    """An age in ms as text: "now" for what an idle quorum shows (a follower fetches twice a second)."""
    if age is None:
        return "never"
    return "now" if age < 1000 else f"{age / 1000:.0f} s ago"
