"""The health gates of a roll: in which order nodes restart, whether one may go down now, and when it is fully back.

The rules are pure and stand in `roles/kafka/health.py` and `roles/zookeeper/health.py`; here they are asked with the
state of the real cluster. Everything is looked at from the host that is about to restart, over the network between
the hosts, so that a roll limited to one host knows the whole cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provisioner.errors import HostFailed
from provisioner.refusal import Refusal
from provisioner.rolling import Call, Say
from roles import topology
from roles.kafka import health as kafka
from roles.zookeeper import health as zookeeper

if TYPE_CHECKING:
    from provisioner.target import Target

POLL_SECONDS = 0.1
# How long a node that is missing is waited for: one that is being restarted by systemd, or just was, is there by then.
MISSING_SECONDS = 5.0


def wait(
    host: str, check: Callable[[], Refusal | None], stall: float, say: Say, patient: Callable[[], bool] = lambda: True
) -> None:
    """Wait until `check` answers None, for as long as its answers change. Raises HostFailed with the last one when
    nothing changed for `stall` seconds, or for MISSING_SECONDS when waiting will hardly help (`patient` says so)."""
    last, since = None, time.monotonic()
    while (refusal := check()) is not None:
        if refusal != last:
            last, since = refusal, time.monotonic()
            say(
                host,
                "waiting, " + ": ".join([refusal.reason, *([", ".join(refusal.details)] if refusal.details else [])]),
            )
        if time.monotonic() - since > (stall if patient() else min(stall, MISSING_SECONDS)):
            raise HostFailed(
                refusal.reason, host=host, details=refusal.details,
                advice="bring the missing nodes back (deploy starts what is down), then run the same command again",
            )  # fmt: skip
        time.sleep(POLL_SECONDS)


class KafkaGate:
    """Brokers: no partition may fall below the copies that its writes need."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        self.targets, self.call, self.say = targets, call, say
        self.members = next(iter(targets.values())).members("kafka")
        self.ids = {member.name: topology.broker_id(member, self.members) for member in self.members}

    def _state(self, host: str, own: bool) -> kafka.ClusterState | None:
        """The cluster as a broker sees it: the host's own first when `own`, else the others first, since a broker that
        has just started may not have heard of every partition. None when no broker answers."""
        here = topology.inter_broker(self.targets[host].host).local
        inner = {member.name: topology.inter_broker(member) for member in self.members if member.name != host}
        others = [f"{listener.advertised_host}:{listener.advertised_port}" for listener in inner.values()]
        for bootstrap in [here, *others] if own else [*others, here]:
            arguments = {"bootstrap": bootstrap, "partitions": True}
            status = self.call(host, "roles.kafka.onhost.probe", "status", arguments)
            if status["serving"]:
                return kafka.ClusterState.from_status(status)
        return None

    def order(self, hosts: Sequence[str]) -> list[str]:
        """Ascending ids, the controller last."""
        state = self._state(hosts[0], own=True)
        by_id = {self.ids[host]: host for host in hosts}
        silent = self._silent(hosts[0], hosts)
        return [by_id[broker] for broker in kafka.restart_order(by_id, state.without(silent) if state else None)]

    def downtime(self, host: str) -> Refusal | None:
        """What clients lose while this broker restarts, whatever one waits for."""
        if len(self.members) == 1:
            return Refusal(f"{host} is the only Kafka broker: while it restarts, Kafka is down")
        state = self._state(host, own=True)
        return kafka.downtime(state, self.ids[host]) if state else None

    def permit(self, host: str) -> kafka.ClusterState | None:
        """The state before the restart. Waits while the cluster catches up; raises HostFailed when it must not be."""
        seen: kafka.ClusterState | None = None

        def check() -> Refusal | None:
            nonlocal seen
            seen = self._state(host, own=True)
            if seen is None:
                return None  # no broker answers: nothing is left to lose, and starting them is the mend
            seen = seen.without(self._silent(host, self.ids))
            return kafka.may_go_down(seen, self.ids[host])

        def all_there() -> bool:
            return seen is not None and set(self.ids.values()) <= seen.brokers

        wait(host, check, self._stall(host), self.say, patient=all_there)
        return seen

    def _silent(self, host: str, names: Iterable[str]) -> frozenset[int]:
        """The brokers among these hosts that do not answer, whether or not the cluster has noticed yet."""
        listeners = {member.name: topology.inter_broker(member) for member in self.members if member.name in set(names)}
        addresses = {
            name: listener.local if name == host else f"{listener.advertised_host}:{listener.advertised_port}"
            for name, listener in listeners.items()
        }
        arguments = {"addresses": list(addresses.values())}
        answers = self.call(host, "roles.kafka.onhost.probe", "answering", arguments)
        return frozenset(self.ids[name] for name, address in addresses.items() if answers[address])

    def settle(self, host: str, before: kafka.ClusterState | None) -> None:
        """Wait until the restarted broker is in sync again. Raises HostFailed when that stops advancing."""

        def check() -> Refusal | None:
            # Two views: the others may not have heard of its return yet, and it may not know of every partition yet.
            for own in (False, True):
                after = self._state(host, own)
                if after is None:
                    return Refusal("no broker answers")
                if refusal := kafka.not_back(before or after, after, self.ids[host]):
                    return refusal
            return None

        wait(host, check, self._stall(host), self.say)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["kafka_start_stall"]) / 1000


class ZooKeeperGate:
    """ZooKeeper servers: the others must keep the quorum."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        self.targets, self.call, self.say = targets, call, say
        self.members = next(iter(targets.values())).members("zookeeper")

    def _ensemble(self, host: str) -> dict[str, zookeeper.Member]:
        found = {}
        for member in self.members:
            address = "127.0.0.1" if member.name == host else member.vars["zookeeper_address"]
            arguments = {"host": address, "port": member.vars["zookeeper_port"]}
            status = self.call(host, "roles.zookeeper.onhost.probe", "status", arguments)
            found[member.name] = zookeeper.Member.from_status(status)
        return found

    def order(self, hosts: Sequence[str]) -> list[str]:
        """Servers that are down first, then followers, the leader last."""
        return [host for host in zookeeper.restart_order(self._ensemble(hosts[0])) if host in hosts]

    def downtime(self, host: str) -> Refusal | None:
        """What brokers lose while this server restarts, whatever one waits for. Pure but for its arguments."""
        return zookeeper.downtime({member.name: zookeeper.Member() for member in self.members}, host)

    def permit(self, host: str) -> None:
        """Wait until the others can do without this server; raises HostFailed when they cannot."""
        wait(host, lambda: zookeeper.may_go_down(self._ensemble(host), host), self._stall(host), self.say)

    def settle(self, host: str, before: None) -> None:
        """Wait until the ensemble is whole again. Raises HostFailed when that stops advancing."""
        wait(host, lambda: zookeeper.not_back(self._ensemble(host), host), self._stall(host), self.say)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["zookeeper_start_stall"]) / 1000


GATES: Mapping[str, Callable[[Mapping[str, Target], Call, Say], Any]] = {
    "kafka": KafkaGate,
    "zookeeper": ZooKeeperGate,
}


def gate(unit: str, targets: Mapping[str, Target], call: Call, say: Say) -> KafkaGate | ZooKeeperGate:
    """The gate of a unit; targets: the hosts of this run that have it."""
    made: KafkaGate | ZooKeeperGate = GATES[unit](targets, call, say)
    return made
