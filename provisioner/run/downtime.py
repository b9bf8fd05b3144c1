"""What clients lose while services restart: counted in a plan, and asked about before a run restarts anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from provisioner.connect.fleet import Fleet
from provisioner.report.reporter import Reporter
from provisioner.run.site import Site
from provisioner.run.target import Target
from provisioner.words import counted

Node = tuple[str, str]  # (host, unit)


def losses(
    site: Site,
    fleet: Fleet,
    targets: Mapping[str, Target],
    restarts: Sequence[Node],
    together: Collection[Node] = (),
    accepted: bool = False,
) -> list[str]:
    """What clients would lose by these restarts, a sentence each. together: those of them that restart at the same
    time; accepted: also what the inventory accepts."""
    everyone, one_by_one = list(targets.values()), [one for one in restarts if one not in together]
    found = site.outage(everyone, together, accepted) if together else []
    return found + site.downtime(everyone, one_by_one, fleet.call, fleet.reporter.host, accepted)


def show(site: Site, fleet: Fleet, targets: Mapping[str, Target], restarts: Sequence[Node], rolls: int = 1) -> None:
    """What clients would lose by a plan, whether it is accepted or not. rolls: how many rolling restarts the change
    takes, in each of which these services restart."""
    reasons = losses(site, fleet, targets, restarts, accepted=True)
    if not reasons:
        return
    times = f", in each of the {rolls} rolling restarts" if rolls > 1 else ""
    for text in (f"{counted(len(reasons), 'outage')}{times}:", *(f"  {one}" for one in reasons)):
        fleet.reporter.note(text)


def agreed(reporter: Reporter, ask: Callable[[str], bool] | None, reasons: Sequence[str]) -> bool:
    """Whether the operator, where there is one to ask, accepts these losses."""
    if ask is None:
        return False
    with reporter.paused():
        return ask("\n".join([*reasons, "Restart anyway?"]))
