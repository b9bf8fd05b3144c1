"""The gate of the servers: the others must keep the quorum. The rules are the keeper's (`cluster/metadata/`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from cluster.metadata.keeper import Keeper, Verdict
from provisioner.connect.requests import Call
from provisioner.refusal import Refusal
from provisioner.run.rolling import Say
from roles.shared.waits import Look, Nodes, wait
from roles.zookeeper import service, topology

if TYPE_CHECKING:
    from provisioner.run.target import Target


class ZooKeeperGate:
    """Everything is looked at from the host that is about to restart."""

    def __init__(self, targets: Mapping[str, Target], call: Call, say: Say) -> None:
        """targets: all hosts of this run, whatever they have."""
        self.targets, self.call, self.say = targets, call, say
        self.nodes = Nodes("zookeeper", service.LOGS[0], targets, call)

    def _keeper(self, host: str) -> Keeper:
        target = self.targets[host]
        return topology.ensemble(self.call, target.host, target.members("zookeeper"))

    def order(self, hosts: Sequence[str]) -> list[str]:
        """Servers that are down first, then followers, the leader last."""
        return [host for host in self._keeper(hosts[0]).restart_order() if host in hosts]

    def downtime(self, host: str) -> Refusal | None:
        """What brokers lose in any case while this server restarts; nothing where their downtime is
        accepted."""
        return None if self.targets[host]["kafka_accept_downtime"] else self._keeper(host).downtime(host)

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What brokers lose when these hosts of the run are removed from the ensemble; nothing when no
        broker stays."""
        host = next(iter(leaving))
        if all(broker.name in self.targets for broker in self.targets[host].members("kafka")):
            return None
        return self._keeper(host).departure(leaving)

    def permit(self, host: str) -> None:
        """Wait until the others keep the quorum without this server; raises HostFailed when they cannot."""
        keeper = self._keeper(host)
        wait(host, lambda: self._look(keeper.may_go_down(host)), self._stall(host), self.say)

    def relieve(self, host: str, before: None) -> bool:
        """Nothing: the leader goes last, and an ensemble elects the next one by itself."""
        return False

    def settle(self, host: str, before: None) -> None:
        """Wait until the ensemble is complete. Raises HostFailed when there is no progress any more."""
        keeper = self._keeper(host)
        wait(host, lambda: self._look(keeper.not_back(host)), self._stall(host), self.say)

    def restore(self, hosts: Sequence[str]) -> str:
        """Nothing: any server may lead."""
        return ""

    def _look(self, verdict: Verdict) -> Look:
        refusal, silent = verdict
        if refusal is None:
            return Look(None)
        # Servers that do not answer are named once, with their state in systemd.
        return self.nodes.missing(Refusal(refusal.reason) if silent else refusal, silent)

    def _stall(self, host: str) -> float:
        return float(self.targets[host]["zookeeper_start_stall"]) / 1000


def gate(targets: Mapping[str, Target], call: Call, say: Say) -> ZooKeeperGate:
    """The gate of the servers; targets: all hosts of the run."""
    return ZooKeeperGate(targets, call, say)
