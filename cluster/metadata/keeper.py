"""The keeper of a Kafka cluster's metadata: its brokers, its controller, its topics.

`Keeper` is everything that the rest of the project asks of it. There are two kinds:

- ZooKeeper (`zookeeper/ensemble.py`): the nodes are its servers, the quorum is theirs. One broker is the controller; it
  hands that over before it goes down.
- KRaft (`kraft/quorum.py`): the nodes are the controllers, processes of their own or combined with a broker. The leader
  of their quorum is the active controller, which is no broker's business, so that there is nothing to hand over.

How the nodes are shown by `status` and judged by `doctor` is said by the role that runs them.

A keeper is made for one host, and everything is looked at from there, over the network between the hosts: so that a
roll limited to one host knows all nodes. In a roll, one keeper is kept from `may_go_down` to `not_back` of a node: what
it remembers of the first look is what the later ones are measured by.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Dict, Mapping, NamedTuple, Optional, Protocol

from provisioner.refusal import Refusal

# Why a node restarts first, and why last.
DOWN = "it is down, so that its restart costs nothing"
LEADS = "the leader, so that there is only one election"


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

    def hand_over(self, broker: int, bootstrap: str, patience: float, begin: Callable[[], None]) -> Dict[str, Any]:
        """Let another broker do what this one, which answers at `bootstrap` and is named as the controller, does for
        the whole cluster, before it goes down. patience: seconds. begin: called first, where there is anything to hand
        over. Returns moved (whether another broker does it now) and why not, "" where there is nothing."""

    def may_go_down(self, node: str) -> Verdict:
        """May this node go down now: do the others keep the quorum?"""

    def not_back(self, node: str) -> Verdict:
        """Is this node, which was restarted, fully back, so that the next one may go?"""

    def restart_order(self) -> Dict[str, str]:
        """All nodes in the order in which they restart, those that are down first, the leader last; each with why it
        stands there, "" for no reason of its own."""

    def downtime(self, node: str) -> Optional[Refusal]:
        """What brokers lose in any case while this node restarts; None when the others keep the quorum."""

    def departure(self, leaving: Collection[str]) -> Optional[Refusal]:
        """Why these nodes must not be removed, as what brokers lose; None when they are not needed."""
