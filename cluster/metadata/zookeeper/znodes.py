"""Read, write and delete znodes, and say who may: as much of ZooKeeper's client protocol as that takes. Standard
library only.

The protocol is that of ZooKeeper's `zookeeper.jute`: every message has its length before it, numbers are big-endian,
strings and buffers have their length before them. Unchanged since 3.4.
"""

from __future__ import annotations

import struct
from typing import List, NamedTuple, Sequence, Tuple

from cluster.endpoint import Endpoint, split_address
from provisioner.agent.framed import receive

PORT = 2181  # ConnectStringParser.DEFAULT_PORT
TIMEOUT = 3.0  # seconds, for connecting and for each answer
SESSION_MS = 10_000
LARGEST_ANSWER = 1 << 20  # bytes; ZooKeeper's own limit (jute.maxbuffer)
STRANGE = "the service there does not speak ZooKeeper's protocol"
CREATE, DELETE, GET_DATA, SET_DATA, CLOSE = 1, 2, 4, 5, -11
GET_ACL, SET_ACL, GET_CHILDREN = 6, 7, 8
READ, EVERYTHING = 1, 31  # all: read, write, create, delete, and say who may
LASTING, NUMBERED = 0, 2  # kinds of znodes: each outlives its session
ANY_VERSION = -1
NO_NODE, CHANGED, EXISTS = -101, -103, -110
ERRORS = {
    NO_NODE: "no such node",
    -102: "not allowed",
    CHANGED: "changed meanwhile",
    EXISTS: "exists already",
    -4: "connection loss",
}


class Right(NamedTuple):
    """What somebody may do with a znode: bits (ZooDefs.Perms); scheme and id: who, as in ("x509", "CN=kafka,O=lab")."""

    bits: int
    scheme: str
    id: str


ANYBODY = Right(EVERYTHING, "world", "anyone")
READERS = Right(READ, "world", "anyone")
CREATOR = Right(EVERYTHING, "auth", "")  # whoever makes it, by the name that the server has of them


class ZooKeeperError(OSError):
    """What a server answers instead; errno is its code."""


class Client:
    """A session of its own with one server; a context manager. Raises OSError."""

    def __init__(self, server: Endpoint) -> None:
        self._xid = 0
        self._socket = server.connect(TIMEOUT)
        try:
            # Protocol version, last zxid seen, time-out, session, password, whether a server without quorum will do.
            self._send(struct.pack(">iqiq", 0, 0, SESSION_MS, 0) + _buffer(b"\0" * 16) + b"\0")
            self._receive()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._call(CLOSE, b"")  # otherwise the server keeps the session until it expires
        except OSError:
            pass
        finally:
            self._socket.close()

    def get(self, path: str) -> tuple[bytes, int]:
        """A znode's data and its version. Raises ZooKeeperError."""
        data, stat = self._read(path)
        (version,) = struct.unpack_from(">i", stat, 32)  # behind czxid, mzxid, ctime and mtime
        return data, version

    def created(self, path: str) -> float:
        """When a znode was made, seconds since 1970. Raises ZooKeeperError."""
        _, stat = self._read(path)
        (milliseconds,) = struct.unpack_from(">q", stat, 16)  # behind czxid and mzxid
        return float(milliseconds) / 1000

    def _read(self, path: str) -> tuple[bytes, bytes]:
        """A znode's data, and what ZooKeeper says of it (Stat). Raises ZooKeeperError."""
        answer = self._call(GET_DATA, _buffer(path.encode()) + b"\0")
        (size,) = struct.unpack_from(">i", answer)
        end = 4 + max(size, 0)
        return answer[4:end], answer[end:]

    def set(self, path: str, data: bytes, version: int) -> None:
        """Replace the data of a znode that still has this version. Raises ZooKeeperError."""
        self._call(SET_DATA, _buffer(path.encode()) + _buffer(data) + struct.pack(">i", version))

    def create(self, path: str, data: bytes, rights: Sequence[Right], numbered: bool = False) -> None:
        """Make a znode. numbered: the server puts a number behind its name. Raises ZooKeeperError."""
        kind = struct.pack(">i", NUMBERED if numbered else LASTING)
        self._call(CREATE, _buffer(path.encode()) + _buffer(data) + _listed(rights) + kind)

    def delete(self, path: str, version: int) -> None:
        """Delete a znode that still has this version. Raises ZooKeeperError."""
        self._call(DELETE, _buffer(path.encode()) + struct.pack(">i", version))

    def children(self, path: str) -> List[str]:
        """The paths of the znodes below one. Raises ZooKeeperError."""
        answer = self._call(GET_CHILDREN, _buffer(path.encode()) + b"\0")
        (number,) = struct.unpack_from(">i", answer)
        found, at = [], 4
        for _ in range(max(number, 0)):
            name, at = _text(answer, at)
            found.append(f"{path.rstrip('/')}/{name}")
        return found

    def acl(self, path: str) -> List[Right]:
        """Who may do what with a znode. Raises ZooKeeperError."""
        answer = self._call(GET_ACL, _buffer(path.encode()))
        (number,) = struct.unpack_from(">i", answer)
        found, at = [], 4
        for _ in range(max(number, 0)):
            (bits,) = struct.unpack_from(">i", answer, at)
            scheme, at = _text(answer, at + 4)
            name, at = _text(answer, at)
            found.append(Right(bits, scheme, name))
        return found

    def set_acl(self, path: str, rights: Sequence[Right]) -> None:
        """Say who may do what with a znode; nobody else may do anything. Raises ZooKeeperError."""
        self._call(SET_ACL, _buffer(path.encode()) + _listed(rights) + struct.pack(">i", ANY_VERSION))

    def _call(self, kind: int, payload: bytes) -> bytes:
        self._xid += 1
        self._send(struct.pack(">ii", self._xid, kind) + payload)
        answer = self._receive()
        _xid, _zxid, error = struct.unpack_from(">iqi", answer)
        if error:
            raise ZooKeeperError(error, ERRORS.get(error, f"ZooKeeper error {error}"))
        return answer[16:]

    def _send(self, message: bytes) -> None:
        self._socket.sendall(_buffer(message))

    def _receive(self) -> bytes:
        return receive(self._socket, LARGEST_ANSWER, STRANGE)


def places(connect: str) -> tuple[list[str], str]:
    """The servers, and where the cluster's znodes are below them ("" for the root), of a broker's zookeeper.connect.
    Pure."""
    servers, _, chroot = connect.partition("/")
    return servers.split(","), f"/{chroot}" if chroot else ""


def connected(servers: list[str], protocol: str) -> Client:
    """A session with the first of these servers ("host:port") that gives one. protocol: as of an `Endpoint`. Raises
    OSError of the last when none does."""
    problem = OSError(None, "no server is named")
    for server in servers:
        try:
            return Client(Endpoint(*_address(server.strip()), protocol))
        except OSError as error:
            problem = error
    raise problem


def _address(server: str) -> tuple[str, int]:
    """Host and port of an entry of zookeeper.connect, whose port may be missing (ConnectStringParser)."""
    named = server.endswith("]") or ":" not in server
    return split_address(f"{server}:{PORT}" if named else server)


def _text(answer: bytes, at: int) -> Tuple[str, int]:
    """A string of an answer, and where the next thing is."""
    (size,) = struct.unpack_from(">i", answer, at)
    end = at + 4 + max(size, 0)
    return answer[at + 4 : end].decode("utf-8", "replace"), end


def _listed(rights: Sequence[Right]) -> bytes:
    each = [struct.pack(">i", one.bits) + _buffer(one.scheme.encode()) + _buffer(one.id.encode()) for one in rights]
    return struct.pack(">i", len(each)) + b"".join(each)


def _buffer(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data
