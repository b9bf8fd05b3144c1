"""What this host's broker and ZooKeeper server say of their cluster, as JSON. Run on a host by `one_cluster.py`.

Each is asked directly, and without the toolkit's own code: it is the judge here. Standard library only, Python 3.8.
"""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path
from typing import Any, Optional

METADATA, LIST_OFFSETS = 3, 2
LATEST, EARLIEST = -1, -2


class Reader:
    """Kafka's primitive types, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f">{kind}", self.data, self.at)
        self.at += struct.calcsize(kind)
        return int(value)

    def text(self) -> Optional[str]:
        size = self.number("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def numbers(self) -> list:
        return [self.number("i") for _ in range(self.number("i"))]


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("the broker has closed the connection")
        data += part
    return data


def ask(connection: socket.socket, api: int, version: int, body: bytes) -> Reader:
    request = struct.pack(">hhi", api, version, 1) + text("whole-cluster") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", receive(connection, 4))
    return Reader(receive(connection, size)[4:])


def metadata(connection: socket.socket) -> Any:
    """Metadata, version 2: brokers, cluster, partitions as this broker knows them."""
    answer = ask(connection, METADATA, 2, struct.pack(">i", -1))
    brokers = {}
    for _ in range(answer.number("i")):
        number, host, port = answer.number("i"), answer.text(), answer.number("i")
        answer.text()
        brokers[number] = f"{host}:{port}"
    cluster, controller = answer.text(), answer.number("i")
    partitions = {}
    for _ in range(answer.number("i")):
        answer.number("h")
        topic = answer.text()
        answer.number("b")
        for _ in range(answer.number("i")):
            answer.number("h")
            name = f"{topic}-{answer.number('i')}"
            leader = answer.number("i")
            partitions[name] = {"leader": leader, "replicas": answer.numbers(), "isr": answer.numbers()}
    return {"brokers": brokers, "cluster": cluster, "controller": controller, "partitions": partitions}


def offsets(connection: socket.socket, names: list, when: int) -> Any:
    """ListOffsets, version 1: {partition: offset} of those that this broker leads."""
    body = struct.pack(">ii", -1, len(names))
    for name in names:
        topic, _, partition = name.rpartition("-")
        body += text(topic) + struct.pack(">iiq", 1, int(partition), when)
    answer = ask(connection, LIST_OFFSETS, 1, body)
    found = {}
    for _ in range(answer.number("i")):
        topic = answer.text()
        for _ in range(answer.number("i")):
            partition, error = answer.number("i"), answer.number("h")
            answer.number("q")
            offset = answer.number("q")
            if not error:
                found[f"{topic}-{partition}"] = offset
    return found


def settings(path: str) -> dict:
    pairs = (line.split("=", 1) for line in Path(path).read_text().splitlines() if "=" in line and line[0] != "#")
    return {key.strip(): value.strip() for key, value in pairs}


def broker() -> Any:
    """The broker's own view of its cluster; None where none answers."""
    try:
        # As the broker has read it: the file may be newer.
        config = settings("/run/kafka/server.properties")
        listeners = dict(part.split("://", 1) for part in config["listeners"].split(","))
        port = listeners[config.get("inter.broker.listener.name", next(iter(listeners)))].rsplit(":", 1)[1]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as connection:
            found = metadata(connection)
            led = [name for name, one in found["partitions"].items() if str(one["leader"]) == config["broker.id"]]
            ends, starts = (offsets(connection, led, when) for when in (LATEST, EARLIEST))
        written = settings("/etc/kafka/server.properties")
    except (OSError, KeyError):
        return None
    derived = ("min.insync.replicas", "default.replication.factor", "offsets.topic.replication.factor")
    kept = {name: [starts[name], ends[name]] for name in led if name in starts and name in ends}
    return {
        **found,
        "id": int(config["broker.id"]),
        "kept": kept,
        "settings": {key: written.get(key) for key in derived},
    }


def zookeeper() -> Any:
    """The server's mode: "leader", "follower" or "standalone"; None where none serves."""
    try:
        port = settings("/etc/zookeeper/zoo.cfg")["clientPort"]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as connection:
            connection.sendall(b"srvr")
            answer = connection.makefile().read()
    except (OSError, KeyError):
        return None
    return next((line.split(": ")[1] for line in answer.splitlines() if line.startswith("Mode: ")), None)


if __name__ == "__main__":
    print(json.dumps({"broker": broker(), "zookeeper": zookeeper()}))
