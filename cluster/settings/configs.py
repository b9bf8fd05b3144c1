"""Settings of topics and brokers over the protocol: described with where each comes from, altered one by one.

Altering is incremental (KIP-339): settings that are not named stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from kafka.protocol.admin import DescribeConfigsRequest, IncrementalAlterConfigsRequest

from cluster.model import Setting
from cluster.protocol import wire
from cluster.settings.sources import SOURCES

# The protocol's numbers of resource kinds (ConfigResource.Type).
TOPIC, BROKER, LOGGERS = 2, 4, 8
CLUSTER_WIDE = ""  # the name of the resource that stands for all brokers
SET, DELETE = 0, 1  # AlterConfigOp.OpType


def describe(
    connection: wire.Connection, kind: int, names: Iterable[str], keys: Optional[Iterable[str]] = None
) -> dict[str, dict[str, Setting]]:
    """The settings of resources, {resource: {setting: Setting}}; keys: only these, None for all. One request.

    A broker answers for itself only. A topic that does not exist is left out; other errors are raised as KafkaError.
    """
    resource = DescribeConfigsRequest.DescribeConfigsResource
    wanted = None if keys is None else list(keys)
    resources = [resource(resource_type=kind, resource_name=name, configuration_keys=wanted) for name in names]
    if not resources:
        return {}
    answer = connection.call(DescribeConfigsRequest(resources=resources, include_synonyms=True))
    found = {}
    for result in answer.results:
        if gone(result.error_code):
            continue
        wire.raise_for(result.error_code, result.error_message)
        found[result.resource_name] = {config.name: _setting(config) for config in result.configs or ()}
    return found


def _setting(config: Any) -> Setting:
    return Setting(
        name=config.name,
        value=config.value,
        source=source(config.config_source),
        read_only=bool(config.read_only),
        sensitive=bool(config.is_sensitive),
        synonyms=tuple((one.name, one.value, source(one.source)) for one in config.synonyms or ()),
    )


def source(number: int) -> str:
    """A source in words; a newer broker may know more of them."""
    return SOURCES.get(number, f"source {number}")


def alter(
    connection: wire.Connection,
    kind: int,
    settings: Mapping[str, Mapping[str, Optional[str]]],
    validate_only: bool = False,
) -> None:
    """Set, or with None remove, settings of resources: {resource: {setting: value}}. Raises KafkaError with the
    broker's reason. A topic that has gone meanwhile is no error. validate_only: the broker checks and changes nothing.
    """
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    resources = [
        resource(
            resource_type=kind,
            resource_name=name,
            configs=[
                resource.AlterableConfig(name=key, config_operation=DELETE if value is None else SET, value=value)
                for key, value in values.items()
            ],
        )
        for name, values in settings.items()
    ]
    answer = connection.call(IncrementalAlterConfigsRequest(resources=resources, validate_only=validate_only))
    for found in answer.responses:
        if not gone(found.error_code):
            wire.raise_for(found.error_code, found.error_message)


def gone(code: int) -> bool:
    """Whether an error code says that there is no such topic (any more)."""
    return wire.name_of(code) == "UnknownTopicOrPartitionError"
