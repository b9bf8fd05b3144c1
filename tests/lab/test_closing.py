"""A running cluster is closed and opened again (`kafka_security`) while clients write and read: three combined nodes.

In the order of this file: off -> open with a client in the clear, cut off once on the way; -> required with a client
that has a password; and all the way back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from cluster.endpoint import Endpoint, Login
from cluster.protocol.login import Refused
from lab.lab import Lab

from .closing import (
    MODE,
    PASSWORD,
    PLAIN,
    SECURED,
    at_port,
    closed,
    in_the_clear,
    listening,
    open_cluster,
    with_a_password,
)
from .cluster import Cluster
from .hosts import counts, status_json
from .serving import delete_topic, eventually

pytestmark = pytest.mark.second_lab


def gets_in(cluster: Cluster, password: str, bits: int) -> bool:
    """Whether alice does, by this password, at a broker of the cluster."""
    host, port = at_port(cluster, SECURED)[0].split(":")
    trusted = (cluster.path.with_name(f"{cluster.path.stem}.ca") / "ca.crt").read_text()
    who = Login(trusted, "alice", password, mechanism=f"SCRAM-SHA-{bits}")
    try:
        Endpoint(host, int(port), "SASL_SSL", who).connect().close()
    except Refused:
        return False
    return True


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with open_cluster(lab, tmp_path_factory.mktemp("closing")) as found:
        yield found


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
            run.says("Step 2 of 3", seconds=300)
            eventually(lambda: "(runs with" in run.output.partition("Step 2 of 3")[2], seconds=300, what="a restart")
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


def test_who_does_what_no_rule_allows_is_named_and_not_denied_it(cluster: Cluster):
    without = {"kafka_users": {"alice": {"password": PASSWORD}}}
    cluster.set({MODE: "open", **without})
    assert "may no longer read topic *" in cluster.invoke("users.apply", "--prune", "--yes")
    before = cluster.pids("kafka")
    with with_a_password(cluster, "closing-denied") as load:
        cluster.set({MODE: "required", **without})
        refused = cluster.invoke("deploy", expect=2)
        assert "\n  alice: " in refused and "read topic closing-denied, write topic closing-denied" in refused
        assert "list what they need in kafka_users" in refused
        closed(cluster, "required")
        assert "the inventory has them already: `invoke users.apply`" in cluster.invoke("deploy", expect=2)
        cluster.invoke("users.apply")
        load.more()
    load.verdict()
    assert cluster.pids("kafka") == before
    loggers = "kafka-configs.sh --describe --entity-type broker-loggers --entity-name 1 | grep kafka.authorizer.logger"
    assert "kafka.authorizer.logger=INFO" in cluster.hosts[0].sh(loggers)


def test_the_listeners_in_the_clear_are_closed_while_a_client_with_a_password_writes(cluster: Cluster):
    closed(cluster, "required")
    with with_a_password(cluster, "closing-named-2") as load:
        output = cluster.invoke("deploy")
        assert "Smoke check passed" in output and "rolling restarts" not in output  # one of the usual kind
        load.more()
    load.verdict()
    print(f"\nopen -> required: longest gap {load.longest_gap():.2f} s")
    assert listening(cluster) == {"NODES", "INTERNAL_SECURE", "EXTERNAL_SECURE", "CONTROLLER_SECURE"}


def test_a_password_is_replaced_while_its_client_is_moved(cluster: Cluster):
    new = "another-password-of-alice"
    with contextlib.ExitStack() as until_the_end:
        with with_a_password(cluster, "closing-old") as old:
            closed(cluster, "required", password=PASSWORD, password_sha256=new)
            output = cluster.invoke("users.apply")
            assert "~ alice: a password by SCRAM-SHA-256, beside the other one" in output and new not in output
            assert " SHA-512 or SHA-256 " in cluster.invoke("users.list")
            moved = until_the_end.enter_context(with_a_password(cluster, "closing-new", new, 256))
            old.more()
        old.verdict()
        closed(cluster, "required", password_sha256=new)
        output = cluster.invoke("users.apply")
        assert "~ alice: no longer a password by SCRAM-SHA-512" in output
        eventually(lambda: not gets_in(cluster, PASSWORD, 512), seconds=5, what="the old password is out")
        moved.more()
    moved.verdict()
    assert gets_in(cluster, new, 256) and not gets_in(cluster, new, 512) and not gets_in(cluster, PASSWORD, 256)
    assert "No changes" in cluster.invoke("users.apply")
    shown = cluster.invoke("client.config", "--user", "alice", "--format", "librdkafka")
    assert "sasl.mechanism=SCRAM-SHA-256" in shown
    closed(cluster, "required")
    output = cluster.invoke("users.apply")
    assert "a password by SCRAM-SHA-512, beside the other one; no longer a password by SCRAM-SHA-256" in output
    assert gets_in(cluster, PASSWORD, 512)


def test_a_closed_cluster_is_opened_again(cluster: Cluster):
    closed(cluster, "off")
    with with_a_password(cluster, "closing-back"):
        refused = cluster.invoke("deploy", expect=2)
        assert f"port {SECURED}: " in refused and "would be cut off" in refused
    # Listeners in the clear come before those with TLS go: clients that know of it move on the way.
    with cluster.running("deploy", "--accept-downtime") as run:
        with with_a_password(cluster, "closing-back-2") as load:
            run.says("Step 2 of 3", seconds=300)
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
