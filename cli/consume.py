"""consume: records of a topic, as lines on standard output."""

from __future__ import annotations

import re
import sys
import threading
from typing import Any

from cli.cluster import opened
from cli.common import INTERRUPTED, Run
from cli.places import place
from cli.produce import partition, seconds, unescaped
from cluster import remote
from cluster.records.shown import FIELDS, fields
from provisioner.connect.feed import Feed
from provisioner.errors import HostFailed, UsageError
from provisioner.quantities import format_elapsed
from provisioner.report.lines import escaped

VALUE = "{value}"


def consume(run: Run, topic: str, given: dict[str, Any]) -> int:
    """Write the records of a topic to standard output; the exit code. given: the other flags, as they were typed.

    Raises HostFailed when fewer than --count came before --timeout.
    """
    if not topic:
        raise UsageError("which topic? --topic is missing")
    arguments = reading_flags(given)
    gone, terminal = threading.Event(), sys.stdout.isatty()

    def event(message: dict[str, Any], feed: Feed) -> None:
        if "ready" in message and arguments["start"]["to"] == "latest":
            cluster.show.note(f"{topic}: what is written from now on; Ctrl-C ends")
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
        raise HostFailed(
            f"{answer['records']} of {wanted} records came; then none for {format_elapsed(arguments['timeout'])}"
        )
    return 0


def reading_flags(given: dict[str, Any]) -> dict[str, Any]:
    """The flags of consume as the host takes them. Raises UsageError. Pure but for the clock."""
    if given["from_beginning"] and given["offset"]:
        raise UsageError("--from-beginning and --offset exclude each other")
    if given["group"] and given["offset"]:
        raise UsageError(
            "--group and --offset exclude each other: a group goes on where it was",
            advice="`invoke groups.reset` moves a group",
        )
    start = place("--offset", given["offset"] or ("earliest" if given["from_beginning"] else "latest"))
    if start["to"] == "offset" and given["partition"] == "":
        raise UsageError("an offset is one of a partition: --partition is missing")
    if given["count"] and not re.fullmatch(r"[1-9]\d{0,17}", given["count"]):
        raise UsageError(f"--count is {given['count']}; it is a number of records, 1 or more")
    if given["json"] and given["format"]:
        raise UsageError("--json and --format exclude each other")
    template = unescaped("--format", given["format"] or VALUE)
    if unknown := [name for name in fields(template) if name not in FIELDS]:
        raise UsageError(f"--format: there is no {{{unknown[0]}}}", details=[f"fields are: {', '.join(FIELDS)}"])
    return {
        "start": start,
        "partition": partition(given["partition"]),
        "group": given["group"],
        "count": int(given["count"]) if given["count"] else None,
        "timeout": seconds("--timeout", given["timeout"]) if given["timeout"] else None,
        "format": None if given["json"] else template,
    }
