"""produce: lines from standard input, or one value, become records of a topic, written by way of a broker's host."""

from __future__ import annotations

import codecs
import json
import os
import re
import select
import sys
import threading
from collections.abc import Mapping
from typing import Any

from cli.cluster import Cluster, opened
from cli.common import INTERRUPTED, Run
from cluster import remote
from cluster.records.lines import packed, summary
from provisioner.connect.feed import Feed
from provisioner.connect.fleet import Stream
from provisioner.errors import Unreachable, UsageError
from provisioner.quantities import parse_duration

CHUNK = 256 * 1024
# Also how soon a refusal by the host is noticed while nothing is typed.
STEP_SECONDS = 0.2
ACKS = {"all": -1, "-1": -1, "1": 1}
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")


def produce(run: Run, topic: str, given: dict[str, Any]) -> int:
    """Write standard input, or --value, to a topic; the exit code. given: the flags of the records, as they were
    typed."""
    if not topic:
        raise UsageError("which topic? --topic is missing")
    single = one_record(given)
    if single is None and sys.stdin is None:
        raise UsageError("there is no standard input to read records from")
    typed = single is None and sys.stdin.isatty()
    arguments = {**records_flags(given), **({} if single is None else {"json": True})}
    acknowledged = 0

    def event(message: dict[str, Any], feed: Feed) -> None:
        nonlocal acknowledged
        acknowledged = message.get("acknowledged", acknowledged)
        if "warning" in message:
            cluster.show.warning(message["warning"])
        if "ready" in message and typed:
            cluster.show.note(f"{topic} is ready: a line is a record, Ctrl-D ends")

    with opened(run) as cluster:
        stream = cluster.stream(remote.produce(topic, typed=typed, **arguments), event)
        try:
            unreadable = _pumping(sys.stdin.fileno() if single is None else single, stream)
            answer = stream.result()
        except KeyboardInterrupt:
            return _interrupted(cluster, stream, topic)
        except Unreachable as error:  # the host cannot say it any more
            error.details.append(f"acknowledged before, as far as is known: {summary(acknowledged, topic, {})}")
            raise
        if unreadable:
            raise UsageError(
                f"cannot read standard input: {unreadable[0].strerror}",
                details=[f"acknowledged before: {summary(answer['records'], topic, answer['offsets'])}"],
            )
        cluster.show.note(summary(answer["records"], topic, answer["offsets"]))
    return 0


def _pumping(source: int | bytes, stream: Stream) -> list[OSError]:
    """`pump` in a thread, or the sending of bytes; why it could not go on is in the list once the call has ended.

    Not in the main thread: a Ctrl-C that Python raises there between taking a lock and being ready to let it go leaves
    it taken, and whoever needs it next waits for ever. So where Ctrl-C is raised, nothing is done but waiting.
    """
    unreadable: list[OSError] = []

    def pumping() -> None:
        try:
            if isinstance(source, int):
                pump(source, stream)
            elif stream.feed.send(source):
                stream.feed.end()
        except OSError as error:
            unreadable.append(error)
            stream.feed.stop()

    threading.Thread(target=pumping, name="standard input", daemon=True).start()
    return unreadable


def pump(source: int, stream: Stream) -> None:
    """Send what can be read from a file descriptor, as it comes, until its end or until the call has ended."""
    while not stream.answer.done():
        ready, _, _ = select.select([source], [], [], STEP_SECONDS)
        if not ready:
            continue
        data = os.read(source, CHUNK)
        if not data:
            stream.feed.end()
            return
        if not stream.feed.send(data):
            return


def _interrupted(cluster: Cluster, stream: Stream, topic: str) -> int:
    """Ctrl-C: what the host has read is acknowledged first, and counted. Another Ctrl-C does not wait for that."""
    stream.feed.stop()
    answer = stream.result()
    cluster.show.warning(f"interrupted: {summary(answer['records'], topic, answer['offsets'])}")
    return INTERRUPTED


def one_record(given: Mapping[str, Any]) -> bytes | None:
    """--value and --key as a line of JSON; None when records come from standard input. Raises UsageError. Pure."""
    if given["value"] is None:
        if given["key"] is not None:
            raise UsageError(
                "--key is the key of one record: --value is missing",
                advice="keys of lines come from the lines: --key-separator",
            )
        return None
    for flag in ("json", "key_separator"):
        if given[flag]:
            name = flag.replace("_", "-")
            raise UsageError(f"--value and --{name} exclude each other: --{name} is about lines of standard input")
    found = {"key": given["key"], "value": given["value"]}
    # What was typed need not be UTF-8.
    return (
        json.dumps({name: None if text is None else packed(os.fsencode(text)) for name, text in found.items()}).encode()
        + b"\n"
    )


def records_flags(given: dict[str, Any]) -> dict[str, Any]:
    """The flags of produce as the host takes them. Raises UsageError. Pure."""
    acks = str(given["acks"])
    if acks not in ACKS:
        unheard = acks == "0"
        raise UsageError(
            f"--acks is {acks}; it is all or 1",
            advice="with 0 nothing is acknowledged, so that what was written is unknown" if unheard else None,
        )
    if given["compression"] not in COMPRESSIONS:
        raise UsageError(f"--compression is {given['compression']}; it is one of {', '.join(COMPRESSIONS)}")
    if given["json"] and given["key_separator"]:
        raise UsageError("--json and --key-separator exclude each other: a JSON record has its own key")
    return {
        "acks": ACKS[acks],
        "compression": given["compression"],
        "json": given["json"],
        "separator": unescaped("--key-separator", given["key_separator"]),
        "headers": headers(given["headers"]),
        "partition": partition(given["partition"]),
        "patience": seconds("--timeout", given["timeout"]),
    }


def headers(text: str) -> list[tuple[str, str]]:
    """ "source=test,run=7" as [(name, value)]; the comma in a value is written "\\,". Raises UsageError. Pure."""
    found = []
    for part in re.split(r"(?<!\\),", text) if text else []:
        name, equals, value = part.replace("\\,", ",").partition("=")
        if not equals or not name:
            raise UsageError(f"--headers: {part!r} is not like name=value")
        found.append((name, value))
    return found


def partition(text: str) -> int | None:
    """A partition's number, None when it is not given. Raises UsageError. Pure."""
    if text == "":
        return None
    if not re.fullmatch(r"\d{1,9}", text):
        raise UsageError(f"--partition is {text}; it is a number, 0 or more")
    return int(text)


def seconds(flag: str, text: str) -> float:
    """A duration in seconds. Raises UsageError. Pure."""
    try:
        found = parse_duration(text) / 1000
    except ValueError as error:
        raise UsageError(f"{flag}: {error}", details=["write it like 10s or 2m"]) from None
    if found <= 0:
        raise UsageError(f"{flag} is {text}; it must be longer than nothing")
    return found


def unescaped(flag: str, text: str) -> str:
    """Text with \\t, \\n and the like as a shell's user types them. Raises UsageError. Pure."""
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace").decode("latin-1"), "unicode_escape")
    except UnicodeDecodeError:
        raise UsageError(f"{flag}: {text!r} ends in the middle of an escape; a backslash itself is \\\\") from None
