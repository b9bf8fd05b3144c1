"""Brokers that stand still while a cluster goes from ZooKeeper to controllers: found in the middle of a wait, and
restarted. The rules are in `standstill.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.connect import requests
from provisioner.errors import HostFailed
from roles.kafka import migration_gate, service, standstill
from roles.kafka.standstill import Evidence

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.refusal import Refusal
    from provisioner.run.rolling import Say
    from provisioner.run.target import Target
    from roles.kafka.restart_rules import ClusterState

ASK_SECONDS = 1.0  # between two looks: each asks the brokers where their copies end


class Standstill:
    """What the brokers' gate knows of brokers that stand still, from one look to the next."""

    def __init__(self, targets: Mapping[str, Target], ids: Mapping[str, int], call: Call, say: Say) -> None:
        """targets: the hosts of this run; ids {host: broker}, of all hosts."""
        self.targets, self.call, self.say = targets, call, say
        self.names = {broker: name for name, broker in ids.items()}
        self.restarted: dict[str, str] = {}  # {host: why}
        self._watch, self._asked, self._evidence = standstill.Watch(), float("-inf"), Evidence(False, frozenset())

    def suspects(self, state: ClusterState) -> list[int]:
        """Brokers that may stand still, by the last look of `find`."""
        return standstill.suspects(state, self._evidence)

    def find(self, host: str, bootstrap: str, state: ClusterState) -> int | None:
        """A broker that stands still and that this run has not restarted yet: one that may restart, or after twice as
        long any. None while that is not known. bootstrap: the broker by way of which this host asks."""
        if time.monotonic() - self._asked < ASK_SECONDS:
            return None
        self._evidence = self._look(host, bootstrap, state)
        self._asked = time.monotonic()
        found = self._watch.see(state, self._evidence, self._asked)
        left = {broker: seconds for broker, seconds in found.items() if self.names.get(broker) not in self.restarted}
        # What forbids a restart now may be over in a moment; two that stand still have to do with each other.
        may = [broker for broker in left if standstill.may_restart(state, broker, self._evidence) is None]
        late = [broker for broker, seconds in left.items() if seconds >= 2 * standstill.SECONDS]
        return next(iter([*may, *late]), None)

    def require(self, broker: int, state: ClusterState, lost: Callable[[str], Refusal | None]) -> None:
        """Return when it may restart. lost: what clients lose in any case while the broker of a host is down. Raises
        HostFailed: nothing else ends the wait."""
        name = self.names.get(broker, "")
        refusal = standstill.may_restart(state, broker, self._evidence)
        if name in self.targets and refusal is None:
            refusal = lost(name)
        if name in self.targets and refusal is None:
            return
        why = f"; {refusal.reason}" if refusal else ""
        raise HostFailed(
            self._why(broker, state) + why,
            host=name if name in self.targets else "",
            details=refusal.details if refusal else (),
            advice=self._advice(state, name if refusal is None else ""),
        )

    def restart(self, broker: int, state: ClusterState, settle: Callable[[str, ClusterState], None]) -> None:
        """Restart it, say why, and wait until it is back by `settle`. Raises HostFailed."""
        name = self.names[broker]
        self.restarted[name] = self._why(broker, state)
        self.say(name, f"restarting kafka: {self.restarted[name]}")
        (unit,) = service.services(self.targets[name])
        self.call(name, requests.restart(unit))
        settle(name, state)
        self.say(name, "")

    def told(self) -> Sequence[str]:
        """A sentence for each broker that was restarted."""
        return [f"{host} was restarted once more: {why}" for host, why in self.restarted.items()]

    def _advice(self, state: ClusterState, name: str) -> str:
        """name: the host of a broker that may restart; "" where none may."""
        if name:
            return f"`invoke restart --service kafka --limit {name}`; then run the same command again"
        still = [self.names.get(one, f"broker {one}") for one in self.suspects(state)]
        return (
            f"`systemctl restart kafka` on {', then on '.join(still)}, each serving again before the next, when writes "
            "may wait for half a minute; then run the same command again"
        )

    def _why(self, broker: int, state: ClusterState) -> str:
        return standstill.sentence(broker, len(standstill.missing(state).get(broker, ())))

    def _look(self, host: str, bootstrap: str, state: ClusterState) -> Evidence:
        if not standstill.missing(state):
            return Evidence(False, frozenset())
        return look(self.call, self.targets[host], bootstrap, state)


def look(call: Call, target: Target, bootstrap: str, state: ClusterState) -> Evidence:
    """The evidence, asked from a host of a migration. Raises HostFailed where ZooKeeper is silent."""
    partitions: dict[str, list[int]] = {}
    for topic, number in sorted({copy[:2] for copies in standstill.missing(state).values() for copy in copies}):
        partitions.setdefault(topic, []).append(number)
    said = call(target.name, remote.copies_level(partitions).at(bootstrap))
    level = frozenset((topic, number, broker) for topic, number, broker in said["level"])
    return Evidence(bool(level) and migration_gate.led(call, target, state.brokers), level)
