"""rebalance: spread partitions over the brokers that there are, or take them off one that is to leave."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run, names
from cli.throttle import rate_of
from cluster import remote
from cluster.model import Partition
from cluster.moving.carrying import carry_out
from cluster.moving.layout import Move
from cluster.moving.rebalance import plan, too_few
from provisioner.errors import HostFailed, Refused, Unreachable, UsageError, raise_all
from provisioner.inventory.model import Host
from provisioner.quantities import format_elapsed, format_size
from provisioner.report.reporter import Reporter
from provisioner.words import counted
from roles.kafka import listeners

SHOWN = 5  # partitions named in a message, the rest is counted


def rebalance(run: Run, drain: str, throttle: str, yes: bool) -> int:
    """Show which copies would move, ask, move them. Raises what goes wrong."""
    rate = rate_of(throttle)
    with opened(run, stream=sys.stdout) as cluster:
        show, brokers = cluster.show, cluster.brokers
        leaving = cluster.leaving = _leaving(drain, brokers)
        if not set(brokers) - leaving:
            raise UsageError("no broker would be left", advice="--drain names those that leave; one must stay")
        _connect(cluster, leaving)
        if not run.check:
            # Every broker's host: a roll would stop the brokers that copies come from and go to. ZooKeeper's may roll.
            cluster.fleet.each(cluster.fleet.sessions, cluster.fleet.lock).check()
        driver = cluster.driver
        show.host(driver.name, "looking at the cluster")
        state = cluster.call(remote.copies_look())
        show.host(driver.name, "")
        if not state["serving"]:
            raise HostFailed(
                f"its broker cannot tell how the cluster is: {state['why']}",
                host=driver.name,
                advice="see how it is: `invoke status`; `invoke deploy` starts what is down",
            )
        partitions = [Partition.from_wire(found) for found in state["partitions"]]
        _refuse(driver, state, partitions, brokers, leaving)
        racks = {int(broker): rack for broker, rack in state["brokers"].items()}
        moves = plan(partitions, brokers, racks, leaving)
        _show(show, moves, partitions, state, {**{b: f"broker {b}" for b in racks}, **_names(brokers)}, set(brokers))
        if run.check or not _due(moves, state):
            return 0
        if any(move.copies for move in moves):
            speed = f"at most {format_size(rate)} per second and broker" if rate else "as fast as they can"
            confirm(show, f"Move {counted(len(moves), 'partition')}, {speed}?", yes, "nothing was moved")
        show.phase("Rebalance")
        door, going = listeners.door(driver), state["going"]
        done = carry_out(cluster.fleet.call, show, driver.name, door, moves, rate, leaving, going)
        _tell(show, driver, done, leaving, brokers)
    return 0


def _connect(cluster: Cluster, leaving: set[int]) -> None:
    """A session with every broker's host. One that is to leave may be gone already."""
    cluster.reach(*cluster.brokers.values())
    gone = {cluster.brokers[broker].name for broker in leaving & set(cluster.brokers)}
    for name, error in cluster.lost.items():
        if name in gone and isinstance(error, Unreachable):
            cluster.show.warning(f"{name} is left as it is: {error.summary}")
    raise_all(error for name, error in cluster.lost.items() if not (name in gone and isinstance(error, Unreachable)))


def _names(cluster: Mapping[int, Host]) -> dict[int, str]:
    return {broker: host.name for broker, host in cluster.items()}


def _leaving(drain: str, cluster: Mapping[int, Host]) -> set[int]:
    """The ids of the brokers to empty: hosts of the inventory, or ids of brokers that are no longer in it."""
    by_name = {host.name: broker for broker, host in cluster.items()}
    found = set()
    for name in names(drain):
        if name not in by_name and not name.isdigit():
            raise UsageError(
                f"--drain {name}: no such broker", details=[f"brokers are: {', '.join(by_name)}, or an id"]
            )
        found.add(by_name[name] if name in by_name else int(name))
    return found


def _refuse(
    driver: Host,
    state: Mapping[str, Any],
    partitions: Sequence[Partition],
    cluster: Mapping[int, Host],
    leaving: set[int],
) -> None:
    """Raise what makes a plan impossible, before one is made."""
    known = {*cluster, *map(int, state["brokers"]), *(broker for one in partitions for broker in one.replicas)}
    if strangers := sorted(leaving - known):
        raise UsageError(
            f"--drain {strangers[0]}: no such broker",
            details=[f"brokers are: {', '.join(f'{host.name} ({broker})' for broker, host in cluster.items())}"],
        )
    missing = sorted(set(cluster) - leaving - set(map(int, state["brokers"])))
    if missing:
        names = ", ".join(f"{broker} ({cluster[broker].name})" for broker in missing)
        raise HostFailed(
            f"not registered in the cluster: broker {names}",
            host=driver.name,
            advice="start it (`invoke deploy`), or empty it with --drain when it is not to come back",
        )
    offline = [one.name for one in partitions if one.leader < 0]
    if offline:
        raise HostFailed(
            f"{counted(len(offline), 'partition')} offline: there is no copy to make another one from",
            host=driver.name,
            details=[_listed(offline)],
            advice="bring back the brokers that have the copies, then run the same command",
        )
    short = too_few(partitions, cluster, leaving)
    if short:
        raise Refused(
            f"{len(cluster) - len(leaving)} brokers would be left for {counted(len(short), 'partition')} "
            "with more copies",
            details=[_listed([f"{one.name} ({len(one.replicas)} copies)" for one in short])],
            advice="add a broker first, or give these topics fewer copies",
        )


def _due(moves: Sequence[Move], state: Mapping[str, Any]) -> bool:
    """Whether there is anything to do: moves, moves of an earlier run, its throttle, or a leader that is not the
    preferred one though it could be. Pure."""
    elections = any(Partition.from_wire(found).electable for found in state["partitions"])
    throttled = any(state["throttled"]["ours"].values())
    return bool(moves or state["under_way"] or throttled or elections)


def _show(
    show: Reporter,
    moves: Sequence[Move],
    partitions: Sequence[Partition],
    state: Mapping[str, Any],
    names: Mapping[int, str],
    known: set[int],
) -> None:
    """The plan, in words."""
    for broker in sorted(set(names) - known):
        show.warning(
            f"broker {broker} is not in the inventory: its copies stay, and it gets none; --drain {broker} empties it"
        )
    theirs = state["throttled"]["others"]
    if theirs["brokers"]:
        slowed = ", ".join(names[int(broker)] for broker in theirs["brokers"])
        show.warning(f"somebody else has set a rate for copies on {slowed}: it stays, and holds instead of --throttle")
    if not _due(moves, state):
        show.phase("Nothing to do: every broker has its share, and every partition its preferred leader")
        return
    show.phase("Plan")
    if state["under_way"]:
        show.note(f"  {counted(state['under_way'], 'partition')} under way from before: they go on")
    ways: Counter[tuple[int, int]] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    for move in moves:
        for way in move.copies:
            ways[way] += 1
            sizes[way] += move.size
    for (source, to), number in sorted(ways.items()):
        what = f"{counted(number, 'copy')} to {names[to]}"
        show.change(names.get(source, f"broker {source}"), what, "~", format_size(sizes[source, to]))
    before, after = [p.replicas for p in partitions], {(m.topic, m.partition): m.after for m in moves}
    then = [after.get((p.topic, p.partition), p.replicas) for p in partitions]
    for broker, name in sorted(names.items()):
        show.note(
            f"  {name}: {sum(broker in one for one in before)} copies -> {sum(broker in one for one in then)}, "
            f"leads {sum(one[0] == broker for one in before)} -> {sum(one[0] == broker for one in then)}"
        )
    copied = sum(ways.values())
    show.note(
        f"{counted(len(moves), 'partition')} to change: {copied} copies to make, "
        f"{format_size(sum(sizes.values()))} of data"
        if moves
        else "no copy to move: leaders and throttles are put right"
    )


def _tell(
    show: Reporter, driver: Host, done: Mapping[str, Any], leaving: set[int], cluster: Mapping[int, Host]
) -> None:
    """What was done, and what may be done now. Raises HostFailed where a broker was not emptied."""
    show.phase(
        f"Rebalanced in {format_elapsed(done['seconds'])}: {counted(done['partitions'], 'partition')} changed, "
        f"{done['elected']} {'leader' if done['elected'] == 1 else 'leaders'} elected"
    )
    names = [f"{cluster[one].name} (broker {one})" if one in cluster else f"broker {one}" for one in sorted(leaving)]
    if done["held"]:
        raise HostFailed(
            f"made or moved meanwhile, with copies on {' or '.join(names)}: {counted(len(done['held']), 'partition')}",
            host=driver.name,
            details=[_listed(done["held"])],
            advice="run the same command again: it moves these, too",
        )
    then = ": stop it (`invoke uninstall --limit`), take it out of the inventory"
    if done["unaware"]:
        then = "; stop it when every broker has heard of it"
    for name in names:
        show.note(f"{name} holds no partition any more{then}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
