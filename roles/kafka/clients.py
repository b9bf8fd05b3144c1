"""Clients that would be cut off as their listener is closed: found by their connections, as Kafka lists none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provisioner.connect import requests
from provisioner.run.evidence import DOWNTIME, Consent, Objection
from provisioner.words import counted, some
from roles.kafka import class_archive, listeners
from roles.shared import kraft, security

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness

UNIT = "kafka"  # and the name of its user
SHOWN = 8  # addresses


def cut_off(witnesses: Sequence[Witness], call: Call) -> list[Objection]:
    """Those of listeners that a deploy is about to close. witnesses: of nodes that run."""
    closing = {one.name: ports for one in witnesses if UNIT in one.said and (ports := _closing(one))}
    ports = sorted({port for found in closing.values() for port in found})
    found = strangers({name: call(name, requests.connections(ports, [class_archive.UNIT])) for name in closing})
    if not found:
        return []
    shown = {
        place: [f"{address} ({counted(number, 'connection')})" for address, number in of.items()]
        for place, of in found.items()
    }
    moving = "a listener that stays; `kafka_security: open` has both kinds beside each other"
    return [
        Objection(
            "clients are connected to listeners that would be closed, and would be cut off",
            details=tuple(f"{host}, port {port}: {some(of, SHOWN)}" for (host, port), of in shown.items()),
            way=f"move them first, to {moving} (`invoke client.config` shows what a client needs)",
            consent=Consent(DOWNTIME),
        )
    ]


def _closing(witness: Witness) -> list[int]:
    """The ports of listeners for clients that a broker has and is to have no more, as its cluster is closed or opened
    again."""
    host = witness.target.host
    now = dict(_listeners(witness.said[UNIT]["settings"]))
    if security.NODES not in now and not security.on(host):
        return []
    own = {security.NODES, kraft.LISTENER, security.secured(kraft.LISTENER)}
    stay = {one.port for one in listeners.of(host)}
    return [port for name, port in now.items() if name not in own and port not in stay]


def _listeners(settings: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """(name, port) of the listeners of a server.properties."""
    for one in settings.get("listeners", "").split(","):
        name, _, place = one.strip().partition("://")
        port = place.rpartition(":")[2]
        if port.isdigit():
            yield name.upper(), int(port)


def strangers(answers: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, int], Counter[str]]:
    """{(host, port): {address: its connections}} of those that neither a broker has, nor root on a host where our own
    unit tries the commands. answers {host: as `sockets.look`}. Pure."""
    own = {
        (address, port)
        for one in answers.values()
        for address, port, user in one["from"]
        if user in (UNIT, *(["root"] if one["busy"] else []))
    }
    found: dict[tuple[str, int], Counter[str]] = {}
    for host, one in answers.items():
        for port, address, there in one["to"]:
            if (address, there) not in own:
                found.setdefault((host, port), Counter())[address] += 1
    return found


def closed_further(witness: Witness) -> bool:
    """Whether a broker lets everybody do what no rule is about, and is to do so no more."""
    said = witness.said.get(UNIT)
    now = said["settings"] if said else {}
    return (
        UNIT in witness.serving
        and security.NODES in now.get("listeners", "")
        and now.get(security.DECIDED[2]) == "true"
        and security.mode(witness.target.host) == security.REQUIRED
    )
