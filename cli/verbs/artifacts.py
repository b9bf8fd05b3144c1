"""The verbs about what is downloaded and installed."""

from __future__ import annotations

from invoke import Context

from cli.common import SOURCES, verb


@verb("bundle", {**SOURCES, "out": "the file to write, *.tar"})
def bundle(context: Context, hosts="", extra_vars=None, out=""):
    """Pack everything a deploy needs into one file, for a control machine without network."""
    from cli import artifacts

    artifacts.bundle(hosts, extra_vars, out)


@verb("lock", {"product": "kafka or zookeeper", "version": "the version to lock, e.g. 3.8.1"})
def lock(context: Context, product="kafka", version=""):
    """Add a version: resolve its jars and write their digests."""
    from cli import artifacts

    artifacts.lock(product, version)


@verb("fetch", SOURCES)
def fetch(context: Context, hosts="", extra_vars=None):
    """Download and verify what an inventory installs, without deploying."""
    from cli import artifacts

    artifacts.fetch(hosts, extra_vars)
