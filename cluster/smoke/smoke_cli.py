"""The smoke check with the official console tools: the commands a person would type, on the host, for every listener.

Slower by a JVM start per command, and blind where the tools are (the console producer exits with 0 when a write
failed), so the verdict rests on what is read back, and on the group's lag.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from kafka.partitioner.default import murmur2

from cluster import temporary
from cluster.records import tools
from cluster.smoke.check import Check, report
from cluster.smoke.leg import Leg, LegFailure, from_dict, showing
from cluster.smoke.reach import reach

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

RECORDS = 20  # per leg
NOTHING: Mapping[str, Mapping[str, str]] = {}
PRODUCER, CONSUMER = "kafka-console-producer.sh", "kafka-console-consumer.sh"
# {command: {option: what it is called before Kafka 4.2}}. Newer commands take the old names, too, and say on their
# standard output, between records, that they should not be used (KIP-1147).
OLDER = {
    PRODUCER: {
        "--command-config": "--producer.config",
        "--command-property": "--producer-property",
        "--reader-property": "--property",
    },
    CONSUMER: {"--command-config": "--consumer.config", "--formatter-property": "--property"},
}
GONE_POLL = 0.2  # seconds


def run(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The whole check over the given legs, with the tools in `bin` or, without it, on PATH.

    args: legs (dicts of Leg); cluster_id and bin, optional; records per leg (20); timeout in seconds per command (60);
    new_options: whether the commands have the options of Kafka 4.2; client: as for `cluster.smoke.smoke.run`.
    Returns the same report as that.
    """
    with tools.passing(args.get("client", ""), ".pem") as path:
        return _run(args, showing([from_dict(leg) for leg in args["legs"]], path), emit)


def _run(args: dict[str, Any], legs: Sequence[Leg], emit: Emit) -> dict[str, Any]:
    started = time.monotonic()
    reached, reasons, view = reach(legs, args.get("cluster_id"))
    check: Optional[_Check] = None
    if reached:
        options = {} if args.get("new_options", True) else OLDER
        commands = Tools(args.get("bin", ""), float(args.get("timeout", 60)), options)
        check = _Check(commands, reached, sorted(view["brokers"]), int(args.get("records", RECORDS)), emit)
        check.run()
    return report(legs, reasons, view, check, started)


class Tools:
    """The official commands, on their own Java: one in the environment of the run is not what is checked here, and what
    a command says about it would hide the error line. Raises LegFailure with the last error line when one fails."""

    def __init__(self, directory: str, timeout: float, older: Mapping[str, Mapping[str, str]] = NOTHING) -> None:
        """older: {command: {option: what it is called there}}."""
        self.directory, self.timeout, self.older = directory, timeout, older

    def __call__(self, leg: Leg, step: str, name: str, *options: str, given: str = "") -> str:
        """Run a command against a leg's address; its standard output. given: its standard input."""
        argv = [
            str(Path(self.directory, name)) if self.directory else name,
            "--bootstrap-server",
            leg.address,
        ]
        try:
            with tools.config(leg.endpoint) as config:
                given_config = ("--command-config", config) if config else ()
                called = self.older.get(name, {})
                done = subprocess.run(
                    [*argv, *(called.get(word, word) for word in (*given_config, *options))],
                    input=given.encode(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={name: value for name, value in os.environ.items() if name != "JAVA_HOME"},
                    timeout=self.timeout,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise LegFailure(leg, step, f"{name} still running after {self.timeout:.0f} s") from error
        except OSError as error:
            raise LegFailure(leg, step, f"cannot run {argv[0]}: {error.strerror}") from error
        if done.returncode:
            said = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
            raise LegFailure(leg, step, f"{name} ended with exit code {done.returncode}: {_telling(said)}")
        return done.stdout.decode("utf-8", "replace")


class _Check(Check):
    """The check with the console tools."""

    def __init__(self, tools: Tools, legs: Sequence[Leg], brokers: Sequence[int], count: int, emit: Emit) -> None:
        super().__init__(legs, brokers, count, emit)
        self.tools = tools
        self.keys = keys_for(len(self.leaders))

    def run(self) -> None:
        """Create, produce, consume, compare, delete; deletes whatever happened before."""
        try:
            if not self.tried(self.legs[0], "create", self._create):
                return
            written = [leg for leg in self.legs if self.tried(leg, "produce", partial(self._produce, leg))]
            for leg in written:
                self.tried(leg, "consume", partial(self._read_back, leg))
        finally:
            for leg, group in self.groups.items():
                self.tried(leg, "delete", partial(self._delete_group, leg, group))
            self.tried(self.legs[0], "delete", self._delete)

    def _create(self) -> None:
        assignment = ",".join(":".join(map(str, brokers)) for _, brokers in sorted(self.placement.items()))
        config = [option for name, value in temporary.CONFIG.items() for option in ("--config", f"{name}={value}")]
        options = ("--create", "--topic", self.topic, "--replica-assignment", assignment, *config)
        self.tools(self.legs[0], "create", "kafka-topics.sh", *options)
        self.emit({"text": f"topic {self.topic} created by kafka-topics.sh"})

    def _produce(self, leg: Leg) -> None:
        partition, values = self.payloads(leg)
        # The console producer takes no partition, but its key decides: one that hashes to the partition we mean.
        lines = "".join(f"{self.keys[partition]}\t{value.decode()}\n" for value in values)
        options = ("--topic", self.topic, "--request-required-acks", "all", "--message-send-max-retries", "0")
        plain = ("--command-property", "enable.idempotence=false", "--reader-property", "parse.key=true")
        self.tools(leg, "produce", PRODUCER, *options, *plain, given=lines)
        self.expected[partition] += values
        self.emit({"text": f"{leg}: {len(values)} records given to kafka-console-producer.sh"})

    def _read_back(self, leg: Leg) -> None:
        group = self.groups[leg] = self.group(leg)
        total = self.written
        limits = ("--max-messages", str(total), "--timeout-ms", str(int(self.tools.timeout * 500)))
        options = ("--topic", self.topic, "--group", group, "--from-beginning", *limits)
        text = self.tools(leg, "consume", CONSUMER, *options, "--formatter-property", "print.key=true")
        self.compare(leg, by_partition(text, self.keys))
        # The consumer stops after as many records as were written: any surplus shows as lag.
        described = self.tools(leg, "compare", "kafka-consumer-groups.sh", "--describe", "--group", group)
        behind = lag(described, self.topic)
        if behind != 0:
            reason = (
                "shows no committed offsets"
                if behind is None
                else f"has a lag of {behind} records that no producer wrote"
            )
            raise LegFailure(leg, "compare", f"group {group} {reason}")
        self.passed[leg] = total
        self.emit({"text": f"{leg}: {total} records read back by kafka-console-consumer.sh, the same, in order"})

    def _delete_group(self, leg: Leg, group: str) -> None:
        self.tools(leg, "delete", "kafka-consumer-groups.sh", "--delete", "--group", group)

    def _delete(self) -> None:
        leg = self.legs[0]
        deadline = time.monotonic() + self.tools.timeout
        if self.topic not in self.tools(leg, "delete", "kafka-topics.sh", "--list").split():
            return  # it was never made
        self.tools(leg, "delete", "kafka-topics.sh", "--delete", "--topic", self.topic)
        while self.topic in self.tools(leg, "delete", "kafka-topics.sh", "--list").split():
            if time.monotonic() > deadline:
                raise LegFailure(leg, "delete", f"topic {self.topic} is still there after {self.tools.timeout:.0f} s")
            time.sleep(GONE_POLL)


def keys_for(partitions: int) -> list[str]:
    """One record key per partition that Kafka's default partitioner maps to it. Pure."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        key = f"key{number}"
        found.setdefault((murmur2(key.encode()) & 0x7FFFFFFF) % partitions, key)
        number += 1
    return [found[partition] for partition in range(partitions)]


def by_partition(text: str, keys: Sequence[str]) -> dict[int, list[bytes]]:
    """The console consumer's lines, key and value, sorted into partitions by key; unknown keys into the first. Pure."""
    found: dict[int, list[bytes]] = {partition: [] for partition in range(len(keys))}
    for line in text.splitlines():
        key, _, value = line.partition("\t")
        found[keys.index(key) if key in keys else 0].append(value.encode())
    return found


def lag(text: str, topic: str) -> Optional[int]:
    """The sum of LAG that `kafka-consumer-groups.sh --describe` shows for a topic; None when it shows none. Pure."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    header = next((row for row in rows if "LAG" in row and "TOPIC" in row), None)
    if header is None:
        return None
    at, named = header.index("LAG"), header.index("TOPIC")
    values = [row[at] for row in rows if len(row) > at and row[named] == topic]
    if not values or not all(value.isdigit() for value in values):
        return None
    return sum(map(int, values))


def _telling(text: str) -> str:
    """The line of a tool's output that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
    return (errors or lines or ["no output"])[0][:300]
