"""A broker that reports no change of in-sync copies any more, while a cluster goes from ZooKeeper to controllers. Pure;
`standstill_gate.py` asks the cluster and restarts it.

Kafka 3.9: a leader has one request to the controller under way that names its in-sync copies (AlterPartition), and
sends the next one when that is answered. When it hears that a controller of the other kind leads, it drops the
connection together with the request (`NodeToControllerRequestThread.maybeResetNetworkClient`), and nobody tells the
waiting side. So a broker that has one under way at that moment never sends another one: its followers catch up and
stay out of sync, for ever. There is no way to avoid it from outside: the controllers take over by themselves as soon as
the last broker has registered, and its copies are being taken into sync just then. A restart ends it: the leaders move
away as the broker stops, and report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioner.refusal import Refusal
from provisioner.words import counted
from roles.kafka import restart_rules as rules

if TYPE_CHECKING:
    from roles.kafka.restart_rules import ClusterState

    Copy = tuple[str, int, int]  # topic and number of a partition, and the broker that has the copy

# How long a copy has to lack nothing and yet be out of sync. A leader takes such a copy into sync at the next fetch,
# within half a second, and repeats a request that nobody answers after 30 s (controller.socket.timeout.ms): a broker
# that this helps does not stand still. The rest is slack.
SECONDS = 40.0
WHY = "lost a request when other controllers took over (Kafka 3.9) and reports no copy in sync until it restarts"


class Evidence(NamedTuple):
    """What is known beside the state of the cluster. led: whether there is a controller to report to; level: the copies
    out of sync that lack no record."""

    led: bool
    level: frozenset[Copy]


def missing(state: ClusterState) -> dict[int, frozenset[Copy]]:
    """{leader: the copies of its partitions that are out of sync on brokers that are up}, of leaders that have any."""
    found: dict[int, set[Copy]] = {}
    for one in state.under_replicated():
        copies = {(*one.key, broker) for broker in one.behind if broker in state.brokers}
        if copies and one.leader in state.brokers:
            found.setdefault(one.leader, set()).update(copies)
    return {leader: frozenset(copies) for leader, copies in found.items()}


def suspects(state: ClusterState, evidence: Evidence) -> list[int]:
    """The leaders that may stand still, by one look: every copy that they lack is on a broker that is up, and lacks no
    record. One that really catches up is enough to wait for it first."""
    if not evidence.led:
        return []
    return sorted(leader for leader, copies in missing(state).items() if copies <= evidence.level)


class Watch:
    """Looks at the cluster again and again, to tell a broker that stands still from one that is about to report."""

    def __init__(self) -> None:
        # {suspect: (since when, the in-sync copies of all partitions that it led at the last look)}
        self._since: dict[int, tuple[float, Mapping[tuple[str, int], frozenset[int]]]] = {}

    def see(self, state: ClusterState, evidence: Evidence, now: float) -> dict[int, float]:
        """{broker that stands still: seconds}: a suspect at every look for SECONDS, and nothing changed in what it
        leads."""
        since: dict[int, tuple[float, Mapping[tuple[str, int], frozenset[int]]]] = {}
        for broker in suspects(state, evidence):
            led = {one.key: frozenset(one.isr) for one in state.partitions if one.leader == broker}
            began, before = self._since.get(broker, (now, led))
            since[broker] = (now if any(led.get(key, isr) != isr for key, isr in before.items()) else began, led)
        self._since = since
        return {broker: now - began for broker, (began, _) in since.items() if now - began >= SECONDS}


def may_restart(state: ClusterState, broker: int, known: Evidence) -> Refusal | None:
    """None when a broker that stands still may go down, though its partitions lack copies; else why not.

    Each partition that it leads needs another copy in sync, which leads then: of a broker that does not stand still
    itself, as that one would report no other copy either. Copies that lack nothing count as in sync there: the next
    leader takes them in as soon as they fetch from it.
    """
    heirs = state.brokers - {broker, *suspects(state, known)}
    if alone := [one for one in state.partitions if one.leader == broker and not heirs & {*one.isr}]:
        return Refusal(
            f"broker {broker} must stay up: {counted(len(alone), 'partition')} would have no leader that reports",
            rules.listed(alone),
            tuple(alone),
        )
    full = [
        one.in_sync([*one.isr, *(copy for copy in one.behind if (*one.key, copy) in known.level)])
        if one.leader == broker
        else one
        for one in state.partitions
    ]
    return rules.may_go_down(replace(state, partitions=tuple(full)), broker)


def sentence(broker: int, copies: int) -> str:
    """Why a broker restarts, in one sentence. copies: that wait for it."""
    return f"broker {broker} stands still: {_waiting(copies)}; it {WHY}"


def suspicion(broker: int, copies: int) -> str:
    """What one look can say of it."""
    return f"broker {broker}: {_waiting(copies)}; if that stays so for {SECONDS:.0f} s, it {WHY}"


def _waiting(copies: int) -> str:
    return f"{counted(copies, 'complete copy')} {'is' if copies == 1 else 'are'} not in sync"
