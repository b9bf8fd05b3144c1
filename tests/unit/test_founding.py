"""For which cluster a new node is formatted, and how: decided by what all hosts know, never twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.errors import Refused
from roles.kafka import founding
from roles.kafka.founding import Known
from roles.shared import kraft

X, Y = "MkU3OEVBNTcwNTJENDM2Qk", "daCJ2hExCJhQrj9mAOdhoQ"
VOTERS = [kraft.Controller(f"c{node}", node, f"c{node}", 9093, "kafka-controller") for node in (101, 102)]


@pytest.mark.parametrize(
    ("known", "given", "cluster"),
    [
        (Known({}, False), None, None),  # a new cluster
        (Known({}, False), X, X),
        (Known({X: "a"}, False), None, X),  # a first deploy that was cut off
        (Known({X: "a"}, True), X, X),
        (Known({X: "a"}, True, outside=("c",)), None, X),
    ],
)
def test_the_cluster_is_that_of_any_node_that_has_one(known, given, cluster):
    assert founding.decide(known, given, ["b"]) == cluster


@pytest.mark.parametrize(
    ("known", "given", "said"),
    [
        (Known({X: "a", Y: "b"}, True), None, "belong to different clusters"),
        (Known({X: "a"}, True), Y, f"kafka_cluster_id is {Y}, and the cluster that is there is {X}"),
        # A lost disk is not an empty controller.
        (Known({X: "a"}, False, partitions=("orders-0",)), None, "no controller has its metadata"),
        (Known({}, False, outside=("c1",)), None, "whether its cluster is there already is not known"),
    ],
)
def test_what_is_contradicted_or_unknown_is_refused(known, given, said):
    with pytest.raises(Refused, match=said) as caught:
        founding.decide(known, given, ["b"])
    assert caught.value.advice


def test_controllers_are_formatted_together_once_and_brokers_belong_to_no_quorum():
    assert founding.flags(X, None, VOTERS, False) == (f"--cluster-id={X}",)
    _, first = founding.flags(X, 101, VOTERS, False)
    assert first == founding.flags(X, 102, VOTERS, False)[1], "all of them must be told the same"
    ids = {node: kraft.directory_id(X, node) for node in (101, 102)}
    assert first == f"--initial-controllers=101@c101:9093:{ids[101]},102@c102:9093:{ids[102]}"
    # Once there was a leader, an empty directory may have voted before, and forgotten it.
    assert founding.flags(X, 101, VOTERS, True)[1] == "--no-initial-controllers"


def test_a_new_id_is_one_that_no_tool_takes_for_an_option():
    made = {founding.new_id() for _ in range(200)}
    assert len(made) == 200 and all(kraft.is_uuid(one) and not one.startswith("-") for one in made)


def test_a_broker_alone_is_formatted_without_a_jvm_and_whole_or_not_at_all(tmp_path: Path):
    command = [*kraft.identity_command(str(tmp_path), 3), *founding.flags("-kU3OEVBNTcwNTJENDM2Qg", None, (), False)]
    subprocess.run(command, check=True)
    made = tmp_path / "meta.properties"
    assert made.read_text().splitlines() == ["version=1", "cluster.id=-kU3OEVBNTcwNTJENDM2Qg", "node.id=3"]
    assert [one.name for one in tmp_path.iterdir()] == ["meta.properties"]
    missing = [*kraft.identity_command(str(tmp_path / "not there"), 3), "--cluster-id=x"]
    assert subprocess.run(missing, check=False, capture_output=True).returncode != 0
