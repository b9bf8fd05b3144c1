"""What a host knows of the broker on it, from files alone: which cluster its data belongs to, and where the data is.

Every run asks this of every host with a broker, so it reads a few small files and starts nothing. Partitions are only
counted where a directory is about to leave the list.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from provisioner.agent.files import leads_to, pairs_of, text_of

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

BOOTSTRAP, CONTROLLERS = "controller.quorum.bootstrap.servers", "controller.listener.names"
DIRS = ("log.dirs", "log.dir")
# Kafka's LocalLog: "topic-partition", and with ".<32 hex digits>-future" behind it while it moves between directories.
PARTITION = r"(?!__cluster_metadata-0$).+-\d+(\.[0-9a-f]{32}-future)?"
QUORUM_LOG = "__cluster_metadata-0"
OLD_FORMAT = "0"  # of meta.properties: a broker's with ZooKeeper (Kafka's MetaPropertiesVersion)


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """What is there. args: config (path of server.properties); started (its copy as the running broker has read it);
    link (the link to the version in use); dirs (the data directories that are wanted); metadata (that of the metadata,
    where the node keeps it itself, else "").

    Returns settings (of config; {} where there is none), running (of its copy, {} where that is the same or not there),
    link (where it leads, None where there is none), dirs {path:
    {cluster, old_format: whether it is that of a broker with ZooKeeper, partitions: names, None where nobody needs
    them}} of the wanted directories and the present ones, present: the paths that the broker uses now, led: whether the
    controllers have had a leader, voters: while they had none, whom this one was told of (as `first_voters.of` says),
    bootstrap: the controllers that the node asks as it runs, or will ask, "" for one of ZooKeeper's; and controllers:
    the names of their listeners, on disk and as it runs, without what is not known. Never raises.
    """
    text, started = text_of(args["config"]), text_of(args["started"])
    settings = read(text)
    running = read(started) if started != text else settings
    present = dict.fromkeys([*data_dirs(settings), *data_dirs(running)])
    wanted = [_plain(path) for path in args["dirs"]]
    metadata = args.get("metadata", "")
    unformatted = bool(metadata) and not text_of(os.path.join(metadata, "meta.properties"))
    counted = unformatted or any(path not in wanted for path in present)
    return {
        "settings": settings,
        "running": {} if running is settings else running,
        "link": leads_to(args["link"]),
        "dirs": {path: _held(path, counted) for path in dict.fromkeys([*wanted, *present])},
        "present": list(present),
        "bootstrap": running.get(BOOTSTRAP) or settings.get(BOOTSTRAP, ""),
        "controllers": [one[CONTROLLERS] for one in (settings, running) if one.get(CONTROLLERS)],
        **_quorum(metadata, unformatted),
    }


def _held(path: str, counted: bool) -> dict[str, Any]:
    """What a data directory is."""
    found = pairs_of(text_of(os.path.join(path, "meta.properties")))
    return {
        "cluster": found.get("cluster.id"),
        "old_format": found.get("version") == OLD_FORMAT,
        "partitions": partitions(path) if counted else None,
    }


def _quorum(metadata: str, unformatted: bool) -> dict[str, Any]:
    """What a directory of metadata knows of the quorum, "" for none. What stands beside no meta.properties is of a
    format that was cut off, and is written again."""
    there = bool(metadata) and led(os.path.join(metadata, QUORUM_LOG))
    if there or unformatted or not metadata:
        return {"led": there, "voters": []}
    from cluster.metadata.kraft import first_voters

    return {"led": False, "voters": first_voters.of(metadata)}


def led(log: str) -> bool:
    """Whether the controllers have had a leader, as far as their log on this disk knows: its first act is a record
    there. The epoch in quorum-state does not say so: a controller of 3.9 that is alone raises it with each election
    that it loses."""
    try:
        with os.scandir(log) as entries:
            return any(_of_a_leader(entry) for entry in entries)
    except OSError:
        return False


def _of_a_leader(entry: os.DirEntry[str]) -> bool:
    """A segment with records in it, or a snapshot that ends with some (Kafka's Snapshots: its name is where)."""
    if entry.name.endswith(".log"):
        return entry.stat(follow_symlinks=False).st_size > 0
    return bool(re.fullmatch(r"\d{20}-\d{10}\.checkpoint", entry.name)) and int(entry.name[:20]) > 0


def read(text: str) -> dict[str, str]:
    """A properties file. One that a template of ours has made needs no more than its lines: what the values that are of
    interest may contain needs no escape. Pure."""
    if text.startswith("# Rendered from templates/"):
        return pairs_of(text)
    from cluster.settings.properties import parse

    return parse(text)


def data_dirs(settings: dict[str, str]) -> list[str]:
    """The data directories of a server.properties; log.dirs counts where both are set (Kafka's documentation, "Broker
    Configs"). Pure."""
    listed = next((settings[key] for key in DIRS if settings.get(key)), "")
    return [_plain(path.strip()) for path in listed.split(",") if path.strip()]


def partitions(path: str) -> list[str]:
    """The partitions in a data directory, sorted; none where it is not there. One that is being deleted is none."""
    try:
        return sorted(name for name in os.listdir(path) if re.fullmatch(PARTITION, name))
    except OSError:
        return []


def _plain(path: str) -> str:
    return os.path.normpath(path)
