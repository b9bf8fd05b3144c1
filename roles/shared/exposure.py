"""What a node's own settings leave open, whoever wrote them; pure.

What the inventory alone says of plaintext listeners is in the roles' parts `doctor`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from roles.doctor import Finding
from roles.shared import security

AUTHORIZER, SUPER_USERS, EVERYONE = security.DECIDED
# Kafka's defaults are TLSv1.2 and TLSv1.3 (Broker Configs, ssl.enabled.protocols); RFC 8996 deprecates the older ones.
OLD_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
IDENTITY = "ssl.endpoint.identification.algorithm"
WAY_OUT = f"set {security.VARIABLE}: required"


def findings(settings: Mapping[str, str], mode: str) -> Iterator[Finding]:
    """What is open on a node. settings: of its server.properties or controller.properties; mode: of its inventory."""
    listed = [one.partition("://") for one in settings.get("listeners", "").split(",")]
    protocols = dict(
        one.strip().partition(":")[::2] for one in settings.get("listener.security.protocol.map", "").split(",")
    )
    for name, _, address in listed:
        if protocols.get(name.strip()) == "SASL_PLAINTEXT":
            yield Finding(
                f"listener {name.strip()} (port {address.rpartition(':')[2]}) is SASL_PLAINTEXT: whoever can listen in "
                "reads all records, and passwords or what they can be guessed from",
                "make it SASL_SSL, or " + WAY_OUT,
            )
    # While `open` lets everybody in beside the users, a plaintext listener is the finding.
    if settings.get(AUTHORIZER) and mode != security.OPEN:
        if settings.get(EVERYONE, "false").strip().lower() == "true":
            yield Finding(
                f"{EVERYONE} is true: everyone may do what no rule is about", "set it to false, or " + WAY_OUT
            )
        if any(one.strip() == f"User:{security.ANONYMOUS}" for one in settings.get(SUPER_USERS, "").split(";")):
            yield Finding(
                f"{SUPER_USERS} has {security.ANONYMOUS}: whoever comes without a name may do everything",
                "take it out, or " + WAY_OUT,
            )
    for key, value in settings.items():
        if key.endswith("ssl.enabled.protocols"):
            if old := [one for one in map(str.strip, value.split(",")) if one in OLD_TLS]:
                yield Finding(f"{key} has {', '.join(old)}, which can be broken", "leave TLSv1.2,TLSv1.3")
        elif key.endswith(IDENTITY) and not value.strip():
            yield Finding(
                f"{key} is empty: whoever has any certificate of the same authority can pose as a broker",
                "take it out: https is the default",
            )


def secret_files(settings: Mapping[str, str]) -> list[str]:
    """The files of a node that only the node may read: those with its keys."""
    return sorted({value for key, value in settings.items() if key.endswith("ssl.keystore.location") and value})
