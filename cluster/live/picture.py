"""The cluster in numbers, made of the samples of all brokers' hosts. Pure: the caller says what time it is.

Every host has its own clock, so a rate is always made of two samples of the same host. What depends on several hosts
(the lag of a group: its coordinator knows what is committed, leaders know the ends) is put together here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from cluster.groups import position

if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition

SILENT_SECONDS = 5.0  # without a sample that was asked for, until a host counts as silent
WINDOW_SECONDS = 15.0  # over which a group's reading is measured: consumers commit every five seconds by default
KEPT_SECONDS = 60.0  # that a topic without new records stays in the picture
CONNECTING = "connecting"
SILENT = "its host does not answer"


class Node:
    """A broker's host, as far as it has been heard. why: why its broker does not serve, "" when it does; since: when
    that began; asked: when the sample that has not come yet was asked for."""

    def __init__(self, broker: int, now: float) -> None:
        self.broker, self.why, self.since = broker, CONNECTING, now
        self.asked: Optional[float] = None
        self.sample: Mapping[str, Any] = {}
        self.cpu: Optional[float] = None  # percent of one CPU
        self.clear()

    def clear(self) -> None:
        """What its broker has said does not count any more."""
        self.cluster: Optional[Mapping[str, Any]] = None
        self.growth: Optional[Mapping[str, Any]] = None
        self.groups: Mapping[str, Mapping[str, Any]] = {}
        self.unmeasured = False  # groups have come, and their lag was not measured yet
        self.lags: dict[str, tuple[Optional[int], int]] = {}

    def turn(self, why: str, now: float) -> None:
        """It serves, or does not, for this reason."""
        if self.why != why:
            self.why, self.since = why, now
        if why:
            self.clear()

    def rate(self, number: float) -> Optional[float]:
        """Of what has grown by this number; None before its second sample."""
        return round(number / self.growth["seconds"], 1) if self.growth else None


class Picture:
    """What is known of a cluster while it is watched. now: seconds, by this machine's clock that never goes back."""

    def __init__(
        self,
        brokers: Mapping[str, int],
        now: float,
        *,
        expected: Sequence[int],
        names: Mapping[int, str],
        own: bool,
    ) -> None:
        """brokers {host: broker id} of the hosts that are watched; expected: ids of all of the inventory's brokers;
        names {id: host} of brokers and controllers alike; own: whether the cluster keeps its metadata itself."""
        self._expected, self._names, self._own = sorted(expected), names, own
        self._nodes = {name: Node(broker, now) for name, broker in brokers.items()}
        self._places: dict[Key, tuple[int, int]] = {}  # (first offset, end)
        self._reading: dict[str, deque[tuple[float, int]]] = {}  # group: (when, sum of committed offsets)
        self._grew: dict[str, float] = {}  # topic: when it was last seen to grow
        self._quorum: Optional[Mapping[str, Any]] = None  # as it was last heard of

    def ask(self, host: str, now: float) -> None:
        """A sample has been asked for."""
        self._nodes[host].asked = now

    def hear(self, host: str, sample: Mapping[str, Any], now: float) -> None:
        """A sample has come, as `cluster.live.sample` emits it."""
        node = self._nodes[host]
        node.turn(sample["why"], now)
        node.cpu = _percent(node.sample, sample)
        node.sample, node.asked = sample, None
        node.cluster = sample.get("cluster") or node.cluster
        self._quorum = sample.get("quorum") or self._quorum
        if "growth" in sample:
            node.growth = sample["growth"]
            for topic, places in sample["places"].items():
                self._places.update({(topic, number): (first, end) for number, first, end in places})
            for topic in node.growth["topics"] if node.growth else ():
                self._grew[topic] = now
        if "groups" in sample:
            node.groups, node.unmeasured = sample["groups"], True
            for name, group in node.groups.items():
                self._follow(name, group, now)

    def lose(self, host: str, why: str, now: float) -> None:
        """There is no way to a host any more."""
        node = self._nodes[host]
        node.turn(why, now)
        node.sample, node.cpu, node.asked = {}, None, None

    def asker(self) -> Optional[str]:
        """The host that is to ask for the quorum, where the cluster has one: the first one whose broker serves."""
        if not self._own:
            return None
        return next((name for name, node in self._nodes.items() if not node.why), None)

    def owes(self, host: str) -> bool:
        """Whether a sample that a host was asked for has not come."""
        return self._nodes[host].asked is not None

    def missing(self) -> bool:
        """The same of any host."""
        return any(map(self.owes, self._nodes))

    def view(self, now: float) -> dict[str, Any]:
        """The document of `status --watch --json`, which docs/operations.md describes, but for its time."""
        for node in self._nodes.values():
            if node.asked is not None and now - node.asked > SILENT_SECONDS:
                node.turn(SILENT, node.asked)
        self._grew = {topic: at for topic, at in self._grew.items() if now - at <= KEPT_SECONDS}
        for node in self._nodes.values():
            if node.unmeasured:
                node.lags = {name: self._lag(group) for name, group in node.groups.items()}
                node.unmeasured = False
        groups = {name: self._group(name, node) for node in self._nodes.values() for name in node.groups}
        return {
            "cluster": self._cluster(),
            "brokers": {name: self._broker(node, now) for name, node in self._nodes.items()},
            "topics": {topic: self._topic(topic) for topic in sorted(self._grew)},
            "groups": dict(sorted(groups.items())),
        }

    def _follow(self, name: str, group: Mapping[str, Any], now: float) -> None:
        """Remember how far a group has read."""
        total = sum(sum(committed.values()) for committed in group["committed"].values())
        seen = self._reading.setdefault(name, deque())
        seen.append((now, total))
        while len(seen) > 2 and now - seen[1][0] >= WINDOW_SECONDS:
            seen.popleft()

    def _lag(self, group: Mapping[str, Any]) -> tuple[Optional[int], int]:
        """(the lag, None where nothing is known of it; partitions of which it is not known), by the ends that came with
        what the group has committed: those of the next round are larger."""
        lags: list[Optional[int]] = []
        for topic, committed in group["committed"].items():
            for number, offset in committed.items():
                first, end = self._places.get((topic, int(number)), (None, None))
                if end is not None and topic in self._grew:
                    end = max(end, offset)  # the coordinator was asked a moment after the leader
                lags.append(position.lag(offset, first, end))
        known = [lag for lag in lags if lag is not None]
        return sum(known) if known else None, len(lags) - len(known)

    def _broker(self, node: Node, now: float) -> dict[str, Any]:
        process = node.sample.get("process") or {}
        grown = list(node.growth["topics"].values()) if node.growth else []
        return {
            "id": node.broker,
            "serving": not node.why,
            "why": node.why or None,
            "since_seconds": round(now - node.since, 1),
            "records_per_second": node.rate(sum(records for records, _ in grown)),
            "bytes_per_second": node.rate(sum(size or 0 for _, size in grown)),
            "leads": node.cluster["leads"] if node.cluster else None,
            "cpu_percent": node.cpu,
            "heap_used_bytes": process.get("heap_used"),
            "heap_max_bytes": process.get("heap_max"),
            "uptime_seconds": process.get("uptime"),
            "disks": [
                {"path": path, "used_bytes": disk["total"] - disk["free"], "total_bytes": disk["total"]}
                for path, disk in node.sample.get("disks", {}).items()
            ],
        }

    def _topic(self, topic: str) -> dict[str, Any]:
        nodes = [node for node in self._nodes.values() if node.growth and topic in node.growth["topics"]]
        grown = [(node, *node.growth["topics"][topic]) for node in nodes if node.growth]
        sizes = [node.rate(size) or 0.0 for node, _, size in grown if size is not None]
        return {
            "records_per_second": round(sum(node.rate(records) or 0.0 for node, records, _ in grown), 1),
            "bytes_per_second": round(sum(sizes), 1) if sizes or not grown else None,
        }

    def _group(self, name: str, node: Node) -> dict[str, Any]:
        group, (lag, unknown) = node.groups[name], node.lags[name]
        (began, first), (ended, last) = self._reading[name][0], self._reading[name][-1]
        # Less than before: it was reset, or a topic that it read is gone.
        speed = round((last - first) / (ended - began), 1) if ended > began and last >= first else None
        return {
            "state": group["state"] or None,
            "lag": lag,
            "partitions_without_lag": unknown,
            "read_per_second": speed,
            "error": group["error"] or None,
        }

    def _cluster(self) -> Optional[dict[str, Any]]:
        """As the broker sees it that knows the most others; None while none has said anything."""
        views = [node.cluster for node in self._nodes.values() if node.cluster]
        if not views:
            return None
        view = max(views, key=lambda one: (len(one["brokers"]), one["controller"] is not None))
        quorum = self._quorum
        # Without ZooKeeper, the controller that a broker names to clients is any broker (KIP-590).
        number = view["controller"] if not self._own else quorum["leader"] if quorum and quorum["serving"] else None
        return {
            "controller": number,
            "controller_host": None if number is None else self._names.get(number, str(number)),
            "quorum": self._shown(quorum) if quorum else None,
            "brokers_registered": view["brokers"],
            "brokers_expected": self._expected,
            "topics": view["topics"],
            "partitions": view["partition_count"],
            "under_replicated": view["under_replicated"],
            "offline": view["offline"],
        }

    def _shown(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The quorum, as its leader says by way of a broker."""
        if not found["serving"]:
            return {"leader": None, "why": found["why"], "epoch": None, "voters": None}
        hosts = [self._names.get(one["id"], str(one["id"])) for one in found["voters"]]
        leader = self._names.get(found["leader"], str(found["leader"]))
        return {"leader": leader, "why": None, "epoch": found["epoch"], "voters": hosts}


def _percent(before: Mapping[str, Any], after: Mapping[str, Any]) -> Optional[float]:
    """The share of one CPU that a process used between two samples; None of the first one, and of another process."""
    first, last = before.get("process"), after.get("process")
    if not first or not last or last["cpu"] < first["cpu"] or last["uptime"] < first["uptime"]:
        return None
    seconds = after["at"] - before["at"]
    return round(100 * (last["cpu"] - first["cpu"]) / seconds, 1) if seconds > 0 else None
