"""How fast the cluster takes records: a measurement by the official producer tool, on a temporary topic."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Optional

from cluster import temporary
from cluster.cluster import Cluster, answering
from cluster.endpoint import Endpoint
from cluster.records import perf, tools
from cluster.topics import changes as topic_changes
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

TOOL = "kafka-producer-perf-test.sh"
LAST_LINES = 5


def run(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Measure. args: bootstrap; partitions, factor (-1: the brokers' default), records, size (bytes), throughput
    (records per second, -1 for no limit), acks, compression, patience (seconds; then it is stopped).

    Emits {"sent": records}. Returns finished, stopped (by the feed), seconds, swept (topics of killed runs), and
    result, as `perf.parsed` gives it, None when nothing was measured. The topic is deleted in any case.
    """
    with topic_for(args, emit) as (topic, swept):
        return {**write(args, topic, emit, feed), "stopped": feed.stopped.is_set(), "swept": swept, "topic": topic}


@contextlib.contextmanager
def topic_for(args: Mapping[str, Any], emit: Emit) -> Iterator[tuple[str, list[str]]]:
    """A temporary topic, and those of killed runs that were deleted. args: as for `run`. It is deleted in any case."""
    topic = temporary.topic_name(uuid.uuid4().hex[:8], what=temporary.BENCH)
    with answering("look for topics of killed runs"):
        swept = temporary.leftovers(list(Cluster(args["bootstrap"]).view()["topics"]), time.time())
    quiet = lambda event: None  # noqa: E731
    made = {
        "name": topic,
        "partitions": args["partitions"],
        "factor": args["factor"],
        "config": temporary.CONFIG,
    }
    try:
        topic_changes.change({"bootstrap": args["bootstrap"], "create": [made], "delete": swept}, emit)
        yield topic, swept
    finally:
        # The control machine may not listen any more; the topic is deleted all the same.
        topic_changes.change({"bootstrap": args["bootstrap"], "delete": [topic]}, quiet)


def write(args: Mapping[str, Any], topic: str, emit: Emit, feed: Feed) -> dict[str, Any]:
    """Write the records to a topic: result, finished and seconds, as for `run`."""
    began = time.monotonic()
    windows: list[dict[str, Any]] = []
    last: Optional[dict[str, Any]] = None
    said: list[str] = []
    in_time = True
    with tools.running(producer(args, topic)) as process:
        for line in tools.lines(process):
            found = perf.parsed(line) if line else None
            if found and found["p50"] is not None:
                last = found
            elif found:
                windows.append(found)
            elif line:
                said.append(line)
            emit({"sent": (last or {}).get("records") or sum(one["records"] for one in windows)})
            in_time = time.monotonic() - began < args["patience"]
            if feed.stopped.is_set() or not in_time:
                break
        seconds = time.monotonic() - began
    if last is None and in_time and not feed.stopped.is_set():
        raise Failure(f"{TOOL} ended with exit code {process.returncode}", said[-LAST_LINES:])
    return {"result": last or perf.together(windows, seconds), "finished": last is not None, "seconds": seconds}


def producer(args: Mapping[str, Any], topic: str) -> list[str]:
    """The command that writes records. args: as for `run`."""
    properties = [
        *(f"{name}={value}" for name, value in Endpoint.parse(args["bootstrap"]).properties().items()),
        f"acks={args['acks']}",
        f"compression.type={args['compression']}",
    ]
    numbers = {"--num-records": args["records"], "--record-size": args["size"], "--throughput": args["throughput"]}
    flags = [text for flag, number in numbers.items() for text in (flag, str(number))]
    return [TOOL, "--topic", topic, *flags, "--producer-props", *properties]
