"""Run a command where there is no network but one way out: to one SSH port. Started as a program by a test.

unshare --net -- python3 cut_off.py PORT SOCKET COMMAND...

The command finds 127.0.0.1:PORT, which leads through the Unix socket SOCKET (that is a file, so it crosses the
border of a network namespace) to whoever listens on it outside: `way_out`. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


@contextlib.contextmanager
def way_out(path: Path, port: int) -> Iterator[None]:
    """Outside: lead every connection to the Unix socket on to 127.0.0.1:port, as long as the context lasts."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        _serve(server, lambda: socket.create_connection(("127.0.0.1", port)))
        yield


def main(port: int, path: str, command: list[str]) -> int:
    """Inside: loopback up, everything else proven absent, the port led to the Unix socket; the command's exit code."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    interfaces = [name for _, name in socket.if_nameindex()]
    # The header is all that the routing table has.
    if interfaces != ["lo"] or len(Path("/proc/net/route").read_text().splitlines()) > 1:
        raise SystemExit(f"not cut off: {interfaces}")

    def outside() -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        return peer

    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        _serve(server, outside)
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def _serve(server: socket.socket, connect: Callable[[], socket.socket]) -> None:
    server.listen()

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return  # closed: the end
            peer = connect()
            for source, sink in ((client, peer), (peer, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
