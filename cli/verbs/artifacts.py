"""The verbs about what is downloaded and installed."""

from __future__ import annotations

from invoke import Context

from cli.common import SOURCES, Run, on_hosts, verb


@on_hosts("bundle", {"out": "the file to write, *.tar"}, common=SOURCES)
def bundle(run: Run, out=""):
    """Pack everything a deploy needs into one file, for a control machine without network."""
    from cli import artifacts

    artifacts.bundle(run, out)


@verb("lock", {"product": "kafka or zookeeper", "version": "the version to lock, e.g. 3.8.1"})
def lock(context: Context, product="kafka", version=""):
    """Add a version: resolve its jars and write their digests."""
    from cli import artifacts

    artifacts.lock(product, version)


@on_hosts("fetch", common=SOURCES)
def fetch(run: Run):
    """Download and verify what an inventory installs, without deploying."""
    from cli import artifacts

    artifacts.fetch(run)
