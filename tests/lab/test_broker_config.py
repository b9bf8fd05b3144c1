"""Brokers' settings on three real brokers: looked at, set at run time by a person, and changed by a deploy without a
restart. The official tool is the judge of what is in force.

One cluster for all of it, in the order of this file; every test leaves it healthy and as its inventory says.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .cluster import BASES, Cluster
from .hosts import LabHost, counts, run_invoke

RETENTION = "log.retention.ms"
WEEK, TWO_DAYS, THREE_DAYS = "604800000", "172800000", "259200000"


pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def brokers(prod3: Cluster) -> Cluster:
    """Three hosts with the inventory prod3, deployed."""
    return prod3


def refused(cluster: Cluster, verb: str, *arguments: str, code: int) -> str:
    output = cluster.invoke(verb, *arguments, expect=code)
    assert "Traceback" not in output
    return output


def document(cluster: Cluster, *arguments: str) -> dict[str, Any]:
    """`broker.config --json`, without what goes on meanwhile."""
    output = cluster.invoke("broker.config", "--json", *arguments)
    found: dict[str, Any] = json.loads(output[output.index("{") :])
    return found


def told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    """(value, source) of a setting on each broker, by our own verb."""
    found = document(cluster, "--name", name)["settings"][name]["brokers"]
    return [(found[str(number)]["value"], found[str(number)]["source"]) for number in (1, 2, 3)]


def in_force(host: LabHost, name: str) -> tuple[str, list[str]]:
    """(value, its sources, the first one in force) on a host's broker, as kafka-configs.sh says."""
    number = host.base[-1]
    command = "kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --entity-type brokers --describe --all"
    output = host.sh(f"{command} --entity-name {number} | grep '^ *{re.escape(name)}='")
    found = re.search(rf"{re.escape(name)}=(\S*) .*synonyms=\{{(.*)\}}", output)
    assert found, output
    return found[1], re.findall(rf"([A-Z_]+):{re.escape(name)}=", found[2])


def changed(cluster: Cluster, output: str) -> list[int]:
    return [counts(output, host.name)["touched"] for host in cluster.hosts]


def applied(cluster: Cluster, output: str, text: str) -> list[str]:
    """The hosts of which an output says that their broker takes (or took) this as it runs."""
    end = f": apply service:kafka ({text} at run time, no restart)"
    lines = [line[4 : -len(end)].split(", ") for line in output.splitlines() if line.endswith(end)]
    return [host.base for host in cluster.hosts if any(host.name in names for names in lines)]


# -- by a person -------------------------------------------------------------------------------------------------------


def test_a_setting_of_all_brokers_is_shown_first_then_in_force_and_can_be_taken_back(brokers: Cluster):
    first, second, third = brokers.hosts
    planned = [
        f"  ~ {host.name}: {RETENTION} {WEEK} (7 d, static file) -> {TWO_DAYS} (2 d, dynamic cluster)"
        for host in brokers.hosts
    ]
    output = brokers.invoke("broker.set", "--set", f"{RETENTION}=2d", "--check")
    assert set(planned) <= set(output.splitlines()) and "nothing was changed" in output
    assert told(brokers, RETENTION) == [(WEEK, "static file")] * 3

    output = brokers.invoke("broker.set", "--set", f"{RETENTION}=2d")
    assert set(planned) <= set(output.splitlines()) and "In force on 3 of 3 brokers" in output
    names = ", ".join(host.name for host in brokers.hosts)
    assert f"warning: server.properties of {names} says {RETENTION}={WEEK} (7 d)" in output
    assert in_force(third, RETENTION) == (TWO_DAYS, ["DYNAMIC_DEFAULT_BROKER_CONFIG", "STATIC_BROKER_CONFIG"])
    assert "No changes" in brokers.invoke("broker.set", "--set", f"{RETENTION}={TWO_DAYS}")

    brokers.invoke("broker.set", "--set", f"{RETENTION}=3d", "--broker", second.name)
    page = brokers.invoke("broker.config", "--diff", "--name", "log.ret*")
    assert f"Brokers disagree: {RETENTION} is {TWO_DAYS} (2 d) on 1, 3, {THREE_DAYS} (3 d) on 2" in page
    for host, value, source in [(first, f"{TWO_DAYS} (2 d)", "cluster"), (second, f"{THREE_DAYS} (3 d)", "broker")]:
        beats = f"{value} in force: set at run time (dynamic {source})"
        assert f"{host.name}: {RETENTION} is {WEEK} (7 d) in the file, {beats}" in page

    output = brokers.invoke("broker.unset", "--unset", RETENTION)
    assert f"{second.name}: {RETENTION} {THREE_DAYS} (3 d, dynamic broker)" in output and "own value stays" in output
    assert f"{second.name} has its own {RETENTION}" in brokers.invoke("broker.unset", "--unset", RETENTION)
    brokers.invoke("broker.unset", "--unset", RETENTION, "--broker", "2")
    assert told(brokers, RETENTION) == [(WEEK, "static file")] * 3
    assert "What the files on disk say is in force" in brokers.invoke("broker.config", "--diff")


REFUSED = [
    (["broker.set", "--set", "log.retenton.ms=1d"], 1, "did you mean log.retention.ms?"),
    (["broker.set", "--set", "log.retention.ms=2x"], 1, "unknown unit"),
    (["broker.set", "--set", "queued.max.requests=501"], 1, "kafka_config: {queued.max.requests: ...}"),
    (["broker.set", "--set", "listeners=A://:1"], 1, "name the broker: --broker 1"),
    (["broker.set", "--set", "num.io.threads=many"], 1, "num.io.threads takes a whole number, 1 or more"),
    (["broker.set", "--set", "num.io.threads=200", "--broker", "2"], 2, "not be greater than double"),
    (["broker.set", "--set", "num.io.threads=9", "--broker", "7"], 1, "--broker 7: no such broker"),
    (["broker.set", "--set", "num.io.threads=9", "--broker", "kafka9"], 1, "--broker kafka9: no such broker"),
    (["broker.set"], 1, "nothing to change"),
    (["broker.unset", "--unset", "log.*"], 1, "there is no setting log.*"),
    (["broker.config", "--name", "num.io.thread"], 1, "did you mean num.io.threads?"),
]


def test_what_is_refused_is_said_and_changes_nothing(brokers: Cluster):
    before = document(brokers)
    for arguments, code, said in REFUSED:
        assert said in refused(brokers, *arguments, code=code)
    assert document(brokers) == before


def test_a_broker_that_is_down_is_named_and_sees_a_change_when_it_starts(brokers: Cluster):
    host = brokers.hosts[2]
    host.sh("systemctl stop kafka")
    try:
        page = refused(brokers, "broker.config", code=2)
        assert f"{host.name} (broker 3) does not answer" in page and "2 brokers" in page
        assert f"no answer from {host.name}" in refused(
            brokers, "broker.set", "--set", "log.cleaner.threads=2", "--broker", "3", code=2
        )
        assert "In force on 2 of 3 brokers" in brokers.invoke("broker.set", "--set", "log.cleaner.threads=2")
    finally:
        brokers.invoke("deploy", "--no-smoke")
    assert told(brokers, "log.cleaner.threads") == [("2", "dynamic cluster")] * 3
    brokers.invoke("broker.unset", "--unset", "log.cleaner.threads")


# -- by a deploy -------------------------------------------------------------------------------------------------------


def test_a_change_that_brokers_take_as_they_run_needs_no_restart_and_happens_once(brokers: Cluster):
    pids = brokers.pids("kafka")
    brokers.set({"kafka_log_retention": "2d"})
    taken = f"{RETENTION} {WEEK} -> {TWO_DAYS}"
    plan = brokers.invoke("plan")
    assert applied(brokers, plan, taken) == list(BASES) and "restart service" not in plan
    assert "\n3 to change, 3 to apply at run time, 0 to restart\n" in plan
    assert plan.count("-log.retention.ms=") == 1, "a diff that is the same on all hosts is shown for each of them"
    assert told(brokers, RETENTION) == [(WEEK, "static file")] * 3, "the plan has changed something"

    output = brokers.invoke("deploy", "--no-smoke")
    assert applied(brokers, output, taken) == list(BASES) and changed(brokers, output) == [2, 2, 2]
    assert brokers.pids("kafka") == pids
    for host in brokers.hosts:
        assert in_force(host, RETENTION) == (TWO_DAYS, ["DYNAMIC_BROKER_CONFIG", "STATIC_BROKER_CONFIG"])
    assert changed(brokers, brokers.invoke("deploy", "--no-smoke")) == [0, 0, 0]
    assert "older" not in brokers.invoke("status") and brokers.pids("kafka") == pids


def test_what_a_person_sets_afterwards_stays_and_taken_back_gives_way_to_the_file(brokers: Cluster):
    brokers.invoke("broker.set", "--set", f"{RETENTION}=5d", "--broker", "1")
    assert changed(brokers, brokers.invoke("deploy", "--no-smoke")) == [0, 0, 0]
    assert told(brokers, RETENTION)[0] == ("432000000", "dynamic broker")
    brokers.invoke("broker.unset", "--unset", RETENTION, "--broker", "1")
    assert "the next deploy applies, without a restart: log.retention.ms" in brokers.invoke("status")
    assert changed(brokers, brokers.invoke("deploy", "--no-smoke")) == [1, 0, 0]
    assert told(brokers, RETENTION) == [(TWO_DAYS, "dynamic broker")] * 3


def test_a_deploy_cut_off_before_it_applied_is_finished_by_the_next_one(brokers: Cluster):
    pids = brokers.pids("kafka")
    # The state that a run killed between the two leaves on kafka1, made exactly; and a run killed wherever it is.
    brokers.hosts[0].sh(f"sed -i 's/^{RETENTION}=.*/{RETENTION}={THREE_DAYS}/' /etc/kafka/server.properties")
    brokers.set({"kafka_log_retention": "3d"})
    plan = brokers.invoke("plan")
    assert applied(brokers, plan, f"{RETENTION} {TWO_DAYS} -> {THREE_DAYS}") == list(BASES)
    assert "\n2 to change, 3 to apply at run time, 0 to restart\n" in plan
    with brokers.running("deploy", "--no-smoke") as deploy:
        deploy.says("file:/etc/kafka/server.properties")
        deploy.kill()
    brokers.invoke("deploy", "--no-smoke")
    assert told(brokers, RETENTION) == [(THREE_DAYS, "dynamic broker")] * 3
    assert changed(brokers, brokers.invoke("deploy", "--no-smoke")) == [0, 0, 0]
    assert brokers.pids("kafka") == pids


def test_a_change_taken_back_leaves_nothing_behind(brokers: Cluster):
    pids = brokers.pids("kafka")
    brokers.set()
    output = brokers.invoke("deploy", "--no-smoke")
    assert changed(brokers, output) == [2, 2, 2] and brokers.pids("kafka") == pids
    for host in brokers.hosts:
        assert in_force(host, RETENTION) == (WEEK, ["STATIC_BROKER_CONFIG"])
        assert host.sh("ls /var/lib/provisioner/live") == ""
    assert changed(brokers, brokers.invoke("deploy", "--no-smoke")) == [0, 0, 0]


def test_what_a_broker_refuses_at_run_time_is_planned_as_a_restart(brokers: Cluster):
    # At most twice as many threads at a time: Kafka's own rule.
    brokers.set({"kafka_io_threads": 64})
    plan = brokers.invoke("plan")
    names = ", ".join(host.name for host in brokers.hosts)
    assert f"  ~ {names}: restart service:kafka (needed" in plan and "at run time" not in plan
    brokers.set({"kafka_io_threads": 12})
    assert applied(brokers, brokers.invoke("plan"), "num.io.threads 8 -> 12") == list(BASES)
    brokers.set()


def test_a_restart_for_another_reason_puts_the_file_in_force_and_takes_the_rest_back(brokers: Cluster):
    brokers.set({"kafka_log_retention": "2d"})
    brokers.invoke("deploy", "--no-smoke")
    before = brokers.pids("kafka")
    # The retention changes again, together with something that only a start reads.
    brokers.set({"kafka_log_retention": "3d", "kafka_config": {"queued.max.requests": 501}})
    output = brokers.invoke("deploy", "--no-smoke")
    assert output.count("restart service:kafka (runs with an older /etc/kafka/server.properties)") == 3
    after = brokers.pids("kafka")
    assert all(after[host] not in (before[host], "0") for host in BASES)
    for host in brokers.hosts:
        assert in_force(host, RETENTION) == (THREE_DAYS, ["STATIC_BROKER_CONFIG"])
    assert changed(brokers, brokers.invoke("deploy")) == [0, 0, 0] and brokers.pids("kafka") == after
    assert run_invoke("status", "--hosts", str(brokers.path)).returncode == 0
