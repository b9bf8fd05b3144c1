"""The keeper of a Kafka cluster's metadata: its brokers, its controller, its topics.

`Keeper` is everything that the rest of the project asks of it. ZooKeeper is its first kind (`zookeeper/ensemble.py`).
KRaft can be the second: its nodes are the controllers, its quorum is theirs, its leader is the active controller, and
before a stop there is nothing to hand over, since that leader is no broker's business. How its nodes are shown by
`status` and judged by `doctor` is said by the role that runs them.

A keeper is made for one host, and everything is looked at from there, over the network between the hosts: so that a
roll limited to one host knows all nodes.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Protocol

from provisioner.refusal import Refusal


class Verdict(NamedTuple):
    """A verdict. refusal: None when it may be done. silent {node: why it does not answer}: nodes that it depends on."""

    refusal: Optional[Refusal]
    silent: Mapping[str, str]


class Keeper(Protocol):
    """The nodes that keep the metadata of one cluster, each named as its host. Methods ask the nodes when called."""

    def has_quorum(self) -> bool:
        """Whether it can answer and accept changes now. True for a keeper whose nodes cannot be asked."""

    def may_lose_a_broker(self) -> Verdict:
        """May a broker go down now: will it be able to register afterwards, and can copies get in sync meanwhile?"""

    def hand_over(self, broker: int, bootstrap: str, patience: float) -> Dict[str, Any]:
        """Let another broker do what this one, which answers at `bootstrap` and is the controller, does for the whole
        cluster, before it goes down. patience: seconds. Returns moved (whether another one does it now) and why not."""

    def may_go_down(self, node: str) -> Verdict:
        """May this node go down now: do the others keep the quorum?"""

    def not_back(self, node: str) -> Verdict:
        """Is this node, which was restarted, fully back, so that the next one may go?"""

    def restart_order(self) -> List[str]:
        """All nodes in the order in which they restart: those that are down first, the leader last."""

    def downtime(self, node: str) -> Optional[Refusal]:
        """What brokers lose in any case while this node restarts; None when the others keep the quorum."""

    def departure(self, leaving: Collection[str]) -> Optional[Refusal]:
        """What brokers lose when these nodes are removed; None when the quorum stays, or does not exist anyway."""
