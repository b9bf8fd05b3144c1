"""How verbs about topics, settings, records and groups reach a cluster: through one broker's host that answers.

One connection is enough and the fastest: the host's agent speaks the protocol to its own broker, and from there to
the others, so it works from behind a jump host as well. Hosts that do not answer are named and passed over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TextIO

from cli.common import load_inventory
from cli.deploying import options
from provisioner.connect.feed import Feed
from provisioner.connect.fleet import Fleet, Outcome, Stream
from provisioner.connect.opening import connect
from provisioner.errors import ConfigError, HostFailed, ProvisionerError, UsageError
from provisioner.inventory.model import Host, Inventory
from provisioner.options import Options
from provisioner.report.choose import reporter
from provisioner.report.reporter import Reporter
from roles import site
from roles.kafka import listeners, topology


@dataclass
class Cluster:
    """An inventory's cluster, and the host by way of which it is asked. brokers: {broker id: host}, all that the
    inventory has, whatever --limit says. show: what goes on, on standard error; standard output is the verb's own."""

    inventory: Inventory
    chosen: Options
    fleet: Fleet
    show: Reporter
    brokers: Mapping[int, Host]
    lost: dict[str, ProvisionerError] = field(default_factory=dict)  # hosts that `reach` did not reach

    @cached_property
    def driver(self) -> Host:
        """The first host of the run whose broker answers. Raises what each one said when none does."""
        errors: list[ProvisionerError] = []
        wanted = {host.name for host in self.inventory.limit(self.chosen.limit)}
        for host in [host for host in self.brokers.values() if host.name in wanted]:
            try:
                if host.name in self.lost:
                    raise self.lost[host.name]
                self.connect(host)
                address = listeners.door(host)
                why = self.fleet.call(host.name, "cluster.state.serving", "answering", {"addresses": [address]})
            except ConfigError:
                raise
            except ProvisionerError as error:
                errors.append(error)
                continue
            if not why[address]:
                for passed_over in errors:
                    self.show.warning(f"passed over: {passed_over.lines()[0]}")
                return host
            errors.append(HostFailed(f"its broker does not answer: {why[address]}", host=host.name))
        if not errors:
            raise UsageError(f"--limit {self.chosen.limit} leaves no broker")
        raise HostFailed(
            "no broker answers",
            details=[line for refused in errors for line in refused.lines()],
            advice="see how they are: `invoke status`; `invoke deploy` starts what is down",
        )

    def connect(self, *hosts: Host) -> None:
        """Open sessions with hosts, unless there are. Raises Unreachable and what else can be wrong with them."""
        self._connect(hosts).check()

    def reach(self, *hosts: Host) -> None:
        """Open sessions with hosts that will be asked later, all at once, as far as they let us: see `lost`."""
        self.lost |= self._connect([host for host in hosts if host.name not in self.lost]).errors

    def _connect(self, hosts: Iterable[Host]) -> Outcome[dict[str, Any]]:
        missing = [host for host in hosts if host.name not in self.fleet.sessions]
        found = connect(self.fleet, site, missing, self.chosen) if missing else Outcome({}, {})
        for host in missing:
            self.show.host(host.name, "")
        return found

    def call(self, module: str, function: str, **arguments: Any) -> dict[str, Any]:
        """Run an on-host function of `cluster` by way of the driver; `bootstrap` is added to its arguments.

        Raises HostFailed for the Failure that it ends with.
        """
        host = self.driver
        return self.fleet.call(
            host.name, f"cluster.{module}", function, {"bootstrap": listeners.door(host), **arguments}
        )

    def stream(
        self, module: str, function: str, on_event: Callable[[dict[str, Any], Feed], None], **arguments: Any
    ) -> Stream:
        """Begin an on-host function that takes a feed; arguments as by `call`, on_event as by `Fleet.stream`."""
        host = self.driver
        self.show.host(host.name, "")
        arguments = {"bootstrap": listeners.door(host), **arguments}
        return self.fleet.stream(host.name, f"cluster.{module}", function, arguments, on_event)

    def name(self, broker: int) -> str:
        """A broker as people know it: its host, or "broker 7" for one that is not in the inventory."""
        return self.brokers[broker].name if broker in self.brokers else f"broker {broker}"


@contextmanager
def opened(hosts: str, extra_vars: list[str], *, stream: TextIO | None = None, **flags: Any) -> Iterator[Cluster]:
    """The cluster of an inventory; connections are made when they are first needed and closed at the end.

    stream: where what goes on is shown; standard output for a verb whose answer that is, None for standard error.
    flags: as `cli.deploying.options` takes them. Raises UsageError where the inventory has no broker.
    """
    chosen = options(**flags)
    inventory = load_inventory(hosts, extra_vars)
    members = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    if not members:
        raise UsageError(f"the inventory {hosts} has no broker: its group kafka is empty")
    brokers = {topology.broker_id(host, members): host for host in members}
    with reporter(stream or sys.stderr) as show, Fleet(show) as fleet:
        yield Cluster(inventory, chosen, fleet, show, brokers)
