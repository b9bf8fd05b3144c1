"""A running cluster is closed and opened again (`kafka_security`) while clients write and read: three combined nodes.

In the order of this file: off -> open with a client in the clear, cut off once on the way; -> required with a client
that has a password; and all the way back.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.lab import Lab

from .cluster import Cluster, bare_cluster
from .hosts import counts, status_json
from .load import Load
from .serving import delete_topic, eventually

pytestmark = pytest.mark.second_lab

PASSWORD = "a-password-of-alice"
USERS: dict[str, Any] = {"alice": {"password": PASSWORD, **dict.fromkeys(("read", "write", "create", "groups"), "*")}}
PLAIN, SECURED = 9192, 9194  # of a listener that clients on this machine reach by the hosts' own addresses
MODE = "kafka_security"


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with bare_cluster(lab, tmp_path_factory.mktemp("closing"), "prod3-kraft") as found:
        del found.base["all"]["children"]["kafka_controller"]
        found.base["all"]["vars"]["kafka_listeners"] = [
            {"name": "INTERNAL", "port": 9092, "advertised_host": "{{ inventory_hostname }}"},
            {"name": "EXTERNAL", "port": PLAIN, "advertised_host": "{{ address }}"},
        ]
        for host in found.hosts:
            found.base["all"]["children"]["kafka"]["hosts"][host.name]["address"] = address(host)
        found.set()
        found.made = found.invoke("deploy", "--no-smoke")
        yield found


def address(host: Any) -> str:
    return str(host.sh("hostname -i").split()[0])


def at_port(cluster: Cluster, port: int) -> list[str]:
    return [f"{address(host)}:{port}" for host in cluster.hosts]


def in_the_clear(cluster: Cluster, topic: str) -> Load:
    return Load(at_port(cluster, PLAIN), topic)


def with_a_password(cluster: Cluster, topic: str) -> Load:
    return Load(at_port(cluster, SECURED), topic, client=client(cluster))


def client(cluster: Cluster) -> dict[str, Any]:
    trusted = cluster.path.with_name(f"{cluster.path.stem}.ca") / "ca.crt"
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "alice",
        "sasl_plain_password": PASSWORD,
        "ssl_context": ssl.create_default_context(cafile=str(trusted)),
    }


def closed(cluster: Cluster, mode: str) -> None:
    users = {"kafka_users": USERS} if mode != "off" else {}
    cluster.set({MODE: mode, **users})


def listening(cluster: Cluster) -> set[str]:
    """The names of the listeners of all brokers, as they run."""
    lines = [host.sh("grep ^listeners= /run/kafka/server.properties") for host in cluster.hosts]
    (line,) = {line.strip() for line in lines}
    return {one.partition("://")[0] for one in line.partition("=")[2].split(",")}


def test_a_running_cluster_gets_secured_listeners_while_clients_write(cluster: Cluster):
    closed(cluster, "open")
    # Edited and not deployed yet: verbs that look ask the cluster that is there.
    page = cluster.invoke("status")
    assert f"{MODE} of the inventory (open) is not what the cluster runs with" in page and "\nHealthy" in page
    assert "is not what the cluster runs with" in cluster.invoke("topics.list")
    page = cluster.invoke("plan")
    assert f"{MODE}: off -> open: 3 rolling restarts, one after the other" in page and "3 to restart" in page
    refused = cluster.invoke("deploy", "--limit", cluster.hosts[0].name, expect=2)
    assert "some are not in this run" in refused and "nothing was changed" in refused
    refused = cluster.invoke("restart", expect=2)
    assert "rolling restarts that were not made yet" in refused, refused
    with in_the_clear(cluster, "closing-clear") as load:
        # Cut off in the second stage, with one node further than the others.
        with cluster.running("deploy") as run:
            run.says("Step 2 of 3")
            eventually(lambda: "(runs with" in run.output.partition("Step 2 of 3")[2], seconds=120, what="a restart")
            run.kill()
        load.more()
        assert "closing-clear" in cluster.invoke("topics.list")
        began = time.monotonic()
        output = cluster.invoke("deploy")
        seconds = time.monotonic() - began
        assert "-> open: 2 rolling restarts" in output and "Smoke check passed" in output
        load.more()
    load.verdict()
    print(f"\noff -> open, cut off once: longest gap {load.longest_gap():.2f} s; the rest took {seconds:.1f} s")
    assert listening(cluster) == {
        *("NODES", "INTERNAL", "INTERNAL_SECURE", "EXTERNAL", "EXTERNAL_SECURE", "CONTROLLER_SECURE")
    }
    output = cluster.invoke("deploy", "--no-smoke")
    assert [counts(output, host.name)["touched"] for host in cluster.hosts] == [0, 0, 0], output
    delete_topic(",".join(at_port(cluster, PLAIN)), "closing-clear")


def test_who_is_connected_in_the_clear_is_named_and_not_cut_off(cluster: Cluster):
    closed(cluster, "required")
    before = cluster.pids("kafka")
    with in_the_clear(cluster, "closing-named"):
        refused = cluster.invoke("deploy", expect=2)
    assert "clients are connected to listeners that would be closed" in refused
    assert f"port {PLAIN}: " in refused and "--accept-downtime" in refused
    assert cluster.pids("kafka") == before


def test_the_listeners_in_the_clear_are_closed_while_a_client_with_a_password_writes(cluster: Cluster):
    closed(cluster, "required")
    with with_a_password(cluster, "closing-named-2") as load:
        output = cluster.invoke("deploy")
        assert "Smoke check passed" in output and "rolling restarts" not in output  # one of the usual kind
        load.more()
    load.verdict()
    print(f"\nopen -> required: longest gap {load.longest_gap():.2f} s")
    assert listening(cluster) == {"NODES", "INTERNAL_SECURE", "EXTERNAL_SECURE", "CONTROLLER_SECURE"}


def test_a_closed_cluster_is_opened_again(cluster: Cluster):
    closed(cluster, "off")
    with with_a_password(cluster, "closing-back"):
        refused = cluster.invoke("deploy", expect=2)
        assert f"port {SECURED}: " in refused and "would be cut off" in refused
    # Listeners in the clear come before those with TLS go: clients that know of it move on the way.
    with cluster.running("deploy", "--accept-downtime") as run:
        with with_a_password(cluster, "closing-back-2") as load:
            run.says("Step 2 of 3")
            load.more()
        load.verdict()
        with in_the_clear(cluster, "closing-moved") as moved:
            output = run.end()
            moved.more()
        moved.verdict()
    assert "-> off: 3 rolling restarts" in output and "Smoke check passed" in output
    gaps = [one.longest_gap() for one in (load, moved)]
    print(f"\n-> off: longest gaps {gaps[0]:.2f} s with a password, then {gaps[1]:.2f} s in the clear")
    assert listening(cluster) == {"INTERNAL", "EXTERNAL", "CONTROLLER"}
    assert status_json(cluster.hosts[0], expect=0)["cluster"]["controller_host"]
