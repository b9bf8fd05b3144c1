"""What was on a host before us: refused before anything changes where a deploy would have to take it, and left by an
uninstall."""

from __future__ import annotations

import getpass
import grp
import os
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent import ledger, removal, trees
from provisioner.agent.failure import Failure
from provisioner.agent.removal import forget
from provisioner.agent.system import System
from provisioner.resources import Archive, Directory, File, Link, Links, Sysctl, differing
from provisioner.resources.frozen import replace
from roles.kafka.service import HOLDS as BROKERS
from roles.zookeeper.service import HOLDS as SERVERS

ME, MINE = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(emit=lambda event: None, state=str(tmp_path / "state"))


class Open(System):
    """A host on which everybody may enter every directory."""

    def __init__(self, state: str) -> None:
        super().__init__(emit=lambda event: None, state=state)

    def path_state(self, path: str) -> dict[str, Any] | None:
        state = super().path_state(path)
        return state and {**state, "mode": 0o755}


def fill(folder: Path, *paths: str) -> Path:
    """Make files, and directories for paths that end in a slash."""
    for path in paths:
        there = folder / path
        (there if path.endswith("/") else there.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            there.write_text("x")
    return folder


def names(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def data(path: Path | str, **about: Any) -> Directory:
    return Directory(str(path), ME, MINE, 0o750, once="Kafka data", holds=BROKERS, **about)


def refusal(resource: Any, system: System) -> str:
    with pytest.raises(Failure) as caught:
        resource.read(system)
    return f"{caught.value.summary} -> {caught.value.advice}"


SEGMENT = f"{'0' * 20}.log"
BROKERS_OWN = (
    "meta.properties",
    ".lock",
    ".kafka_cleanshutdown",
    "cleaner-offset-checkpoint",
    "log-start-offset-checkpoint",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint.tmp",
    f"orders-0/{SEGMENT}",
    "orders-0/leader-epoch-checkpoint",
    "orders-0/partition.metadata",
    f"__consumer_offsets-49/{SEGMENT}",
    "a.b_c-1-11/",
    f"orders-1.{'0af' * 10}0a-delete/{SEGMENT}",
    f"orders-1.{'0af' * 10}0a-future/{SEGMENT}",
    f"orders-1.{'0af' * 10}0a-stray/{SEGMENT}.deleted",
)
STRANGERS = (
    "notes.txt",
    "backup-2024/orders-0/x.log",
    "backup-2025/x.tar",
    "orders/",
    "-/",
    "meta.properties.bak",
    "lib/",
)


@pytest.mark.parametrize(
    ("holds", "own", "others"),
    [
        (BROKERS, BROKERS_OWN, STRANGERS),
        (
            SERVERS,
            ("myid", "zookeeper_server.pid", "version-2/log.1", "version-2/snapshot.0", "version-2/currentEpoch"),
            ("version-2.old/log.1", "log.1", "version-3/", *STRANGERS),
        ),
    ],
)
def test_what_a_service_puts_into_its_data_directory_is_told_from_everything_else(tmp_path, holds, own, others):
    fill(tmp_path, *own, *others)
    assert set(trees.ours(tmp_path, holds)) == {path.split("/")[0] for path in own}
    assert set(trees.strangers(tmp_path, holds)) == {path.split("/")[0] for path in others}
    trees.purge(str(tmp_path), holds)
    assert {path.name for path in tmp_path.iterdir()} == {path.split("/")[0] for path in others}
    for path in others:
        assert (tmp_path / path).exists()


def test_a_purge_follows_no_link_keeps_other_files_of_a_partition_and_enters_no_mounted_disk(tmp_path, monkeypatch):
    outside = fill(tmp_path / "outside", "precious", f"{SEGMENT}")
    inside = fill(tmp_path / "data", "orders-0/notes.txt", f"orders-0/{SEGMENT}", f"mounted-0/{SEGMENT}", "lost+found/")
    (inside / "linked-0").symlink_to(outside)
    (inside / "orders-0" / ("1" * 20 + ".log")).symlink_to(outside / "precious")
    monkeypatch.setattr(trees, "_mounts", lambda: frozenset([str(inside / "mounted-0")]))
    trees.purge(str(inside), BROKERS)
    assert names(outside) == [SEGMENT, "precious"]
    assert names(inside) == ["linked-0", "lost+found", "mounted-0", "orders-0"]
    assert names(inside / "orders-0") == ["notes.txt"] and names(inside / "mounted-0") == [SEGMENT]


def test_mounts_are_found_by_their_names_as_the_kernel_writes_them():
    assert "/proc" in trees._mounts() and "/" in trees._mounts()


@pytest.mark.parametrize("own", [(), ("meta.properties", f"orders-0/{SEGMENT}")])
def test_an_empty_directory_and_an_earlier_installations_data_may_be_taken(tmp_path, system, own):
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data", *own)
    assert data(tmp_path / "data").read(system)["guarded"] is False


def test_other_peoples_files_are_named_until_the_directory_is_a_deploys(tmp_path, system):
    fill(tmp_path / "data", *STRANGERS, "meta.properties")
    said = refusal(data(tmp_path / "data"), system)
    assert said.startswith(f"{tmp_path}/data holds what is not Kafka data: -, backup-2024, backup-2025, lib and 3 more")
    assert f"such as {tmp_path}/data/{ME}, or move that away" in said
    system.remember(data(tmp_path / "data")._marker, "x")
    assert data(tmp_path / "data").read(system)["guarded"] is True


def test_an_earlier_installations_data_must_be_the_services_users(tmp_path, system):
    fill(tmp_path / "data", "meta.properties", f"orders-0/{SEGMENT}")
    other = replace(data(tmp_path / "data"), owner="nobody", group="nogroup")
    said = refusal(other, Open(system.state))
    assert f"holds data of the user {ME}: meta.properties; here the service runs as nobody" in said
    assert f"`chown -R nobody:nogroup {tmp_path}/data` on the host" in said
    (tmp_path / "disk/lost+found").mkdir(parents=True)
    assert replace(other, path=f"{tmp_path}/disk", holds=SERVERS).read(Open(system.state)) is not None


class Theirs(System):
    """A host on which everything is the user bob's."""

    def path_state(self, path: str) -> dict[str, Any] | None:
        state = super().path_state(path)
        return state and {**state, "owner": "bob"}


def test_a_home_or_log_directory_that_another_user_uses_is_not_taken(tmp_path):
    system = Theirs(emit=lambda event: None, state=str(tmp_path / "state"))
    (tmp_path / "log").mkdir()
    logs = Directory(str(tmp_path / "log"), "kafka", "kafka", 0o750, holds=((r".+\.log", ""),))
    assert logs.read(system)["owner"] == "bob", "an empty one may be taken"
    (tmp_path / "log/mail").touch()
    assert f"{tmp_path}/log belongs to the user bob and holds what no deploy has put there: mail" in refusal(
        logs, system
    )
    ledger.begin(system)
    system.remember(ledger._marker(logs.path), logs.path)
    assert logs.read(system)["owner"] == "bob", "drift of one that a deploy has made is repaired"


def test_a_mount_point_is_no_data_directory_for_a_service_that_stumbles_over_its_lost_and_found(tmp_path, system):
    fill(tmp_path / "disk", "lost+found/")
    said = refusal(data(tmp_path / "disk"), system)
    assert "is the root of a file system: the service does not start over the lost+found in it" in said
    assert said.endswith(f"use a directory below it, such as {tmp_path}/disk/{ME}")
    assert replace(data(tmp_path / "disk"), holds=SERVERS).read(system) is not None


def test_a_link_is_no_directory_and_the_real_path_is_advised(tmp_path, system):
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "real")
    said = refusal(data(tmp_path / "data"), system)
    assert f"{tmp_path}/data is a link to {tmp_path}/real where a directory should be" in said
    assert said.endswith(f"name the real path, {tmp_path}/real, in the inventory") is False  # it is below /tmp
    assert "/tmp, which is emptied" in said
    said = refusal(Directory(str(tmp_path / "data")), system)
    assert f"`mount --bind {tmp_path}/real {tmp_path}/data` does what the link does" in said


@pytest.mark.parametrize(
    ("real", "advice"),
    [("/srv/kafka", "name the real path, /srv/kafka, in the inventory"), ("/etc", "/etc belongs to the system")],
)
def test_the_advice_for_a_linked_data_directory_follows_the_rules_of_paths(system, monkeypatch, real, advice):
    monkeypatch.setattr(os.path, "realpath", lambda path: real)
    monkeypatch.setattr(os.path, "isdir", lambda path: True)
    state = {"type": "link", "target": real}
    assert advice in data("/data", services=("kafka",))._not_one(state).advice


def test_a_path_behind_a_link_is_judged_by_what_it_really_is(tmp_path, system, monkeypatch):
    (tmp_path / "etc").symlink_to("/etc")
    said = refusal(data(tmp_path / "etc/kafka"), system)
    assert f"{tmp_path}/etc/kafka is really /etc/kafka, which is in /etc, which belongs to the system" in said
    fill(tmp_path / "one", "kafka/")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    said = refusal(data(tmp_path / "two/kafka", apart=(f"{tmp_path}/one/kafka",)), system)
    assert f"is really {tmp_path}/one/kafka, which is {tmp_path}/one/kafka as well" in said


@pytest.mark.parametrize("kind", ["a file", "a link to /nowhere/at/all, which is not there"])
def test_what_is_above_a_directory_must_be_one(tmp_path, system, kind):
    (tmp_path / "f").write_text("x") if kind == "a file" else (tmp_path / "f").symlink_to("/nowhere/at/all")
    for resource in (Directory(f"{tmp_path}/f/a/b"), data(f"{tmp_path}/f/a/b"), Archive(f"{tmp_path}/f/a/b")):
        assert f"{tmp_path}/f is {kind}, and {tmp_path}/f/a/b needs a directory" in refusal(resource, system)


def test_a_directory_that_the_services_user_cannot_reach_is_refused(tmp_path, system):
    (tmp_path / "closed").mkdir(mode=0o700)
    stranger = replace(data(tmp_path / "closed/data"), owner="nobody", group="nogroup")
    said = refusal(stranger, system)
    assert f"the user nobody cannot reach {tmp_path}/closed/data: " in said and "chmod o+x" in said
    assert data(tmp_path / "closed/data").read(system) is None


@pytest.mark.parametrize(
    ("resource", "kind", "wanted"),
    [
        (lambda path: Directory(path), "file", "directory"),
        (lambda path: Directory(path), "fifo", "directory"),
        (lambda path: File(path, "text"), "directory", "file"),
        (lambda path: Link(path, "/ours"), "directory", "link to /ours"),
        (lambda path: Link(path, "/ours"), "file", "link to /ours"),
        (lambda path: Links(str(Path(path).parent), {"it": "/ours"}), "directory", "link of ours"),
        (lambda path: Links(str(Path(path).parent), {"it": "/ours"}, only="/ours"), "file", "link of ours"),
        (lambda path: Archive(path), "file", "directory"),
    ],
)
def test_every_kind_says_what_is_in_its_place_when_it_is_read(tmp_path, system, resource, kind, wanted):
    path = tmp_path / "it"
    {"file": path.touch, "directory": path.mkdir, "fifo": lambda: os.mkfifo(path)}[kind]()
    shown = "special file" if kind == "fifo" else kind
    assert f"{path} is a {shown} where a {wanted} should be -> move it away" in refusal(resource(str(path)), system)


def test_a_file_may_be_in_the_place_of_a_link_that_lies_in_an_archive(tmp_path, system):
    (tmp_path / "it").write_text("of the archive")
    assert Link(str(tmp_path / "it"), "/ours", over=True).read(system)["type"] == "file"
    assert Links(str(tmp_path), {"it": "/ours"}).read(system) == {"links": {"it": "file"}}


def test_a_sysctl_file_that_is_a_directory_is_found_when_it_is_read(tmp_path, system, monkeypatch):
    monkeypatch.setattr(Sysctl, "path", str(tmp_path))
    assert f"{tmp_path} is a directory where a file should be" in refusal(Sysctl("x", {}, live=False), system)


def test_programs_that_somebody_unpacked_by_hand_are_neither_replaced_nor_removed(tmp_path, system):
    fill(tmp_path / "kafka_2.13-3.9.2", "libs/a.jar", "LICENSE")
    archive = Archive(str(tmp_path / "kafka_2.13-3.9.2"))
    assert "holds files that no deploy has put there: LICENSE, libs" in refusal(archive, system)
    assert archive.present(system) == [] and archive.remove(system) == ""
    assert (tmp_path / "kafka_2.13-3.9.2/LICENSE").exists()


def test_a_fifo_in_the_place_of_a_file_that_is_read_keeps_nobody_waiting(tmp_path, system):
    os.mkfifo(tmp_path / "meta.properties")
    assert system.read_text(str(tmp_path / "meta.properties")) == ""


# -- what an uninstall leaves


def deploy(system: System, directory: Directory) -> None:
    """As a deploy repairs it."""
    ledger.begin(system)
    actual = directory.read(system)
    directory.fix(system, actual, differing(directory.expected(), actual))


@pytest.mark.parametrize("once", [True, False])
def test_only_a_directory_that_a_deploy_has_made_is_removed(tmp_path, system, once):
    made, found = (data(tmp_path / name) for name in ("made", "found"))
    if not once:
        made, found = (replace(one, once="") for one in (made, found))  # as of logs
    (tmp_path / "found").mkdir()
    for directory in (made, found):
        deploy(system, directory)
        fill(Path(directory.path), "meta.properties", f"orders-0/{SEGMENT}")
    made, found = (replace(one, purge=True) for one in (made, found))
    assert made.present(system) == [made.path]
    assert found.present(system) == [f"meta.properties and 1 more in {found.path}"]
    assert made.remove(system) == "" and not (tmp_path / "made").exists()
    assert found.remove(system) == f"{found.path} stays: it was there before the first deploy"
    assert names(found.path) == [] and found.present(system) == []


def test_what_is_not_the_services_stays_and_is_said_and_the_next_deploy_looks_again(tmp_path, system):
    directory = data(tmp_path / "data")
    deploy(system, directory)
    fill(tmp_path / "data", "meta.properties", "notes.txt")
    assert directory.purged().remove(system) == f"{tmp_path}/data stays: it holds notes.txt"
    assert "holds what is not Kafka data: notes.txt" in refusal(directory, system)


def test_on_a_host_that_no_deploy_has_seen_nothing_is_ours(tmp_path, system):
    fill(tmp_path / "logs", "server.log", "server.properties")
    logs = Directory(str(tmp_path / "logs"), ME, MINE, holds=((r".+\.log", ""),), purge=True)
    file = File(str(tmp_path / "logs/server.properties"), "x")
    asked = {"resources": [one.wire(content=False) for one in (logs, file)], "state": system.state}
    assert removal.look(asked, print) == {"present": []}
    ledger.begin(system)
    assert removal.look(asked, print) == {"present": [f"server.log in {logs.path}", file.path]}


def test_directories_above_that_a_deploy_had_to_make_go_with_it_and_others_stay(tmp_path, system):
    (tmp_path / "mine").mkdir()
    deploy(system, data(tmp_path / "mine/new/data"))
    assert data(tmp_path / "mine/new/data").purged().remove(system) == ""
    assert names(tmp_path) == ["mine", "state"] and names(tmp_path / "mine") == []
    forget(system.state)
    assert names(tmp_path) == ["mine"]


def test_a_directory_in_which_only_other_peoples_files_are_left_is_nothing_of_ours(tmp_path, system):
    outer = Directory(str(tmp_path / "lib"), ME, MINE, purge=True)
    deploy(system, outer)
    deploy(system, Directory(str(tmp_path / "lib/tmp"), ME, MINE))
    assert outer.present(system) == [outer.path], "all in it is a deploy's"
    (tmp_path / "lib/notes.txt").touch()
    assert outer.present(system) == []


def test_a_deploy_that_was_killed_between_record_and_directory_has_made_it(tmp_path, system):
    ledger.begin(system)
    ledger.note(system, str(tmp_path / "data"))
    (tmp_path / "data").mkdir(mode=0o700)
    deploy(system, data(tmp_path / "data"))
    assert data(tmp_path / "data").purged().remove(system) == "" and not (tmp_path / "data").exists()


def test_on_a_host_from_before_the_record_empty_directories_go_as_they_did(tmp_path, system):
    directory = data(tmp_path / "data")
    (tmp_path / "data").mkdir()
    system.remember(directory._marker, directory.path)
    deploy(system, directory)
    assert not system.remembers(ledger.FOLDER)
    assert directory.purged().remove(system) == "" and not (tmp_path / "data").exists()


def test_the_record_is_forgotten_with_what_it_is_about(tmp_path, system):
    deploy(system, Directory(str(tmp_path / "a"), ME, MINE))
    deploy(system, Directory(str(tmp_path / "b"), ME, MINE))
    (tmp_path / "a").rmdir()
    forget(system.state)
    assert len(names(system.marker_path(ledger.FOLDER))) == 1
    (tmp_path / "b").rmdir()
    forget(system.state)
    assert not Path(system.state).exists()
