"""Who listens on which TCP port: asked of the kernel directly, for listening sockets only.

The text files under /proc/net walk through the table of all connections, which costs more than anything else that a run
without changes does on a host. sock_diag(7) is what `ss` uses.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Tuple

from .files import text_of

if TYPE_CHECKING:
    from .waiting import Emit

Holders = Dict[int, Tuple[int, str]]  # {port: (user id, inode)}

_UNITS = "/run/systemd/units"  # where systemd has a link for each unit that runs
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_TCP, _LISTEN = 6, 10
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_QUESTION = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, extensions, padding, states; any socket
_ANSWER = struct.Struct("=4x2s46x12xII")  # inet_diag_msg: source port, user id, inode


def listening() -> Holders:
    """All listening TCP sockets of this host."""
    try:
        return {**_ask(socket.AF_INET6), **_ask(socket.AF_INET)}
    except OSError:  # a kernel, or a container, without it
        return parse([text_of("/proc/net/tcp"), text_of("/proc/net/tcp6")])


def _ask(family: int) -> Holders:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(2)
        question = _QUESTION.pack(family, _TCP, 0, 0, 1 << _LISTEN)
        kernel.send(_HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + question)
        found: Holders = {}
        while True:
            data = kernel.recv(1 << 16)
            while len(data) >= _HEADER.size:
                length, kind = _HEADER.unpack_from(data)[:2]
                if kind == _DONE:
                    return found
                if kind == _ERROR or length < _HEADER.size:
                    raise OSError("sock_diag is refused")
                port, user, inode = _ANSWER.unpack_from(data, _HEADER.size)
                found[int.from_bytes(port, "big")] = user, str(inode)
                data = data[(length + 3) & ~3 :]


def look(args: Dict[str, Any], emit: "Emit") -> Dict[str, Any]:
    """The connections that are established to ports of this host, and from it to such ports. args: ports; units.

    Returns to: [[port here, address there, port there]]; from: [[address here, port here, the name of the user whose
    process has it]]; busy: those of the units that run now.
    """
    ports = set(args["ports"])
    to: List[Any] = []
    from_: List[Any] = []
    for here, there, user in established([text_of("/proc/net/tcp"), text_of("/proc/net/tcp6")]):
        if here[1] in ports:
            to.append([here[1], *there])
        if there[1] in ports:
            from_.append([*here, _user(user)])
    busy = [unit for unit in args["units"] if os.path.lexists(f"{_UNITS}/invocation:{unit}.service")]
    return {"to": to, "from": from_, "busy": busy}


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def established(tables: Iterable[str]) -> Iterator[Tuple[Tuple[str, int], Tuple[str, int], int]]:
    """((address, port) here, the same there, the user's id) of each connection in such texts. Pure."""
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == "01":
                yield _place(fields[1]), _place(fields[2]), int(fields[7])


def _place(text: str) -> Tuple[str, int]:
    """An address and a port as /proc/net has them: each four bytes in the order of this machine's processor. An IPv4
    address that an IPv6 socket has is shown as the former."""
    address, port = text.split(":")
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    data = struct.pack(f"={len(words)}I", *words)
    if len(data) == 16 and data.startswith(b"\0" * 10 + b"\xff\xff"):
        data = data[12:]
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data), int(port, 16)


def parse(tables: Iterable[str]) -> Holders:
    """The listening sockets in the text of /proc/net/tcp and tcp6. Pure."""
    out = {}
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == "0A":
                out[int(fields[1].rsplit(":", 1)[1], 16)] = int(fields[7]), fields[9]
    return out
