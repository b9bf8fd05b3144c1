"""What certs.list prints. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Cell, Column, table
from provisioner import certificates, succession
from provisioner.calling import spoken
from provisioner.certificates import Certificate
from provisioner.report.lines import clean
from provisioner.report.terminal import Terminal
from provisioner.words import some
from roles.shared import expiry

COLUMNS = (
    Column("HOST", share=30),
    Column("UNIT"),
    Column("UNTIL"),
    Column("LEFT"),
    Column("SERIAL", drop=3),
    Column("SHOWN", drop=2),
    Column("AUTHORITY", drop=4),
    Column("SUBJECT", drop=6, share=20),
    Column("NAMES", drop=7, share=20),
    Column("PATH", drop=5, share=30),
    Column("", remark=True),
)
SHORT = 8  # characters of a serial number or a fingerprint in the table
AUTHORITY, CLIENTS = "(authority)", "(of clients)"
GIVEN = ":clients"  # behind the unit, of a certificate that was given to a deploy
ROTATING = {"next": "it signs next, and is trusted already", "before": "it signed before, and is still trusted"}


def document(
    hosts: Mapping[str, Mapping[str, Any]],
    place: str,
    local: str,
    can_sign: bool,
    now: float,
    clients: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Everything for machines; docs/operations.md describes the keys. hosts {host: {unit: as `certificates.onhost.look`
    answers, with path and trust}}, of a given certificate with GIVEN behind the unit; place: the path of the
    authority's certificate on this machine; local: what is in it (PEM), "" for nothing, the one that signs first;
    can_sign: whether its key is there; now: seconds since 1970; clients: as `of_clients` answers."""
    trusted: dict[str, list[str]] = {}
    for name, units in hosts.items():
        for unit, one in units.items():
            for text in () if unit.endswith(GIVEN) else certificates.blocks(one["trusted"]):
                trusted.setdefault(text, []).append(f"{name}:{one['trust']}")
    found = [_node(name, unit, one, now) for name, units in hosts.items() for unit, one in units.items()]
    here = certificates.blocks(local) or [*filter(None, [local])]
    own = _read(here[0]) if here else None
    return {
        "certificates": found,
        "authorities": [
            _authority(text, [*([place] if text in here else ()), *trusted.get(text, ())], now)
            | {"can_sign": can_sign and text == here[0] if here else False, "turn": _turn(_read(text), own)}
            for text in dict.fromkeys([*here, *trusted])
        ],
        "clients": [*clients],
    }


def of_clients(place: str, local: str, can_sign: bool, now: float) -> list[dict[str, Any]]:
    """The authorities that sign for clients: arguments as for `document`."""
    found = certificates.blocks(local)
    own = _read(found[0]) if found else None
    return [
        {**_authority(text, [place], now), "can_sign": can_sign and not number, "turn": _turn(_read(text), own)}
        for number, text in enumerate(found)
    ]


def _turn(one: Certificate | None, own: Certificate | None) -> str | None:
    """When an authority signs: "now", "next" or "before"; None where that is not known."""
    if not one or not own:
        return None
    distance = succession.number(one) - succession.number(own)
    return "next" if distance > 0 else "before" if distance < 0 else "now" if one.key == own.key else None


def _node(host: str, unit: str, said: Mapping[str, Any], now: float) -> dict[str, Any]:
    given = unit.endswith(GIVEN)
    own, authority = _read(said["certificate"]), _read(said["trusted"])
    doors = {name: _door(one) for name, one in said["doors"].items()}
    signed = bool(own and authority and certificates.signed_by(said["certificate"], said["trusted"]))
    return {
        "host": host,
        "unit": unit.removesuffix(GIVEN),
        "given": given,
        "path": said["path"],
        **_said(own, now),
        "authority": authority.key if authority else None,
        # Between a given one and what clients trust there may be others: a deploy has followed them.
        "signed_by_authority": signed if own and authority and not given else None,
        "started_with": _started(own, said.get("started", 0)),
        "listeners": doors,
    }


def _started(own: Certificate | None, until: int) -> dict[str, Any] | None:
    """The end of what a process was started with, and when a deploy restarts it for that; None where it goes on with
    nothing of that, or has the same."""
    if not until or own is None or own.until == until:
        return None
    return {"until": expiry.written(until), "restart": expiry.written(until - expiry.RESTART * expiry.DAY)}


def _door(said: Mapping[str, str]) -> dict[str, Any]:
    found = _read(said["shown"])
    until = expiry.written(found.until) if found else None
    return {"serial": found.serial if found else None, "until": until, "why": said["why"] or None}


def _authority(text: str, paths: list[str], now: float) -> dict[str, Any]:
    found = _read(text)
    return {**_said(found, now), "fingerprint": found.key if found else None, "paths": paths}


def _said(found: Certificate | None, now: float) -> dict[str, Any]:
    return {
        "subject": found.subject if found else None,
        "names": list(found.names) if found else [],
        "serial": found.serial if found else None,
        "until": expiry.written(found.until) if found else None,
        "days": expiry.days(found.until, now) if found else None,
    }


def _read(text: str) -> Certificate | None:
    try:
        return certificates.read(text) if text else None
    except ValueError:
        return None


def page(found: Mapping[str, Any], terminal: Terminal = PIPE) -> str:
    """A line per node, and one per authority."""
    rows = [_row(one) for one in found["certificates"]]
    rows += [_authority_row(one, AUTHORITY) for one in found["authorities"]]
    rows += [_authority_row(one, CLIENTS) for one in found["clients"]]
    return "\n".join(table(COLUMNS, rows, terminal))


def _row(one: Mapping[str, Any]) -> list[Cell]:
    doors = one["listeners"].values()
    same = sum(door["serial"] == one["serial"] is not None for door in doors)
    shown = f"{same} of {len(doors)}" if one["listeners"] else "-"
    return [
        ("bold", clean(one["host"])),
        one["unit"],
        *_ends(one),
        (one["serial"] or "-")[:SHORT],
        shown if same == len(doors) else ("yellow", shown),
        (one["authority"] or "-")[:SHORT],
        clean(one["subject"] or "-"),
        clean(", ".join(one["names"]) or "-"),
        clean(one["path"]),
        ("yellow", "; ".join(clean(spoken(text)) for text in remarks(one))),
    ]


def _authority_row(one: Mapping[str, Any], label: str) -> list[Cell]:
    days, texts = one["days"], []
    if days is None:
        texts.append("is no certificate (PEM)")
    elif days <= expiry.SOON:
        texts.append(expiry.of_authority(days) if label == AUTHORITY else expiry.of_clients(days))
    if one["turn"] in ROTATING:
        of_clients = " --of-clients" if label == CLIENTS else ""
        texts.append(f"{ROTATING[one['turn']]}: `invoke certs.rotate-ca{of_clients}` goes on")
    elif not one["can_sign"]:
        texts.append("its key is not here: no certificate can be made by it on this machine")
    return [
        ("bold", label),
        "-",
        *_ends(one),
        (one["serial"] or "-")[:SHORT],
        "-",
        (one["fingerprint"] or "-")[:SHORT],
        clean(one["subject"] or "-"),
        "-",
        clean(some(one["paths"], 1)),
        ("yellow", "; ".join(clean(spoken(text)) for text in texts)),
    ]


def _ends(one: Mapping[str, Any]) -> list[Cell]:
    """The cells UNTIL and LEFT."""
    if one["days"] is None:
        return ["-", "-"]
    left = f"{one['days']}d" if one["days"] >= 0 else "ended"
    style = "red" if one["days"] <= expiry.TOO_LATE else "yellow" if one["days"] <= expiry.SOON else ""
    return [one["until"][:10], (style, left)]


def remarks(one: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of a node's certificate."""
    if one["serial"] is None:
        yield f"there is no certificate: `invoke deploy` {'brings' if one['given'] else 'makes'} it"
        return
    if one["signed_by_authority"] is False:
        yield "the authority beside it has not signed it: `invoke plan` shows what a deploy does"
    if one["days"] <= expiry.SOON:
        yield f"it {expiry.when(one['days'])}{': request a new one (`invoke certs.request`)' if one['given'] else ''}"
    older: dict[tuple[str, str], list[str]] = {}
    silent: dict[str, list[str]] = {}
    for name, door in one["listeners"].items():
        if door["serial"] is None:
            silent.setdefault(door["why"] or "it shows no certificate", []).append(name)
        elif door["serial"] != one["serial"]:
            older.setdefault((door["serial"], door["until"]), []).append(name)
    for (serial, until), names in older.items():
        yield (
            f"renewed on disk, and {one['unit']} still shows {serial[:SHORT]} (until {until[:10]}) at "
            f"{', '.join(names)}: a deploy changes that"
        )
    if started := one["started_with"]:
        yield (
            f"{one['unit']} shows controllers the one that it was started with (until {started['until'][:10]}): a "
            f"deploy restarts it from {started['restart'][:10]} on"
        )
    for why, names in silent.items():
        yield f"no answer at {', '.join(names)}: {why}"
