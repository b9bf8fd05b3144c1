"""The measures: each brings the hosts into its initial state, then times one command per tool and round.

Rounds are interleaved, so that other load on the machine affects all tools alike.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.delay import Delay
from bench.ground import Ground, idle, ready_for_peers
from bench.growth import Crowd
from bench.process import Command, Cost, run
from bench.results import Run, Store
from bench.tools import TOOLS, Job, scripts
from cli.project import ROOT
from provisioner.errors import ProvisionerError
from tests.lab.load import Load
from tests.lab.serving import delete_topic

# One line of server.properties that a broker reads only at its start: ours restarts no broker for a setting that takes
# effect at run time. Both values are harmless. Controllers read the number of partitions, too, and would restart with
# the brokers.
BASE, OTHER = 1, 2
LINES: Mapping[str, Callable[[int], Mapping[str, object]]] = {
    "prod3": lambda value: {"kafka_partitions": value},
    "prod3-kraft": lambda value: {"kafka_config": {"queued.max.requests": 500 + value}},
}
IO_THREADS = 7  # plus BASE is the default; brokers take this one at run time
LATENCY = 0.05  # seconds of a round trip
SIZES = (1, 3, 10, 30)  # hosts
KRAFT = "kraft-"  # before the names of the measures without ZooKeeper
WARM = 1500  # records before the roll begins: 15 s, in which brokers compile what they run


@dataclass
class Bench:
    """One invocation of script/bench. kraft: the hosts without ZooKeeper; prefix: before the name of every measure.
    cache: its directory, with the peers' environments. about: the values of a `Run` that are the same for all (at,
    commit, machine). versions: by tool."""

    ground: Ground
    kraft: Ground
    crowd: Crowd
    store: Store
    cache: Path
    tools: Sequence[str]
    runs: int
    about: Mapping[str, str]
    versions: Mapping[str, str]
    say: Callable[[str], None]
    prefix: str = ""

    def turns(self, tools: Sequence[str] | None = None) -> Iterator[str]:
        """The chosen tools (of these), one round after the other."""
        for _ in range(self.runs):
            yield from (tool for tool in self.tools if tools is None or tool in tools)

    def deploy(self, measure: str, tool: str, job: Job, *, changes: bool | None) -> Cost:
        """Deploy with a tool. changes: whether it must report any (None: either). ProvisionerError when it fails, or
        when its changes are not those that this measure needs."""
        made = TOOLS[tool]
        log = self.cache / "logs" / f"{self.prefix}{measure}-{tool}.log"
        cost = run(made.command(scripts(made, self.cache), job), log)
        found = made.changes(cost.output)
        if changes not in (None, found > 0):
            wanted = "some" if changes else "none"
            raise ProvisionerError(
                f"{measure}: {made.title} reports {found} changes, expected {wanted}", advice=f"its output: {log}"
            )
        return cost

    def keep(self, measure: str, tool: str, hosts: int, cost: Cost, **values: float) -> None:
        """Store a run and show it."""
        measure = self.prefix + measure
        self.store.add(
            Run(
                measure,
                tool,
                hosts,
                cost.seconds,
                cost.cpu_seconds,
                cost.peak_mib,
                version=self.versions[tool],
                values={**values, "load": cost.load},
                **self.about,
            )
        )
        more = "".join(f", {name} {value:.2f}" for name, value in values.items())
        self.say(f"{measure}: {TOOLS[tool].title}, {hosts} hosts: {cost.seconds:.2f} s{more}")

    def settle(self) -> Job:
        """Bring the hosts into the state that our deployment leaves, with serving brokers; return the deployment."""
        self.ground.up()
        job = self.ground.job()
        self.deploy("settle", "ours", dataclasses.replace(job, smoke=True), changes=None)
        ready_for_peers(self.ground.hosts)
        idle(self.ground.hosts)
        return job


def first(bench: Bench) -> None:
    """From bare hosts to a serving cluster; the archives are in this machine's cache."""
    for tool in bench.turns():
        bench.ground.bare()
        job = bench.ground.job()  # new hosts have new keys
        if tool == "mitogen":
            ready_for_peers(bench.ground.hosts)  # Ansible's apt module would install its library and restart itself
        bench.keep("first", tool, 3, bench.deploy("first", tool, job, changes=True))


def noop(bench: Bench) -> None:
    """Second run, nothing to change. Every tool must find nothing to change on hosts that ours has deployed."""
    job = bench.settle()
    for tool in bench.turns():
        bench.keep("noop", tool, 3, bench.deploy("noop", tool, job, changes=False))


def smoke(bench: Bench) -> None:
    """Second run with the smoke check, which only ours has."""
    job = dataclasses.replace(bench.settle(), smoke=True)
    for tool in bench.turns(["ours"]):
        bench.keep("smoke", tool, 3, bench.deploy("smoke", tool, job, changes=False))


def change(bench: Bench) -> None:
    """A change of one line of every broker's configuration, which needs no restart."""
    job = bench.settle()
    for tool in bench.turns():
        for value in (OTHER, BASE):  # the second takes it back, so no restart is due in the end
            changed = dataclasses.replace(job, settings={"kafka_io_threads": IO_THREADS + value}, restart=False)
            bench.keep("change", tool, 3, bench.deploy("change", tool, changed, changes=True))


def roll(bench: Bench) -> None:
    """The same with the restarts, one broker after the other, while a producer with acks=all waits for every record."""
    job = bench.settle()
    value = BASE
    for tool in bench.turns():
        value = OTHER if value == BASE else BASE
        changed = dataclasses.replace(job, settings=LINES[bench.ground.shipped](value))
        _under_load(bench, "roll", tool, functools.partial(bench.deploy, "roll", tool, changed, changes=True))
    bench.settle()  # with the setting as the inventory has it


def controllers(bench: Bench) -> None:
    """All controllers restart, one after the other, under the same load."""
    job = bench.settle()
    argv = [str(Path(sys.executable).parent / "invoke"), "restart", "--service", "kafka-controller"]
    command = Command([*argv, "--hosts", str(job.inventory)], {}, ROOT)
    for tool in bench.turns(["ours"]):
        _under_load(bench, "controllers", tool, lambda: run(command, bench.cache / "logs" / "controllers.log"))


def _under_load(bench: Bench, measure: str, tool: str, do: Callable[[], Cost]) -> None:
    """Keep what it costs to do this, and a producer's longest stall. ProvisionerError when a record is lost."""
    load = Load(bench.ground.bootstrap, f"bench-{uuid.uuid4().hex[:8]}")
    try:
        with load:
            load.more(WARM, seconds=120)  # otherwise a tool pays for the restarts of the one before it
            cost = do()
            load.more()
        load.verdict()
    except AssertionError as lost:
        raise ProvisionerError(f"{measure}: {TOOLS[tool].title}: {lost}") from None
    delete_topic(",".join(bench.ground.bootstrap), load.topic)
    bench.keep(measure, tool, 3, cost, stall_seconds=load.longest_gap())


def latency(bench: Bench) -> None:
    """Nothing to change, over SSH connections with a round trip of 50 ms; counts the bytes on the wire."""
    bench.settle()
    with Delay(bench.ground.ssh_ports, LATENCY) as delay:
        job = bench.ground.job(delay.ports)
        for tool in bench.turns():
            delay.reset()
            cost = bench.deploy("latency", tool, job, changes=False)
            bench.keep("latency", tool, 3, cost, sent_bytes=delay.sent, received_bytes=delay.received)


def growth(bench: Bench) -> None:
    """Nothing to change, on 1 to 30 hosts, each with ZooKeeper: 30 brokers do not fit into this machine's memory."""
    _grow(bench, "growth", _settled_crowd(bench))


def growth_latency(bench: Bench) -> None:
    """The same over SSH connections with a round trip of 50 ms."""
    _settled_crowd(bench)
    with Delay(bench.crowd.ssh_ports, LATENCY) as delay:
        _grow(bench, "growth-latency", bench.crowd.job(delay.ports))


def listing(bench: Bench) -> None:
    """`invoke --list`: how long the command line itself takes."""
    command = Command([str(Path(sys.executable).parent / "invoke"), "--list"], {}, ROOT)
    for tool in bench.turns(["ours"]):
        bench.keep("list", tool, 0, run(command, bench.cache / "logs" / "list.log"))


def _settled_crowd(bench: Bench) -> Job:
    """The crowd as our deployment leaves it."""
    bench.crowd.up()
    job = bench.crowd.job()
    bench.deploy("settle-growth", "ours", job, changes=None)
    ready_for_peers(bench.crowd.hosts)
    bench.deploy("settle-growth", "ours", job, changes=False)
    return job


def _grow(bench: Bench, measure: str, job: Job) -> None:
    for size in (size for size in SIZES if size <= len(bench.crowd.hosts)):
        some = dataclasses.replace(job, first=tuple(bench.crowd.hosts[:size]))
        for tool in bench.turns(["ours", "pyinfra"]):  # Ansible takes minutes for each run of thirty hosts
            bench.keep(measure, tool, size, bench.deploy(measure, tool, some, changes=False))


def _without_zookeeper(measure: Callable[[Bench], None], says: str) -> Callable[[Bench], None]:
    """A measure on a cluster without ZooKeeper: ours only, as the other tools' deployments have ZooKeeper in them."""

    def on_kraft(bench: Bench) -> None:
        ours = [tool for tool in bench.tools if tool == "ours"]
        measure(dataclasses.replace(bench, ground=bench.kraft, tools=ours, prefix=KRAFT))

    on_kraft.__doc__ = f"Without ZooKeeper: {says}"
    return on_kraft


MEASURES: dict[str, Callable[[Bench], None]] = {
    "list": listing,
    "first": first,
    "noop": noop,
    "smoke": smoke,
    "change": change,
    "roll": roll,
    "latency": latency,
    "growth": growth,
    "growth-latency": growth_latency,
    f"{KRAFT}first": _without_zookeeper(first, "from bare hosts to a serving cluster."),
    f"{KRAFT}noop": _without_zookeeper(noop, "second run, nothing to change."),
    f"{KRAFT}smoke": _without_zookeeper(smoke, "second run with the smoke check."),
    f"{KRAFT}roll": _without_zookeeper(roll, "a change of one line with the restarts, one broker after the other."),
    f"{KRAFT}controllers": _without_zookeeper(controllers, "all controllers restart, one after the other."),
}
