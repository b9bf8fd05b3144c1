"""How long certificates are good, and what is to be said of that: of a node's own, and of authorities. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timezone

FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # of a time for machines
DAY = 24 * 3600
SOON, TOO_LATE = 30, 7  # days left: a remark, a fault
# Days left of what a process was started with, part of whose connections go on with that: a deploy restarts it then.
RESTART = 14


def days(until: float, now: float) -> int:
    """Whole days to an end, seconds since 1970; below 0 where it is over."""
    return math.floor((until - now) / DAY)


def written(until: float) -> str:
    """An end for machines: "2027-01-31T18:00:00Z"."""
    return f"{datetime.fromtimestamp(until, timezone.utc):{FORMAT}}"


def when(left: int) -> str:
    """As the rest of a sentence: "ends in 12 days"."""
    if left < 0:
        return "has ended"
    return f"ends in {left} day{'' if left == 1 else 's'}" if left else "ends in less than a day"


def of_node(unit: str, left: int, due: bool) -> str:
    """The certificate of a unit's node, and what to do. due: whether a deploy renews it now."""
    if left < 0:
        fix = "the nodes refuse each other and the toolkit; `invoke deploy --accept-downtime` makes new ones"
    elif due:
        fix = "`invoke deploy` renews it"
    else:
        fix = "a deploy does not renew it yet: make kafka_tls_renew longer, and deploy"
    return f"the certificate of {unit} {when(left)}: {fix}"


def of_started(unit: str, left: int) -> str:
    """The certificate that a unit's process was started with and in part goes on with, and what to do."""
    when_restarted = (
        "`invoke deploy` restarts it" if left < RESTART else f"a deploy restarts it from {RESTART} days before"
    )
    what = f"the certificate that {unit} was started with, and still shows to controllers, {when(left)}"
    return f"{what}: {when_restarted}; `invoke restart --service {unit}` does it now"


def of_given(unit: str, left: int) -> str:
    """The certificate that a unit shows to clients and that was given to a deploy, and what to do."""
    what = "clients refuse it" if left < 0 else "no deploy renews it"
    return (
        f"the certificate that {unit} shows to clients {when(left)}, and {what}: request a new one "
        "(`invoke certs.request`), import it and deploy"
    )


def of_authority(left: int) -> str:
    """The authority of the nodes' certificates, and what to do."""
    return (
        f"the certificate of the authority {when(left)}, and none that it signed is good for longer: a deploy "
        "renews it with those of the nodes, from the machine that has its key"
    )


def of_clients(left: int) -> str:
    """The authority of the certificates of clients, and what to do."""
    return (
        f"the certificate of the clients' authority {when(left)}, and none that it signed is good for longer: "
        "`invoke certs.issue` renews it, with the same key, and a deploy brings it to the brokers"
    )
