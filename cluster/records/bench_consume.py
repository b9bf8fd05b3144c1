"""How fast the cluster gives records: a measurement by the official consumer tool, of a temporary topic that the
official producer tool has filled."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.endpoint import Endpoint
from cluster.groups import groups
from cluster.records import perf, tools
from cluster.records.bench import LAST_LINES, topic_for, write
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

TOOL = "kafka-consumer-perf-test.sh"


def run(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Measure. args: bootstrap; partitions, factor (-1: the brokers' default), records, size (bytes), acks, throughput
    and compression of the filling; patience (seconds for both, filling and reading; then it is stopped).

    Emits {"sent": records} while it fills, then {"text": ...}. Returns finished, stopped (by the feed), seconds, swept
    and topic as `bench.run` does, and result, as `perf.consumed` gives it, None when nothing was measured.
    """
    began = time.monotonic()
    with topic_for(args, emit) as (topic, swept):
        filled = write(args, topic, emit, feed)
        about = {"swept": swept, "topic": topic}
        if not filled["finished"]:
            how = {"result": None, "finished": False, "seconds": filled["seconds"]}
            return {**how, **about, "stopped": feed.stopped.is_set()}
        emit({"text": f"reading {args['records']} records"})
        said, in_time = _read(args, topic, began + args["patience"], feed)
        result = perf.consumed(said)
        if result is None and in_time and not feed.stopped.is_set():
            raise Failure(f"{TOOL} has measured nothing", said[-LAST_LINES:])
        finished = result is not None and result["records"] >= args["records"]
        seconds = time.monotonic() - began
        return {"result": result, "finished": finished, "seconds": seconds, **about, "stopped": feed.stopped.is_set()}


def _read(args: Mapping[str, Any], topic: str, deadline: float, feed: Feed) -> tuple[list[str], bool]:
    """(what the tool has said, whether that was all in time). Its group goes at the end."""
    said: list[str] = []
    patience = max(1.0, deadline - time.monotonic())
    endpoint = Endpoint.parse(args["bootstrap"])
    command = [TOOL, "--bootstrap-server", str(endpoint)]
    # --messages is what every version takes: 4.3 calls it --num-records, and only warns.
    command += ["--topic", topic, "--group", topic, "--messages", str(args["records"])]
    command += ["--timeout", str(round(patience * 1000))]
    try:
        # Of the options too: --consumer.config is what every version takes.
        with tools.config(endpoint) as config, tools.running(
            [*command, *(("--consumer.config", config) if config else ())]
        ) as process:
            for line in tools.lines(process):
                said += [line] if line else []
                if feed.stopped.is_set() or time.monotonic() > deadline:
                    return said, False
    finally:
        _forget(args["bootstrap"], topic)
    return said, True


def _forget(bootstrap: str, group: str) -> None:
    """Delete the tool's group; one that is not there, or whose member is still counted, goes by itself."""
    with contextlib.suppress(Failure):
        found = groups.look({"bootstrap": bootstrap, "group": group}, lambda event: None)["groups"]
        groups.delete(
            {"bootstrap": bootstrap, "group": group, "coordinator": found[0]["coordinator"]}, lambda event: None
        )
