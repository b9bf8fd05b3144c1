"""A lock file that is broken, or not finished, concerns only who asks for its version, and is named to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.errors import ConfigError
from provisioner.inventory import loading
from provisioner.inventory.variables import load_specs
from roles import site
from roles.shared import catalogue, releases

ROOT = Path(__file__).resolve().parents[2]
SPECS = load_specs(site.default_files())
WHOLE = (releases.ROLES / "kafka" / "versions" / "3.9.2.yml").read_text()
HEAD = WHOLE.partition("\njars:")[0].replace("version: 3.9.2", "version: 3.10.0")

BROKEN = {
    "empty": "",
    "cut off in a word": WHOLE[:700].replace("3.9.2", "3.10.0") + '"',
    "no jars": HEAD,
    "no map": WHOLE.replace("version: 3.9.2", "version: 3.10.0") + "tools: x\n",
    "of another version": WHOLE,
    "no text": b"\xff\xfe\x00",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """roles/kafka/versions of a site of its own, with those of ours."""
    for product in site.PRODUCTS:
        shutil.copytree(releases.ROLES / product / "versions", tmp_path / product / "versions")
    monkeypatch.setattr(releases, "ROLES", tmp_path)
    releases.release.cache_clear()
    yield tmp_path / "kafka" / "versions"
    releases.release.cache_clear()


def load(tmp_path: Path, **variables: str) -> None:
    lines = "".join(f"    {name}: {value}\n" for name, value in variables.items())
    path = tmp_path / "hosts.yml"
    path.write_text(
        "all:\n  children:\n    kafka: {hosts: {a: }}\n    zookeeper: {hosts: {a: }}\n  vars:\n    x: 1\n" + lines
    )
    loading.load(str(path), root=ROOT, extra_vars=(), specs=SPECS, checks=site.CHECKS)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_lock_is_named_to_who_asks_for_it_and_to_nobody_else(tmp_path: Path, folder: Path, text: str | bytes):
    broken = folder / "3.10.0.yml"
    broken.write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "3.10.0.json").write_text("{")
    load(tmp_path)
    load(tmp_path, kafka_version="2.5.0")
    assert releases.usable("kafka") == ["2.5.0", "3.9.2", "4.3.1"]
    assert releases.newest("kafka", paired="zookeeper") == "3.9.2"
    assert [one.version for one in catalogue.versions("kafka")] == ["2.5.0", "3.9.2", "4.3.1"]

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, kafka_version="3.10.0")
    said = "\n".join(caught.value.lines())
    assert str(broken) in said and "-> " in said, said
    with pytest.raises(ConfigError, match=r"not usable, in roles/kafka/versions: 3\.10\.0\.yml"):
        load(tmp_path, kafka_version="3.9.1")


def test_a_version_without_jars_can_be_installed_from_an_archive(tmp_path: Path, folder: Path):
    (folder / "3.10.0.yml").write_text(HEAD)
    archive = tmp_path / "kafka_2.13-3.10.0.tgz"
    archive.write_bytes(b"x")
    load(tmp_path, kafka_version="3.10.0", kafka_archive=f"file:{archive}")
