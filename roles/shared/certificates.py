"""What `doctor` says of a host's certificates, beside what `status` says of those that end soon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from provisioner.resources import Credential
from roles.doctor import Finding
from roles.shared import expiry

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness


def ending(witness: Witness, unit: str) -> Iterator[Finding]:
    """The certificate of a unit's node, where a deploy renews it already."""
    for change in witness.plan.changes:
        one = change.resource
        if isinstance(one, Credential) and one.group == unit and change.actual and "in_time" in change.differs:
            left = expiry.days(change.actual.get("until", 0), time.time())
            if left > expiry.SOON:
                what = f"the certificate of {unit} {expiry.when(left)}"
                yield Finding(what, "`invoke deploy` renews it", witness.name)
