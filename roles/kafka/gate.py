"""The gate of the brokers: in which order they restart, whether one may go down now, and when it is fully back.

`restart_rules.py` has the rules, pure; this module applies them to the state of the real cluster. Everything is
looked at from the host that is about to restart, over the network between the hosts, so that a roll limited to one host
knows the whole cluster. Who keeps the cluster's metadata is asked by way of `cluster/metadata/keeper.py` only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.connect.requests import Call
from provisioner.errors import HostFailed
from provisioner.quantities import format_size
from provisioner.refusal import Refusal
from provisioner.run.rolling import Say
from provisioner.words import counted
from roles.kafka import listeners, metadata, service, topology
from roles.kafka import restart_rules as rules
from roles.kafka.standstill import SECONDS
from roles.shared import kraft
from roles.shared.waits import Look, Nodes, Seldom, wait

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper, Verdict
    from provisioner.run.target import Target
    from roles.kafka.standstill_gate import Standstill


class KafkaGate:
    """No partition may fall below the copies that its writes need, and a broker must be able to come back."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        """targets: all hosts of this run, whatever they have."""
        self.targets, self.call, self.say = targets, call, say
        self.members = next(iter(targets.values())).members("kafka")
        self.ids = {member.name: topology.broker_id(member, self.members) for member in self.members}
        self.nodes = Nodes("kafka", service.LOGS[0], targets, call)
        self.keepers = metadata.nodes(targets, call)
        self.sizes, self.assumed = Seldom(), Seldom()
        self.turns: dict[str, Keeper] = {}  # of hosts whose broker is a node of the keeper, too: see KeeperGate
        self.still: Standstill | None = None
        if kraft.migration(next(iter(targets.values())).members):
            from roles.kafka.standstill_gate import Standstill  # few clusters are on that way

            self.still = Standstill(targets, self.ids, call, say)
        self.returned = 0  # leaders that this roll has given back so far

    def _state(self, host: str, own: bool) -> rules.ClusterState | None:
        """The cluster as a broker sees it: the host's own is asked first when `own`, else the others first, since a
        broker that has just started may not know every partition yet. None when no broker answers."""
        addresses = self._addresses(host)
        here = addresses.pop(host, None)
        others = list(addresses.values())
        assumed = self.assumed.ask(host, lambda: metadata.assumed(self.call, self.targets[host]))
        for bootstrap in filter(None, [here, *others] if own else [*others, here]):
            status = self.call(host, remote.cluster_status(partitions=True, **assumed).at(bootstrap))
            if status["serving"]:
                return rules.ClusterState.from_status(status)
        return None

    def _addresses(self, host: str) -> dict[str, str]:
        """The address of each broker for this host."""
        own = {member.name: listeners.inter_broker(member) for member in self.members}
        return {name: listener.asked_here if name == host else listener.asked for name, listener in own.items()}

    def _silent(self, host: str, names: Collection[str]) -> dict[int, str]:
        """{broker: why} of those among these hosts that do not answer, even if the cluster has not noticed yet."""
        addresses = {name: address for name, address in self._addresses(host).items() if name in names}
        answers = self.call(host, remote.answering(list(addresses.values())))
        return {self.ids[name]: answers[address] for name, address in addresses.items() if answers[address]}

    def order(self, hosts: Sequence[str]) -> dict[str, str]:
        """Brokers that are down first, then ascending ids, the controller last; each with why."""
        target = self.targets[hosts[0]]
        state = self._state(hosts[0], own=True)
        by_id = {self.ids[host]: host for host in hosts}
        silent = frozenset(self._silent(hosts[0], hosts))
        if state and metadata.own(target):
            # Brokers name any one of themselves to clients as the controller (KIP-590): that is no reason.
            state = replace(state, controller=None)
        found = rules.restart_order(by_id, state.without(silent) if state else None)
        ordered = {by_id[broker]: why for broker, why in found.items()}
        if not any(metadata.node(self.targets[host]) for host in hosts):
            return ordered
        # The nodes of the keeper before mere brokers, their leader last among them.
        nodes = metadata.keeper(target, self.call).restart_order()
        down = {host: why for host, why in ordered.items() if self.ids[host] in silent}
        before = "" if all(host in nodes for host in hosts) else "a controller, before mere brokers"
        first = {host: why or before for host, why in nodes.items() if host in hosts}
        why = {**ordered, **first, **down}
        return {host: why[host] for host in [*down, *first, *ordered]}

    def downtime(self, host: str) -> Refusal | None:
        """What clients lose in any case while this broker restarts."""
        if len(self.members) == 1:
            return Refusal(f"{host} is the only Kafka broker: while it restarts, Kafka is down")
        state = self._state(host, own=True)
        lost = rules.downtime(state, self.ids[host]) if state else None
        if lost is None and metadata.node(self.targets[host]):
            return metadata.keeper(self.targets[host], self.call).downtime(host)
        return lost

    def _unaccepted(self, host: str) -> Refusal | None:
        """The same, where the inventory does not accept it."""
        return None if self.targets[host]["kafka_accept_downtime"] else self.downtime(host)

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What the cluster loses when these hosts of the run are removed; nothing when none of its brokers
        stays."""
        host = next(iter(leaving))
        state = self._state(host, own=True)
        if all(member.name in self.targets for member in self.members):
            others = state.brokers - {*self.ids.values()} if state else ()
            return rules.forgotten(others) if others else None
        if state is None:
            return Refusal(f"no broker answers, so it is unknown which partitions only {', '.join(leaving)} has")
        nodes = [name for name in leaving if metadata.node(self.targets[name])]
        if nodes and (lost := metadata.keeper(self.targets[host], self.call).departure(nodes)):
            return lost
        silent = self._silent(host, [name for name in self.ids if name not in leaving])
        return rules.departure(state.without(frozenset(silent)), frozenset(self.ids[name] for name in leaving))

    def permit(self, host: str) -> rules.ClusterState | None:
        """The state before the restart. Waits while the cluster catches up; raises HostFailed when it must not be."""
        seen: rules.ClusterState | None = None
        broker = self.ids[host]
        if metadata.node(self.targets[host]):
            self.turns[host] = metadata.keeper(self.targets[host], self.call)

        def look() -> Look:
            nonlocal seen
            seen = self._state(host, own=True)
            silent = self._silent(host, self.ids)
            if seen is None:
                if broker in silent:
                    return Look(None)  # it is down, and a start fixes that
                return Look(
                    Refusal(f"broker {broker} must stay up: it answers, but does not return the state of the cluster")
                )
            seen = seen.without(frozenset(silent))
            if broker in seen.brokers and (lost := self._lost_for(host)):
                return lost
            if refusal := rules.may_go_down(seen, broker):
                if rules.may_go_down(seen.caught_up(), broker) is None:
                    # The restart that is to come is what helps a broker that stands still.
                    same = self._revived(host, seen, leaving=broker)
                    return Look(None) if same else self._catching_up(host, refusal)
                return self.nodes.missing(refusal, self._absent(refusal, seen, silent))
            return self._missed(self.turns[host].may_go_down(host)) if host in self.turns else Look(None)

        wait(host, look, self._stall(host), self.say)
        return seen

    def relieve(self, host: str, before: rules.ClusterState | None) -> bool:
        """Make another broker the controller when this one is; the keeper knows whether that is needed, and why."""
        broker = self.ids[host]
        if before is None or before.controller != broker or before.brokers <= {broker}:
            return False
        keeper = metadata.keeper(self.targets[host], self.call)
        answer = keeper.hand_over(
            broker,
            self._addresses(host)[host],
            self._stall(host),
            lambda: self.say(host, "handing the controller over to another broker"),
        )
        if answer["why"]:
            self.say(host, f"the controller was not handed over: {answer['why']}")
        return bool(answer["moved"])

    def settle(self, host: str, before: rules.ClusterState | None) -> None:
        """Wait until the restarted broker is back in sync; give its leaders back. Raises HostFailed when there is no
        progress any more."""

        def look() -> Look:
            # Two views: the others may not know of its return yet, and it may not know every partition yet.
            for own in (False, True):
                after = self._state(host, own)
                if after is None:
                    return self.nodes.missing(Refusal("no broker answers"), {host: "no answer"})
                if refusal := rules.not_back(before or after, after, self.ids[host]):
                    if self.ids[host] not in after.brokers:
                        return self.nodes.missing(refusal, {host: "not registered"})
                    self._revived(host, after)
                    return self._catching_up(host, refusal)
            return self._missed(self.turns[host].not_back(host)) if host in self.turns else Look(None)

        wait(host, look, self._stall(host), self.say)
        self.turns.pop(host, None)
        # Before the next broker stops: it then hands over its own leaders alone, a third of all with three brokers, and
        # not those of the brokers before it as well. Clients wait for all of them. At the end it is tried once more.
        with contextlib.suppress(HostFailed):
            self._elect(host)

    def restore(self, hosts: Sequence[str]) -> str:
        """Elect the preferred leaders that are still elsewhere; what the whole roll has come to."""
        refused = self._elect(hosts[-1])
        told = self.still.told() if self.still else ()
        return "; ".join(filter(None, [*told, rules.returned(self.returned, refused)]))

    def revive(self) -> Mapping[str, str]:
        """Restart brokers that stand still, of a cluster that goes from ZooKeeper to controllers; {host: why}. Waits no
        longer than it takes to know. Raises HostFailed."""
        host = next(iter(self.targets))

        def look() -> Look:
            state = self._state(host, own=True)
            if state is None or self.still is None:
                return Look(None)
            self._revived(host, state)
            suspects = self.still.suspects(state)
            about = [one for one in state.under_replicated() if one.leader in suspects]
            why = f"{counted(len(about), 'partition')} under-replicated, though every copy is complete"
            return Look(Refusal(why, rules.listed(about)) if about else None)

        if self.still:
            wait(host, look, 3 * SECONDS, self.say)
        return self.still.restarted if self.still else {}

    def _revived(self, host: str, state: rules.ClusterState, leaving: int | None = None) -> bool:
        """Restart a broker that stands still, if there is one; whether it is the one that is about to restart anyway
        (`leaving`). Raises HostFailed when it must not be restarted, or does not come back."""
        broker = self.still.find(host, self._addresses(host)[host], state) if self.still else None
        if self.still is None or broker is None:
            return False
        self.still.require(broker, state, self._unaccepted)
        if broker == leaving:
            return True
        self.still.restart(broker, state, self.settle)
        return False

    def _elect(self, asked: str) -> Mapping[str, int]:
        """Elect the preferred leaders by way of a host, unless the inventory leaves leaders where they are; {reason:
        how many could not return}. Raises HostFailed."""
        if len(self.members) == 1 or not all(rules.leaders_return(one.vars["kafka_config"]) for one in self.members):
            return {}
        self.say(asked, "electing the preferred leaders")
        found = self.call(asked, remote.restore_leaders().at(self._addresses(asked)[asked]))
        self.say(asked, "")
        self.returned += found["returned"]
        refused: Mapping[str, int] = found["refused"]
        return refused

    def _catching_up(self, host: str, refusal: Refusal) -> Look:
        """A refusal that ends when copies are in sync: these advance by bytes."""
        partitions: dict[str, list[int]] = {}
        for one in refusal.about:
            partitions.setdefault(one.topic, []).append(one.partition)
        if not partitions:
            return Look(refusal)
        request = remote.copies_behind(partitions).at(self._addresses(host)[host])
        found = self.sizes.ask(partitions, lambda: self.call(host, request))
        note = f"{format_size(found['copied'])} of {format_size(found['whole'])} copied" if found["copies"] else ""
        return Look(refusal, found["work"], note)

    def _absent(self, refusal: Refusal, state: rules.ClusterState, silent: Mapping[int, str]) -> dict[str, str]:
        """{host: why} of the missing brokers that matter here: those with a copy of the partitions in question."""
        involved = {broker for one in refusal.about for broker in one.replicas} or set(self.ids.values())
        names = {broker: name for name, broker in self.ids.items()}
        gone = sorted(involved - state.brokers)
        return {names.get(one, f"broker {one}"): silent.get(one, "not registered in the cluster") for one in gone}

    def _lost_for(self, host: str) -> Look | None:
        """None when the broker could register afterwards. Asked first: without a quorum of the nodes that keep the
        metadata, no copy gets in sync."""
        look = self._missed(metadata.keeper(self.targets[host], self.call).may_lose_a_broker())
        return look if look.refusal else None

    def _missed(self, verdict: Verdict) -> Look:
        """A verdict of the keeper, as a gate looks at it."""
        refusal, silent = verdict
        if refusal is None:
            return Look(None)
        # Nodes that do not answer are named once, with their state in systemd.
        return self.keepers.missing(Refusal(refusal.reason) if silent else refusal, silent)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["kafka_start_stall"]) / 1000


def gate(targets: Mapping[str, Target], call: Call, say: Say) -> KafkaGate:
    """The gate of the brokers; targets: all hosts of the run."""
    return KafkaGate(targets, call, say)
