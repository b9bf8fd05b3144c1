"""The first walk with Kafka, as people learn it, typed on the host; every command's whole output is judged.

The one difference to a tutorial is the port: a lab other than the default one publishes another than 9092.
"""

from __future__ import annotations

import re

from .hosts import LabHost
from .terminal import Terminal

LINES = ["첫 번째 메시지", "second message", "세 번째: 카프카 ☕"]
TWO_DAYS, ONE_DAY = "172800000", "86400000"


def walk(host: LabHost, terminal: Terminal, version: str) -> None:
    """Create, list, describe, produce, consume, alter, look at groups, delete. Leaves no topic behind."""
    at = f"--bootstrap-server {host.bootstrap}"
    try:
        _walk(terminal, version, at)
    except AssertionError:
        # Whoever walks next starts from where this one did.
        host.sh(f"for topic in test tset; do kafka-topics.sh --delete --topic $topic {at}; done", expect=None)
        raise


def _walk(terminal: Terminal, version: str, at: str) -> None:
    assert terminal.run("kafka-topics.sh --version").split()[0] == version

    created = terminal.run(
        f"kafka-topics.sh --create --topic test {at} --replication-factor 1 --partitions 1"
        f" --config retention.ms={TWO_DAYS}"
    )
    assert created == "Created topic test."
    described = terminal.run(f"kafka-topics.sh --describe --topic test {at}").splitlines()
    assert len(described) == 2, described
    assert re.search(rf"PartitionCount: 1\s+ReplicationFactor: 1\s+Configs:.*\bretention.ms={TWO_DAYS}\b", described[0])
    assert re.search(r"Partition: 0\s+Leader: 1\s+Replicas: 1\s+Isr: 1\b", described[1])

    produce(terminal, at)
    consume(terminal, at)
    groups(terminal, at)
    # Consuming in a group made Kafka's own topic, so that there is something to be left out now.
    assert "__consumer_offsets" in terminal.run(f"kafka-topics.sh --list {at}").splitlines()
    listed = terminal.run(f"kafka-topics.sh --list --exclude-internal {at}").splitlines()
    assert "test" in listed and all(re.fullmatch(r"[\w.-]+", name) and not name.startswith("__") for name in listed)

    assert terminal.run(f"kafka-topics.sh --alter --topic test --partitions 3 {at}") == ""
    described = terminal.run(f"kafka-topics.sh --describe --topic test {at}").splitlines()
    assert "PartitionCount: 3" in described[0] and len(described) == 4, described
    altered = f"kafka-configs.sh --alter --entity-type topics --entity-name test --add-config retention.ms={ONE_DAY}"
    assert terminal.run(f"{altered} {at}") == "Completed updating config for topic test."
    shown = terminal.run(f"kafka-configs.sh --describe --entity-type topics --entity-name test {at}")
    assert re.search(rf"^  retention.ms={ONE_DAY}\b", shown, re.MULTILINE) and TWO_DAYS not in shown

    unknown_topic(terminal, at)
    assert terminal.run(f"kafka-topics.sh --delete --topic test {at}") == ""
    assert "test" not in terminal.run(f"kafka-topics.sh --list {at}").splitlines()


def produce(terminal: Terminal, at: str) -> None:
    """The console producer at work: a prompt, lines typed, Ctrl-D."""
    terminal.start(f"kafka-console-producer.sh --topic test {at}")
    for line in LINES:
        terminal.until(r">$")
        terminal.keys(line + "\n")
        terminal.until(re.escape(line) + "\n")
    terminal.until(r">$")
    terminal.keys("\x04")
    shown = terminal.ends()
    assert [line.strip(">") for line in shown.splitlines()] in (LINES, [*LINES, ""]), f"more than was typed:\n{shown}"


def consume(terminal: Terminal, at: str) -> None:
    """The console consumer from the beginning, left by Ctrl-C; then as a member of a group."""
    terminal.start(f"kafka-console-consumer.sh --topic test --from-beginning {at}")
    terminal.until(re.escape(LINES[-1]))
    terminal.keys("\x03")
    expected = [*LINES, f"Processed a total of {len(LINES)} messages"]
    assert without_advertising(terminal.ends(expect=None).replace("^C", "")) == expected
    bounded = f"kafka-console-consumer.sh --topic test --from-beginning --group walk --max-messages {len(LINES)} {at}"
    assert without_advertising(terminal.run(bounded)) == expected


def without_advertising(shown: str) -> list[str]:
    """The lines of a consumer, but the one in which those of Kafka 4 recommend another protocol."""
    return [line for line in shown.splitlines() if "(KIP-848)" not in line]


def groups(terminal: Terminal, at: str) -> None:
    """The group has read everything, and says so."""
    assert "walk" in terminal.run(f"kafka-consumer-groups.sh --list {at}").splitlines()
    shown = terminal.run(f"kafka-consumer-groups.sh --describe --group walk {at}")
    read = len(LINES)
    assert re.search(rf"^(walk\s+)test\s+0\s+{read}\s+{read}\s+0\s", shown, re.MULTILINE), shown
    assert "Consumer group 'walk' has no active members." in shown
    deleted = terminal.run(f"kafka-consumer-groups.sh --delete --group walk {at}")
    assert deleted == "Deletion of requested consumer groups ('walk') was successful."


def unknown_topic(terminal: Terminal, at: str) -> None:
    """A misspelt topic is an error in words, and is not made."""
    impatient = "--producer-property max.block.ms=1500"
    shown = terminal.run(f"echo lost | kafka-console-producer.sh --topic tset {impatient} {at}", expect=None)
    assert "Topic tset not present in metadata after 1500 ms" in shown
    assert "tset" not in terminal.run(f"kafka-topics.sh --list {at}").splitlines()


def zookeeper(terminal: Terminal) -> None:
    """ZooKeeper's own two commands: the server's mode, and its client, interactive and not."""
    assert terminal.run("zkServer.sh status").splitlines()[-1] == "Mode: standalone"
    assert terminal.run("zkCli.sh ls /brokers/ids").splitlines()[-1] == "[1]"
    terminal.start("zkCli.sh")
    terminal.until(r"CONNECTED\) 0\]")
    terminal.keys("get /brokers/ids/1\n")
    terminal.until(r'"endpoints":\["PLAINTEXT://')
    terminal.until(r"CONNECTED\) 1\]")
    terminal.keys("quit\n")
    shown = terminal.ends()
    assert "Exception" not in shown and "WARN" not in shown, shown
