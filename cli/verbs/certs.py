"""The verb about certificates of a closed cluster."""

from __future__ import annotations

from cli.common import Run, on_hosts


@on_hosts("list", {"json": "as JSON, for machines"})
def list_(run: Run, json=False):
    """Show the certificates of a closed cluster: whose, until when, and which ones the processes show."""
    from cli import certs

    return certs.listing(run, json)
