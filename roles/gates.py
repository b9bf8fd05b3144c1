"""The health gates of a roll: in which order nodes restart, whether one may go down now, and when it is fully back.

The rules are pure and stand in `roles/kafka/health.py` and `cluster/metadata/zookeeper/health.py`; here they are asked
with the state of the real cluster. Everything is looked at from the host that is about to restart, over the network
between the hosts, so that a roll limited to one host knows the whole cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.metadata.zookeeper import ensemble as quorum
from cluster.metadata.zookeeper import health as zookeeper
from provisioner.quantities import format_size
from provisioner.refusal import Refusal
from provisioner.run.rolling import Call, Say
from roles.kafka import health as kafka
from roles.kafka import service as kafka_service
from roles.shared import topology
from roles.shared.waits import Look, Nodes, Seldom, wait
from roles.zookeeper import service as zookeeper_service

if TYPE_CHECKING:
    from provisioner.run.target import Target


class KafkaGate:
    """Brokers: no partition may fall below the copies that its writes need, and a broker must be able to come back."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        """targets: all hosts of this run, whatever they have."""
        self.targets, self.call, self.say = targets, call, say
        self.members = next(iter(targets.values())).members("kafka")
        self.ids = {member.name: topology.broker_id(member, self.members) for member in self.members}
        self.nodes = Nodes("kafka", kafka_service.LOGS[0], targets, call)
        self.servers = Nodes("zookeeper", zookeeper_service.LOGS[0], targets, call)
        self.sizes, self.assumed = Seldom(), Seldom()

    def _state(self, host: str, own: bool) -> kafka.ClusterState | None:
        """The cluster as a broker sees it: the host's own first when `own`, else the others first, since a broker that
        has just started may not have heard of every partition. None when no broker answers."""
        addresses = self._addresses(host)
        here = addresses.pop(host, None)
        others = list(addresses.values())
        assumed = self.assumed.ask(host, lambda: quorum.assumed(self.call, self.targets[host]))
        for bootstrap in filter(None, [here, *others] if own else [*others, here]):
            arguments = {"bootstrap": bootstrap, "partitions": True, **assumed}
            status = self.call(host, "cluster.state.probe", "status", arguments)
            if status["serving"]:
                return kafka.ClusterState.from_status(status)
        return None

    def _addresses(self, host: str) -> dict[str, str]:
        """Where each broker is reached from this host."""
        listeners = {member.name: topology.inter_broker(member) for member in self.members}
        return {
            name: listener.local if name == host else f"{listener.advertised_host}:{listener.advertised_port}"
            for name, listener in listeners.items()
        }

    def _silent(self, host: str, names: Collection[str]) -> dict[int, str]:
        """{broker: why} of those among these hosts that do not answer, whether or not the cluster has noticed yet."""
        addresses = {name: address for name, address in self._addresses(host).items() if name in names}
        arguments = {"addresses": list(addresses.values())}
        answers = self.call(host, "cluster.state.serving", "answering", arguments)
        return {self.ids[name]: answers[address] for name, address in addresses.items() if answers[address]}

    def order(self, hosts: Sequence[str]) -> list[str]:
        """Ascending ids, the controller last."""
        state = self._state(hosts[0], own=True)
        by_id = {self.ids[host]: host for host in hosts}
        silent = frozenset(self._silent(hosts[0], hosts))
        return [by_id[broker] for broker in kafka.restart_order(by_id, state.without(silent) if state else None)]

    def downtime(self, host: str) -> Refusal | None:
        """What clients lose while this broker restarts, whatever one waits for."""
        if len(self.members) == 1:
            return Refusal(f"{host} is the only Kafka broker: while it restarts, Kafka is down")
        state = self._state(host, own=True)
        return kafka.downtime(state, self.ids[host]) if state else None

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What the cluster loses when these hosts of the run leave it for good."""
        host = next(iter(leaving))
        state = self._state(host, own=True)
        if state is None:
            return Refusal(f"no broker answers, so that it is not known what only {', '.join(leaving)} may hold")
        silent = self._silent(host, [name for name in self.ids if name not in leaving])
        return kafka.departure(state.without(frozenset(silent)), frozenset(self.ids[name] for name in leaving))

    def permit(self, host: str) -> kafka.ClusterState | None:
        """The state before the restart. Waits while the cluster catches up; raises HostFailed when it must not be."""
        seen: kafka.ClusterState | None = None
        broker = self.ids[host]

        def look() -> Look:
            nonlocal seen
            seen = self._state(host, own=True)
            silent = self._silent(host, self.ids)
            if seen is None:
                if broker in silent:
                    return Look(None)  # it is down, and starting it is the mend
                return Look(Refusal(f"broker {broker} must stay up: it answers, but not how the cluster is"))
            seen = seen.without(frozenset(silent))
            if broker in seen.brokers and (lost := self._lost_for(host)):
                return lost
            if refusal := kafka.may_go_down(seen, broker):
                if kafka.may_go_down(seen.caught_up(), broker) is None:
                    return self._catching_up(host, refusal)
                return self.nodes.missing(refusal, self._absent(refusal, seen, silent))
            return Look(None)

        wait(host, look, self._stall(host), self.say)
        return seen

    def relieve(self, host: str, before: kafka.ClusterState | None) -> bool:
        """Make another broker the controller when this one is: why, see `cluster/metadata/zookeeper/handover.py`."""
        broker = self.ids[host]
        if before is None or before.controller != broker or before.brokers <= {broker}:
            return False
        self.say(host, "handing the controller's work to another broker")
        target = self.targets[host]
        arguments = {
            "broker": broker,
            "bootstrap": self._addresses(host)[host],
            "patience": self._stall(host),
            "zookeeper": topology.zookeeper_connect(target.host, target.members("zookeeper")),
        }
        answer = self.call(host, "cluster.metadata.zookeeper.handover", "hand_over", arguments)
        if not answer["moved"]:
            self.say(host, f"the controller stays here: {answer['why']}")
        return bool(answer["moved"])

    def settle(self, host: str, before: kafka.ClusterState | None) -> None:
        """Wait until the restarted broker is in sync again. Raises HostFailed when that stops advancing."""

        def look() -> Look:
            # Two views: the others may not have heard of its return yet, and it may not know of every partition yet.
            for own in (False, True):
                after = self._state(host, own)
                if after is None:
                    return self.nodes.missing(Refusal("no broker answers"), {host: "no answer"})
                if refusal := kafka.not_back(before or after, after, self.ids[host]):
                    if self.ids[host] not in after.brokers:
                        return self.nodes.missing(refusal, {host: "not registered"})
                    return self._catching_up(host, refusal)
            return Look(None)

        wait(host, look, self._stall(host), self.say)

    def _catching_up(self, host: str, refusal: Refusal) -> Look:
        """A refusal that ends when copies are in sync: these advance by bytes."""
        partitions: dict[str, list[int]] = {}
        for one in refusal.about:
            partitions.setdefault(one.topic, []).append(one.partition)
        if not partitions:
            return Look(refusal)
        arguments = {"bootstrap": self._addresses(host)[host], "partitions": partitions}
        found = self.sizes.ask(partitions, lambda: self.call(host, "cluster.state.copies", "look", arguments))
        note = f"{format_size(found['copied'])} of {format_size(found['whole'])} copied" if found["copies"] else ""
        return Look(refusal, found["work"], note)

    def _absent(self, refusal: Refusal, state: kafka.ClusterState, silent: Mapping[int, str]) -> dict[str, str]:
        """{host: why} of the brokers that are not there and matter here: those with a copy of what it is about."""
        involved = {broker for one in refusal.about for broker in one.replicas} or set(self.ids.values())
        names = {broker: name for name, broker in self.ids.items()}
        gone = sorted(involved - state.brokers)
        return {names.get(one, f"broker {one}"): silent.get(one, "not registered in the cluster") for one in gone}

    def _lost_for(self, host: str) -> Look | None:
        """None when ZooKeeper would have the broker back. Asked first: without it, no copy gets in sync any more."""
        members = quorum.ensemble(self.call, host, quorum.servers(self.targets[host]))
        refusal = zookeeper.may_lose_a_broker(members)
        if refusal is None:
            return None
        why = {name: member.why for name, member in members.items() if not member.serving}
        return self.servers.missing(Refusal(refusal.reason), why)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["kafka_start_stall"]) / 1000


class ZooKeeperGate:
    """ZooKeeper servers: the others must keep the quorum."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        """targets: all hosts of this run, whatever they have."""
        self.targets, self.call, self.say = targets, call, say
        self.members = next(iter(targets.values())).members("zookeeper")
        self.nodes = Nodes("zookeeper", zookeeper_service.LOGS[0], targets, call)

    def _ensemble(self, host: str) -> dict[str, zookeeper.Member]:
        return quorum.ensemble(self.call, host, self.members)

    def order(self, hosts: Sequence[str]) -> list[str]:
        """Servers that are down first, then followers, the leader last."""
        return [host for host in zookeeper.restart_order(self._ensemble(hosts[0])) if host in hosts]

    def downtime(self, host: str) -> Refusal | None:
        """What brokers lose while this server restarts, whatever one waits for. Pure but for its arguments."""
        return zookeeper.downtime({member.name: zookeeper.Member() for member in self.members}, host)

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What the ensemble loses when these hosts of the run leave it for good."""
        return zookeeper.departure(self._ensemble(next(iter(leaving))), leaving)

    def permit(self, host: str) -> None:
        """Wait until the others can do without this server; raises HostFailed when they cannot."""

        def look() -> Look:
            members = self._ensemble(host)
            return self._look(zookeeper.may_go_down(members, host), members)

        wait(host, look, self._stall(host), self.say)

    def relieve(self, host: str, before: None) -> bool:
        """Nothing: an ensemble elects its next leader by itself, and it goes last."""
        return False

    def settle(self, host: str, before: None) -> None:
        """Wait until the ensemble is whole again. Raises HostFailed when that stops advancing."""

        def look() -> Look:
            members = self._ensemble(host)
            return self._look(zookeeper.not_back(members, host), {host: members[host]})

        wait(host, look, self._stall(host), self.say)

    def _look(self, refusal: Refusal | None, concerned: Mapping[str, zookeeper.Member]) -> Look:
        if refusal is None:
            return Look(None)
        why = {name: member.why for name, member in concerned.items() if not member.serving}
        # They are told of in other words, once.
        return self.nodes.missing(Refusal(refusal.reason) if why else refusal, why)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["zookeeper_start_stall"]) / 1000


GATES: Mapping[str, Callable[[Mapping[str, Target], Call, Say], Any]] = {
    "kafka": KafkaGate,
    "zookeeper": ZooKeeperGate,
}


def gate(unit: str, targets: Mapping[str, Target], call: Call, say: Say) -> KafkaGate | ZooKeeperGate:
    """The gate of a unit; targets: all hosts of this run, those that it is asked about among them."""
    made: KafkaGate | ZooKeeperGate = GATES[unit](targets, call, say)
    return made
