"""What `doctor` says of a host's certificates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from provisioner.resources import Credential
from roles.doctor import Finding

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

DAY = 24 * 3600


def ending(witness: Witness, unit: str) -> Iterator[Finding]:
    """The certificate of a unit's node, where it is time to renew it."""
    for change in witness.plan.changes:
        one = change.resource
        if isinstance(one, Credential) and one.group == unit and change.actual and "in_time" in change.differs:
            left = int((change.actual.get("until", 0) - time.time()) // DAY)
            when = f"ends in {left} day{'' if left == 1 else 's'}" if left >= 0 else "has ended"
            yield Finding(f"the certificate of {unit} {when}", "`invoke deploy` renews it", witness.name)
