"""The controller's work goes to another broker before its own is stopped; whatever is in the way, nothing is raised."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from kafka.errors import NotControllerError

from cluster.endpoint import Endpoint
from cluster.metadata.zookeeper import handover as controller
from cluster.metadata.zookeeper import znodes

ARGS = {"broker": 1, "bootstrap": "127.0.0.1:9092", "zookeeper": "down:2181,zoo1:2181/kafka", "patience": 1}
ARGS["protocol"] = "SSL"


class Cluster:
    """ZooKeeper and the brokers. elected: who wins each election, None: nobody; then the last one for ever."""

    def __init__(self, *elected: int | None) -> None:
        self.elected, self.deleted = list(elected), 0
        self.refusal: OSError | None = None
        self.data = b'{"version":1,"brokerid":%d}'
        self.busy = 0  # so often the new controller has not read the cluster yet

    @property
    def owner(self) -> int | None:
        return self.elected[min(self.deleted, len(self.elected) - 1)]

    def __call__(self, server: Endpoint) -> Cluster:
        if server.host == "down":
            raise ConnectionRefusedError(111, "Connection refused")
        assert server == Endpoint("zoo1", 2181, "SSL")
        return self

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get(self, path: str) -> tuple[bytes, int]:
        assert path == "/kafka/controller"
        if self.owner is None:
            raise znodes.ZooKeeperError(znodes.NO_NODE, "no such node")
        return self.data.replace(b"%d", str(self.owner).encode()), 7

    def delete(self, path: str, version: int) -> None:
        assert (path, version) == ("/kafka/controller", 7)
        if self.refusal:
            raise self.refusal
        self.deleted += 1

    def moving(self, bootstrap: str) -> Cluster:
        return self

    def under_way(self) -> None:
        self.busy -= 1
        if self.busy >= 0:
            raise NotControllerError


@pytest.fixture
def hand_over(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster], dict[str, object]]:
    def go(cluster: Cluster) -> dict[str, object]:
        clock = iter(range(10_000))
        monkeypatch.setattr(znodes, "Client", cluster)
        monkeypatch.setattr(controller, "Moving", cluster.moving)
        monkeypatch.setattr(controller, "hello", lambda *address: {"controller": cluster.owner})
        monkeypatch.setattr(controller.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(controller.time, "monotonic", lambda: next(clock) / 100)
        return controller.hand_over(ARGS, lambda event: None)

    return go


def test_another_broker_takes_over_at_once(hand_over):
    cluster = Cluster(1, 3)
    cluster.busy = 2
    assert hand_over(cluster) == {"moved": True, "controller": 3, "why": ""}
    assert cluster.deleted == 1 and cluster.busy < 0, "a controller that does not answer yet is not at work"


def test_an_election_that_the_old_one_wins_is_held_again(hand_over):
    cluster = Cluster(1, 1, 1, 2)
    assert hand_over(cluster)["controller"] == 2 and cluster.deleted == 3


def test_one_that_wins_every_time_stays(hand_over):
    cluster = Cluster(1)
    assert hand_over(cluster) == {"moved": False, "controller": 1, "why": "broker 1 is elected every time"}
    assert cluster.deleted == controller.TRIES


def test_nothing_is_deleted_where_another_one_is_the_controller_already(hand_over):
    cluster = Cluster(2)
    assert hand_over(cluster) == {"moved": True, "controller": 2, "why": ""} and cluster.deleted == 0


def test_what_is_in_the_way_is_said_and_not_raised(hand_over):
    cluster = Cluster(1, None)
    assert hand_over(cluster) == {"moved": False, "controller": None, "why": "none is elected"}
    cluster = Cluster(1, 2)
    cluster.busy = 10_000
    assert hand_over(cluster) == {"moved": False, "controller": None, "why": "the new one does not answer yet"}
    cluster = Cluster(1)
    cluster.refusal = znodes.ZooKeeperError(-102, "not allowed")
    assert hand_over(cluster) == {"moved": False, "controller": 1, "why": "not allowed"}
    cluster = Cluster(1)
    cluster.data = b"[]"
    assert "does not contain Kafka's controller" in str(hand_over(cluster)["why"])


class Server:
    """A ZooKeeper server of one client, as much of it as `znodes` asks: one znode /c in version 3."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.closed = False
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        there = True
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as stream:

            def take() -> bytes:
                (size,) = struct.unpack(">i", stream.read(4))
                return stream.read(size)

            def say(message: bytes) -> None:
                stream.write(struct.pack(">i", len(message)) + message)

            assert len(take()) == 45
            say(struct.pack(">iiqi16s?", 0, 10_000, 99, 16, b"", False))
            while True:
                request = take()
                xid, kind = struct.unpack_from(">ii", request)
                if kind == znodes.CLOSE:
                    self.closed = True
                    return say(struct.pack(">iqi", xid, 5, 0))
                (length,) = struct.unpack_from(">i", request, 8)
                path, rest = request[12 : 12 + length], request[12 + length :]
                assert path == b"/c"
                if not there:
                    say(struct.pack(">iqi", xid, 5, znodes.NO_NODE))
                elif kind == znodes.GET_DATA:
                    stat = struct.pack(">qqqqiiiqiiq", 1, 2, 3, 4, 3, 0, 0, 0, 4, 0, 1)
                    say(struct.pack(">iqi", xid, 5, 0) + struct.pack(">i", 4) + b"data" + stat)
                elif struct.unpack(">i", rest) != (3,):
                    say(struct.pack(">iqi", xid, 5, -103))
                else:
                    there = False
                    say(struct.pack(">iqi", xid, 5, 0))


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.listener.close()


def test_a_znode_is_read_and_deleted_in_the_version_that_was_read(server: Server):
    with znodes.Client(Endpoint("127.0.0.1", server.port)) as client:
        assert client.get("/c") == (b"data", 3)
        assert client.created("/c") == 0.003, "ctime is in milliseconds"
        with pytest.raises(znodes.ZooKeeperError, match="changed meanwhile"):
            client.delete("/c", 2)
        client.delete("/c", 3)
        with pytest.raises(znodes.ZooKeeperError) as missing:
            client.get("/c")
        assert missing.value.errno == znodes.NO_NODE
    assert server.closed


def test_what_does_not_speak_zookeepers_protocol_is_told_so():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match="does not speak ZooKeeper"):
            znodes.Client(Endpoint("127.0.0.1", listener.getsockname()[1]))
