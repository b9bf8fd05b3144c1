"""What real controllers answered, as bytes (Kafka 3.9.2, three voters of a dynamic quorum), and a server that gives
such answers."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from cluster.metadata.kraft.quorum_api import DESCRIBE_CLUSTER, DESCRIBE_QUORUM
from cluster.protocol.flexible import API_VERSIONS

# Bodies, without the correlation id and the tags of the header.
# Controller 1 leads. Controller 2 has lost its disk and is back with another one: the voter 2 is not heard of, and an
# observer has its id. 4 is a broker.
LEADER = bytes.fromhex(
    "00000102135f5f636c75737465725f6d657461646174610200000000000001000000010000001800000000000002e10400000001ba1a3f"
    "00f02685051972a3813469f77700000000000002e2000001a216b3e321000001a216b3e3210000000002a7b07aaddac767392d2ab6d688"
    "e8d49affffffffffffffffffffffffffffffffffffffffffffffff00000000031c285638de954980a4a0791bdfff315100000000000002"
    "e1000001a216b3e30e000001a216b3e13e000300000002e5c01d0a92c42053fbf5b42aabc9991e00000000000002e1000001a216b3e310"
    "000001a216b3e1490000000004d901da62e33f5469ea8987fb19f0efe100000000000002e1000001a216b3e30d000001a216b3e1360000"
    "000400000001020b434f4e54524f4c4c45520a3132372e302e302e314bbf000000000002020b434f4e54524f4c4c45520a3132372e302e"
    "302e314bc0000000000003020b434f4e54524f4c4c45520a3132372e302e302e314bc1000000"
)
# Of a healthy controller that does not lead: error 6, leader 0.
NOT_LEADER = bytes.fromhex(
    "00000102135f5f636c75737465725f6d6574616461746102000000000006e001466f7220726571756573747320696e74656e646564206f"
    "6e6c7920666f7220746865206c65616465722c2074686973206572726f7220696e646963617465732074686174207468652062726f6b65"
    "72206973206e6f74207468652063757272656e74206c65616465722e20466f7220726571756573747320696e74656e64656420666f7220"
    "616e79207265706c6963612c2074686973206572726f7220696e646963617465732074686174207468652062726f6b6572206973206e6f"
    "742061207265706c696361206f662074686520746f70696320706172746974696f6e2e0000000000000000000000000000000001010000"
    "0100"
)
# Of the same one, asked for the controllers (DescribeCluster).
FOLLOWS_2 = bytes.fromhex(
    "0000000000000002174a38784a33785162513075586b55346e516b30527a670000000204000000010a3132372e302e302e3100004bbf00"
    "00000000020a3132372e302e302e3100004bc00000000000030a3132372e302e302e3100004bc100008000000000"
)
# A controller that has just started: UNSUPPORTED_VERSION, as AbstractResponse fills it in; and one without a leader.
SAYS_NOTHING = FOLLOWS_2[:4] + b"\0\x23" + FOLLOWS_2[6:]
FOLLOWS_NOBODY = FOLLOWS_2.replace(b"\0\0\0\2\4", b"\xff\xff\xff\xff\4")

# The ends of the answers of nodes with all features to ApiVersions (version 4); before, no requests are listed.
_HEAD = bytes.fromhex("0000" + "01" + "00000000")
FEATURES_39 = _HEAD + bytes.fromhex(
    "03002a030e6b726166742e76657273696f6e0000000100116d657461646174612e76657273696f6e000100150001080000000000000035022a"
    "030e6b726166742e76657273696f6e0001000100116d657461646174612e76657273696f6e0015001500"
)
FEATURES_43 = _HEAD + bytes.fromhex(
    "0300a401080e67726f75702e76657273696f6e00000001000e6b726166742e76657273696f6e0000000100116d657461646174612e7665727369"
    "6f6e0007001e000e73686172652e76657273696f6e00000001001073747265616d732e76657273696f6e0000000100147472616e73616374696f"
    "6e2e76657273696f6e000000020021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e0000000100010800000000"
    "0000050b02a401080e67726f75702e76657273696f6e00010001000e6b726166742e76657273696f6e00010001000e73686172652e7665727369"
    "6f6e0001000100116d657461646174612e76657273696f6e001e001e001073747265616d732e76657273696f6e0001000100147472616e736163"
    "74696f6e2e76657273696f6e000200020021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e0001000100"
)
NO_FEATURES = _HEAD + b"\0"  # with ZooKeeper

KNOWN = {
    DESCRIBE_QUORUM: (0, 2),
    DESCRIBE_CLUSTER: (0, 1),
    80: (0, 0),
    81: (0, 0),
}  # requests of 3.9.2 that matter here
Asked = tuple[int, int, bytes]  # request, version, body


@contextmanager
def controller(
    answers: Mapping[int, bytes], known: Mapping[int, tuple[int, int]] = KNOWN, asked: list[Asked] | None = None
) -> Iterator[int]:
    """A server on loopback that answers requests with these bodies; its port. What it does not know makes it close the
    connection, as Kafka does. asked: gets every request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def receive(connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def serve(connection: socket.socket) -> None:
        while True:
            (size,) = struct.unpack(">i", receive(connection, 4))
            request = receive(connection, size)
            key, version, correlation, name = struct.unpack_from(">hhih", request)
            body = request[10 + name :]
            if asked is not None:
                asked.append((key, version, body))
            if key == API_VERSIONS and version:
                answer = answers[key]  # in whose header are no tags
            elif key == API_VERSIONS:
                listed = b"".join(struct.pack(">hhh", one, *versions) for one, versions in known.items())
                answer = struct.pack(">hi", 0, len(known)) + listed
            else:
                answer = b"\0" + answers[key]
            connection.sendall(struct.pack(">ii", len(answer) + 4, correlation) + answer)

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError, KeyError):
                serve(connection)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
