"""bench.produce, bench.consume: how fast a cluster takes and gives records, by the official tools on one host."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli.cluster import Cluster, opened
from cli.common import INTERRUPTED, Run, for_machines
from cli.produce import ACKS, COMPRESSIONS, seconds
from cli.tables.columns import PIPE, Column, table
from cluster import remote
from cluster.records import perf
from cluster.remote import ByBroker
from provisioner.connect.feed import Feed
from provisioner.errors import HostFailed, UsageError
from provisioner.quantities import format_elapsed, format_size, parse_size
from provisioner.report.terminal import Terminal, terminal
from provisioner.words import counted

COLUMNS = (
    Column("RECORDS", drop=6),
    Column("RECORDS/S"),
    Column("MB/S"),
    Column("AVG MS", drop=1),
    Column("P50", drop=3),
    Column("P95", drop=5),
    Column("P99", drop=2),
    Column("P99.9", drop=7),
    Column("MAX MS", drop=4),
)
# Seconds that it read, and that its group took to form before.
READ_COLUMNS = (
    Column("RECORDS", drop=3),
    Column("RECORDS/S"),
    Column("MB/S"),
    Column("READING S", drop=1),
    Column("JOINING S", drop=2),
)
LONGEST = 300.0  # seconds; topics of runs that were killed are swept by their age, which must be well above
PER_BROKER = 2  # partitions, when --partitions does not say


def produce(run: Run, given: Mapping[str, str], as_json: bool) -> int:
    """Measure how fast records are taken, and print; the exit code. Raises HostFailed."""
    return _measured(run, bench_flags(given), remote.bench_produce, page, as_json)


def consume(run: Run, given: Mapping[str, str], as_json: bool) -> int:
    """Measure how fast records are given, and print; the exit code. Raises HostFailed."""
    wanted = bench_flags({**given, "acks": "1", "throughput": "none"})
    wanted = {name: value for name, value in wanted.items() if name not in ("acks", "throughput")}
    return _measured(run, wanted, remote.bench_consume, read_page, as_json)


def _measured(
    run: Run, wanted: dict[str, Any], ask: Callable[..., ByBroker], page: Callable[..., str], as_json: bool
) -> int:
    """ask: the request, which takes factor and what is wanted; page: its answer for people. Raises HostFailed when
    a disk has no room for the records, and when nothing was measured."""
    with opened(run) as cluster:
        brokers = len(cluster.brokers)
        wanted["partitions"] = wanted["partitions"] or PER_BROKER * brokers
        cluster.connect(*cluster.brokers.values())
        driver = cluster.driver
        copies = cluster.call(remote.topic_defaults())["factor"]
        if copies is None:
            raise HostFailed(
                "too few brokers are up for the default number of copies",
                host=driver.name,
                advice="see which are down: `invoke status`",
            )
        check_room(cluster, perf.needed(wanted["records"], wanted["size"], wanted["partitions"], copies, brokers))

        def event(message: dict[str, Any], feed: Feed) -> None:
            if message.get("sent"):
                cluster.show.host(driver.name, f"{message['sent']} of {wanted['records']} records sent")
            elif "text" in message:
                cluster.show.host(driver.name, message["text"])

        stream = cluster.stream(ask(factor=-1, **wanted), event)
        try:
            answer = stream.result()
        except KeyboardInterrupt:
            stream.feed.stop()
            topic = stream.result()["topic"]
            cluster.show.warning(f"interrupted: the topic {topic} is deleted")
            return INTERRUPTED
        cluster.show.host(driver.name, "")
        if answer["result"] is None:
            raise HostFailed(
                f"nothing was measured in {format_elapsed(wanted['patience'])}",
                host=driver.name,
                advice="see how the cluster is: `invoke status`; or give it longer: --timeout",
            )
        setting = {"driver": driver.name, "brokers": brokers, "copies": copies, **wanted}
        if as_json:
            print(for_machines({**setting, **answer["result"], "finished": answer["finished"]}))
        else:
            print(page(setting, answer["result"], terminal()))
        if not answer["finished"]:
            after = f"stopped after {format_elapsed(answer['seconds'])}"
            without = ": without its last line there are no percentiles" if "p50" in answer["result"] else ""
            cluster.show.warning(f"{after}{without}; fewer --records or a longer --timeout measure all")
    return 0


def check_room(cluster: Cluster, size: int) -> None:
    """Raise HostFailed, naming all, for data directories that the records would fill."""
    short = []
    for host in cluster.brokers.values():
        paths = list(host.vars["kafka_data_dirs"])
        disks = cluster.fleet.request(host.name, "read", resources=[], wants={"disks": paths})["disks"]
        short += [
            f"{host.name}: {path} has {format_size(found['free'])} free, needed are {format_size(size + perf.RESERVE)}"
            for path, found in disks.items()
            if found["free"] < size + perf.RESERVE
        ]
    if short:
        raise HostFailed(
            "there is no room for the records: nothing was written",
            details=short,
            advice="use fewer --records or a smaller --size; 1 GiB always stays free",
        )


def bench_flags(given: Mapping[str, str]) -> dict[str, Any]:
    """The flags as the host takes them; partitions None when not given. Raises UsageError. Pure."""
    if given["acks"] not in (*ACKS, "0"):
        raise UsageError(f"--acks is {given['acks']}; it is all, 1 or 0")
    if given["compression"] not in (*COMPRESSIONS, "snappy"):
        raise UsageError(f"--compression is {given['compression']}; it is none, gzip, snappy, lz4 or zstd")
    try:
        size = parse_size(given["size"])
    except ValueError as error:
        raise UsageError(f"--size: {error}", details=["write it like 100, 1000 or 10k: bytes of a record"]) from None
    if size < 1:
        raise UsageError(f"--size is {given['size']}; a record has a byte at least")
    patience = seconds("--timeout", given["timeout"])
    if patience > LONGEST:
        raise UsageError(f"--timeout is {given['timeout']}; at most {format_elapsed(LONGEST)} are measured")
    throughput = given["throughput"]
    return {
        "records": _number("--records", given["records"]),
        "size": size,
        "partitions": _number("--partitions", given["partitions"]) if given["partitions"] else None,
        "throughput": -1 if throughput in ("", "none", "-1") else _number("--throughput", throughput),
        "acks": given["acks"],
        "compression": given["compression"],
        "patience": patience,
    }


def page(setting: Mapping[str, Any], result: Mapping[str, Any], terminal: Terminal = PIPE) -> str:
    """What was measured, under what conditions. Pure."""
    limit = "no limit" if setting["throughput"] < 0 else f"at most {setting['throughput']} records/s"
    row = [
        str(result["records"]),
        f"{result['rate']:.0f}",
        f"{result['mb']:.1f}",
        f"{result['avg']:.1f}",
        *("-" if result[name] is None else str(result[name]) for name in perf.PERCENTILES),
        f"{result['max']:.0f}",
    ]
    how = f"acks={setting['acks']}, compression {setting['compression']}, {limit}"
    head = f"{setting['driver']} to {_topic(setting)}, {how}"
    return _page(head, COLUMNS, row, terminal)


def read_page(setting: Mapping[str, Any], result: Mapping[str, Any], terminal: Terminal = PIPE) -> str:
    """The same of a measurement of reading. Pure."""
    row = [
        str(result["records"]),
        f"{result['rate']:.0f}",
        f"{result['mb']:.1f}",
        f"{result['fetching'] / 1000:.1f}",
        f"{result['joining'] / 1000:.1f}",
    ]
    head = f"{setting['driver']} from {_topic(setting)}, compression {setting['compression']}"
    return _page(head, READ_COLUMNS, row, terminal)


def _page(head: str, columns: Sequence[Column], row: Sequence[str], terminal: Terminal) -> str:
    return "\n".join([*terminal.lines(("", head)), "", *table(columns, [row], terminal)])


def _topic(setting: Mapping[str, Any]) -> str:
    return (
        f"{counted(setting['brokers'], 'broker')}: {counted(setting['partitions'], 'partition')}, "
        f"{counted(setting['copies'], 'copy')}, records of {format_size(setting['size'])}"
    )


def _number(flag: str, text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,11}", text):
        raise UsageError(f"{flag} is {text}; it is a number, 1 or more")
    return int(text)
