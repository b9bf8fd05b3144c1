"""The quorum of controllers as the keeper of a cluster's metadata, asked from one of the cluster's hosts.

The rules are pure and stand in `restart_rules.py`; here they are asked with what is seen of the real quorum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Mapping, Optional, Tuple

from cluster.metadata import remote
from cluster.metadata.keeper import Verdict
from cluster.metadata.kraft import restart_rules as rules
from cluster.metadata.kraft.seen import Seen
from provisioner.refusal import Refusal

if TYPE_CHECKING:
    from provisioner.connect.requests import Call


class Quorum:
    """A `Keeper`. Every method but `downtime` and `hand_over` asks all controllers anew.

    One object is meant for a node's whole turn in a roll: `may_go_down` and `not_back` measure by what was seen at the
    first look, so that a voter has to reach a place that does not move away while it is waited for.
    """

    def __init__(self, call: Call, host: str, controllers: Mapping[str, Tuple[int, str, int, str]]) -> None:
        """host: the host from which it is asked. controllers {host: (id, address, port, protocol)}: all of the
        inventory's, as that host reaches them; none for a quorum that cannot be asked."""
        self._call, self._host = call, host
        self._controllers = {name: list(where) for name, where in controllers.items()}
        self._before: Dict[str, Seen] = {}  # the first look at a node that is about to go down
        self._goals: Dict[str, int] = {}  # the leader's end offset at the first look after a node's restart

    def seen(self) -> Seen:
        """Every controller as it answers the host now, and what their leader says."""
        if not self._controllers:
            return Seen()
        return Seen.from_answers(self._call(self._host, remote.kraft_quorum(self._controllers)))

    def has_quorum(self) -> bool:
        return rules.has_quorum(self.seen())

    def may_lose_a_broker(self) -> Verdict:
        seen = self.seen()
        return _verdict(rules.may_lose_a_broker(seen), seen)

    def hand_over(self, broker: int, bootstrap: str, patience: float, begin: Callable[[], None]) -> Dict[str, Any]:
        """Nothing: what a broker does for the whole cluster, the controllers do here, and a leader that stops hands
        over by itself (KafkaRaftClient resigns in its graceful shutdown)."""
        return {"moved": False, "controller": None, "why": ""}

    def may_go_down(self, node: str) -> Verdict:
        seen = self.seen()
        if seen.leader is not None and seen.high_watermark >= 0:
            self._before.setdefault(node, seen)
        first = self._before.get(node)
        return _verdict(rules.may_go_down(seen, node, first.high_watermark if first else None), seen, but=node)

    def not_back(self, node: str) -> Verdict:
        seen = self.seen()
        if seen.leader is not None:
            self._goals.setdefault(node, seen.end())
        refusal = rules.not_back(self._before.get(node), seen, node, self._goals.get(node, 0))
        return _verdict(refusal, seen)

    def restart_order(self) -> Dict[str, str]:
        return rules.restart_order(self.seen())

    def downtime(self, node: str) -> Optional[Refusal]:
        return rules.downtime(self._controllers, node)

    def departure(self, leaving: Collection[str]) -> Optional[Refusal]:
        return rules.departure(self.seen(), leaving)


def _verdict(refusal: Optional[Refusal], seen: Seen, but: str = "") -> Verdict:
    silent = {name: one.why for name, one in seen.controllers.items() if not one.serving and name != but}
    return Verdict(refusal, silent)
