"""A rule: what a user may do with what. Pure; runs on both sides.

Kafka calls it an ACL (Authorization and ACLs, "Kafka ACLs are defined in the general format of `Principal P is
[Allowed/Denied] Operation O From Host H on any Resource R matching ResourcePattern RP`").
"""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

# The numbers of Kafka's protocol (AclOperation, ResourceType, PatternType, AclPermissionType).
KINDS = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5, "delegation-token": 6, "user": 7}
OPERATIONS = {"all": 2, "read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8}
OPERATIONS.update({"cluster-action": 9, "describe-configs": 10, "alter-configs": 11, "idempotent-write": 12})
OPERATIONS.update({"create-tokens": 13, "describe-tokens": 14, "two-phase-commit": 15})
_KINDS = {number: name for name, number in KINDS.items()}
_OPERATIONS = {number: name for name, number in OPERATIONS.items()}
ANY, LITERAL, PREFIXED = 1, 3, 4
DENY, ALLOW = 2, 3
EVERYWHERE = "*"  # the hosts that a rule is for
EVERYONE = "*"  # the user of a rule for all of them
USER = "User"  # the kind of principal that has a name and a password, or a certificate
CLUSTER = "kafka-cluster"  # the only resource of its kind


class Rule(NamedTuple):
    """Allows one operation, or denies it. kind, operation: of KINDS and OPERATIONS; prefixed: whether `name` is how
    names begin; host: the address that it is for; type: the kind of principal that `user` is."""

    user: str
    operation: str
    kind: str
    name: str
    prefixed: bool = False
    allow: bool = True
    host: str = EVERYWHERE
    type: str = USER

    def __str__(self) -> str:
        where = "" if self.host == EVERYWHERE else f" from {self.host}"
        return f"{self.operation} {self.kind} {self.name}{'*' if self.prefixed else ''}{where}"

    @property
    def sentence(self) -> str:
        """What follows the name of whom it is for: "may not write topic orders"."""
        return f"{'may' if self.allow else 'may not'} {self}"

    @property
    def who(self) -> str:
        """Whom it is for, as people write it: a user's name alone, any other kind of principal in full."""
        return self.user if self.type == USER else self.principal

    @property
    def revoked(self) -> str:
        """The same for one that goes: "may no longer write topic orders"."""
        return f"may no longer {self}" if self.allow else f"is no longer denied to {self}"

    @property
    def plain(self) -> bool:
        """Whether it only allows a user something, from everywhere: what can be said beside a user's name."""
        return self.allow and self.host == EVERYWHERE and self.type == USER and self.user != EVERYONE

    @property
    def pattern(self) -> int:
        """The number of its kind of pattern."""
        return PREFIXED if self.prefixed else LITERAL

    @property
    def permission(self) -> int:
        """The number of what it does."""
        return ALLOW if self.allow else DENY

    @property
    def principal(self) -> str:
        """Whom it is for, as Kafka writes it."""
        return f"{self.type}:{self.user}"

    def about(self, kind: str, name: str) -> bool:
        """Whether it is about this resource, for whomever."""
        if self.kind != kind:
            return False
        return name.startswith(self.name) if self.prefixed else self.name in (name, "*")

    def to_wire(self) -> List[Any]:
        """As JSON; `from_wire` is the way back."""
        return [*self]


def from_wire(data: Sequence[Any]) -> Rule:
    """The inverse of `Rule.to_wire`."""
    return Rule(*data)


def numbered(
    kind: int, name: str, pattern: int, who: str, host: str, operation: int, permission: int
) -> Optional[Rule]:
    """A rule as Kafka's protocol has it; None where its kind of resource, or its operation, is not known here.
    who: with its type, "User:alice"."""
    if kind not in _KINDS or operation not in _OPERATIONS:
        return None
    of, user = principal(who)
    return Rule(user, _OPERATIONS[operation], _KINDS[kind], name, pattern == PREFIXED, permission == ALLOW, host, of)


def principal(text: str) -> Tuple[str, str]:
    """(type, name) of a principal as Kafka writes it, "User:alice"."""
    kind, _, name = text.partition(":")
    return kind, name


def shown(who: str) -> str:
    """Whom a rule is for (`Rule.who`), in a sentence."""
    return "everyone" if who == EVERYONE else who
