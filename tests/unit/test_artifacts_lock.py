"""What a lock file says is complete and consistent; what it lacks or gets wrong is named."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.artifacts import resolve
from provisioner.artifacts.lockfile import MARKER, Jar, find, nearest, read, version_key, versions
from provisioner.artifacts.resolve import absent_scripts, apply_recipe, lock_version, render, script_classes
from provisioner.errors import ConfigError

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOCKS = sorted(ROLES.glob("*/versions/*.yml"))
JARS = [Jar("org.example:one:1.0", 5, "a" * 64), Jar("org.example:two:2.0:linux", 7, "1" * 64)]


def ids(path: Path) -> str:
    return f"{path.parents[1].name}-{path.stem}"


# --- the locks that are shipped


def test_the_shipped_versions_are_locked() -> None:
    assert {ids(path) for path in LOCKS} >= {"kafka-3.9.2", "kafka-2.5.0", "zookeeper-3.8.6", "zookeeper-3.5.10"}


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
def test_the_zookeeper_that_goes_with_a_kafka_is_locked_too(path: Path) -> None:
    assert read(path).data["zookeeper"] in versions(ROLES / "zookeeper" / "versions")


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


# --- locking


COORDINATES = st.builds(
    "{}:{}:{}".format, st.sampled_from(["g", "h"]), st.sampled_from("abc"), st.sampled_from(["1", "2"])
)


@given(st.lists(COORDINATES), st.dictionaries(st.sampled_from(["g:*", "*:a", "h:b"]), st.sampled_from(["2", "3"])))
def test_a_recipe_leaves_each_artifact_once_or_complains(coordinates: list[str], pins: dict[str, str]) -> None:
    try:
        chosen = apply_recipe(coordinates, ["h:c"], pins)
    except ConfigError:
        return
    assert chosen == sorted(chosen)
    assert {c.rsplit(":", 1)[0] for c in chosen} == {c.rsplit(":", 1)[0] for c in coordinates} - {"h:c"}
    assert len(chosen) == len({c.rsplit(":", 1)[0] for c in chosen})


def test_pins_settle_a_conflict_and_excludes_drop_an_artifact() -> None:
    closure = ["g:a:1", "g:a:2", "g:b:1:linux", "t:junit:4"]
    with pytest.raises(ConfigError, match="two versions") as caught:
        apply_recipe(closure, [], {})
    assert "g:a:1 and g:a:2" in str(caught.value)
    assert apply_recipe(closure, ["t:*"], {"g:*": "9"}) == ["g:a:9", "g:b:9:linux"]


def test_a_script_without_its_class_is_absent_only_where_its_artifact_is() -> None:
    recipe: dict[str, Any] = {"product": "thing", "version": "1", "tools": {"x.sh": {"class": "a.X"}}}
    assert absent_scripts(recipe, {"a.X"}, {}) == {}
    assert list(absent_scripts(recipe, set(), {"extra 1": ["x.sh"]})) == ["x.sh"]
    with pytest.raises(ConfigError, match=r"x\.sh: a\.X"):
        absent_scripts(recipe, set(), {"extra 1": ["y.sh"]})


class FakeMaven:
    """The resolver of a repository that has org.example:thing 1.0 and 1.1, and a dependency of it."""

    folder: Path

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.recipe = recipe

    def require_version(self, version: str) -> None:
        if version not in ("1.0", "1.1"):
            raise ConfigError(f"there is no thing {version}")

    def published(self, recipe: dict[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
        return [root.format(**recipe) for root in recipe["roots"]], {}

    def resolve(self, roots: list[str]) -> list[str]:
        return [*roots, "org.example:dep:3"]

    def download(self, coordinates: list[str]) -> list[Path]:
        paths = []
        for coordinate in coordinates:
            path = self.folder / coordinate.replace(":", "-")
            with zipfile.ZipFile(path, "w") as jar:
                jar.writestr(zipfile.ZipInfo("a/X.class", (1980, 1, 1, 0, 0, 0)), coordinate)
            paths.append(path)
        return paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(FakeMaven, "folder", tmp_path, raising=False)
    monkeypatch.setattr(resolve, "_Maven", FakeMaven)
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "1.0.yml").write_text(
        "# Thing 1.0: the one\nproduct: thing\nversion: '1.0'\njava: {min: 8}   # why\n"
        "roots: ['org.example:thing:{version}']\ntools: {x.sh: {class: a.X}}\n"
    )
    return folder


def test_locking_keeps_what_is_hand_written_and_writes_the_rest(folder: Path) -> None:
    before = (folder / "1.0.yml").read_text()
    lock_version(folder, "1.0")
    first = (folder / "1.0.yml").read_text()
    assert first.startswith(before + "\n" + MARKER)
    assert [jar.coordinate for jar in read(folder / "1.0.yml").jars] == ["org.example:dep:3", "org.example:thing:1.0"]
    lock_version(folder, "1.0")
    assert (folder / "1.0.yml").read_text() == first


def test_a_new_version_starts_from_the_nearest(folder: Path) -> None:
    lock_version(folder, "1.0")
    path = lock_version(folder, "1.1")
    assert path.read_text().startswith("# Thing 1.1: started as a copy of 1.0; check it.\nproduct: thing\n")
    assert read(path).version == "1.1"
    assert "java: {min: 8}   # why" in path.read_text()
    assert "org.example:thing:1.1" in {jar.coordinate for jar in read(path).jars}


def test_a_version_that_does_not_exist_leaves_no_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no thing 7\.7"):
        lock_version(folder, "7.7")
    assert versions(folder) == ["1.0"]


def test_a_wrong_script_table_leaves_the_lock_as_it_was(folder: Path) -> None:
    path = folder / "1.0.yml"
    path.write_text(path.read_text().replace("a.X", "a.Missing"))
    before = path.read_text()
    with pytest.raises(ConfigError, match=r"a\.Missing"):
        lock_version(folder, "1.0")
    assert path.read_text() == before


def test_a_recipe_that_does_not_fit_a_new_version_is_left_to_be_corrected(folder: Path) -> None:
    (folder / "1.0.yml").write_text((folder / "1.0.yml").read_text().replace("a.X", "a.Missing"))
    with pytest.raises(ConfigError, match=r"a\.Missing"):
        lock_version(folder, "1.1")
    with pytest.raises(ConfigError, match="never resolved"):
        read(folder / "1.1.yml")
    (folder / "1.1.yml").write_text((folder / "1.1.yml").read_text().replace("a.Missing", "a.X"))
    assert read(lock_version(folder, "1.1")).version == "1.1"


@pytest.mark.parametrize(
    ("version", "like"),
    [("3.9.1", "3.9.2"), ("3.7.0", "3.9.2"), ("2.6.3", "2.5.0"), ("4.0.0", "3.9.2"), ("3.9", "3.9.2")],
)
def test_the_recipe_comes_from_the_same_line_of_releases(version: str, like: str) -> None:
    assert resolve._nearest_release(version, ["2.5.0", "3.9.2"]) == like
