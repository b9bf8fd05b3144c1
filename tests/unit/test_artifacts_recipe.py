"""What a lock file asks for becomes exactly the jars and scripts that a version has, or a message that says why not."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provisioner.artifacts import resolve
from provisioner.artifacts.lockfile import MARKER, read, versions
from provisioner.artifacts.recipe import absent_scripts, apply_recipe, fitted, model_of, nearest_release
from provisioner.artifacts.resolve import lock_version
from provisioner.errors import ConfigError

COORDINATES = st.builds(
    "{}:{}:{}".format, st.sampled_from(["g", "h"]), st.sampled_from("abc"), st.sampled_from(["1", "2"])
)


def recipe(**keys: Any) -> dict[str, Any]:
    """A recipe of org.example:thing 1, with these keys."""
    return {"product": "thing", "version": "1", "roots": ["org.example:thing:{version}"], **keys}


@given(st.lists(COORDINATES), st.dictionaries(st.sampled_from(["g:*", "*:a", "h:b"]), st.sampled_from(["2", "3"])))
def test_a_recipe_leaves_each_artifact_once_or_complains(coordinates: list[str], pins: dict[str, str]) -> None:
    try:
        chosen = apply_recipe(recipe(exclude=["h:c"], pins=pins), coordinates)
    except ConfigError:
        return
    assert chosen == sorted(chosen)
    assert {c.rsplit(":", 1)[0] for c in chosen} == {c.rsplit(":", 1)[0] for c in coordinates} - {"h:c"}
    assert len(chosen) == len({c.rsplit(":", 1)[0] for c in chosen})


def test_pins_settle_a_conflict_and_excludes_drop_an_artifact() -> None:
    closure = ["g:a:1", "g:a:2", "g:b:1:linux", "t:junit:4"]
    with pytest.raises(ConfigError, match="two versions") as caught:
        apply_recipe(recipe(), closure)
    assert "g:a:1 and g:a:2" in str(caught.value)
    assert apply_recipe(recipe(exclude=["t:*"], pins={"g:*": "9"}), closure) == ["g:a:9", "g:b:9:linux"]


def test_what_stands_beside_the_closure_is_taken_as_it_is_and_replaces_other_versions() -> None:
    closure = ["org.example:thing:1", "log:api:2", "log:core:2"]
    beside = ["log:core:{log}", "log:binding:{log}"]
    found = apply_recipe(recipe(log="3", beside=beside, pins={"log:*": "9"}), closure)
    assert found == ["log:api:9", "log:binding:3", "log:core:3", "org.example:thing:1"]


def test_a_closure_with_the_products_own_jars_of_another_version_is_refused() -> None:
    closure = ["org.example:thing:1", "org.example:clients:0.9", "org.other:clients:0.9"]
    with pytest.raises(ConfigError, match="other versions of its own artifacts") as caught:
        apply_recipe(recipe(), closure)
    assert caught.value.details == ["org.example:clients:0.9"] and "`beside`" in str(caught.value)


def test_a_script_without_its_class_is_absent_only_where_its_artifact_is() -> None:
    recipe: dict[str, Any] = {"product": "thing", "version": "1", "tools": {"x.sh": {"class": "a.X"}}}
    assert absent_scripts(recipe, {"a.X"}, {}) == {}
    assert list(absent_scripts(recipe, set(), {"extra 1": ["x.sh"]})) == ["x.sh"]
    with pytest.raises(ConfigError, match=r"x\.sh: a\.X"):
        absent_scripts(recipe, set(), {"extra 1": ["y.sh"]})


MOVED = """tools:
  gone.sh: {class: a.Gone}
  # a comment stays
  long.sh:
    class: a.Lost
    heap: -Xmx1G
  moved.sh: {class: a.Mover, heap: -Xmx1G}
  kept.sh: {class: a.Moved}
  unclear.sh: {class: a.Two}
  elsewhere.sh: {class: a.Unpublished}
scripts:
  start.sh: {class: a.Server}
"""


def test_a_copied_recipe_follows_moved_classes_and_leaves_out_tools_that_are_gone() -> None:
    classes = {"b.Mover", "a.Moved", "b.Two", "c.Two"}
    head, changed = fitted(MOVED, yaml.safe_load(MOVED), classes, {"extra 1": ["elsewhere.sh"]})
    kept = [line for line in MOVED.splitlines() if not re.search("gone|long|class: a.Lost|-Xmx1G$", line)]
    assert head.splitlines() == [line.replace("a.Mover,", "b.Mover,") for line in kept]
    assert changed == [
        "gone.sh is left out: no jar of this version has a.Gone",
        "long.sh is left out: no jar of this version has a.Lost",
        "moved.sh runs b.Mover in this version, not a.Mover",
    ]
    with pytest.raises(ConfigError, match="lacks classes") as caught:
        absent_scripts({**recipe(), **yaml.safe_load(head)}, classes, {"extra 1": ["elsewhere.sh"]})
    assert caught.value.details == ["unclear.sh: a.Two", "start.sh: a.Server"]


POM = b"""<project xmlns="http://maven.apache.org/POM/4.0.0"><dependencies>
  <dependency><groupId>g</groupId><artifactId>one</artifactId><version>1</version><scope>runtime</scope></dependency>
  <dependency><groupId>g</groupId><artifactId>two</artifactId><version>1</version></dependency>
  <dependency><groupId>g</groupId><artifactId>tried</artifactId><version>1</version><scope>test</scope></dependency>
  <dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>
  <dependency><groupId>h</groupId><artifactId>other</artifactId><version>1</version></dependency>
</dependencies></project>"""


class Reply:
    """What a repository answers."""

    def __init__(self, there: bool) -> None:
        self.status_code, self.content = (200 if there else 404), POM


@pytest.mark.parametrize(
    ("absent", "roots", "missing"),
    [
        ((), ["g:base:1", "g:extra:1"], {}),
        (("extra-1.pom",), ["g:base:1"], {"extra 1": ["x.sh"]}),
        (("extra-1.jar",), ["g:base:1"], {"extra 1": ["x.sh"]}),
        (("two-1.jar",), ["g:base:1"], {"two 1": ["x.sh"]}),
        (("tried-1.jar", "other-1.jar"), ["g:base:1", "g:extra:1"], {}),
    ],
)
def test_an_optional_root_is_taken_where_all_that_it_needs_of_its_product_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, absent: tuple[str, ...], roots: list[str], missing: dict[str, Any]
) -> None:
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path))
    for method in ("head", "get"):
        monkeypatch.setattr(resolve.requests, method, lambda url, **_: Reply(not url.endswith(absent)))
    asked = {
        "product": "base",
        "version": "1",
        "roots": ["g:base:{version}"],
        "optional": {"g:extra:{version}": ["x.sh"]},
    }
    assert resolve._Maven(asked).published(asked) == (roots, missing)


def test_a_root_of_which_nothing_says_the_version_is_a_mistake_in_the_recipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path))
    maven = resolve._Maven({"product": "base", "version": "1", "roots": ["g:base:{version}"]})

    def refuses(dependencies: Any) -> Any:
        raise ValueError("No version available for dependency g:log:jar")

    monkeypatch.setattr(maven._context.resolver, "resolve", refuses)
    with pytest.raises(ConfigError, match="No version available for dependency g:log") as caught:
        maven.resolve(["g:base:1", "g:log:MANAGED"])
    assert "correct `roots`" in str(caught.value.advice)


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
        return [*roots, "org.other:dep:3"]

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
    assert [jar.coordinate for jar in read(folder / "1.0.yml").jars] == ["org.example:thing:1.0", "org.other:dep:3"]
    lock_version(folder, "1.0")
    assert (folder / "1.0.yml").read_text() == first


def test_a_new_version_starts_from_the_nearest(folder: Path) -> None:
    lock_version(folder, "1.0")
    path = lock_version(folder, "1.1")
    assert path.read_text().startswith("# Thing 1.1: started as a copy of 1.0; check it.\nproduct: thing\n")
    assert read(path).version == "1.1"
    assert "java: {min: 8}   # why" in path.read_text()
    assert "org.example:thing:1.1" in {jar.coordinate for jar in read(path).jars}


def test_a_new_version_says_which_scripts_differ_and_an_existing_one_is_never_changed(folder: Path) -> None:
    path = folder / "1.0.yml"
    path.write_text(path.read_text().replace("{x.sh: {class: a.X}}", "\n  x.sh: {class: z.X}\n  y.sh: {class: z.Y}"))
    said: list[str] = []
    made = lock_version(folder, "1.1", said.append)
    assert "x.sh runs a.X in this version, not z.X" in said and "y.sh is left out" in " ".join(said)
    assert read(made).data["tools"] == {"x.sh": {"class": "a.X"}}
    with pytest.raises(ConfigError, match=r"z\.Y"):
        lock_version(folder, "1.0")


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


def test_a_recipe_that_does_not_fit_a_new_version_leaves_nothing_and_says_what_to_correct(folder: Path) -> None:
    text = (folder / "1.0.yml").read_text().replace("tools:", "tools: {}\nscripts:").replace("a.X", "a.Missing")
    (folder / "1.0.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.Missing") as caught:
        lock_version(folder, "1.1")
    assert [path.name for path in folder.iterdir()] == ["1.0.yml"]
    copied = "copy 1.0.yml to 1.1.yml without what is below its marker, and set its version there; correct `tools`"
    assert str(caught.value.advice).startswith(copied)
    # What the advice says works.
    (folder / "1.1.yml").write_text(text.partition(MARKER)[0].replace("1.0", "1.1").replace("a.Missing", "a.X"))
    assert read(lock_version(folder, "1.1")).version == "1.1"


def test_a_lock_that_could_not_be_used_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeMaven, "resolve", lambda self, roots: [*roots, "org.other:thing:1.1"])
    with pytest.raises(ConfigError, match=r"thing-1\.1\.jar appears twice"):
        lock_version(folder, "1.1")
    assert [path.name for path in folder.iterdir()] == ["1.0.yml"]


@pytest.mark.parametrize("broken", ["product: thing\nversion: '1.05'\nroots: [", "", "\x00", "- a"])
def test_a_broken_file_of_another_version_is_no_model(folder: Path, broken: str) -> None:
    (folder / "1.05.yml").write_text(broken)
    assert model_of(folder, "1.1") == "1.0" and read(lock_version(folder, "1.1")).version == "1.1"
    with pytest.raises(ConfigError, match=r"1\.05\.yml") as caught:
        lock_version(folder, "1.05")
    assert "remove it" in str(caught.value.advice) and (folder / "1.05.yml").read_text() == broken


@pytest.mark.parametrize(
    ("version", "like"),
    [
        ("3.9.1", "3.9.2"),
        ("3.7.0", "3.9.2"),
        ("2.6.3", "2.5.0"),
        ("4.0.0", "4.3.1"),
        ("4.4.0", "4.3.1"),
        ("3.9", "3.9.2"),
    ],
)
def test_the_recipe_comes_from_the_same_line_of_releases(version: str, like: str) -> None:
    assert nearest_release(version, ["2.5.0", "3.9.2", "4.3.1"]) == like
