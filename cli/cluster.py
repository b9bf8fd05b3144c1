"""A cluster as a verb sees it: asked through one broker of an inventory, connected to when that is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from cli.common import Run
from cli.hosts import Hosts
from cluster import driver
from cluster.remote import ByBroker
from provisioner.connect.feed import Feed
from provisioner.connect.fleet import Outcome, Stream
from provisioner.connect.requests import Event
from provisioner.errors import HostFailed, ProvisionerError, Unreachable, UsageError, raise_all
from provisioner.inventory.model import Host
from provisioner.run.target import Target
from roles import site
from roles.kafka import listeners, topology

if TYPE_CHECKING:
    from cluster.live.picture import Picture


class Cluster:
    """An inventory's cluster, and the host by way of which it is asked. brokers: {broker id: host}, all that the
    inventory has, whatever --limit says. show: what goes on, on standard error; standard output is the verb's own.
    leaving: ids of brokers by way of which it is not asked. lost: {host: why} of those that `reach` did not reach."""

    def __init__(self, hosts: Hosts, brokers: Mapping[int, Host], leaving: Collection[int] = ()) -> None:
        self.hosts, self.brokers, self.leaving = hosts, brokers, leaving
        self.inventory, self.fleet, self.show = hosts.inventory, hosts.fleet, hosts.show
        self.lost: dict[str, ProvisionerError] = {}

    @cached_property
    def driver(self) -> Host:
        """The first host of the run whose broker answers. Raises what each one said when none does."""
        wanted = {host.name for host in self.hosts.members}
        asked = {
            host.name: host
            for broker, host in self.brokers.items()
            if host.name in wanted and broker not in self.leaving
        }
        if not asked:
            raise UsageError(f"--limit {self.hosts.options.limit} leaves no broker")

        def prepare(name: str) -> None:
            if name in self.lost:
                raise self.lost[name]
            self.connect(asked[name])

        def find() -> tuple[str | None, dict[str, ProvisionerError]]:
            return driver.find(self.fleet.call, asked, lambda name: listeners.door(self.inventory.hosts[name]), prepare)

        found, passed_over = find()
        if found is None and self._as_it_runs(asked):
            found, passed_over = find()
        if found is None:
            lost = any(isinstance(error, Unreachable) for error in passed_over.values())
            raise (Unreachable if lost else HostFailed)(
                "no broker answers",
                details=[line for error in passed_over.values() for line in error.lines()],
                advice="see how they are: `invoke status`; `invoke deploy` starts what is down",
            )
        for error in passed_over.values():
            self.show.warning(f"passed over: {error.lines()[0]}")
        return self.inventory.hosts[found]

    def _as_it_runs(self, asked: Collection[str]) -> bool:
        """Whether the inventory is ahead of its cluster, which is asked as it runs from now on."""
        reached = [name for name in asked if name in self.fleet.sessions]
        other = site.as_it_runs(self.fleet.call, reached, self.inventory)
        if other is None:
            return False
        self.inventory, said = other
        self.brokers = {number: self.inventory.hosts[host.name] for number, host in self.brokers.items()}
        self.show.warning(said)
        return True

    def require_settings(self, section: str, given: Mapping[str, str | None]) -> None:
        """Raises UsageError for settings of the command line that Kafka would refuse; nothing is asked for that.
        section: whose they are, "broker" or "topic"."""
        from roles.kafka import settings  # few verbs set any

        host = next(iter(self.brokers.values()), None)
        found = settings.asked(host, section, given) if host else []
        raise_all(UsageError(one.sentence, advice=one.advice or None) for one in found)

    def connect(self, *hosts: Host) -> None:
        """Open sessions with hosts, unless there are. Raises Unreachable and what else can be wrong with them."""
        self._connect(hosts).check()

    def reach(self, *hosts: Host) -> None:
        """Open sessions with hosts that will be asked later, all at once, as far as they let us: see `lost`."""
        self.lost |= self._connect([host for host in hosts if host.name not in self.lost]).errors

    def _connect(self, hosts: Iterable[Host]) -> Outcome[Target]:
        missing = [host for host in hosts if host.name not in self.fleet.sessions]
        found = self.hosts.connect(missing)
        for host in missing:
            self.show.host(host.name, "")
        return found

    def call(self, request: ByBroker) -> dict[str, Any]:
        """Ask the cluster by way of the driver. Raises HostFailed for the Failure that the function ends with."""
        host = self.driver
        return self.fleet.call(host.name, request.at(listeners.door(host)))

    def ask(self, host: Host, request: ByBroker, event: Event | None = None) -> dict[str, Any]:
        """Ask one broker by way of its own host, which is connected to. event: receives what it reports meanwhile.
        Raises HostFailed for the Failure that the function ends with."""
        return self.fleet.call(host.name, request.at(listeners.door(self.inventory.hosts[host.name])), event)

    def stream(self, request: ByBroker, on_event: Callable[[dict[str, Any], Feed], None]) -> Stream:
        """Begin what takes a feed, by way of the driver; on_event as by `Fleet.stream`."""
        host = self.driver
        self.show.host(host.name, "")
        return self.fleet.stream(host.name, request.at(listeners.door(host)), on_event)

    def watch(self, target: Target, on_event: Callable[[dict[str, Any], Feed], None]) -> Stream:
        """Begin to look at a broker again and again, by way of its own host, which is connected to; on_event as by
        `Fleet.stream`."""
        from roles.kafka import watch  # for this verb alone

        return self.fleet.stream(target.name, watch.request(target), on_event)

    def picture(self, hosts: Iterable[str], now: float) -> Picture:
        """An empty picture of the cluster, of which these brokers' hosts are watched."""
        from roles.kafka import watch

        return watch.picture(self.inventory, hosts, now)

    def name(self, broker: int) -> str:
        """A broker as people know it: its host, or "broker 7" for one that is not in the inventory."""
        return self.brokers[broker].name if broker in self.brokers else f"broker {broker}"


@contextmanager
def opened(run: Run, *, stream: TextIO | None = None) -> Iterator[Cluster]:
    """The cluster of an inventory; connections are made when they are first needed and closed at the end.

    stream: where what goes on is shown; standard output for a verb whose answer that is, None for standard error.
    Raises UsageError where the inventory has no broker.
    """
    hosts = Hosts(run, stream or sys.stderr)
    members = [hosts.inventory.hosts[name] for name in hosts.inventory.groups.get("kafka", ())]
    if not members:
        raise UsageError(f"the inventory {run.hosts} has no broker: its group kafka is empty")
    brokers = {topology.broker_id(host, members): host for host in members}
    with hosts:
        yield Cluster(hosts, brokers)
