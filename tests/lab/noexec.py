"""A host whose /tmp is mounted noexec, as hardening guides want it, and what the official commands do there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from . import clients
from .hosts import LabHost

CODECS = ("snappy", "lz4", "zstd")  # those with native code


@contextmanager
def noexec_tmp(host: LabHost) -> Iterator[None]:
    """An empty /tmp over the host's own, from which nothing can be started or loaded."""
    host.sh("mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs /tmp")
    try:
        host.sh("cp /bin/true /tmp/true; ! /tmp/true 2>/dev/null; rm /tmp/true")
        yield
    finally:
        host.sh("umount -l /tmp")


def require_codecs(host: LabHost, *users: str) -> None:
    """Assert that each of these users writes and reads records of every compression with the official commands, without
    a complaint, and that nothing stays in /tmp."""
    topic = f"packed-{uuid.uuid4().hex[:6]}"
    clients.create_topic(host, topic)
    server = f"--bootstrap-server {host.bootstrap} --topic {topic}"
    wanted = []
    try:
        for user in users:
            for codec in CODECS:
                line = f"{codec} by {user}"
                said = host.sh(
                    f"su - {user} -c 'echo {line} | kafka-console-producer.sh {server} --compression-codec {codec}'"
                )
                assert not said.strip(">"), said  # 2.5.0 prompts without a terminal, too
                wanted.append(line)
        for user in users:
            read = f"kafka-console-consumer.sh {server} --from-beginning --timeout-ms 20000"
            read += f" --max-messages {len(wanted)}"
            shown = host.sh(f"su - {user} -c '{read}'").splitlines()
            assert shown == [*wanted, f"Processed a total of {len(wanted)} messages"], shown
        assert host.sh("find /tmp -name 'lib*' -o -name '*.so' -o -name '*snappy*'") == ""
    finally:
        clients.delete_topic(host, topic)
