"""What a host knows of the ZooKeeper server on it, from files alone: its ensemble, and where its data is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cluster.state.evidence import read
from provisioner.agent.files import leads_to, text_of

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

SERVER = "server."


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """What is there. args: config (path of zoo.cfg); started (its copy as the running server has read it, where one is
    made); link (to the version in use); dirs (those that are wanted).

    Returns settings (of zoo.cfg; {} where there is none), running (of the copy), servers {id as text: "host:quorum
    port:election port"} of its ensemble, none for a server that is alone; present: its directories of data; data: those
    among these and the wanted ones that hold any; link. Never raises.
    """
    settings = read(text_of(args["config"]))
    present = [os.path.normpath(settings[key]) for key in ("dataDir", "dataLogDir") if settings.get(key)]
    dirs = dict.fromkeys([*(os.path.normpath(path) for path in args["dirs"]), *present])
    return {
        "settings": settings,
        "running": read(text_of(args["started"])),
        "servers": servers(settings),
        "present": list(dict.fromkeys(present)),
        "data": [path for path in dirs if has_data(path)],
        "link": leads_to(args["link"]),
    }


def servers(settings: dict[str, str]) -> dict[str, str]:
    """{id: address and ports} of the `server.N` lines of a zoo.cfg. Pure."""
    found = {key[len(SERVER) :]: value for key, value in settings.items() if key.startswith(SERVER)}
    return {number: value.split(";")[0] for number, value in found.items() if number.isdigit()}


def has_data(path: str) -> bool:
    """Whether a data directory holds transactions (ZooKeeper Administrator's Guide, "The Data Directory"). snapshot.0
    is no sign of any: a server writes it at its first start, before it has found the others."""
    try:
        names = os.listdir(os.path.join(path, "version-2"))
    except OSError:
        return False
    return any(name.startswith(("snapshot.", "log.")) and name != "snapshot.0" for name in names)


def cluster_id(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Whose metadata is there. args: connect, as a broker's zookeeper.connect; protocol: in which it is spoken to.

    Returns answers (whether a server did), and id: the cluster's; None where none has ever used it. Never raises.
    """
    import json

    from cluster.metadata.zookeeper.znodes import NO_NODE, ZooKeeperError, connected, places

    servers, root = places(args["connect"])
    try:
        with connected(servers, args["protocol"]) as client:
            return {"answers": True, "id": str(json.loads(client.get(f"{root}/cluster/id")[0])["id"])}
    except ZooKeeperError as error:
        return {"answers": error.errno == NO_NODE, "id": None}
    except (OSError, ValueError, KeyError, TypeError):
        return {"answers": False, "id": None}
