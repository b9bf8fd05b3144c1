"""rebalance: spread partitions over the brokers that there are, or take them off one that is to leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cli.asking import confirm
from cli.common import load_inventory
from cli.deploying import options
from cli.moving import carry_out, counted, rate_of
from cluster.moving.layout import Move, Partition
from cluster.moving.rebalance import plan, too_few
from provisioner.connect.fleet import Fleet
from provisioner.connect.opening import connect
from provisioner.errors import HostFailed, Refused, Unreachable, UsageError
from provisioner.inventory.model import Host
from provisioner.options import Options
from provisioner.quantities import format_elapsed, format_size
from provisioner.report.choose import reporter
from provisioner.report.reporter import Reporter
from roles import site
from roles.kafka import listeners, topology

SHOWN = 5  # partitions named in a message, the rest is counted


def rebalance(
    hosts: str, extra_vars: list[str], drain: str, throttle: str, check: bool, yes: bool, **flags: Any
) -> int:
    """Show which copies would move, ask, move them. Raises what goes wrong."""
    chosen = options(**flags)
    rate = rate_of(throttle)
    inventory = load_inventory(hosts, extra_vars)
    members = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    cluster = {topology.broker_id(host, members): host for host in members}
    leaving = _leaving(drain, cluster)
    staying = [host for broker, host in cluster.items() if broker not in leaving]
    if not staying:
        raise UsageError("no broker would be left", advice="--drain takes the brokers that leave, the others stay")
    with reporter() as show, Fleet(show) as fleet:
        _connect(fleet, show, cluster, leaving, chosen)
        if not check:
            # Every broker's host: a roll would stop the brokers that copies come from and go to. ZooKeeper's may roll.
            fleet.each(fleet.sessions, fleet.lock).check()
        driver, state = _look(fleet, staying)
        partitions = [
            Partition(p["topic"], p["partition"], tuple(p["replicas"]), p["size"]) for p in state["partitions"]
        ]
        _refuse(driver, state, partitions, cluster, leaving)
        racks = {int(broker): rack for broker, rack in state["brokers"].items()}
        moves = plan(partitions, cluster, racks, leaving)
        _show(show, moves, partitions, state, {**{b: f"broker {b}" for b in racks}, **_names(cluster)}, set(cluster))
        if check or not _due(moves, state):
            return 0
        if any(move.copies for move in moves):
            speed = f"at most {format_size(rate)} per second and broker" if rate else "as fast as they can"
            confirm(show, f"Move {counted(len(moves))}, {speed}?", yes, "nothing was moved")
        show.phase("Rebalance")
        done = carry_out(fleet, show, driver, moves, rate)
        _tell(show, done, leaving, cluster)
    return 0


def _connect(fleet: Fleet, show: Reporter, cluster: Mapping[int, Host], leaving: set[int], chosen: Options) -> None:
    """A session with every broker's host. One that is to leave may be gone already."""
    found = connect(fleet, site, cluster.values(), chosen)
    for broker in leaving & set(cluster):
        name = cluster[broker].name
        if isinstance(found.errors.get(name), Unreachable):
            show.warning(f"{name} is left as it is: {found.errors.pop(name).summary}")
    found.check()
    for host in cluster.values():
        show.host(host.name, "")


def _names(cluster: Mapping[int, Host]) -> dict[int, str]:
    return {broker: host.name for broker, host in cluster.items()}


def _leaving(drain: str, cluster: Mapping[int, Host]) -> set[int]:
    """The ids of the brokers to empty: hosts of the inventory, or ids of brokers that are no longer in it."""
    by_name = {host.name: broker for broker, host in cluster.items()}
    found = set()
    for name in [part.strip() for part in drain.split(",") if part.strip()]:
        if name not in by_name and not name.isdigit():
            raise UsageError(
                f"--drain {name}: no such broker", details=[f"brokers are: {', '.join(by_name)}, or an id"]
            )
        found.add(by_name[name] if name in by_name else int(name))
    return found


def _look(fleet: Fleet, staying: Sequence[Host]) -> tuple[Host, dict[str, Any]]:
    """The first host whose broker answers, and what it says of the cluster."""
    refused = []
    for host in staying:
        fleet.reporter.host(host.name, "looking at the cluster")
        state = fleet.call(host.name, "cluster.moving.reassign", "look", {"bootstrap": listeners.door(host)})
        fleet.reporter.host(host.name, "")
        if state["serving"]:
            return host, state
        refused.append(f"{host.name}: {state['why']}")
    raise HostFailed("no broker answers", details=refused, advice="`invoke deploy` starts what is down")


def _refuse(
    driver: Host,
    state: Mapping[str, Any],
    partitions: Sequence[Partition],
    cluster: Mapping[int, Host],
    leaving: set[int],
) -> None:
    """Raise what makes a plan impossible, before one is made."""
    missing = sorted(set(cluster) - leaving - set(map(int, state["brokers"])))
    if missing:
        names = ", ".join(f"{broker} ({cluster[broker].name})" for broker in missing)
        raise HostFailed(
            f"not registered in the cluster: broker {names}",
            host=driver.name,
            advice="start it (`invoke deploy`), or empty it with --drain when it is not to come back",
        )
    offline = [f"{p['topic']}-{p['partition']}" for p in state["partitions"] if p["leader"] < 0]
    if offline:
        raise HostFailed(
            f"{counted(len(offline))} offline: there is no copy to make another one from",
            host=driver.name,
            details=[_listed(offline)],
            advice="bring back the brokers that have the copies, then run it again",
        )
    short = too_few(partitions, cluster, leaving)
    if short:
        raise Refused(
            f"{len(cluster) - len(leaving)} brokers would be left for {counted(len(short))} with more copies",
            details=[_listed([f"{one.topic}-{one.partition} ({len(one.replicas)} copies)" for one in short])],
            advice="add a broker first, or give these topics fewer copies",
        )


def _due(moves: Sequence[Move], state: Mapping[str, Any]) -> bool:
    """Whether there is anything to do: moves, moves of an earlier run, its throttle, or a leader that is not the
    preferred one though it could be. Pure."""
    elections = any(p["replicas"] and p["leader"] != p["replicas"][0] in p["isr"] for p in state["partitions"])
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
        show.note(f"  {counted(state['under_way'])} under way from before: they go on")
    ways: Counter[tuple[int, int]] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    for move in moves:
        for way in move.copies:
            ways[way] += 1
            sizes[way] += move.size
    for (source, to), number in sorted(ways.items()):
        copies = "1 copy" if number == 1 else f"{number} copies"
        show.change(
            names.get(source, f"broker {source}"), f"{copies} to {names[to]}", "~", format_size(sizes[source, to])
        )
    before, after = [p.replicas for p in partitions], {(m.topic, m.partition): m.after for m in moves}
    then = [after.get((p.topic, p.partition), p.replicas) for p in partitions]
    for broker, name in sorted(names.items()):
        show.note(
            f"  {name}: {sum(broker in one for one in before)} copies -> {sum(broker in one for one in then)}, "
            f"leads {sum(one[0] == broker for one in before)} -> {sum(one[0] == broker for one in then)}"
        )
    copied = sum(ways.values())
    show.note(
        f"{counted(len(moves))} to change: {copied} copies to make, {format_size(sum(sizes.values()))} of data"
        if moves
        else "no copy to move: leaders and throttles are put right"
    )


def _tell(show: Reporter, done: Mapping[str, Any], leaving: set[int], cluster: Mapping[int, Host]) -> None:
    """What was done, and what may be done now."""
    show.phase(
        f"Rebalanced in {format_elapsed(done['seconds'])}: {counted(done['partitions'])} changed, "
        f"{done['elected']} {'leader' if done['elected'] == 1 else 'leaders'} elected"
    )
    for broker in sorted(leaving):
        name = f"{cluster[broker].name} (broker {broker})" if broker in cluster else f"broker {broker}"
        show.note(
            f"{name} holds no partition any more: stop it (`invoke uninstall --limit`), take it out of the inventory"
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
