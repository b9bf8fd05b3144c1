"""A download arrives whole and verified, or not at all, and says why."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner.artifacts import download
from provisioner.artifacts.download import Wanted, download_all
from provisioner.errors import ArtifactError
from tests.support.artifacts import FileServer, file_server

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "BACKOFF", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as running:
        running.files["/a.jar"] = CONTENT
        yield running


def wanted(server: FileServer, tmp_path: Path, name: str = "a.jar", content: bytes = CONTENT) -> Wanted:
    return Wanted(f"{server.url}/{name}", tmp_path / name, "sha256", hashlib.sha256(content).hexdigest(), len(content))


def get(*items: Wanted) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    download_all(items, lambda done, total: seen.append((done, total)))
    return seen


def leftovers(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_file_arrives_with_progress_up_to_its_size(server: FileServer, tmp_path: Path) -> None:
    seen = get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert leftovers(tmp_path) == ["a.jar"]


def test_what_is_there_is_not_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    get(wanted(server, tmp_path))
    assert get(wanted(server, tmp_path)) == []
    assert len(server.requests) == 1


def test_a_file_of_the_wrong_size_is_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"cut off by a full disk")
    get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.misbehave["/a.jar"] = ["cut"]
    seen = get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT
    assert [wanted_range for _, wanted_range in server.requests] == ["", f"bytes={len(CONTENT) // 2}-"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_server_that_cannot_resume_is_read_from_the_start(server: FileServer, tmp_path: Path) -> None:
    server.misbehave["/a.jar"] = ["cut", "whole"]
    get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT


def test_a_partial_file_of_an_earlier_run_is_continued(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.jar.part").write_bytes(CONTENT[:1000])
    get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT
    assert server.requests == [("/a.jar", "bytes=1000-")]


def test_a_foreign_partial_file_is_refused_once_and_gone(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.jar.part").write_bytes(b"something else")
    with pytest.raises(ArtifactError, match="not the file"):
        get(wanted(server, tmp_path))
    get(wanted(server, tmp_path))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path, status: int) -> None:
    server.misbehave["/a.jar"] = [status, status]
    get(wanted(server, tmp_path))
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up(server: FileServer, tmp_path: Path) -> None:
    server.misbehave["/a.jar"] = [503] * 9
    with pytest.raises(ArtifactError, match=r"a\.jar could not be downloaded: HTTP 503") as caught:
        get(wanted(server, tmp_path))
    assert "gave up after 4 attempts" in str(caught.value)
    assert len(server.requests) == download.ATTEMPTS


@pytest.mark.parametrize(("status", "says"), [(404, "does not exist"), (403, "was refused"), (407, "was refused")])
def test_a_final_answer_is_not_retried(server: FileServer, tmp_path: Path, status: int, says: str) -> None:
    server.misbehave["/a.jar"] = [status]
    with pytest.raises(ArtifactError, match=says) as caught:
        get(wanted(server, tmp_path))
    assert f"HTTP {status}" in str(caught.value)
    assert server.url in str(caught.value)
    assert len(server.requests) == 1


def test_wrong_content_is_refused_and_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    forged = CONTENT[:-1] + b"!"
    server.files["/a.jar"] = forged
    with pytest.raises(ArtifactError, match=r"a\.jar is not the file") as caught:
        get(wanted(server, tmp_path))
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert hashlib.sha256(forged).hexdigest() in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_longer_file_is_refused_by_its_size(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.jar"] = CONTENT + b"more"
    with pytest.raises(ArtifactError, match="not the file") as caught:
        get(wanted(server, tmp_path))
    assert f"expected {len(CONTENT)} bytes" in str(caught.value)


def test_no_network_is_one_message(tmp_path: Path, server: FileServer) -> None:
    item = Wanted("http://127.0.0.1:9/a.jar", tmp_path / "a.jar", "sha256", "0" * 64, 5)
    with pytest.raises(ArtifactError, match=r"no connection .*refused") as caught:
        get(item)
    assert "HTTPS_PROXY" in str(caught.value)


def test_a_full_disk_is_refused_before_the_download(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 << 20))
    with pytest.raises(ArtifactError, match="not enough disk space: 65 MiB needed, 10 MiB free"):
        get(wanted(server, tmp_path))
    assert server.requests == []


def test_many_files_arrive_and_one_failure_keeps_the_finished(server: FileServer, tmp_path: Path) -> None:
    items = []
    for number in range(20):
        content = b"%d" % number * 1000
        server.files[f"/{number}.jar"] = content
        items.append(wanted(server, tmp_path, f"{number}.jar", content))
    missing = Wanted(f"{server.url}/missing.jar", tmp_path / "missing.jar", "sha256", "0" * 64, 5)
    with pytest.raises(ArtifactError, match=r"missing\.jar does not exist"):
        get(*items, missing)
    assert not list(tmp_path.glob("missing*"))
    finished = {f"/{item.name}" for item in items if item.present()}
    server.requests.clear()
    get(*items)
    assert finished
    assert not finished & {path for path, _ in server.requests}
    assert all(item.path.read_bytes() == server.files[f"/{item.name}"] for item in items)


def test_two_runs_at_once_download_a_file_once(server: FileServer, tmp_path: Path) -> None:
    server.misbehave["/a.jar"] = ["slow"]
    with ThreadPoolExecutor(3) as pool:
        for run in [pool.submit(get, wanted(server, tmp_path)) for _ in range(3)]:
            run.result()
    assert (tmp_path / "a.jar").read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert leftovers(tmp_path) == ["a.jar"]
