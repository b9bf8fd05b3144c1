"""How fast the cluster takes records: a measurement by the official producer tool, on a temporary topic."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Optional

from cluster import temporary
from cluster.cluster import Cluster, answering
from cluster.endpoint import Endpoint
from cluster.records import perf
from cluster.topics import changes as topic_changes
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

TOOL = "kafka-producer-perf-test.sh"
STEP_SECONDS = 0.2
END_SECONDS = 10.0  # that the tool may take to end after a signal
LAST_LINES = 5


def run(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Measure. args: bootstrap; partitions, factor (-1: the brokers' default), records, size (bytes), throughput
    (records per second, -1 for no limit), acks, compression, patience (seconds; then it is stopped).

    Emits {"sent": records}. Returns finished, stopped (by the feed), seconds, swept (topics of killed runs), and
    result, as `perf.parsed` gives it, None when nothing was measured. The topic is deleted in any case.
    """
    cluster = Cluster(args["bootstrap"])
    topic = temporary.topic_name(uuid.uuid4().hex[:8], what=temporary.BENCH)
    with answering("look for topics of killed runs"):
        swept = temporary.leftovers(list(cluster.view()["topics"]), time.time())
    quiet = lambda event: None  # noqa: E731
    made = {
        "name": topic,
        "partitions": args["partitions"],
        "factor": args["factor"],
        "config": temporary.CONFIG,
    }
    try:
        topic_changes.change({"bootstrap": args["bootstrap"], "create": [made], "delete": swept}, emit)
        return {**_measure(args, topic, emit, feed), "stopped": feed.stopped.is_set(), "swept": swept, "topic": topic}
    finally:
        # The control machine may not listen any more; the topic is deleted all the same.
        topic_changes.change({"bootstrap": args["bootstrap"], "delete": [topic]}, quiet)


def _measure(args: Mapping[str, Any], topic: str, emit: Emit, feed: Feed) -> dict[str, Any]:
    began = time.monotonic()
    windows: list[dict[str, Any]] = []
    last: Optional[dict[str, Any]] = None
    said: list[str] = []
    in_time = True
    with _tool(args, topic) as process:
        for line in _lines(process):
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


@contextlib.contextmanager
def _tool(args: Mapping[str, Any], topic: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the tool; on leaving, it and its child processes are ended."""
    properties = [
        *(f"{name}={value}" for name, value in Endpoint.parse(args["bootstrap"]).properties().items()),
        f"acks={args['acks']}",
        f"compression.type={args['compression']}",
    ]
    command = [
        TOOL,
        "--topic",
        topic,
        "--num-records",
        str(args["records"]),
        "--record-size",
        str(args["size"]),
        "--throughput",
        str(args["throughput"]),
        "--producer-props",
        *properties,
    ]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},  # numbers with a point
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(f"cannot run {TOOL}: {error.strerror}", advice="`invoke deploy` installs it") from None
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(END_SECONDS)
        process.wait()


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The tool's output, line by line, and "" now and then while it is silent."""
    assert process.stdout is not None
    source, held = process.stdout.fileno(), b""
    while True:
        ready, _, _ = select.select([source], [], [], STEP_SECONDS)
        if not ready:
            yield ""
            continue
        data = os.read(source, 1 << 16)
        if not data:
            process.wait(END_SECONDS)
            return
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
