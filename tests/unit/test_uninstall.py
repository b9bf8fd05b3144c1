"""What an uninstall takes and leaves: the choice (pure), and the removal of each kind that works on plain paths."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.uninstall import _remove, confirm
from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.agent.removal import forget
from provisioner.agent.system import System
from provisioner.errors import Refused, UsageError
from provisioner.inventory.model import Inventory
from provisioner.report.plain import PlainReporter
from provisioner.resources import Archive, Directory, File, Link, Links, User
from provisioner.resources.frozen import replace
from provisioner.run.uninstall import removal
from roles.removing import left, of_service, others, told
from tests.support.fake_hosts import FakeHosts
from tests.support.roles import inventory, resources, single, target

BROKERS = ["kafka1", "kafka2", "kafka3"]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(emit=lambda event: None, state=str(tmp_path / "state"))


def test_a_controller_goes_and_the_broker_beside_it_keeps_all_that_it_needs(tmp_path: Path):
    hosts = BROKERS
    host = target(inventory(tmp_path, kafka=hosts, kafka_controller=hosts), "kafka3")
    alone = removal(of_service(host, "kafka-controller"), purge=True)
    assert [service.unit for service in alone.services] == ["kafka-controller"]
    gone = {one.place for one in alone.rest if one.place}
    assert {"/etc/kafka-controller", "/etc/systemd/system/kafka-controller.service"} <= gone
    assert all("kafka-controller" in place for place in gone), "what the broker needs as well"
    assert {one.login for one in alone.rest if isinstance(one, User)} == {"kafka-controller"}
    assert others(host, "kafka-controller") and not others(host, "")
    # On a host of its own, nothing needs the rest.
    own = target(inventory(tmp_path, kafka=hosts[:1], kafka_controller=hosts[1:]), "kafka3")
    assert of_service(own, "kafka-controller") == resources(own) and not others(own, "kafka-controller")


def after_a_migration(directory: Path, *controllers: str, version: str = "3.9.2") -> Inventory:
    """Without the group zookeeper."""
    return inventory(directory, BROKERS, kafka_controller=list(controllers) or BROKERS, kafka_version=version)


def zoo(*servers: str, link: str | None = "/opt/apache-zookeeper-3.8.6", **settings: str) -> dict[str, Any]:
    """What a host says of the server on it."""
    given = {"dataDir": "/srv/zk", "clientPort": "2191", **settings} if servers else {}
    numbered = {str(number): f"{name}:2888:3888" for number, name in enumerate(servers, 1)}
    return {"settings": given, "running": {}, "servers": numbered, "present": [], "data": [], "link": link}


NO_SERVER = zoo(link=None)
APART = {"process.roles": "broker"}


def saying(found: dict[str, dict[str, Any]], **brokers: dict[str, str]) -> FakeHosts:
    def broker(host: str, args: Any) -> dict[str, Any]:
        return {"settings": brokers.get(host, APART), "running": {}}

    return FakeHosts(
        {
            nodes.zookeeper_evidence: lambda host, args: found.get(host, NO_SERVER),
            remote.broker_evidence: broker,
        }
    )


@pytest.mark.parametrize("controllers", [BROKERS, ["c1"], [BROKERS[0], "c1", "c2"]])
@pytest.mark.parametrize("version", ["3.9.2", "4.3.1"])
def test_zookeeper_goes_with_the_inventory_that_has_it_no_more(tmp_path: Path, version: str, controllers: list[str]):
    found = after_a_migration(tmp_path, *controllers, version=version)
    targets = [target(found, name) for name in dict.fromkeys((*BROKERS, *controllers))]
    found_there = left(targets, "zookeeper", saying(dict.fromkeys(BROKERS, zoo(*BROKERS))).call)
    assert [one.name for one in found_there] == BROKERS
    assert [one.name for one in found_there[0].members("zookeeper")] == BROKERS
    alone = removal(of_service(found_there[0], "zookeeper"), purge=True)
    assert [service.unit for service in alone.services] == ["zookeeper"]
    gone = {one.place for one in alone.rest if one.place}
    # As its files say, of which the inventory knows nothing any more.
    assert {"/srv/zk", "/etc/zookeeper", "/opt/apache-zookeeper-3.8.6"} <= gone
    assert not [one for one in gone if "kafka" in one and not one.endswith("kafka-provisioner/zookeeper")]
    assert found_there[0]["zookeeper_port"] == 2191


def test_an_uninstall_that_was_cut_off_goes_on_where_only_some_of_the_hosts_still_tell_of_it(tmp_path: Path):
    targets = [target(after_a_migration(tmp_path), name) for name in BROKERS]
    rest = {BROKERS[1]: zoo(*BROKERS), BROKERS[2]: zoo()}
    assert [one.name for one in left(targets, "zookeeper", saying(rest).call)] == BROKERS
    assert left(targets, "zookeeper", saying({}).call) == []


def test_zookeeper_stays_where_others_need_it_or_the_inventory_may_have_forgotten_it(tmp_path: Path):
    targets = [target(after_a_migration(tmp_path), name) for name in BROKERS]
    everywhere = dict.fromkeys(BROKERS, zoo(*BROKERS))
    with pytest.raises(Refused, match="kafka2: what runs there is told to use zookeeper"):
        left(targets, "zookeeper", saying(everywhere, kafka2={"zookeeper.connect": "kafka1:2181"}).call)
    with pytest.raises(Refused, match="works with others that are not among these hosts") as refused:
        left(targets[:2], "zookeeper", saying(everywhere).call)
    assert refused.value.details == ["3 servers: kafka1, kafka2, kafka3"]
    assert told("zookeeper") and not told("kafka-controller"), "a quorum goes on counting on one that nobody lists"


@pytest.mark.parametrize("guarded", [True, False])
def test_what_was_set_at_run_time_stays_on_record_as_long_as_the_data(system: System, guarded: bool):
    system.remember("live/kafka", "{}")
    system.remember("archives/it", "it")
    if guarded:
        system.remember("once/data", "")
    forget(system.state)
    assert system.remembers("live/kafka") is guarded and not system.remembers("archives/it")
    assert Path(system.state).exists() is guarded


def test_data_logs_ids_and_users_stay_unless_purged(tmp_path: Path):
    everything = resources(target(single(tmp_path)))
    keeping, purging = removal(everything, purge=False), removal(everything, purge=True)
    assert [service.unit for service in keeping.services] == ["kafka", "zookeeper"]
    gone = {one.place for one in keeping.rest}
    assert {"/etc/kafka", "/etc/systemd/system/kafka.service", "/opt/kafka", "/usr/local/bin"} <= gone
    assert not any(path and path.startswith(("/var/lib", "/var/log")) for path in gone)
    assert not any(isinstance(one, User) for one in keeping.rest)
    assert {"/var/lib/kafka", "/var/log/zookeeper", "the user kafka"} <= set(keeping.keeps)
    assert purging.keeps == ()
    purged = {one.path for one in purging.rest if isinstance(one, Directory) and one.purge}
    assert {"/var/lib/kafka/data", "/var/lib/zookeeper/data/version-2", "/var/log/kafka"} <= purged
    assert "/etc/kafka" not in purged, "what somebody put beside our configuration is theirs"
    assert {one.login for one in purging.rest if isinstance(one, User)} == {"kafka", "zookeeper"}


def test_what_is_inside_goes_before_what_it_is_in(tmp_path: Path):
    places = [one.place for one in removal(resources(target(single(tmp_path))), purge=True).rest]
    for inner, outer in (("/etc/kafka/server.properties", "/etc/kafka"), ("/var/lib/kafka/data", "/var/lib/kafka")):
        assert places.index(inner) < places.index(outer)


def test_a_directory_goes_with_our_old_files_and_stays_with_somebody_elses(tmp_path: Path, system: System):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "old.properties").write_text("# Rendered from templates/kafka/x.j2 at deploy; edits are overwritten.\n")
    (folder / "mine").write_text("keep me")
    directory = Directory(str(folder))
    system.remember("once/data", "of a deploy before there was a record of directories")
    assert directory.remove(system) == f"{folder} stays: it holds mine"
    assert [path.name for path in folder.iterdir()] == ["mine"]
    (folder / "mine").unlink()
    assert directory.remove(system) == "" and not folder.exists()
    assert directory.remove(system) == "" and directory.present(system) == []


def test_a_purge_takes_only_data_that_a_deploy_has_guarded_and_follows_no_link(tmp_path: Path, system: System):
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("x")
    (data / "topic-0").mkdir()
    (data / "link").symlink_to(outside)
    directory = Directory(str(data), once="data", holds=(("topic-0", ".+"), ("link", "")), purge=True)
    assert directory.present(system) == []
    assert "no deploy has ever taken it under its guard" in directory.remove(system)
    assert (data / "topic-0").is_dir()
    marker = Path(system.marker_path(directory._marker))
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(str(data))
    assert directory.remove(system) == ""
    assert not data.exists() and not marker.exists() and (outside / "precious").read_text() == "x"


def test_an_archive_goes_with_its_earlier_versions_and_not_with_its_neighbours(tmp_path: Path, system: System):
    for name in ("kafka_2.13-3.9.2", "kafka_2.12-2.5.0", "zookeeper-3.8.6"):
        (tmp_path / name / "libs").mkdir(parents=True)
        (tmp_path / name / ".provisioned").write_text("id\n")
    (tmp_path / "kafka_2.13-4.0.0").mkdir()  # unpacked by hand: no marker
    archive = Archive(str(tmp_path / "kafka_2.13-3.9.2"))
    assert len(archive.present(system)) == 2
    assert archive.remove(system) == "" and archive.present(system) == []
    assert {path.name for path in tmp_path.iterdir()} == {"zookeeper-3.8.6", "kafka_2.13-4.0.0"}


def test_links_and_files_go_unless_somebody_put_something_else_in_their_place(tmp_path: Path, system: System):
    launcher = str(tmp_path / "launcher")
    (tmp_path / "a.sh").symlink_to(launcher)
    (tmp_path / "old.sh").symlink_to(launcher)
    (tmp_path / "b.sh").write_text("my own")
    links = Links(str(tmp_path), {"a.sh": launcher, "b.sh": launcher}, only=launcher)
    assert links.present(system) == [f"{tmp_path}/a.sh and 1 more links"]
    assert links.remove(system) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["b.sh"]
    here = Link(str(tmp_path / "b.sh"), launcher)
    assert here.present(system) == [] and here.remove(system) == "" and (tmp_path / "b.sh").exists()
    file = File(str(tmp_path / "b.sh"), "text")
    assert file.present(system) == [file.path] and file.remove(system) == "" == file.remove(system)
    assert replace(file).present(system) == []


def test_brokers_stop_before_the_controllers_of_other_hosts(tmp_path: Path):
    found = inventory(tmp_path, kafka=["b"], kafka_controller=["c"])
    targets = [target(found, name) for name in ("c", "b")]
    plans = {one.name: removal(resources(one), purge=False) for one in targets}
    asked: list[list[str]] = []

    class Fleet:
        """Hosts that note what is asked of them."""

        def each(self, names: Any, work: Any) -> Any:
            for name in names:
                work(name)
            return SimpleNamespace(check=lambda: None)

        def call(self, name: str, request: Any) -> dict[str, Any]:
            asked.append([name, *(wire.get("unit", "") for wire in request.args["resources"] if "unit" in wire)])
            return {"stays": []}

    _remove(Fleet(), PlainReporter(io.StringIO()), plans, [], quiet=True)  # type: ignore[arg-type]
    assert asked[:2] == [["b", "kafka"], ["c", "kafka-controller"]]


@pytest.mark.parametrize(
    ("yes", "losses", "error", "code"),
    [
        (True, [], None, 0),
        (True, ["the last copy"], Refused, 2),  # a script's --yes is no permission to lose something
        (False, ["the last copy"], Refused, 2),  # nobody there who could be asked
        (False, [], UsageError, 1),
    ],
)
def test_what_the_rest_of_the_cluster_needs_is_not_removed_by_a_yes_alone(yes, losses, error, code):
    with contextlib.nullcontext() if error is None else pytest.raises(error) as raised:
        confirm(PlainReporter(io.StringIO()), ["kafka2"], False, yes, losses)
    if error is not None:
        assert raised.value.exit_code == code and "nothing was removed" in raised.value.summary
        assert error is UsageError or (raised.value.details == losses and "--accept-downtime" in raised.value.advice)


@pytest.mark.parametrize(("typed", "removed"), [("y", True), ("n", False)])
def test_a_person_is_shown_what_would_be_lost_and_decides(monkeypatch, typed, removed):
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("builtins.input", lambda question: typed)
    errors = io.StringIO()
    with contextlib.nullcontext() if removed else pytest.raises(UsageError, match="nothing was removed"):
        confirm(PlainReporter(io.StringIO(), errors), ["kafka2"], False, False, ["the last copy"])
    assert errors.getvalue() == "warning: the rest of the cluster needs these hosts: the last copy\n"
    with pytest.raises(Refused):  # nor is --yes one here
        confirm(PlainReporter(io.StringIO(), errors), ["kafka2"], False, True, ["the last copy"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
