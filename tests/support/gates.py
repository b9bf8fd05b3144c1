"""The brokers of a cluster in front of the gates: hosts that answer as a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.connect import requests
from tests.support.fake_hosts import FakeHosts

BROKERS = ("kafka1", "kafka2", "kafka3")


class Brokers:
    """Three brokers with one topic of three copies. down: those that do not answer; seen: what each one believes;
    units: what systemd says of each; servers: the mode of each ZooKeeper server; copied: bytes of the copy behind."""

    def __init__(self, names: tuple[str, ...] = BROKERS) -> None:
        self.names = names
        self.ids = dict(zip(names, range(1, 9), strict=False))
        self.down: set[str] = set()
        self.controller: int | None = 1
        self.partition = {
            "topic": "t",
            "partition": 0,
            "leader": 1,
            "replicas": [1, 2, 3],
            "isr": [1, 2, 3],
            "min_isr": 2,
        }
        self.seen: dict[str, dict[str, Any]] = {}
        self.units: dict[str, dict[str, Any]] = {}
        self.servers = {"zoo1": "standalone"}
        self.elsewhere = False  # the ensemble, where nobody can ask it
        self.copied, self.growing = 0, 0
        self.asked = 0
        self.elected: Any = {"returned": 7, "refused": {}}  # what an election of preferred leaders comes to
        self.handed, self.stubborn = 0, ""  # how often the controller was to hand over, and why it does not
        self.then: dict[int, Callable[[], None]] = {}  # after so many questions, this happens
        self.call = FakeHosts(
            {
                requests.look_at_unit: self._unit,
                nodes.zookeeper_ensemble: self._ensemble,
                remote.copies_behind: self._copies,
                nodes.hand_over: self._hand_over,
                remote.restore_leaders: lambda host, args: self._elect(),
                remote.answering: self._answering,
                remote.cluster_status: self._status,
            }
        )

    def _elect(self) -> Any:
        if isinstance(self.elected, Exception):
            raise self.elected
        return self.elected

    def _at(self, host: str, address: str) -> str:
        name = address.split(":")[0]
        return host if name == "127.0.0.1" else name

    def _unit(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert args == {"unit": "kafka", "log_file": "/var/log/kafka/server.log"}
        return self.units[host]

    def _ensemble(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        modes = {name: self.servers[name] for name in args["servers"]}
        return {n: {"serving": bool(mode), "mode": mode, "why": "Connection refused"} for n, mode in modes.items()}

    def _copies(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert args == {"bootstrap": "127.0.0.1:9092", "partitions": {"t": [0]}}
        self.copied += self.growing
        return {"copies": 1, "copied": self.copied, "whole": 2 << 30, "work": self.copied}

    def _hand_over(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert host == "kafka1" and args == {
            "broker": 1,
            "bootstrap": "127.0.0.1:9092",
            "zookeeper": "zoo1:2181",
            "protocol": "PLAINTEXT",
            "patience": 90.0,
        }
        self.handed += 1
        return {"moved": not self.stubborn, "controller": 2, "why": self.stubborn}

    def _answering(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        refused = {address: self._at(host, address) in self.down for address in args["addresses"]}
        return {address: "Connection refused" if down else "" for address, down in refused.items()}

    def _status(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        quorum = 2 * sum(map(bool, self.servers.values())) > len(self.servers)
        assert args.get("min_isr") == (None if quorum or self.elsewhere else 2), "settings are asked where they are"
        self.asked += 1
        self.then.pop(self.asked, lambda: None)()
        at = self._at(host, args["bootstrap"])
        if at in self.down:
            return {"serving": False, "why": "Connection refused"}
        registered: dict[str, Any] = {str(number): {} for number in self.ids.values()}
        view = {"brokers": registered, "controller": self.controller, "partitions": [self.partition]}
        return {"serving": True, **view, **self.seen.get(at, {})}
