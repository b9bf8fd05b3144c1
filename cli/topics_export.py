"""topics.export: the topics that there are, as `topics:` of an inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cli.cluster import opened
from cli.common import Run
from cli.topics import looked
from cluster import remote
from cluster.model import Topic
from cluster.topics.listed import entries
from cluster.topics.plan import Cluster
from provisioner.words import counted


def export(run: Run, topic: str) -> None:
    """Print the topics that --topic means, all without it, but for Kafka's own."""
    with opened(run) as cluster:
        found = looked(cluster, topic, internal=False)
        known = cluster.call(remote.topic_defaults())
        cluster.show.host(cluster.driver.name, "")
        defaults = Cluster({}, known["partitions"], known["factor"], known["settings"])
        topics = {name: Topic.from_wire(name, data) for name, data in found["topics"].items() if not data["internal"]}
        for name, one in topics.items():
            if len(one.factors) > 1:
                numbers = " or ".join(map(str, one.factors))
                cluster.show.warning(f"{name}: its partitions have {numbers} copies; {one.factors[-1]} is written")
        print(text(entries(topics, defaults), defaults))


def text(topics: Mapping[str, Mapping[str, Any]], defaults: Cluster) -> str:
    """The page: a comment that says what the entries leave out, then a line per topic. Pure."""
    copies = "the brokers' number of copies" if defaults.factor is None else counted(defaults.factor, "copy")
    comment = (
        f"# What an entry does not name is the brokers' default: {counted(defaults.partitions, 'partition')}, {copies}."
    )
    if not topics:
        return f"{comment}\ntopics: {{}}"
    return "\n".join([comment, "topics:", *(f"  {_flow(name)}: {_flow(entry)}" for name, entry in topics.items())])


def _flow(value: Any) -> str:
    """A value in a single line of YAML."""
    whole = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return whole.removesuffix("\n").removesuffix("\n...")
