"""The ZooKeeper ensemble of a cluster as the keeper of its metadata, asked from one of the cluster's hosts.

The rules are pure and stand in `restart_rules.py`; here they are asked with the state of the real ensemble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Mapping, Optional

from cluster.endpoint import PLAINTEXT
from cluster.metadata import remote
from cluster.metadata.keeper import Verdict
from cluster.metadata.zookeeper import restart_rules as rules
from provisioner.refusal import Refusal

if TYPE_CHECKING:
    from provisioner.connect.requests import Call


class Ensemble:
    """A `Keeper`. Every method but `downtime` and `hand_over` asks all servers anew."""

    def __init__(
        self, call: Call, host: str, servers: Mapping[str, str], connect: str = "", protocol: str = PLAINTEXT
    ) -> None:
        """host: the host from which it is asked. servers {host: where that is asked, as `Endpoint.parse` takes it}: all
        of the ensemble's, as the first host reaches them; none for an ensemble that cannot be asked. connect: as in a
        broker's zookeeper.connect; protocol: in which these are spoken to."""
        self._call, self._host, self._connect, self._protocol = call, host, connect, protocol
        self._servers = dict(servers)

    def members(self) -> Dict[str, rules.Member]:
        """Every server as it answers the host now, by name."""
        if not self._servers:
            return {}
        answers = self._call(self._host, remote.zookeeper_ensemble(self._servers))
        return {name: rules.Member.from_status(answer) for name, answer in answers.items()}

    def has_quorum(self) -> bool:
        return rules.has_quorum(self.members())

    def may_lose_a_broker(self) -> Verdict:
        members = self.members()
        return _verdict(rules.may_lose_a_broker(members), members)

    def hand_over(self, broker: int, bootstrap: str, patience: float, begin: Callable[[], None]) -> Dict[str, Any]:
        """See `handover.py` for the reason."""
        begin()
        request = remote.hand_over(broker, zookeeper=self._connect, protocol=self._protocol, patience=patience)
        return self._call(self._host, request.at(bootstrap))

    def may_go_down(self, node: str) -> Verdict:
        members = self.members()
        return _verdict(rules.may_go_down(members, node), members)

    def not_back(self, node: str) -> Verdict:
        members = self.members()
        return _verdict(rules.not_back(members, node), {node: members[node]})

    def restart_order(self) -> Dict[str, str]:
        return rules.restart_order(self.members())

    def downtime(self, node: str) -> Optional[Refusal]:
        return rules.downtime({name: rules.Member() for name in self._servers}, node)

    def departure(self, leaving: Collection[str]) -> Optional[Refusal]:
        return rules.departure(self.members(), leaving)


def _verdict(refusal: Optional[Refusal], concerned: Mapping[str, rules.Member]) -> Verdict:
    return Verdict(refusal, {name: member.why for name, member in concerned.items() if not member.serving})
