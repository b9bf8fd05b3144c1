"""What hosts answered about their services, put together: one document, and what is wrong. Pure.

`document` is what `invoke status --json` prints; docs/operations.md describes its keys, which stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.resources import Service
from provisioner.resources.service import outdated
from provisioner.run.rolling import shown

_VERSION = re.compile(r"/(?:kafka_[\d.]+|apache-zookeeper)-(\d[^/]*)/")
SHOWN = 10  # topics named in the document
TROUBLES = (
    ("offline", "offline (no leader: neither written nor read)"),
    ("under_min_isr", "under min.insync.replicas (writes with acks=all fail)"),
    ("under_replicated", "under-replicated (a copy is behind or gone)"),
)


@dataclass(frozen=True)
class Answer:
    """What one host said. services: the ones it is to run; states: theirs, as `Service.read`; processes: as
    `agent.process.look`; disks: as `facts.disks`; zookeeper, kafka: what they say themselves, {} when not asked."""

    services: Sequence[Service]
    states: Mapping[str, Any]
    processes: Mapping[str, Any]
    disks: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Sequence[str]] = field(default_factory=dict)  # unit -> its data directories
    zookeeper: Mapping[str, Any] = field(default_factory=dict)
    kafka: Mapping[str, Any] = field(default_factory=dict)
    broker: int | None = None


def document(
    answers: Mapping[str, Answer],
    lost: Mapping[str, tuple[bool, str]],
    brokers: Mapping[str, int],
    servers: Sequence[str],
) -> dict[str, Any]:
    """Everything, as JSON. lost {host: (reachable, why there is no answer)}; brokers {host: id} and servers: all of the
    inventory's, whatever --limit says, since the cluster is only whole with all of them."""
    hosts: dict[str, Any] = {
        name: {"reachable": True, "error": None, "services": services(answer)} for name, answer in answers.items()
    }
    hosts |= {name: {"reachable": there, "error": why, "services": {}} for name, (there, why) in lost.items()}
    found = {
        "hosts": hosts,
        "ensemble": ensemble(hosts, servers),
        "cluster": cluster([answer.kafka for answer in answers.values()], brokers),
    }
    problems, notes = judge(found, complete=set(servers) <= set(hosts))
    return {"healthy": not problems, "problems": problems, "notes": notes, **found}


def services(answer: Answer) -> dict[str, Any]:
    """One host's services by unit."""
    found = {}
    for service in answer.services:
        state = answer.states.get(service.key)
        process = answer.processes.get(service.unit, {})
        said = answer.kafka if service.unit == "kafka" else answer.zookeeper
        dirs = said.get("log_dirs") or {}
        entry: dict[str, Any] = {
            "installed": state is not None,
            "state": state["sub"] if state else "not installed",
            "active": bool(state and state["active"]),
            "enabled": bool(state and state["enabled"]),
            "serving": bool(said.get("serving")),
            "why": said.get("why"),
            "crashes": state["restarts"] if state else 0,
            "uptime_seconds": process.get("uptime"),
            "version": said.get("version") or version(process.get("classpath", "")),
            "restart_pending": outdated(service.inputs, dict(state), {}) if state else [],
            "apply_pending": list(((state or {}).get("live") or {}).get("changes", [])),
            "heap_used_bytes": process.get("heap_used"),
            "heap_max_bytes": process.get("heap_max"),
            "memory_bytes": process.get("rss"),
            "open_files": process.get("open_files"),
            "open_files_max": process.get("open_files_max"),
            "disks": [
                {
                    "path": path,
                    "used_bytes": answer.disks[path]["total"] - answer.disks[path]["free"],
                    "total_bytes": answer.disks[path]["total"],
                    "data_bytes": dirs.get(path, {}).get("size"),
                    "error": dirs.get(path, {}).get("error") or None,
                }
                for path in answer.data.get(service.unit, ())
                if path in answer.disks
            ],
        }
        if service.unit == "kafka":
            own = str(answer.broker)
            entry["broker_id"] = answer.broker
            entry["leaders"] = said["leaders"].get(own, 0) if entry["serving"] else None
            entry["replicas"] = said["replicas"].get(own, 0) if entry["serving"] else None
        else:
            entry["mode"] = said.get("mode")
            entry["synced_followers"] = said.get("synced_followers")
        found[service.unit] = entry
    return found


def version(classpath: str) -> str | None:
    """The version whose directory a process loads from."""
    found = _VERSION.search(classpath)
    return found[1] if found else None


def ensemble(hosts: Mapping[str, Any], servers: Sequence[str]) -> dict[str, Any]:
    """Who leads ZooKeeper, who follows, and who does not serve."""
    modes = {name: hosts[name]["services"].get("zookeeper", {}).get("mode") for name in servers if name in hosts}
    return {
        "servers": list(servers),
        "leader": next((name for name, mode in modes.items() if mode in ("leader", "standalone")), None),
        "followers": [name for name, mode in modes.items() if mode == "follower"],
        "not_serving": [name for name, mode in modes.items() if mode is None],
    }


def cluster(views: Sequence[Mapping[str, Any]], brokers: Mapping[str, int]) -> dict[str, Any] | None:
    """Kafka's cluster as the broker sees it that knows of most others; None when none answers."""
    serving = [view for view in views if view.get("serving")]
    if not serving:
        return None
    view = max(serving, key=lambda one: (len(one["brokers"]), one["controller"] is not None))
    names = {broker: name for name, broker in brokers.items()}
    numbers = {key: view[key] for key, _ in reversed(TROUBLES)}
    return {
        "cluster_id": view["cluster_id"],
        "controller": view["controller"],
        "controller_host": names.get(view["controller"]),
        "brokers_registered": list(view["brokers"]),
        "brokers_expected": sorted(brokers.values()),
        "topics": view["topics"],
        "partitions": view["partition_count"],
        **numbers,
        "at_min_isr": view["at_min_isr"],
        "under_way": next((one["under_way"] for one in serving if one["under_way"] is not None), None),
        "throttled": {who: throttled(serving, who) for who in ("ours", "others")},
        "leaders": {str(broker): view["leaders"].get(str(broker), 0) for broker in view["brokers"]},
    }


def throttled(views: Sequence[Mapping[str, Any]], who: str) -> dict[str, Any]:
    """The throttle of "ours" or of "others": each broker knows its own, and every one that of all topics."""
    topics = sorted({topic for view in views for topic in view["throttled"][who]["topics"]})
    return {
        "brokers": sorted({int(broker) for view in views for broker in view["throttled"][who]["brokers"]}),
        "topics": {"count": len(topics), "first": topics[:SHOWN]},
    }


def judge(found: Mapping[str, Any], complete: bool) -> tuple[list[str], list[str]]:
    """(what is wrong, what is worth knowing), one line each. complete: every server of the ensemble was asked."""
    problems: list[str] = []
    notes: list[str] = []
    for name, host in found["hosts"].items():
        if host["error"]:
            problems.append(f"{name}: {'' if host['reachable'] else 'unreachable: '}{host['error']}")
        for unit, service in host["services"].items():
            problems += [f"{name}: {text}" for text in service_problems(unit, service)]
            notes += [f"{name}: {text}" for text in service_notes(unit, service)]
    leader = found["ensemble"]["leader"]
    servers = [host["services"].get("zookeeper", {}) for host in found["hosts"].values()]
    if complete and leader is None and any(server.get("active") for server in servers):
        problems.append("ZooKeeper has no leader: brokers cannot register, topics cannot change")
    elif leader:
        synced = found["hosts"][leader]["services"]["zookeeper"]["synced_followers"]
        followers = len(found["ensemble"]["followers"])
        if complete and synced is not None and synced < followers:
            problems.append(f"ZooKeeper: {synced} of {followers} followers are in sync with {leader}")
    of_cluster = found["cluster"]
    if of_cluster:
        problems += cluster_problems(of_cluster)
        extra = sorted(set(of_cluster["brokers_registered"]) - set(of_cluster["brokers_expected"]))
        notes += [f"broker {broker} is registered and not in the inventory" for broker in extra]
        at_minimum = of_cluster["at_min_isr"]
        if at_minimum["count"]:
            notes.append(f"{_partitions(at_minimum)} without an in-sync copy to spare")
        notes += throttle_notes(of_cluster)
    return problems, notes


def service_problems(unit: str, service: Mapping[str, Any]) -> list[str]:
    """Why one service is not as it should be."""
    if not service["installed"]:
        return [f"{unit} is not installed: deploy it"]
    if not service["active"]:
        return [f"{unit} does not run ({service['state']}): `invoke logs` shows why, `invoke deploy` starts it"]
    out = [] if service["serving"] else [f"{unit} runs and does not serve: {service['why'] or 'no answer'}"]
    return out + [f"data directory {disk['path']}: {disk['error']}" for disk in service["disks"] if disk["error"]]


def service_notes(unit: str, service: Mapping[str, Any]) -> list[str]:
    """What works and should still be known."""
    out = []
    if service["installed"] and not service["enabled"]:
        out.append(f"{unit} is not enabled: it will not come back after a reboot")
    if service["restart_pending"]:
        out.append(f"{unit} runs with an older {shown(service['restart_pending'])}: the next deploy restarts it")
    elif service["apply_pending"]:
        out.append(f"{unit}: the next deploy applies, without a restart: {shown(service['apply_pending'])}")
    if service["crashes"]:
        times = "once" if service["crashes"] == 1 else f"{service['crashes']} times"
        out.append(f"{unit} died {times} and was started again by systemd")
    return out


def cluster_problems(of_cluster: Mapping[str, Any]) -> list[str]:
    """Why the cluster as a whole is not as it should be."""
    missing = sorted(set(of_cluster["brokers_expected"]) - set(of_cluster["brokers_registered"]))
    out = [f"broker {broker} is not registered in the cluster" for broker in missing]
    if of_cluster["controller"] is None:
        out.append("the cluster has no controller")
    return out + [f"{_partitions(of_cluster[key])} {text}" for key, text in TROUBLES if of_cluster[key]["count"]]


def throttle_notes(of_cluster: Mapping[str, Any]) -> list[str]:
    """Copies that are held back: by a rebalance, which may still be at work, and by somebody else."""
    ours, theirs = of_cluster["throttled"]["ours"], of_cluster["throttled"]["others"]
    out = []
    if _throttle(ours):
        out.append(
            f"copies of a rebalance are throttled ({_throttle(ours)}): if none is at work, the same `invoke rebalance` "
            "again finishes it and takes the throttle off"
        )
    if _throttle(theirs):
        out.append(
            f"somebody else has throttled copies ({_throttle(theirs)}): this stays until they remove it "
            "(`kafka-configs.sh --delete-config`)"
        )
    return out


def _throttle(found: Mapping[str, Any]) -> str:
    """As in: on brokers 1, 2; topics orders, clicks."""
    brokers, topics = found["brokers"], found["topics"]
    more = topics["count"] - len(topics["first"])
    listed = ", ".join(topics["first"]) + (f" and {more} more" if more > 0 else "")
    of_brokers = f"broker{'s' if len(brokers) != 1 else ''} {', '.join(map(str, brokers))}" if brokers else ""
    of_topics = f"topic{'s' if topics['count'] != 1 else ''} {listed}" if topics["count"] else ""
    return "; ".join(filter(None, [of_brokers, of_topics]))


def _partitions(found: Mapping[str, Any]) -> str:
    """As in: 3 partitions (orders-1, orders-2, orders-4)."""
    count, first = found["count"], found["first"][:5]
    more = f" and {count - len(first)} more" if count > len(first) else ""
    return f"{count} partition{'s' if count != 1 else ''} ({', '.join(first)}{more})"
