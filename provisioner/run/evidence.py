"""What runs on the hosts, as evidence against an inventory: an inventory that contradicts it is refused before anything
changes.

Each role asks its hosts (the part `evidence`) in the request that reads them, and judges the answers of all hosts
together: a host alone cannot know that another one was forgotten. A contradiction that somebody may want (a smaller
cluster, an older version) names the flag that permits it; nothing else does, least of all `--yes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner.errors import Refused

if TYPE_CHECKING:
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target

# What may be permitted, each by a flag of its own.
SHRINK = "--shrink"  # an inventory that lacks members of what runs; names them
GIVE_UP_DATA = "--give-up-data"  # a directory that is left behind with data in it; names it
DOWNGRADE = "--accept-downgrade"  # an older version than the one that is there
DOWNTIME = "--accept-downtime"  # what clients will notice
NO_WAY_BACK = "--accept-no-way-back"  # a step of several that nothing leads back from
FEWER_COPIES = "--accept-fewer-copies"  # settings of redundancy that fall because there are fewer members

Agreed = Mapping[str, Collection[str]]  # {flag: the names given with it; none for a flag without names}


NOTHING: Mapping[Any, Any] = MappingProxyType({})  # a default that nobody can change


class Witness(NamedTuple):
    """What one host says. said {role: the answer to its question}; serving {unit: the answer of its probe}, of those
    that serve; active: the units that run, whether they serve or not, and though they are just being stopped; beside:
    those that an earlier deploy has started here and that run, though the inventory has the host not in their group."""

    target: Target
    plan: HostPlan
    said: Mapping[str, Mapping[str, Any]] = NOTHING
    serving: Mapping[str, Mapping[str, Any]] = NOTHING
    active: Collection[str] = ()
    beside: Collection[str] = ()

    @property
    def name(self) -> str:
        """The host's name."""
        return self.target.name

    def becomes(self, path: str) -> str | None:
        """The text that the plan writes to a file; None where that stays as it is."""
        written = (change.resource.written().get(path) for change in self.plan.changes)
        return next((text for text in written if text is not None), None)


class Consent(NamedTuple):
    """What permits a contradiction: a flag, and what has to be named with it. names: for each thing, every name by
    which it may be called, the first of them being the one that is shown."""

    flag: str
    names: tuple[tuple[str, ...], ...] = ()

    def given(self, agreed: Agreed) -> bool:
        """Whether the command line has it, for all of the things."""
        if self.flag not in agreed:
            return False
        named = agreed[self.flag]
        return all(any(name in named for name in names) for names in self.names)

    @property
    def shown(self) -> str:
        """As it is typed: "--shrink kafka2,kafka3"."""
        return " ".join([self.flag, ",".join(names[0] for names in self.names)]).strip()


class Objection(NamedTuple):
    """A contradiction between inventory and hosts. consent: what permits it; None when nothing does.

    details: evidence, a line each. way: what to do instead, without the flag; {host} in it is the host. also: further
    hosts of which the same is true.
    """

    what: str
    host: str | None = None
    details: tuple[str, ...] = ()
    way: str = ""
    consent: Consent | None = None
    also: tuple[str, ...] = ()

    def warning(self) -> str:
        """As a run says it that goes on, since the command line permits it."""
        flag = f" ({self.consent.shown})" if self.consent else ""
        hosts = ", ".join([*filter(None, [self.host]), *self.also])
        return (f"{hosts}: " if hosts else "") + self.what + flag

    def error(self) -> Refused:
        """As the run ends with it."""
        hosts = [*filter(None, [self.host]), *self.also]
        way = self.way.replace("{host}", hosts[0] if len(hosts) == 1 else "HOST")
        parts = [way] if way else []
        if self.consent:
            parts.append(f"{'if that is meant, ' if parts else 'if it is meant, '}add {self.consent.shown}")
        single = hosts[0] if len(hosts) == 1 else None
        return Refused(self.what, host=single, hosts=hosts, details=self.details, advice="; ".join(parts) or None)


def merged(objections: Iterable[Objection]) -> list[Objection]:
    """The same said of several hosts once, with all of them, and of one host by several roles once, too."""
    hosts: dict[Objection, dict[str, None]] = {}
    for one in objections:
        hosts.setdefault(one._replace(host=None), {}).update({one.host: None} if one.host else {})
    return [one._replace(host=next(iter(of), None), also=tuple(of)[1:]) for one, of in hosts.items()]


def split(objections: Iterable[Objection], agreed: Agreed) -> tuple[list[Objection], list[Objection]]:
    """(those that nothing permits or nobody has permitted, those that the command line permits)."""
    refused: list[Objection] = []
    permitted: list[Objection] = []
    for one in merged(objections):
        (permitted if one.consent and one.consent.given(agreed) else refused).append(one)
    return refused, permitted
