"""The verb about the properties that a version has."""

from __future__ import annotations

from invoke import Context

from cli.common import verb

LIST = {
    "product": "kafka or zookeeper; without it kafka",
    "version": "a locked version; without it the newest",
    "search": "only properties with this in their names, or patterns (log.*), separated by commas",
    "json": "as JSON, for machines; docs/operations.md describes the keys",
}


@verb("list", LIST)
def list_(context: Context, product="", version="", search="", json=False):
    """Show the properties of a version: what each takes, its default, whose it is and how it changes."""
    from cli import config

    config.listing(product, version, search, json)
