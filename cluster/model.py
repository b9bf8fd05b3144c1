"""What a cluster consists of, in one shape each: between host and control side, and on both of them.

`to_wire` and `from_wire` are the JSON of it. Every run imports this on the host, where `frozen` stands in for
`dataclasses`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from cluster.endpoint import Endpoint
from cluster.settings.sources import ANYWHERE, DEFAULT, OWN, PER_BROKER, READ_ONLY, by_itself, same
from provisioner.resources.frozen import asdict, dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition


@dataclass(frozen=True)
class Broker:
    """A registered broker, and where it says that it listens."""

    id: int
    endpoint: Endpoint
    rack: Optional[str] = None

    def to_wire(self) -> dict[str, Any]:
        """{host, port, rack}."""
        return {"host": self.endpoint.host, "port": self.endpoint.port, "rack": self.rack}


@dataclass(frozen=True)
class Partition:
    """A partition, by its topic and number.

    replicas: the brokers that have a copy, the preferred leader first; of one that is being moved (`moving`), where it
    goes. leader: -1 when it has none. isr: the brokers whose copies are in sync; min_isr: how many of them a write with
    acks=all needs.
    sizes: {broker: bytes of its copy}, of copies that were measured; size: bytes of the largest. earliest, latest: the
    first offset and the end; None where they were not asked for, and where no leader answers.
    """

    topic: str
    partition: int
    replicas: tuple[int, ...]
    size: int = 0
    leader: int = -1
    isr: tuple[int, ...] = ()
    min_isr: int = 1
    moving: bool = False
    earliest: Optional[int] = None
    latest: Optional[int] = None
    sizes: Mapping[int, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """(topic, number)."""
        return self.topic, self.partition

    @property
    def name(self) -> str:
        """As people know it: "orders-0"."""
        return f"{self.topic}-{self.partition}"

    @property
    def behind(self) -> tuple[int, ...]:
        """The brokers whose copies are not in sync."""
        return tuple(broker for broker in self.replicas if broker not in self.isr)

    @property
    def electable(self) -> bool:
        """Whether its leader is not the preferred one, which could lead."""
        return bool(self.replicas) and self.leader != self.replicas[0] in self.isr

    @property
    def under_replicated(self) -> bool:
        """Whether a copy is behind or gone."""
        return len(self.isr) < len(self.replicas)

    @property
    def protected(self) -> bool:
        """Whether it has more copies than an acks=all write needs: only then can one of them be spared."""
        return len(self.replicas) > self.min_isr

    def __str__(self) -> str:
        isr = ",".join(map(str, sorted(self.isr)))
        return f"{self.name} (isr {isr or 'none'} of {len(self.replicas)}, needs {self.min_isr})"

    def but(self, **changes: Any) -> Partition:
        """The same with other values."""
        return replace(self, **changes)

    def in_sync(self, brokers: Iterable[int]) -> Partition:
        """The same with these brokers' copies in sync."""
        return replace(self, isr=tuple(brokers))

    def measured(self, sizes: Mapping[int, int]) -> Partition:
        """The same with the bytes of its copies. sizes: {broker: bytes}."""
        return replace(self, sizes=sizes, size=max(sizes.values(), default=0))

    def to_wire(self, *also: str) -> dict[str, Any]:
        """{topic, partition, leader, replicas, isr}, and the other fields that are asked for by name."""
        found: dict[str, Any] = {
            "topic": self.topic,
            "partition": self.partition,
            "leader": self.leader,
            "replicas": list(self.replicas),
            "isr": list(self.isr),
            **{name: getattr(self, name) for name in also},
        }
        if "sizes" in found:
            found["sizes"] = {str(broker): size for broker, size in sorted(self.sizes.items())}
        return found

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Partition:
        """The way back; a field that was not asked for has its default."""
        fields = {**data, "replicas": tuple(data["replicas"]), "isr": tuple(data["isr"])}
        found = cls(**fields)
        return found.measured({int(broker): size for broker, size in found.sizes.items()}) if found.sizes else found


@dataclass(frozen=True)
class Topic:
    """A topic and its partitions, by number. internal: Kafka's own. error: the protocol's name for why a broker does
    not describe it, "" where it does. settings: by name, where they were asked for."""

    name: str
    partitions: tuple[Partition, ...]
    internal: bool = False
    error: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether the broker that was asked has heard of it."""
        return self.error != "UnknownTopicOrPartitionError"

    @property
    def factors(self) -> tuple[int, ...]:
        """The numbers of copies that its partitions have: a single one, unless somebody has changed some by hand."""
        return tuple(sorted({len(partition.replicas) for partition in self.partitions}))

    @property
    def moving(self) -> int:
        """How many of its partitions are being moved."""
        return sum(partition.moving for partition in self.partitions)

    @property
    def size(self) -> int:
        """Bytes of the largest copy of each partition together."""
        return sum(partition.size for partition in self.partitions)

    def to_wire(self, *also: str) -> dict[str, Any]:
        """{internal, partitions, settings}, the partitions with the fields that are asked for by name."""
        return {
            "internal": self.internal,
            "partitions": [one.to_wire(*also) for one in self.partitions],
            "settings": {key: one.to_wire() for key, one in sorted(self.settings.items())},
        }

    @classmethod
    def from_wire(cls, name: str, data: Mapping[str, Any]) -> Topic:
        """The way back."""
        settings = {key: Setting.from_wire(one) for key, one in data["settings"].items()}
        return cls(name, tuple(map(Partition.from_wire, data["partitions"])), data["internal"], settings=settings)


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

    @property
    def own(self) -> bool:
        """Of a topic's setting: whether it is set on the topic itself."""
        return self.source == OWN

    @property
    def default(self) -> Optional[str]:
        """Of a topic's setting: what it would be if it were not set on the topic itself."""
        return self._below[0]

    @property
    def default_source(self) -> str:
        """Where `default` comes from."""
        return self._below[1]

    @property
    def _below(self) -> tuple[Optional[str], str]:
        # The value in force comes first, below it what would be in force without it.
        below = self.synonyms[1:] if self.own else self.synonyms[:1]
        return (below[0][1], below[0][2]) if below else (None if self.own else self.value, self.source)

    def without(self, source: str) -> tuple[Optional[str], str]:
        """(value, source) that would be in force without what is set at this source."""
        left = [(value, where) for _, value, where in self.synonyms if where != source]
        return left[0] if left else (None, DEFAULT)

    def to_wire(self) -> dict[str, Any]:
        """Every field by its name."""
        return {**asdict(self), "synonyms": [list(one) for one in self.synonyms]}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Setting:
        """The way back."""
        return cls(**{**data, "synonyms": tuple((name, value, source) for name, value, source in data["synonyms"])})
