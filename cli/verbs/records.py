"""The verbs about records: written, read, and how fast that goes."""

from __future__ import annotations

from cli.common import Run, on_hosts

PRODUCE = {
    "topic": "where to write",
    "value": "write one record with this value, and read no lines",
    "key": "the key of that one record",
    "key_separator": "the separator of key and value in a line, e.g. ':' or '\\t'; without it, lines have no keys",
    "headers": "for every record: name=value, separated by commas",
    "partition": "write to this partition, whatever the keys",
    "json": "lines are JSON objects as `consume --json` writes them",
    "acks": "all replicas in sync (all), or only the leader (1)",
    "compression": "none, gzip, lz4 or zstd",
    "timeout": "how long a record may wait for its acknowledgement, elections and restarts included",
}


@on_hosts("produce", PRODUCE)
def produce(
    run: Run,
    topic="",
    value=None,
    key=None,
    key_separator="",
    headers="",
    partition="",
    json=False,
    acks="all",
    compression="none",
    timeout="30s",
):
    """Write each line of standard input, or one value, to a topic as a record. Ends when all are acknowledged."""
    from cli import produce as writing

    given = {
        "value": value,
        "key": key,
        "key_separator": key_separator,
        "headers": headers,
        "partition": partition,
        "json": json,
        "acks": acks,
        "compression": compression,
        "timeout": timeout,
    }
    return writing.produce(run, topic, given)


CONSUME = {
    "topic": "what to read",
    "from_beginning": "begin with the oldest record; without it, on a terminal, with what is written from now on",
    "offset": "begin there: earliest, latest, 42, -10 (before the end), 2h (ago), 18:00, yesterday, 2026-01-31T08:00",
    "until_end": "end with the last record that is there now; so it is in a pipe or file without --follow or --timeout",
    "until": "end before the first record that is not older than this time: 10m, 18:00, 'today 18:00'",
    "follow": "go on with what is written later, in a pipe or file as on a terminal",
    "partition": "read only this partition",
    "key": "only records with exactly this key",
    "grep": "only records in whose key or value this regular expression occurs; '(?i)paid' ignores case",
    "group": "read as a member of this group, from its committed offsets; what is written out is committed",
    "isolation": "read_uncommitted, or read_committed: without records of transactions that are open or aborted",
    "count": "end after so many records; exit code 2 when there are fewer",
    "timeout": "end when no record arrives for so long",
    "format": "a line per record, e.g. '{key}\\t{value}'; fields: topic partition offset timestamp key value headers",
    "json": "a JSON object per record",
}


@on_hosts("consume", CONSUME)
def consume(
    run: Run,
    topic="",
    from_beginning=False,
    offset="",
    until_end=False,
    until="",
    follow=False,
    partition="",
    key=None,
    grep="",
    group="",
    isolation="read_uncommitted",
    count="",
    timeout="",
    format="",
    json=False,
):
    """Write each record of a topic to standard output as a line. Ends at Ctrl-C, and in a pipe with the last record."""
    from cli import consume as reading

    given = {
        "from_beginning": from_beginning,
        "offset": offset,
        "until_end": until_end,
        "until": until,
        "follow": follow,
        "partition": partition,
        "key": key,
        "grep": grep,
        "group": group,
        "isolation": isolation,
        "count": count,
        "timeout": timeout,
        "format": format,
        "json": json,
    }
    return reading.consume(run, topic, given)


BENCH = {
    "records": "how many",
    "size": "bytes of each, e.g. 100 or 10k",
    "throughput": "at most so many records a second; none for no limit",
    "acks": "all, 1 or 0",
    "partitions": "of the temporary topic; two for each broker",
    "compression": "none, gzip, snappy, lz4 or zstd",
    "timeout": "stop after so long, at most 5m",
    "json": "as JSON, for machines",
}


@on_hosts("produce", BENCH)
def bench_produce(
    run: Run,
    records="200000",
    size="1000",
    throughput="none",
    acks="all",
    partitions="",
    compression="none",
    timeout="60s",
    json=False,
):
    """Measure how fast the cluster takes records, with the official tool on a broker's host and a temporary topic."""
    from cli import bench

    given = {
        "records": records,
        "size": size,
        "throughput": throughput,
        "acks": acks,
        "partitions": partitions,
        "compression": compression,
        "timeout": timeout,
    }
    return bench.produce(run, given, json)


BENCH_READ = {name: text for name, text in BENCH.items() if name not in ("throughput", "acks")}


@on_hosts("consume", {**BENCH_READ, "timeout": "stop after so long, filling the topic included; at most 5m"})
def bench_consume(
    run: Run, records="200000", size="1000", partitions="", compression="none", timeout="60s", json=False
):
    """Measure how fast the cluster gives records, with the official tool on a broker's host and a temporary topic."""
    from cli import bench

    given = {"records": records, "size": size, "partitions": partitions, "compression": compression, "timeout": timeout}
    return bench.consume(run, given, json)
