"""How `status` asks controllers of their own and shows each; the quorum as a whole is in the part of the brokers.
`roles/status.py` describes these functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.metadata import remote
from provisioner.connect.requests import Call
from provisioner.inventory.model import Inventory
from provisioner.run.target import Target
from roles.kafka_controller import service
from roles.shared import kraft
from roles.shared.checks import members as of_group

if TYPE_CHECKING:
    from cluster.metadata.kraft.view import Advice

KEY = "controllers"
COLUMNS: Mapping[str, str] = {}


def look(call: Call, target: Target) -> Mapping[str, Any]:
    """What this host's controller says: serving, why, leader, is_leader, epoch."""
    door = kraft.listeners(target.host)[0]
    where = (service.number(target), remote.LOCAL, door.port, door.protocol)
    answer: Mapping[str, Any] = call(target.name, remote.kraft_quorum({target.name: where}))[target.name]
    return answer


def members(inventory: Inventory) -> dict[str, int]:
    """{host: its controller's id}"""
    own = of_group(inventory, kraft.CONTROLLERS)
    return {host.name: kraft.controller_id(host, own) for host in own}


def entry(common: Mapping[str, Any], said: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """With controller_id, and the id of the leader that it follows, or that it is itself (None for neither)."""
    return {**common, "controller_id": number, "follows": said.get("leader")}


def together(
    entries: Mapping[str, Mapping[str, Any]], said: Sequence[Mapping[str, Any]], members: Mapping[str, int]
) -> dict[str, Any] | None:
    """The controllers of the inventory and those that do not serve; None where they are no processes of their own."""
    if not members:
        return None
    return {
        "controllers": dict(members),
        "not_serving": [name for name in members if name in entries and not entries[name].get("serving")],
    }


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """A quorum without a leader, where no broker serves and says so; each service's own are not among these."""
    if lost := _no_leader(found):
        yield lost.what


def notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Controllers that follow nobody."""
    for name, host in found["hosts"].items():
        controller = host["services"].get(service.NAME, {})
        if controller.get("serving") and controller["follows"] is None:
            yield f"{name}: its controller names no leader"


def doubtful(found: Mapping[str, Any]) -> bool:
    """Never: what they say of each other is asked by brokers."""
    return False


def advice(found: Mapping[str, Any]) -> Iterator[str]:
    """What to start first, where the problems say that there is no leader."""
    if lost := _no_leader(found):
        yield lost.fix


def word(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """leader 101, voter 102, observer 103: one that follows the quorum without a vote, as the leader says."""
    number, quorum = entry["controller_id"], (found.get("cluster") or {}).get("quorum") or {}
    voters = {row["id"] for row in quorum.get("voters", ())}
    kind = "leader" if entry["follows"] == number else "voter" if number in voters or not voters else "observer"
    return f"{kind} {number}"


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Nothing below the table."""
    yield from ()


def _no_leader(found: Mapping[str, Any]) -> Advice | None:
    """What the controllers themselves say of a quorum without a leader, all of which were asked; None where a broker
    says more (in its part of the document), and where one of them follows a leader."""
    controllers = found[KEY]["controllers"] if found[KEY] else {}
    if found.get("cluster") or not controllers or not controllers.keys() <= found["hosts"].keys():
        return None
    entries = {name: found["hosts"][name]["services"].get(service.NAME, {}) for name in controllers}
    if any(entry.get("follows") is not None for entry in entries.values()):
        return None
    from cluster.metadata.kraft import view
    from cluster.metadata.kraft.seen import Controller, Seen

    why = {name: "" if entry.get("serving") else entry.get("why") or "no answer" for name, entry in entries.items()}
    return view.no_leader(view.document(Seen({n: Controller(one, why[n]) for n, one in controllers.items()}), {}))
