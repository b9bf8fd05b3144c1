"""The gate of the nodes that keep a cluster's metadata, of either kind: the others must keep the quorum. The rules are
the keeper's (`cluster/metadata/`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from cluster.metadata.keeper import Keeper, Verdict
from provisioner.refusal import Refusal
from provisioner.run.rolling import Say
from roles.shared import kraft
from roles.shared.waits import Look, Nodes, wait

if TYPE_CHECKING:
    from provisioner.run.target import Target


class KeeperGate:
    """Everything is looked at from the host that is about to restart."""

    def __init__(
        self, targets: Mapping[str, Target], keeper: Callable[[Target], Keeper], nodes: Nodes, stall: str, say: Say
    ) -> None:
        """targets: all hosts of this run, whatever they have. keeper: the keeper, asked from a host; nodes: its nodes
        in systemd; stall: the variable that says how long one may make no progress."""
        self.targets, self.keeper, self.nodes, self.stall, self.say = targets, keeper, nodes, stall, say
        self._turns: dict[str, Keeper] = {}  # what a node's return is measured by was seen before it went

    def _keeper(self, host: str) -> Keeper:
        return self.keeper(self.targets[host])

    def order(self, hosts: Sequence[str]) -> dict[str, str]:
        """Nodes that are down first, then followers, the leader last."""
        return {host: why for host, why in self._keeper(hosts[0]).restart_order().items() if host in hosts}

    def downtime(self, host: str) -> Refusal | None:
        """What brokers lose in any case while this node restarts."""
        return self._keeper(host).downtime(host)

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What brokers lose when these hosts of the run are removed from the quorum; nothing when no broker stays."""
        host = next(iter(leaving))
        if all(broker.name in self.targets for broker in self.targets[host].members(kraft.BROKERS)):
            return None
        return self._keeper(host).departure(leaving)

    def permit(self, host: str) -> None:
        """Wait until the others keep the quorum without this node; raises HostFailed when they cannot."""
        keeper = self._turns[host] = self._keeper(host)
        wait(host, lambda: self._look(keeper.may_go_down(host)), self._stall(host), self.say)

    def relieve(self, host: str, before: None) -> bool:
        """Nothing: the leader goes last, and the others elect the next one by themselves."""
        return False

    def settle(self, host: str, before: None) -> None:
        """Wait until the quorum is complete. Raises HostFailed when there is no progress any more."""
        keeper = self._turns.pop(host, None) or self._keeper(host)
        wait(host, lambda: self._look(keeper.not_back(host)), self._stall(host), self.say)

    def restore(self, hosts: Sequence[str]) -> str:
        """Nothing: any node may lead."""
        return ""

    def _look(self, verdict: Verdict) -> Look:
        refusal, silent = verdict
        if refusal is None:
            return Look(None)
        # Nodes that do not answer are named once, with their state in systemd.
        return self.nodes.missing(Refusal(refusal.reason) if silent else refusal, silent)

    def _stall(self, host: str) -> float:
        return float(self.targets[host][self.stall]) / 1000
