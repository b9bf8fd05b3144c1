"""A source knows its identity without a download, and hands over one verified file that is the same every time."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.artifacts import ArchiveSource, ClosureSource, cache_directory, download, fetch
from provisioner.artifacts.lockfile import Jar
from provisioner.artifacts.resolve import render
from provisioner.errors import ArtifactError, ConfigError
from tests.support.artifacts import FileServer, file_server

JARS = {"org.example:one:1.0": b"first" * 9000, "org.example:two:2.0:linux": b"second" * 5000}


def quiet(*_: object) -> None:
    """No progress wanted."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "BACKOFF", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "cache"))
    with file_server() as running:
        monkeypatch.setenv("PROVISIONER_MAVEN_URL", running.url)
        for jar, content in ((locked(name), content) for name, content in JARS.items()):
            running.files[f"/{jar.repository_path}"] = content
        yield running


def locked(coordinate: str) -> Jar:
    content = JARS[coordinate]
    return Jar(coordinate, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "1.0.yml"
    path.write_text("product: thing\nversion: '1.0'\n" + render([locked(name) for name in JARS], {}))
    return path


# --- closures


def test_a_closure_is_one_tar_of_all_jars(server: FileServer, lock: Path) -> None:
    source = ClosureSource(lock)
    identity = source.id
    assert server.requests == []
    payload = source.obtain(quiet)
    assert (payload.format, source.label) == ("tar", "thing 1.0 (Maven closure, 2 jars)")
    assert payload.path.name == "thing-1.0.tar"
    assert payload.sha256 == hashlib.sha256(payload.path.read_bytes()).hexdigest()
    assert payload.size == payload.path.stat().st_size
    with tarfile.open(payload.path) as tar:
        assert tar.getnames() == ["thing-1.0/libs/one-1.0.jar", "thing-1.0/libs/two-2.0-linux.jar"]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in tar} == {(0, 0, 0, "", 0o644)}
        member = tar.extractfile("thing-1.0/libs/one-1.0.jar")
        assert member is not None
        assert member.read() == JARS["org.example:one:1.0"]
    assert source.id == identity


def test_a_second_run_downloads_nothing_and_reports_no_progress(server: FileServer, lock: Path) -> None:
    seen: list[object] = []
    first = fetch([ClosureSource(lock)], lambda *told: seen.append(told))
    assert seen[-1] == ("thing-1.0", "thing 1.0 (Maven closure, 2 jars)", 75000, 75000)
    seen.clear()
    asked = len(server.requests)
    assert fetch([ClosureSource(lock)], lambda *told: seen.append(told)) == first
    assert (seen, len(server.requests)) == ([], asked)


def test_the_same_lock_gives_the_same_bytes_in_another_cache(
    server: FileServer, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ClosureSource(lock).obtain(quiet)
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "other"))
    second = ClosureSource(lock).obtain(quiet)
    assert first.path != second.path
    assert first.sha256 == second.sha256


def test_identity_follows_the_jars_and_nothing_else(lock: Path) -> None:
    before = ClosureSource(lock).id
    lock.write_text("# a comment\nscripts: {}\n" + lock.read_text())
    assert ClosureSource(lock).id == before
    lock.write_text(lock.read_text().replace("size: 45000", "size: 45001"))
    assert ClosureSource(lock).id != before


def test_a_corrupt_jar_in_the_cache_is_fetched_again(server: FileServer, lock: Path) -> None:
    jar = locked("org.example:one:1.0")
    blob = cache_directory() / "blobs" / jar.sha256
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x" * jar.size)  # right size: found when it is packed
    payload = ClosureSource(lock).obtain(quiet)
    assert blob.read_bytes() == JARS[jar.coordinate]
    assert JARS[jar.coordinate] in payload.path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_corrupt_tar_in_the_cache_is_assembled_again(server: FileServer, lock: Path, damage: str) -> None:
    good = ClosureSource(lock).obtain(quiet)
    content = good.path.read_bytes()
    good.path.write_bytes(content[:-600] if damage == "cut" else b"?" + content[1:])
    os.utime(good.path, ns=(1, 1))
    assert ClosureSource(lock).obtain(quiet) == good
    assert good.path.read_bytes() == content


def test_a_jar_that_the_repository_changed_is_refused(server: FileServer, lock: Path) -> None:
    jar = locked("org.example:two:2.0:linux")
    server.files[f"/{jar.repository_path}"] = b"malice" * 5000
    with pytest.raises(ArtifactError, match=r"two-2\.0-linux\.jar is not the file"):
        ClosureSource(lock).obtain(quiet)
    assert not list(cache_directory().rglob("*.tar"))


def test_runs_at_once_get_the_same_file(server: FileServer, lock: Path) -> None:
    payloads: list[object] = []
    runs = [threading.Thread(target=lambda: payloads.append(ClosureSource(lock).obtain(quiet))) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(payloads) == 4
    assert len(set(payloads)) == 1
    assert len(server.requests) == len(JARS)


def test_a_cache_that_cannot_be_written_is_one_message(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ArtifactError, match="PROVISIONER_CACHE"):
        ClosureSource(lock).obtain(quiet)


# --- release archives


def release(*members: tuple[str, bytes | tarfile.TarInfo]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members or (("thing-1.0/libs/one.jar", b"jar"), ("thing-1.0/LICENSE", b"text")):
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def member(kind: bytes, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, linkname
    return info


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "thing-1.0.tgz"
    path.write_bytes(release())
    return path


def sha512(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_a_local_release_is_used_where_it_is(archive: Path, form: str) -> None:
    source = ArchiveSource(form.format(archive), sha512(archive))
    payload = source.obtain(quiet)
    assert source.id == f"sha512:{sha512(archive)}"
    assert (payload.path, payload.format, payload.size) == (archive, "tgz", archive.stat().st_size)
    assert payload.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()


def test_the_sha512_beside_a_file_is_used(archive: Path) -> None:
    beside = archive.with_name("thing-1.0.tgz.sha512")
    beside.write_text(f"{sha512(archive)}  thing-1.0.tgz\n")
    assert ArchiveSource(str(archive)).id == f"sha512:{sha512(archive)}"
    beside.write_text("0" * 128)
    with pytest.raises(ArtifactError, match="does not match its sha512") as caught:
        ArchiveSource(str(archive)).obtain(quiet)
    assert sha512(archive) in str(caught.value)
    assert archive.exists()


def test_a_release_without_a_digest_is_known_by_its_content(archive: Path) -> None:
    source = ArchiveSource(str(archive))
    assert source.id == f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    assert source.obtain(quiet).path == archive


def test_a_release_from_the_network_is_verified_and_kept(server: FileServer, archive: Path) -> None:
    server.files["/pub/thing-1.0.tgz"] = archive.read_bytes()
    url = f"{server.url}/pub/thing-1.0.tgz"
    payload = ArchiveSource(url, sha512(archive)).obtain(quiet)
    assert payload.path.read_bytes() == archive.read_bytes()
    assert ArchiveSource(url, sha512(archive)).obtain(quiet) == payload
    assert len(server.requests) == 1
    with pytest.raises(ArtifactError, match="not the file"):
        ArchiveSource(url, "a" * 128).obtain(quiet)


def test_a_kept_release_that_went_bad_is_refused_and_then_fetched(server: FileServer, archive: Path) -> None:
    server.files["/thing-1.0.tgz"] = archive.read_bytes()
    source = ArchiveSource(f"{server.url}/thing-1.0.tgz", sha512(archive))
    kept = source.obtain(quiet).path
    kept.write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="does not match"):
        source.obtain(quiet)
    assert source.obtain(quiet).path.read_bytes() == archive.read_bytes()


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("thing/libs/a.jar", b"x"), ("/etc/passwd", b"x")], "outside its directory"),
        ([("thing/libs/a.jar", b"x"), ("thing/../../x", b"x")], "outside its directory"),
        ([("thing/libs/a.jar", b"x"), ("thing/l", member(tarfile.SYMTYPE, "../../etc"))], "links to"),
        ([("thing/libs/a.jar", b"x"), ("thing/l", member(tarfile.SYMTYPE, "/etc"))], "links to"),
        ([("thing/libs/a.jar", b"x"), ("thing/l", member(tarfile.LNKTYPE, "../etc"))], "links to"),
        ([("thing/libs/a.jar", b"x"), ("thing/dev", member(tarfile.CHRTYPE))], "neither a file"),
        ([("thing/libs/a.jar", b"x"), ("other/b", b"x")], "2 top directories"),
        ([("thing/src/a.java", b"x")], "source release"),
    ],
)
def test_an_unsafe_or_wrong_release_is_refused(
    archive: Path, members: list[tuple[str, bytes | tarfile.TarInfo]], says: str
) -> None:
    archive.write_bytes(release(*members))
    with pytest.raises(ArtifactError, match=says):
        ArchiveSource(str(archive)).obtain(quiet)


def test_a_release_of_another_version_is_refused_whatever_its_file_is_called(archive: Path) -> None:
    jars = [(f"thing/libs/{name}.jar", b"x") for name in ("thing-clients-1.0", "thing_2.13-1.0", "other-2.0")]
    archive.write_bytes(release(*jars))
    assert ArchiveSource(str(archive), holds="thing_*-1.0.jar").obtain(quiet).path == archive
    for _ in range(2):  # at once, and when the archive has been read before
        with pytest.raises(ArtifactError, match=r"it has no thing\*-2\.0\.jar") as refused:
            ArchiveSource(str(archive), holds="thing*-2.0.jar").obtain(quiet)
        assert refused.value.details == ["its jars: thing-clients-1.0.jar, thing_2.13-1.0.jar"]
    for marker in (archive.parent / "cache/digests").glob("*.release"):
        marker.write_text("")  # as an earlier version of the toolkit left it
    with pytest.raises(ArtifactError, match="it has no"):
        ArchiveSource(str(archive), holds="thing*-2.0.jar").obtain(quiet)


@pytest.mark.parametrize("keep", [0, 20, -8])
def test_a_release_that_was_cut_off_is_refused(archive: Path, keep: int) -> None:
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="not a usable release archive"):
        ArchiveSource(str(archive)).obtain(quiet)


def test_links_inside_a_release_are_fine(archive: Path) -> None:
    link = member(tarfile.SYMTYPE, "../libs/one.jar")
    archive.write_bytes(release(("thing/libs/one.jar", b"x"), ("thing/current/one.jar", link)))
    assert ArchiveSource(str(archive)).obtain(quiet).path == archive


@pytest.mark.parametrize(
    ("location", "digest", "says"),
    [
        ("https://example.invalid/a.tgz", "", "needs its sha512"),
        ("ftp://example.invalid/a.tgz", "", "not an address"),
        ("/nowhere/a.tgz", "", "does not exist"),
        ("/nowhere/a.tgz", "abc", "cannot be used"),
    ],
)
def test_a_wrong_location_is_found_before_any_connection(location: str, digest: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ArchiveSource(location, digest)
