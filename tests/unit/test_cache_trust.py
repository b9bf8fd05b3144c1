"""What is kept between runs becomes code that root runs on every host: nobody else may have written it."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.artifacts import private
from provisioner.artifacts.cache import cache_directory
from provisioner.connect import payload
from provisioner.errors import ArtifactError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    private.require_private.cache_clear()
    yield
    private.require_private.cache_clear()


def built(cache: Path) -> payload.Payload:
    return payload.build(ROOT, cache, packages=["provisioner.words"], libraries=[])


def test_an_agent_that_was_changed_in_the_cache_is_not_sent(tmp_path: Path):
    first = built(tmp_path)
    good = first.read()
    assert built(tmp_path).read() == good, "the second run takes the first one's"
    first.path.write_bytes(b"evil")
    with pytest.raises(ArtifactError, match="is not the agent that was built there"):
        built(tmp_path).read()
    first.path.unlink()
    assert built(tmp_path).read() == good


def test_an_index_that_leads_elsewhere_is_built_anew(tmp_path: Path):
    first = built(tmp_path)
    (index,) = [path for path in (tmp_path / "agent").iterdir() if path != first.path]
    index.write_text("../../evil")
    (tmp_path.parent / "evil.zip").write_bytes(b"evil")
    assert built(tmp_path).digest == first.digest


@pytest.mark.parametrize("inner", ["", "agent", "templates"])
@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_cache_in_which_everybody_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str, mode: int
):
    cache = tmp_path / "cache"
    (cache / "agent").mkdir(parents=True)
    (cache / "templates").mkdir()
    monkeypatch.setenv("PROVISIONER_CACHE", str(cache))
    assert cache_directory() == cache
    private.require_private.cache_clear()
    (cache / inner).chmod(mode)
    with pytest.raises(ArtifactError, match="may be written by everybody") as caught:
        cache_directory()
    assert "PROVISIONER_CACHE" in str(caught.value.advice)


def test_a_cache_that_everybody_can_replace_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ArtifactError, match="who can replace"):
        cache_directory()
    private.require_private.cache_clear()
    tmp_path.chmod(0o1777)  # as /tmp is: what is in it belongs to its owner
    assert cache_directory() == tmp_path / "cache"


def state(uid: int, gid: int, mode: int) -> os.stat_result:
    return os.stat_result((0o40000 | mode, 1, 1, 2, uid, gid, 0, 0, 0, 0))


def test_a_cache_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch):
    me = os.geteuid()
    monkeypatch.delenv("SUDO_UID", raising=False)
    assert private.against(state(me + 7, 0, 0o700)) == f"belongs to another user ({me + 7})"
    assert private.against(state(me, 0, 0o700)) == private.against(state(0, 0, 0o755)) == ""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "1000")
    assert private.against(state(1000, 0, 0o700)) == "" and private.against(state(1001, 0, 0o700))


@pytest.mark.parametrize(
    ("group", "members", "refused"),
    [("me", [], False), ("me", ["me"], False), ("me", ["you"], True), ("team", [], True)],
)
def test_a_group_may_write_only_where_it_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch, group: str, members: list[str], refused: bool
):
    me = pwd.struct_passwd(("me", "x", os.geteuid(), 7, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: me)
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group((group, "x", 7, members)))
    assert private.against(state(os.geteuid(), 7, 0o775)) == ("may be written by a group" if refused else "")
