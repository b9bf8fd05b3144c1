"""What decides about a new node in a run of all hosts, and in one of some hosts: who is asked, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import remote
from provisioner.errors import Refused
from provisioner.resources import Initial
from provisioner.run import plan
from provisioner.run.evidence import Witness
from roles import site
from roles.shared import kraft
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.quorum import FakeQuorum

HOSTS = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka": HOSTS, "kafka_controller": HOSTS}
COMBINED: dict[str, Any] = {"kafka": HOSTS}
OWN = "kafka-controller"
DISK = "/var/lib/kafka/data/meta.properties"
X, Y = "MkU3OEVBNTcwNTJENDM2Qk", "daCJ2hExCJhQrj9mAOdhoQ"


def witnesses(
    directory: Path,
    groups: Mapping[str, Any],
    run: Iterable[str] = HOSTS,
    had: Mapping[str, Mapping[str, Any]] | None = None,
    serving: Iterable[str] = (),
    active: Mapping[str, list[str]] | None = None,
    **variables: Any,
) -> list[Witness]:
    """had {host: {unit: what its files say}} of hosts whose nodes are there already: the others have new ones. serving:
    hosts whose broker says that it belongs to cluster X. active {host: units that run}."""
    inventory = support.inventory(directory, **groups, **variables)
    found = []
    for name in run:
        target, of_host = support.target(inventory, name), (had or {}).get(name, {})
        new = [one for one in support.resources(target) if isinstance(one, Initial) and one.user not in of_host]
        nothing: dict[str, Any] = {"dirs": {"/data": {"cluster": None, "partitions": []}}, "led": False, "voters": []}
        said = {one.user: nothing for one in new} | dict(of_host)
        answers = {"kafka": {"cluster_id": X}} if name in serving else {}
        runs = (active or {}).get(name, ())
        found.append(Witness(target, plan.make(name, new, {}), said=said, serving=answers, active=runs))
    return found


def files(
    cluster: str | None = X, led: bool = False, partitions: list[str] | None = None, voters: Any = ()
) -> dict[str, Any]:
    return {"dirs": {"/data": {"cluster": cluster, "partitions": partitions}}, "led": led, "voters": list(voters)}


def broker(*serving: str, cluster: str = X) -> dict[Any, Any]:
    def status(host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        name = args["bootstrap"].split(":")[0]
        return {"serving": name in serving, "cluster_id": cluster, "why": "Connection refused"}

    return {remote.cluster_status: status}


def flags(made: Any, host: str, unit: str) -> list[str]:
    """The options that the command of a node got."""
    (one,) = [one for one in made[host] if one.user == unit and one.path != DISK]
    assert one.decided
    return [word for word in one.command if word.startswith(("--cluster-id", "--initial", "--no-initial"))]


def test_where_nothing_is_new_nothing_is_decided(tmp_path: Path):
    had = {name: {"kafka": files(), "kafka-controller": files(led=True)} for name in HOSTS}
    assert site.complete(witnesses(tmp_path, APART, had=had), FakeHosts({})) == {}


@pytest.mark.parametrize(("groups", "unit"), [(APART, "kafka-controller"), (COMBINED, "kafka")])
def test_a_new_cluster_is_the_same_for_all_its_nodes_and_nobody_is_asked(tmp_path: Path, groups: Any, unit: str):
    made: Any = site.complete(witnesses(tmp_path, groups), FakeHosts({}))
    (told,) = {tuple(flags(made, name, unit)) for name in HOSTS}
    cluster = told[0].removeprefix("--cluster-id=")
    assert kraft.is_uuid(cluster) and told[1].startswith("--initial-controllers=") and told[1].count("@") == 3
    if unit != "kafka":
        assert [flags(made, name, "kafka") for name in HOSTS] == [[f"--cluster-id={cluster}"]] * 3
    said = {(one.path == DISK, one.note_when_absent) for of_host in made.values() for one in of_host}
    assert said == {(False, f"a new cluster, {cluster}"), (True, f"for partitions of cluster {cluster}")}


def test_a_first_deploy_that_was_cut_off_goes_on_with_the_same_cluster_and_the_same_voters(tmp_path: Path):
    had = {"kafka1": {"kafka-controller": files()}}
    made: Any = site.complete(witnesses(tmp_path, APART, had=had), FakeHosts({}))
    assert flags(made, "kafka2", "kafka-controller")[0] == f"--cluster-id={X}"
    assert kraft.directory_id(X, 101) in flags(made, "kafka2", "kafka-controller")[1], "as the first one was told"
    disk, broker_beside = made["kafka1"]
    assert disk.path == DISK and disk.command[-1] == f"--cluster-id={X}"
    assert flags(made, "kafka1", "kafka") == [f"--cluster-id={X}"]
    assert broker_beside.note_when_absent == f"a new node of cluster {X}"


@pytest.mark.parametrize("known", [files(led=True), files(None, True)])
def test_after_there_was_a_leader_a_new_controller_has_no_vote_of_its_own(tmp_path: Path, known: Any):
    had = {"kafka1": {"kafka-controller": known}, "kafka2": {"kafka-controller": files()}}
    found = witnesses(tmp_path, APART, had=had)
    assert flags(site.complete(found, FakeHosts({})), "kafka3", "kafka-controller") == [
        f"--cluster-id={X}",
        "--no-initial-controllers",
    ]


@pytest.mark.parametrize("unit", ["kafka", "kafka-controller"])
def test_what_runs_is_not_formatted_though_its_meta_properties_is_gone(tmp_path: Path, unit: str):
    had = {name: {"kafka": files(), "kafka-controller": files(led=True)} for name in HOSTS}
    del had["kafka2"][unit]
    others = {name: ["kafka", "kafka-controller"] for name in HOSTS if name != "kafka2"}
    with pytest.raises(Refused) as refused:
        site.complete(witnesses(tmp_path, APART, had=had, active={**others, "kafka2": [unit]}), FakeHosts({}))
    assert list(refused.value.hosts) == ["kafka2"] and f"systemctl stop {unit}`" in str(refused.value.advice)
    assert site.complete(witnesses(tmp_path, APART, had=had, active=others), FakeHosts({}))["kafka2"]


@pytest.mark.parametrize("groups", [APART, COMBINED])
def test_a_disk_that_a_running_node_gets_is_formatted_for_its_cluster(tmp_path: Path, groups: Any):
    """Kafka does not start on a directory without meta.properties beside others that have one."""
    had = {name: {"kafka": files(led=True), "kafka-controller": files(led=True)} for name in HOSTS}
    found = witnesses(tmp_path, groups, had=had, active={name: ["kafka"] for name in HOSTS})
    resources = support.resources(support.target(support.inventory(tmp_path, **groups), "kafka2"))
    disk = next(one for one in resources if isinstance(one, Initial) and one.path == DISK)
    found[1] = Witness(found[1].target, plan.make("kafka2", [disk], {}), said=found[1].said, active=["kafka"])
    ((made,),) = site.complete(found, FakeHosts({})).values()
    assert isinstance(made, Initial) and made.decided and made.command[-3:] == (DISK[:-16], "2", f"--cluster-id={X}")


def test_controllers_without_a_majority_take_new_ones_in_only_while_they_have_a_leader(tmp_path: Path):
    """As when one controller becomes three; otherwise two of three have lost their metadata, and no vote is left."""
    found = witnesses(tmp_path, APART, had={"kafka1": {"kafka-controller": files(led=True)}})
    grows, lost = FakeQuorum(101), FakeQuorum(101, 102, 103)
    assert "--no-initial-controllers" in flags(site.complete(found, FakeHosts(grows.answers)), "kafka3", OWN)
    lost.down, lost.leader = {102, 103}, None
    with pytest.raises(
        Refused, match="2 of 3 controllers are without metadata, though there has been a lead"
    ) as caught:
        site.complete(found, FakeHosts(lost.answers))
    assert caught.value.hosts == ["kafka2", "kafka3"] and "bring back their disks" in str(caught.value.advice)


@pytest.mark.parametrize("given", [{}, {"kafka_cluster_id": X}])
def test_a_log_of_metadata_without_meta_properties_makes_no_other_cluster(tmp_path: Path, given: Any):
    """All else is empty: nobody says which cluster it is, and a new one would have no controller with a vote."""
    found = witnesses(tmp_path, APART, **given)
    found[0].said[OWN].update(files(None, led=True))  # type: ignore[attr-defined]
    down = FakeQuorum(101, 102, 103)
    down.down, down.leader = {101, 102, 103}, None
    with pytest.raises(Refused, match="3 of 3 controllers are without metadata") as caught:
        site.complete(found, FakeHosts(down.answers))
    assert "meta.properties, as they were" in str(caught.value.advice)
    # The others of a whole cluster know which one it is, whichever hosts the run has.
    one = witnesses(tmp_path, APART, ["kafka1"])
    one[0].said[OWN].update(files(None, led=True))  # type: ignore[attr-defined]
    made = site.complete(one, FakeHosts({**FakeQuorum(101, 102, 103).answers, **broker("kafka2")}))
    assert flags(made, "kafka1", OWN) == [f"--cluster-id={X}", "--no-initial-controllers"]
    # A leader that is up does not say it, and neither does a broker.
    with pytest.raises(Refused, match="the id of its cluster is not known"):
        site.complete(witnesses_led(tmp_path), FakeHosts(FakeQuorum(101, 102, 103).answers))


def witnesses_led(directory: Path) -> list[Witness]:
    found = witnesses(directory, APART)
    found[0].said[OWN].update(files(None, led=True))  # type: ignore[attr-defined]
    return found


TOLD = [
    {"id": number, "directory": kraft.directory_id(X, number), "place": f"kafka{number - 100}:9093"}
    for number in (101, 102, 103)
]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (TOLD, ""),
        ([], ""),  # of a version that does not write it so
        (TOLD[:1], "kafka1 was told: 101@kafka1:9093:"),  # it would lead alone, and the others without it
        ([*TOLD[:2], {**TOLD[2], "place": "kafka4:9093"}], "103@kafka4:9093:"),  # another order, address or port
        ([*TOLD[:2], {**TOLD[2], "directory": "daCJ2hExCJhQrj9mAOdhoQ"}], ":daCJ2hExCJhQrj9mAOdhoQ"),  # by hand
    ],
)
def test_what_a_controller_was_told_of_the_others_stays_true_until_there_is_a_leader(
    tmp_path: Path, told: Any, said: str
):
    found = witnesses(tmp_path, APART, had={"kafka1": {OWN: files(voters=told)}})
    if not said:
        assert flags(site.complete(found, FakeHosts({})), "kafka2", OWN)
        return
    with pytest.raises(Refused, match="not those of an earlier deploy") as caught:
        site.complete(found, FakeHosts({}))
    assert said in caught.value.details[0] and "--purge-data --limit kafka1" in str(caught.value.advice)
    # Later, the quorum itself says who its voters are.
    had = {name: {OWN: files(voters=told, led=name == "kafka2")} for name in ("kafka1", "kafka2")}
    assert site.complete(witnesses(tmp_path, APART, had=had), FakeHosts({}))


@pytest.mark.parametrize(("groups", "voters"), [(APART, (101, 102, 103)), (COMBINED, (1, 2, 3))])
def test_a_run_of_one_host_asks_the_others_whether_there_is_a_cluster_and_which(
    tmp_path: Path, groups: Any, voters: tuple[int, ...]
):
    quorum = FakeQuorum(*voters)
    quorum.stop(voters[2])
    hosts = FakeHosts({**quorum.answers, **broker("kafka2")})
    made = site.complete(witnesses(tmp_path, groups, ["kafka3"]), hosts)
    unit = "kafka-controller" if "kafka_controller" in groups else "kafka"
    assert flags(made, "kafka3", unit) == [f"--cluster-id={X}", "--no-initial-controllers"]
    assert {host for host, _ in hosts.asked} == {"kafka3"}
    asked = [args["bootstrap"] for args in hosts.to(remote.cluster_status)]
    assert asked == ["kafka1:9092", "kafka2:9092"], "until one answers"


def test_a_broker_of_the_run_that_serves_says_which_cluster_it_is(tmp_path: Path):
    had = {"kafka3": {"kafka": files(None)}}
    found = witnesses(tmp_path, APART, ["kafka3"], had, serving=["kafka3"])
    hosts = FakeHosts(FakeQuorum(101, 102).answers)
    assert flags(site.complete(found, hosts), "kafka3", "kafka-controller")[0] == f"--cluster-id={X}"


def test_an_id_that_the_inventory_has_needs_no_broker(tmp_path: Path):
    found = witnesses(tmp_path, APART, ["kafka3"], kafka_cluster_id=X)
    made = site.complete(found, FakeHosts({**FakeQuorum(101, 102).answers, **broker()}))
    assert flags(made, "kafka3", "kafka-controller") == [f"--cluster-id={X}", "--no-initial-controllers"]


def test_an_id_of_the_inventory_is_compared_with_the_brokers_of_others(tmp_path: Path):
    found = witnesses(tmp_path, APART, ["kafka3"], kafka_cluster_id=X)
    with pytest.raises(Refused, match=f"kafka_cluster_id is {X}, and the cluster that is there is {Y}"):
        site.complete(found, FakeHosts({**FakeQuorum(101, 102).answers, **broker("kafka1", cluster=Y)}))


@pytest.mark.parametrize(
    ("down", "leader", "serving", "said", "detail"),
    [
        # Neither of the others can be asked: it might be a new cluster.
        ({101, 102}, None, (), "whether its cluster is there already is not known", "kafka1, kafka2"),
        ({102}, None, (), "whether its cluster is there already is not known", "kafka1, kafka2"),
        (set(), 101, (), "the id of its cluster is not known", "broker 1 (kafka1), broker 2 (kafka2)"),
    ],
)
def test_a_run_of_one_host_that_learns_too_little_is_refused(
    tmp_path: Path, down: set[int], leader: int | None, serving: Any, said: str, detail: str
):
    quorum = FakeQuorum(101, 102)
    quorum.down, quorum.leader = down, leader
    with pytest.raises(Refused, match=said) as caught:
        site.complete(witnesses(tmp_path, APART, ["kafka3"]), FakeHosts({**quorum.answers, **broker(*serving)}))
    assert detail in caught.value.details[0] and caught.value.advice


def test_partitions_without_metadata_are_a_lost_disk_and_no_new_cluster(tmp_path: Path):
    had = {name: {"kafka": files(X, False, ["orders-0"])} for name in HOSTS}
    with pytest.raises(Refused, match=f"cluster {X} has partitions, and no controller has its metadata"):
        site.complete(witnesses(tmp_path, APART, had=had), FakeHosts({}))
