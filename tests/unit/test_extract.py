"""Files out of jars on a host: complete, untouched, and of the archive that is there."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent.failure import Failure
from provisioner.resources import Archive, Extract, differing, from_wire
from roles.shared import releases
from tests.support import roles as support

ROOT = Path(__file__).parents[2]


class Host:
    """What an Extract needs of a host: files that are real, and belong to whoever runs the test."""

    def read_text(self, path: str) -> str | None:
        return Path(path).read_text() if Path(path).exists() else None

    def make_directory(self, path: str, owner: str, group: str, mode: int) -> None:
        assert (owner, group) == ("root", "root")
        Path(path).mkdir(exist_ok=True)
        Path(path).chmod(mode)

    def write(self, path: str, data: bytes, owner: str, group: str, mode: int) -> None:
        assert (owner, group) == ("root", "root")
        Path(path).write_bytes(data)
        Path(path).chmod(mode)

    def remove(self, path: str) -> None:
        Path(path).unlink()


def jar(path: Path, entries: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)


@pytest.fixture
def wanted(tmp_path: Path) -> Extract:
    jar(tmp_path / "libs/z-1.jar", {"linux/amd64/z-1.so": b"z", "linux/arm/z-1.so": b"arm", "Z.class": b""})
    jar(tmp_path / "libs/s-2.jar", {"n/Linux/s.so": b"s"})
    parts = {f"{tmp_path}/libs/z-*.jar": "linux/amd64/*.so", f"{tmp_path}/libs/s-*.jar": "n/Linux/s.so"}
    found = from_wire(json.loads(json.dumps(Extract(f"{tmp_path}/native", parts, "sha256:1").wire(False))))
    assert isinstance(found, Extract)
    return found


def fixed(wanted: Extract) -> dict[str, bytes]:
    """Repair what differs, and require that nothing does then; the files."""
    host = Host()
    actual = wanted.read(host)
    wanted.fix(host, actual, differing(wanted.expected(), actual))
    assert differing(wanted.expected(), wanted.read(host)) == ()
    return {path.name: path.read_bytes() for path in Path(wanted.path).iterdir() if path.name != ".extracted"}


def test_the_files_that_are_meant_are_there_for_everybody_to_read(wanted: Extract):
    assert wanted.read(Host()) is None
    assert fixed(wanted) == {"z-1.so": b"z", "s.so": b"s"}
    assert {path.stat().st_mode & 0o777 for path in Path(wanted.path).iterdir()} == {0o644}
    assert Path(wanted.path).stat().st_mode & 0o777 == 0o755


def test_a_file_that_was_touched_is_found_and_made_again(wanted: Extract):
    fixed(wanted)
    library, folder = Path(wanted.path, "s.so"), Path(wanted.path)
    for harm, altered in (
        (lambda: library.write_bytes(b"x"), ["s.so"]),
        (library.unlink, ["s.so"]),
        (lambda: library.chmod(0o600), ["s.so"]),
        (lambda: folder.chmod(0o777), [""]),
    ):
        harm()
        found = wanted.read(Host())
        assert found is not None and found["altered"] == altered
        assert fixed(wanted) == {"z-1.so": b"z", "s.so": b"s"}


def test_another_archive_leaves_no_file_of_the_one_before(wanted: Extract, tmp_path: Path):
    fixed(wanted)
    (tmp_path / "libs/z-1.jar").unlink()
    jar(tmp_path / "libs/z-3.jar", {"linux/amd64/z-3.so": b"z3"})
    newer = Extract(wanted.path, wanted.parts, "sha256:2")
    assert differing(newer.expected(), newer.read(Host())) == ("identity",)
    assert fixed(newer) == {"z-3.so": b"z3", "s.so": b"s"}


def test_a_damaged_jar_is_named(wanted: Extract, tmp_path: Path):
    (tmp_path / "libs/s-2.jar").write_bytes(b"no jar")
    with pytest.raises(Failure, match=r"cannot read .*s-2\.jar"):
        fixed(wanted)
    assert not Path(wanted.path).exists()


def test_it_goes_with_all_that_it_has_made(wanted: Extract):
    fixed(wanted)
    assert wanted.present(Host()) == [wanted.path]
    wanted.remove(Host())
    assert wanted.present(Host()) == [] and wanted.read(Host()) is None
    wanted.remove(Host())


@pytest.mark.parametrize("version", releases.known("kafka"))
def test_the_native_code_of_a_kafka_is_looked_for_in_jars_that_it_has(tmp_path: Path, version: str):
    target = support.target(support.of_version(tmp_path, version))
    (archive,) = (r for r in support.resources(target) if isinstance(r, Archive) and "kafka" in r.path)
    (native,) = (r for r in support.resources(target) if isinstance(r, Extract) and "kafka" in r.path)
    assert native.identity == archive.identity and native.path == f"{archive.path}/native"
    text = (ROOT / f"roles/kafka/versions/{version}.yml").read_text()
    names = [f"{name}-{number}.jar" for name, number in re.findall(r'jar: "[^:"]+:([^:"]+):([^"]+)"', text)]
    for pattern in native.parts:
        matching = [name for name in names if Path(archive.path, "libs", name).match(pattern)]
        assert len(matching) == 1, (pattern, matching)


@pytest.mark.parametrize(("version", "paths"), [("3.8.6", ["/opt/apache-zookeeper-3.8.6/native"]), ("3.5.10", [])])
def test_a_zookeeper_that_compresses_snapshots_has_its_library_as_well(tmp_path: Path, version: str, paths: list[str]):
    target = support.target(support.single(tmp_path, zookeeper_version=version))
    found = [r for r in support.resources(target) if isinstance(r, Extract) and "zookeeper" in r.path]
    assert [one.path for one in found] == paths
    text = support.text(target, f"/opt/apache-zookeeper-{version}/bin/zk-tool.sh")
    assert [f"snappy.lib.path={path} " in text for path in paths] == [True] * len(paths)
    assert ("snappy" in text) == bool(paths)


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ([], {"/opt", "/var/lib/kafka/tmp"}),
        (["-Xss1m"], {"/opt", "/var/lib/kafka/tmp"}),
        (["-Dorg.xerial.snappy.lib.path=/opt/kafka/native"], {"/opt"}),
        (["-Xss1m", "-Djava.io.tmpdir=/srv/tmp"], {"/opt"}),
    ],
)
def test_the_brokers_own_directory_must_allow_libraries_unless_the_inventory_names_another(
    tmp_path: Path, options: list[Any], paths: set[str]
):
    from roles.kafka import role

    target = support.target(support.single(tmp_path, kafka_jvm_opts=options))
    assert set(role.needs(target).runs) == paths
