"""Topics as they are, in the shape of `topics:` of an inventory: the way back from `wanted`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster.model import Topic
from cluster.moving import marks
from cluster.settings.sources import same
from cluster.settings.values import written
from cluster.topics.plan import Cluster
from cluster.topics.wanted import NAMED


def entry(topic: Topic, cluster: Cluster) -> dict[str, Any]:
    """A topic's entry, with what differs from what a new topic gets in this cluster; {} where nothing does. Where
    somebody has given its partitions different numbers of copies, the largest one is named."""
    found: dict[str, Any] = {}
    if len(topic.partitions) != cluster.partitions:
        found["partitions"] = len(topic.partitions)
    factor = max(topic.factors, default=0)
    if factor != cluster.factor:
        found["replication_factor"] = factor
    own = {
        key: written(key, setting.value)
        for key, setting in sorted(topic.settings.items())
        if setting.own
        and setting.value is not None
        and key not in marks.LISTS
        and not same(setting.value, cluster.settings.get(key, setting.default))
    }
    found.update({name: own.pop(key) for name, key in NAMED.items() if key in own})
    if own:
        found["config"] = {key: _plain(value) for key, value in own.items()}
    return found


def entries(topics: Mapping[str, Topic], cluster: Cluster) -> dict[str, dict[str, Any]]:
    """{topic: its entry}, of all these topics."""
    return {name: entry(topic, cluster) for name, topic in topics.items()}


def _plain(value: str) -> Any:
    """Text as YAML writes it without quotes, where that means the same."""
    if re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
        return int(value)
    return value == "true" if value in ("true", "false") else value
