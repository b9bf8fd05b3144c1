"""A rule: what a user may do with what. Pure; runs on both sides.

Kafka calls it an ACL (Authorization and ACLs, "Kafka ACLs are defined in the general format of `Principal P is
[Allowed/Denied] Operation O From Host H on any Resource R matching ResourcePattern RP`").
"""

from __future__ import annotations

from typing import Any, List, NamedTuple, Sequence

# The numbers of Kafka's protocol (AclOperation, ResourceType, PatternType, AclPermissionType).
KINDS = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"all": 2, "read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8}
OPERATIONS.update({"cluster-action": 9, "describe-configs": 10, "alter-configs": 11, "idempotent-write": 12})
ANY, LITERAL, PREFIXED = 1, 3, 4
ALLOW = 3
EVERYWHERE = "*"  # the hosts that a rule is for
CLUSTER = "kafka-cluster"  # the only resource of its kind


class Rule(NamedTuple):
    """Allows one operation. kind, operation: of KINDS and OPERATIONS; prefixed: whether `name` is how names begin."""

    user: str
    operation: str
    kind: str
    name: str
    prefixed: bool = False

    def __str__(self) -> str:
        return f"{self.operation} {self.kind} {self.name}{'*' if self.prefixed else ''}"

    @property
    def pattern(self) -> int:
        """The number of its kind of pattern."""
        return PREFIXED if self.prefixed else LITERAL

    @property
    def principal(self) -> str:
        """The user, as Kafka writes it."""
        return f"User:{self.user}"

    def to_wire(self) -> List[Any]:
        """As JSON; `from_wire` is the way back."""
        return [*self]


def from_wire(data: Sequence[Any]) -> Rule:
    """The inverse of `Rule.to_wire`."""
    user, operation, kind, name, prefixed = data
    return Rule(user, operation, kind, name, bool(prefixed))
