"""Whom a rule is for, and from where, as people type it: as brokers compare it. Pure."""

from __future__ import annotations

import ipaddress
import re

from cluster.users.rules import EVERYONE, USER


def typed(text: str) -> tuple[str, str]:
    """(type, name) of a principal as people type it: "alice", "CN=app,O=x", "User:alice". Raises ValueError."""
    kind, _, name = text.partition(":") if re.match("[A-Za-z]+:", text) else (USER, "", text)
    if kind != USER and kind.lower() == USER.lower():
        raise ValueError(f"its kind is {kind}; brokers know {USER}")
    if not name or name != name.strip():
        raise ValueError("it has no name" if not name.strip() else "its name begins or ends with a blank")
    if "*" in name and name != EVERYONE:
        raise ValueError("brokers know no beginnings of users' names, only * for everyone")
    return kind, name


def address(text: str) -> str:
    """An address as brokers compare it: Java writes all parts of IPv6, without leading zeros. Raises ValueError."""
    found = ipaddress.ip_address(text)
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return ":".join(f"{int(part, 16):x}" for part in found.exploded.split(":"))
