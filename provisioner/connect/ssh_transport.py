"""Paramiko's transport, made quick. Imported when a connection is opened: it needs paramiko."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

import paramiko

# How a key of a kind signs, where that is not called as the kind is.
SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


class Transport(paramiko.Transport):
    """TCP_NODELAY (paramiko never sets it, which costs 40 ms a round trip), and the ciphers first that have hardware
    support. connected, agreed: when TCP and the key exchange were done, for `--timings`. host_keys: the kinds of the
    keys that are known of the host, for it to show one of these."""

    def __init__(self, sock: Any, *args: Any, host_keys: Sequence[str] = (), **kwargs: Any) -> None:
        self.connected = self.agreed = time.perf_counter()
        if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:  # that of a ProxyCommand
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, *args, **kwargs)
        options = self.get_security_options()
        fast = [name for name in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com") if name in options.ciphers]
        known = [name for kind in host_keys for name in SIGNATURES.get(kind, (kind,)) if name in options.key_types]
        options.key_types = (*known, *(name for name in options.key_types if name not in known))
        options.ciphers = (*fast, *(name for name in options.ciphers if name not in fast))

    def start_client(self, *args: Any, **kwargs: Any) -> None:
        """The key exchange."""
        super().start_client(*args, **kwargs)
        self.agreed = time.perf_counter()
