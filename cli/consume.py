"""consume: records of a topic, as lines on standard output."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from cli import moments, reader
from cli.cluster import opened
from cli.common import INTERRUPTED, Run
from cli.patterns import regular
from cli.places import place
from cli.produce import partition, seconds, unescaped
from cluster import remote
from cluster.records.shown import FIELDS, fields
from provisioner.connect.feed import Feed
from provisioner.errors import HostFailed, UsageError
from provisioner.quantities import format_elapsed
from provisioner.report.lines import escaped

VALUE = "{value}"
ISOLATIONS = ("read_uncommitted", "read_committed")  # Kafka's isolation.level


def consume(run: Run, topic: str, given: dict[str, Any]) -> int:
    """Write the records of a topic to standard output; the exit code. given: the other flags, as they were typed.

    Raises HostFailed when fewer than --count came before --timeout, or before the end.
    """
    if not topic:
        raise UsageError("which topic? --topic is missing")
    gone, terminal = threading.Event(), sys.stdout.isatty()
    arguments = reading_flags(given, piped=not terminal)

    def event(message: dict[str, Any], feed: Feed) -> None:
        if "ready" in message and (said := beginning(topic, arguments, watched=sys.stderr.isatty())):
            cluster.show.note(said)
        if "raw" not in message or gone.is_set():
            return
        try:
            # A record may hold what rewrites a terminal; files and pipes get its bytes as they are.
            sys.stdout.buffer.write(escaped(message["raw"]).encode() if terminal else message["raw"])
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            gone.set()
            feed.stop()
            return
        feed.send(b".")  # this much is written: the group need not see it again

    with opened(run) as cluster:
        stream = cluster.stream(remote.consume(topic, **arguments), event)

        def leave() -> None:
            gone.set()
            stream.feed.stop()

        reader.watched(leave)
        try:
            answer = stream.result()
        except KeyboardInterrupt:
            stream.feed.stop()
            stream.result()
            return INTERRUPTED
    if gone.is_set():
        raise BrokenPipeError
    if not answer["assigned"]:
        raise HostFailed(
            f"group {arguments['group']} gave no partition to this consumer",
            advice="its other members have them all: `invoke groups.describe` names them",
        )
    wanted = arguments["count"]
    if wanted is not None and answer["records"] < wanted:
        silence = f"then none for {format_elapsed(arguments['timeout'] or 0)}"
        then = "there are no more" if answer["ended"] else silence
        raise HostFailed(f"{answer['records']} of {wanted} records came; {then}")
    return 0


def beginning(topic: str, arguments: Mapping[str, Any], watched: bool) -> str:
    """What is said before the first record, "" for nothing. watched: whether standard error is a terminal. Pure but for
    the local time zone."""
    start, end = arguments["start"], arguments["end"]
    if start["to"] == "latest" and not end:
        return f"{topic}: what is written from now on; Ctrl-C ends"
    if not watched:
        return ""
    said = [f"from {moments.said(start['timestamp'] / 1000)}"] if start["to"] == "time" else []
    said += [f"until {moments.said(end['timestamp'] / 1000)}"] if end and end["to"] == "time" else []
    said += ["what is there now; --follow goes on with what is written later"] if end and end["to"] == "latest" else []
    return f"{topic}: {', '.join(said)}" if said else ""


def reading_flags(given: Mapping[str, Any], piped: bool, now: float | None = None) -> dict[str, Any]:
    """The flags of consume as the host takes them. piped: standard output is no terminal. now: epoch seconds. Raises
    UsageError. Pure but for the clock."""
    if given["from_beginning"] and given["offset"]:
        raise UsageError("--from-beginning and --offset exclude each other")
    if given["group"] and given["offset"]:
        raise UsageError(
            "--group and --offset exclude each other: a group goes on where it was",
            advice="`invoke groups.reset` moves a group",
        )
    end = ending(given, piped, now)
    whole = given["from_beginning"] or end
    start = place("--offset", given["offset"] or ("earliest" if whole else "latest"), now)
    if end and start["to"] == end["to"] == "time" and start["timestamp"] >= end["timestamp"]:
        raise UsageError(f"--until {given['until']} is not after --offset {given['offset']}")
    if start["to"] == "offset" and given["partition"] == "":
        raise UsageError("an offset is one of a partition: --partition is missing")
    if given["count"] and not re.fullmatch(r"[1-9]\d{0,17}", given["count"]):
        raise UsageError(f"--count is {given['count']}; it is a number of records, 1 or more")
    if given["json"] and given["format"]:
        raise UsageError("--json and --format exclude each other")
    template = unescaped("--format", given["format"] or VALUE)
    if unknown := [name for name in fields(template) if name not in FIELDS]:
        raise UsageError(f"--format: there is no {{{unknown[0]}}}", details=[f"fields are: {', '.join(FIELDS)}"])
    if given["isolation"] not in ISOLATIONS:
        raise UsageError(f"--isolation is {given['isolation']}; it is {' or '.join(ISOLATIONS)}")
    return {
        "start": start,
        "end": end,
        "partition": partition(given["partition"]),
        "group": given["group"],
        "key": given["key"],
        "grep": regular("--grep", given["grep"]) if given["grep"] else "",
        "committed": given["isolation"] == ISOLATIONS[1],
        "count": int(given["count"]) if given["count"] else None,
        "timeout": seconds("--timeout", given["timeout"]) if given["timeout"] else None,
        "format": None if given["json"] else template,
        "zone": moments.zone() if "timestamp" in fields(template) and not given["json"] else [],
    }


def ending(given: Mapping[str, Any], piped: bool, now: float | None = None) -> dict[str, Any] | None:
    """Where reading ends, as `cluster.records.chosen.Ends` takes it; None: it goes on. In a pipe or file it ends with
    what is there, unless it begins there or is told how long to wait for more. Raises UsageError."""
    modes = [flag for flag in ("until_end", "until", "follow") if given[flag]]
    if len(modes) > 1:
        flags = " and ".join(f"--{flag.replace('_', '-')}" for flag in modes)
        raise UsageError(f"{flags} exclude each other")
    if given["until"]:
        now = time.time() if now is None else now
        return {"to": "time", "timestamp": round(moments.moment("--until", given["until"], now) * 1000)}
    waits = given["follow"] or given["timeout"] or given["offset"] == "latest"
    if given["until_end"] or (piped and not waits):
        return {"to": "latest"}
    return None
