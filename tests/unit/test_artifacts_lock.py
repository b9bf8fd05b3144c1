"""What a lock file says is complete and consistent; what it lacks or gets wrong is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.artifacts.lockfile import MARKER, Jar, find, nearest, read, version_key, versions
from provisioner.artifacts.recipe import script_classes
from provisioner.artifacts.resolve import render
from provisioner.errors import ConfigError

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOCKS = sorted(ROLES.glob("*/versions/*.yml"))
JARS = [Jar("org.example:one:1.0", 5, "a" * 64), Jar("org.example:two:2.0:linux", 7, "1" * 64)]


def ids(path: Path) -> str:
    return f"{path.parents[1].name}-{path.stem}"


# --- the locks that are shipped


def test_the_shipped_versions_are_locked() -> None:
    assert {ids(path) for path in LOCKS} >= {
        "kafka-4.3.1",
        "kafka-3.9.2",
        "kafka-2.5.0",
        "zookeeper-3.8.6",
        "zookeeper-3.5.10",
    }


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_a_shipped_lock_is_whole(path: Path) -> None:
    lock = read(path)
    keys = {key: str(value) for key, value in lock.data.items()}
    coordinates = {jar.coordinate for jar in lock.jars}
    groups = {name.rsplit(":", 1)[0] for name in coordinates}
    for root in lock.data["roots"]:
        wanted = root.format(**keys)
        assert wanted in coordinates or (wanted.endswith(":MANAGED") and wanted.rsplit(":", 1)[0] in groups)
    assert lock.data["java"]["min"] >= 8
    assert set(lock.data["java"]) == {"min", "max", "tested"}


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_a_shipped_lock_has_one_version_of_each_artifact_and_one_logging_binding(path: Path) -> None:
    artifacts = [jar.coordinate.split(":")[:2] for jar in read(path).jars]
    assert len(artifacts) == len({tuple(pair) for pair in artifacts})
    bindings = {"slf4j-reload4j", "slf4j-log4j12", "logback-classic", "slf4j-simple", "slf4j-nop", "log4j-slf4j-impl"}
    assert len(bindings & {artifact for _, artifact in artifacts}) == 1
    assert not {"mockito-core", "junit", "rocksdbjni"} & {artifact for _, artifact in artifacts}


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_every_script_of_a_shipped_lock_names_what_it_runs(path: Path) -> None:
    data = read(path).data
    assert not data["tools"].keys() & data["scripts"].keys()
    assert data["absent"].keys() <= data["tools"].keys() | data["scripts"].keys()
    for name, entry in (data["tools"] | data["scripts"]).items():
        assert re.fullmatch(r"[A-Za-z0-9-]+\.sh", name)
        assert entry.keys() <= {"class", "args", "heap", "log4j", "name", "gc_log", "stops", "actions"}
        assert all(re.fullmatch(r"([a-z]\w*\.)+[A-Z]\w*", found) for found in script_classes(entry))
    assert all("class" in entry for entry in data["tools"].values())


@pytest.mark.parametrize("path", [path for path in LOCKS if path.parents[1].name == "kafka"], ids=ids)
def test_the_zookeeper_that_goes_with_a_kafka_is_locked_too_and_kafka_4_has_none(path: Path) -> None:
    data = read(path).data
    assert ("zookeeper" in data) == (version_key(path.stem) < version_key("4.0"))
    assert data.get("zookeeper", "3.8.6") in versions(ROLES / "zookeeper" / "versions")


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_every_jar_of_the_products_own_group_has_the_version_of_the_lock(path: Path) -> None:
    lock = read(path)
    own = [jar.coordinate for jar in lock.jars if jar.coordinate.startswith(f"org.apache.{lock.product}:")]
    assert own and [one for one in own if one.split(":")[2] != lock.version] == []


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_what_stands_beside_a_shipped_closure_is_locked_as_it_is_named(path: Path) -> None:
    lock = read(path)
    log4j = {one.split(":")[1] for one in (jar.coordinate for jar in lock.jars) if ".logging.log4j:" in one}
    named = {one.split(":")[1] for one in lock.data.get("beside") or []}
    assert log4j == named, "all of log4j is of one version, which is named"


@pytest.mark.parametrize("path", LOCKS, ids=ids)
def test_a_shipped_lock_is_what_its_own_parts_render_to(path: Path) -> None:
    lock = read(path)
    assert path.read_text() == path.read_text().partition("\n" + MARKER)[0] + render(
        list(lock.jars), lock.data["absent"]
    )


# --- reading


def write(folder: Path, version: str, body: str) -> Path:
    path = folder / f"{version}.yml"
    path.write_text(f"product: thing\nversion: '{version}'\n{body}")
    return path


def test_what_is_rendered_is_read_back(tmp_path: Path) -> None:
    lock = read(write(tmp_path, "1.0", render(JARS, {"x.sh": "it's missing"})))
    assert list(lock.jars) == JARS
    assert lock.data["absent"] == {"x.sh": "it's missing"}
    assert lock.jars[1].repository_path == "org/example/two/2.0/two-2.0-linux.jar"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "never resolved"),
        ("jars: [{jar: a:b, size: 1, sha256: x}]", "not group:artifact:version"),
        ("jars: [{jar: 'a:b:1', size: 0, sha256: x}]", "not a number of bytes"),
        ("jars: [{jar: 'a:b:1', size: 1, sha256: XX}]", "no sha256"),
        ("jars: [nonsense]", "nonsense"),
        (render([JARS[0], JARS[0]], {}), "appears twice"),
        ("jars: [", "cannot be read"),
    ],
)
def test_an_unusable_lock_says_why(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(write(tmp_path, "1.0", body))


def test_a_lock_under_another_versions_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "1.0", render(JARS, {})).rename(tmp_path / "1.1.yml")
    with pytest.raises(ConfigError, match=r"says it is version 1\.0"):
        read(tmp_path / "1.1.yml")


def test_an_unlocked_version_lists_the_locked_ones_and_the_way_to_lock_it(tmp_path: Path) -> None:
    for version in ("3.10.0", "3.9.2"):
        write(tmp_path, version, "")
    with pytest.raises(ConfigError) as caught:
        find(tmp_path, "thing", "3.9.9")
    assert "locked versions: 3.9.2, 3.10.0" in str(caught.value)
    assert "invoke artifacts.lock --product thing --version 3.9.9" in str(caught.value)
    assert find(tmp_path, "thing", "3.9.2") == tmp_path / "3.9.2.yml"


def test_versions_sort_as_versions() -> None:
    assert sorted(["3.10.0", "3.9.2", "3.9.0-rc1", "3.9", "3.9.0", "2.5.0"], key=version_key) == [
        "2.5.0",
        "3.9",
        "3.9.0-rc1",
        "3.9.0",
        "3.9.2",
        "3.10.0",
    ]


def test_the_nearest_versions_are_the_ones_that_look_alike() -> None:
    known = ["2.5.0", "2.5.1", "3.8.1", "3.9.0", "3.9.1", "3.9.2", "4.0.0"]
    assert nearest("3.9.5", known, 3) == ["3.9.0", "3.9.1", "3.9.2"]
