"""The verb about the way to another version of Kafka."""

from __future__ import annotations

from cli.common import Run, on_hosts

CHECK = {
    "to": "the version to go to, as in 4.3.1",
    "listen": "how long each broker is listened to for clients that are too old: 4s when not given, 0 for not at all",
    "json": "as JSON, for machines; docs/operations.md describes the keys",
}


@on_hosts("check", CHECK)
def check(run: Run, to="", listen="", json=False):
    """Show what would stop an upgrade, a broker or a client, and how to fix each. Exit code 0 when nothing would."""
    from cli import upgrade

    return upgrade.check(run, to, listen, json)
