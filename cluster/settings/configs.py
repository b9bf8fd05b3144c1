"""Settings of topics and brokers over the protocol: described with where each comes from, altered one by one.

Altering is incremental (KIP-339): settings that are not named stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from kafka.protocol.admin import DescribeConfigsRequest, IncrementalAlterConfigsRequest

from cluster.protocol import wire
from cluster.settings.sources import ANYWHERE, DEFAULT, PER_BROKER, READ_ONLY, SOURCES, by_itself, same

# The protocol's numbers of resource kinds (ConfigResource.Type).
TOPIC, BROKER = 2, 4
CLUSTER_WIDE = ""  # the name of the resource that stands for all brokers
SET, DELETE = 0, 1  # AlterConfigOp.OpType


@dataclass(frozen=True)
class Setting:
    """A setting in force. value: None when the broker hides it (`sensitive`) or there is none. synonyms: all values it
    has, the one in force first: (name, value, source) each; a broker's own setting may have another name than a topic's
    (log.retention.ms for retention.ms). Sources as in SOURCES."""

    name: str
    value: Optional[str]
    source: str
    read_only: bool = False
    sensitive: bool = False
    synonyms: tuple[tuple[str, Optional[str], str], ...] = ()

    @property
    def update_mode(self) -> str:
        """Of a broker's setting: READ_ONLY (needs a restart), PER_BROKER, or ANYWHERE (on one or for all)."""
        if self.read_only:
            return READ_ONLY
        return PER_BROKER if by_itself(self.name) else ANYWHERE

    @property
    def settled(self) -> bool:
        """Of a broker's setting: whether the value in force is the first of its synonyms. A broker that takes a change
        has it there a moment before it works with it, and for good when it fails to."""
        # Without any value of its own it has that of another setting, or none: nothing to compare with.
        return self.sensitive or not self.synonyms or same(self.value, self.synonyms[0][1])

    def at(self, source: str) -> Optional[str]:
        """The value, as written, that this setting has by its own name at one of the SOURCES; None when there is none
        or it is hidden."""
        return next((value for name, value, where in self.synonyms if (name, where) == (self.name, source)), None)

    def default_without(self, source: str) -> Optional[str]:
        """The default, where that is what would be left without the value at this source; else None."""
        left = [(value, where) for _, value, where in self.synonyms if where != source]
        return left[0][0] if left and left[0][1] == DEFAULT else None

    def has(self, source: str) -> bool:
        """Whether it is set by its own name at one of the SOURCES."""
        return any((name, where) == (self.name, source) for name, _, where in self.synonyms)


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
