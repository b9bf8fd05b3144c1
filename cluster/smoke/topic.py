"""The smoke check's topic and groups: created for one run, known to every broker, deleted afterwards.

Administration goes to the controller, over whichever listener of it was reached: brokers with ZooKeeper create and
delete topics nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kafka import errors as kafka_errors
from kafka.protocol.admin import DeleteGroupsRequest, ListGroupsRequest
from kafka.protocol.metadata import FindCoordinatorRequest

from cluster import temporary
from cluster.model import Topic
from cluster.protocol import wire
from cluster.settings import configs
from cluster.smoke.leg import Leg, LegFailure
from cluster.topics import offsets, requests

POLL = 0.005  # seconds; brokers know a topic some milliseconds after the controller has created it
LOGIN = 2.0  # seconds; shorter than any time after which a broker asks for the password again
GONE = (kafka_errors.UnknownTopicOrPartitionError.errno, kafka_errors.GroupIdNotFoundError.errno)
COORDINATOR_COMING = (
    kafka_errors.CoordinatorNotAvailableError.errno,
    kafka_errors.CoordinatorLoadInProgressError.errno,
    kafka_errors.NotCoordinatorError.errno,
)


class Admin:
    """One connection to each reached broker. A context manager; timeout: seconds for each answer and each wait."""

    def __init__(self, legs: Iterable[Leg], timeout: float) -> None:
        self._timeout = timeout
        self._leg: dict[int, Leg] = {}
        self._open: dict[int, tuple[float, wire.Connection]] = {}
        for leg in legs:
            self._leg.setdefault(leg.broker, leg)

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        for _since, connection in self._open.values():
            connection.close()

    def leg(self, broker: int) -> Leg:
        """The listener over which a broker is administered."""
        return self._leg[broker]

    def at(self, broker: int) -> wire.Connection:
        """The connection to a broker, opened when first needed, and anew where its login is some seconds old: a broker
        closes one on which the password is not shown again in time (connections.max.reauth.ms)."""
        now, leg = time.monotonic(), self._leg[broker]
        opened, connection = self._open.get(broker, (now, None))
        if connection is not None and leg.login and now - opened > LOGIN:
            connection.close()
            connection = None
        if connection is None:
            connection = wire.Connection(leg.endpoint, self._timeout)
            self._open[broker] = (now, connection)
        return connection

    def any(self) -> wire.Connection:
        """A connection to some reached broker."""
        return self.at(next(iter(self._leg)))

    def controller(self) -> wire.Connection:
        """The connection to the controller. Raises LegFailure when it is not among the reached brokers."""
        found = self.any().metadata()["controller"]
        if found not in self._leg:
            what = (
                "the cluster has no controller" if found is None else f"the controller, broker {found}, was not reached"
            )
            raise LegFailure(next(iter(self._leg.values())), "create", what)
        return self.at(found)

    # -- the topic -----------------------------------------------------------------------------------------------

    def create(self, topic: str, placement: Mapping[int, Sequence[int]]) -> None:
        """Create the topic and wait until every reached broker knows its leaders. Raises LegFailure."""
        made = {"name": topic, "placement": placement, "config": temporary.CONFIG}
        refused = requests.create(self.controller(), [made], timeout=int(self._timeout * 1000))
        if refused:
            raise LegFailure(next(iter(self._leg.values())), "create", refused[topic])
        leaders = {partition: brokers[0] for partition, brokers in placement.items()}
        self._wait_each("create", topic, lambda topics: requests.not_led_by(topic, topics, leaders))
        for broker in self._leg:
            if led := [partition for partition, leader in leaders.items() if leader == broker]:
                self._wait_leading(topic, broker, led)

    def delete(self, topic: str) -> None:
        """Delete the topic, if it exists, and wait until no reached broker knows it. Raises LegFailure."""
        self._delete_topics([topic], "delete")
        self._wait_each("delete", topic, lambda topics: requests.still_there(topic, topics))

    def _delete_topics(self, names: Sequence[str], step: str) -> None:
        refused = requests.delete(self.controller(), names, timeout=int(self._timeout * 1000))
        if refused:
            why = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise LegFailure(next(iter(self._leg.values())), step, why)

    def _wait_each(self, step: str, topic: str, wrong: Callable[[Mapping[str, Topic]], str]) -> None:
        """Wait until no reached broker reports a problem with the topic. wrong(topics): the problem in its metadata."""
        deadline = time.monotonic() + self._timeout
        for broker, leg in self._leg.items():
            while reason := wrong(self.at(broker).metadata([topic])["topics"]):
                if time.monotonic() > deadline:
                    raise LegFailure(leg, step, f"after {self._timeout:.0f} s: {reason}")
                time.sleep(POLL)

    def _wait_leading(self, topic: str, broker: int, partitions: Sequence[int]) -> None:
        """Wait until a broker leads these partitions itself: without ZooKeeper it tells clients that it leads some
        milliseconds before it does (BrokerMetadataPublisher: its cache comes before its ReplicaManager)."""
        deadline = time.monotonic() + self._timeout
        while len(offsets.led(self.at(broker), {topic: partitions}, offsets.LATEST)) < len(partitions):
            if time.monotonic() > deadline:
                what = f"after {self._timeout:.0f} s broker {broker} does not lead what it was given"
                raise LegFailure(self._leg[broker], "create", what)
            time.sleep(POLL)

    # -- groups --------------------------------------------------------------------------------------------------

    def group_at(self, broker: int, name: str) -> str:
        """A group name that starts with `name` and whose coordinator is this broker, if one is found soon.

        The coordinator follows from a hash of the name. With it on the leg's own broker, a leg needs, and blames, that
        broker alone. Raises LegFailure when the group has no coordinator at all.
        """
        first = ""
        for number in range(8 * max(len(self._leg), 1)):
            group = f"{name}-{number}"
            first = first or group
            if self.coordinator(group, broker) == broker:
                return group
        return first

    def coordinator(self, group: str, broker: int) -> int:
        """The coordinator of a group according to this broker. Raises LegFailure when it has none."""
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self.at(broker).call(FindCoordinatorRequest(key=group, key_type=0, max_version=3))
            if not answer.error_code:
                return int(answer.node_id)
            # The first group of a cluster makes the offsets topic, which takes a moment.
            if answer.error_code not in COORDINATOR_COMING or time.monotonic() > deadline:
                raise LegFailure(
                    self._leg[broker], "consume", f"no group coordinator: {wire.name_of(answer.error_code)}"
                )
            time.sleep(4 * POLL)

    def join_delay(self) -> int:
        """group.initial.rebalance.delay.ms: how long a broker holds back the first member of a group, milliseconds."""
        broker = next(iter(self._leg))
        name = "group.initial.rebalance.delay.ms"
        found = configs.describe(self.at(broker), configs.BROKER, [str(broker)], [name])[str(broker)]
        return int(found[name].value or 3000) if name in found else 3000

    def delete_groups(self, names: Iterable[str]) -> None:
        """Delete consumer groups at their coordinators; groups that do not exist any more are skipped."""
        for name in names:
            answer = self.any().call(FindCoordinatorRequest(key=name, key_type=0, max_version=3))
            if not answer.error_code and answer.node_id in self._leg:
                results = self.at(answer.node_id).call(DeleteGroupsRequest(groups_names=[name])).results
                for result in results:
                    if result.error_code not in GONE:
                        wire.raise_for(result.error_code)

    # -- leftovers -----------------------------------------------------------------------------------------------

    def sweep(self) -> list[str]:
        """Remove topics and groups that killed runs left behind; the topics' names."""
        now = time.time()
        topics = temporary.leftovers(sorted(self.any().metadata(None)["topics"]), now)
        if topics:
            self._delete_topics(topics, "create")
        for broker in self._leg:
            listed: Any = self.at(broker).call(ListGroupsRequest()).groups or ()
            self.delete_groups(temporary.leftovers([group.group_id for group in listed], now))
        return topics
