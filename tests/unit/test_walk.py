"""What root reads and writes where a service's user plants links, FIFOs and directories, also at the worst moment.

The attacker is a thread of this process, in a directory in which everybody can make links.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.agent import files, journal, trees, walk
from provisioner.agent.failure import Failure
from provisioner.agent.loglines import Wanted
from provisioner.agent.process import _tail as gc_tail
from provisioner.agent.system import System
from provisioner.agent.trees import ANYTHING
from provisioner.agent.waiting import _tail as log_tail

ME = (os.getuid(), os.getgid())


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """What belongs to root."""
    place = tmp_path / "roots"
    (place / "inner").mkdir(parents=True)
    (place / "shadow").write_text("hunter2\n")
    (place / "shadow").chmod(0o600)
    (place / "inner/file").write_text("hunter2\n")
    return place


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A directory in which everybody can make links, as a service can in its own."""
    place = tmp_path / "theirs"
    place.mkdir()
    place.chmod(0o777)
    return place


def all_of(place: Path) -> dict[str, tuple[int, int, int, str]]:
    found = {}
    for path in sorted(place.rglob("*")):
        state = path.lstat()
        text = path.read_text() if path.is_file() else ""
        found[str(path)] = (stat.S_IMODE(state.st_mode), state.st_uid, state.st_ino, text)
    return found


@contextlib.contextmanager
def unharmed(roots: Path) -> Iterator[None]:
    before = all_of(roots)
    yield
    assert all_of(roots) == before


def in_time(work: Callable[[], object], seconds: float = 5.0) -> None:
    """Work that waits for nobody. Failures and refusals are fine; waiting for ever is not."""

    def run() -> None:
        with contextlib.suppress(OSError, Failure):
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it waits for somebody"


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "link": lambda place, roots: place.symlink_to(roots / "shadow"),
    "link to a directory": lambda place, roots: place.symlink_to(roots),
    "link into nothing": lambda place, roots: place.symlink_to(roots / "new"),
    "FIFO": lambda place, roots: os.mkfifo(place),
    "directory": lambda place, roots: place.mkdir(),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_is_written_or_changed_through_what_is_planted(theirs: Path, roots: Path, planted: str):
    system = System(lambda event: None, str(theirs / "state"))
    for name in ("myid", ".myid.new~", "data"):
        PLANTED[planted](theirs / name, roots)
    with unharmed(roots):
        for work in (
            lambda: files.replace(str(theirs / "myid"), b"1\n", *ME, 0o640),
            lambda: files.replace(str(theirs / "data/myid"), b"1\n", *ME, 0o640),
            lambda: files.link(str(theirs / "data/new"), "/x"),
            lambda: files.make_directory(str(theirs / "data/a/b")),
            lambda: files.settle(str(theirs / "data"), *ME, 0o777),
            lambda: files.remove(str(theirs / "data/shadow")),
            lambda: trees.purge(str(theirs / "data"), ((".+", ""), (".+", ANYTHING))),
            lambda: trees.remove_rendered(str(theirs / "data")),
            lambda: trees.remove_directory(str(theirs / "data")),
            lambda: system.make_directory(str(theirs / "data"), "root", "root", 0o777),
        ):
            in_time(work)


@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_is_read_through_what_is_planted(theirs: Path, roots: Path, planted: str):
    place, path = theirs / "server.log", str(theirs / "server.log")
    PLANTED[planted](place, roots)
    system = System(lambda event: None, str(theirs / "state"))
    found: list[object] = []
    for work in (
        lambda: found.append(walk.read(path)),
        lambda: found.append(walk.read(f"{path}/shadow")),
        lambda: found.append(files.text_of(path)),
        lambda: found.append(system.read_text(path)),
        lambda: found.append(system.digest(path)),
        lambda: found.append(journal.newest("kafka", path, 10, 0.0, Wanted())),
        lambda: found.append(gc_tail(path)),
        lambda: found.append(log_tail(path, 0)),
        lambda: found.append(journal.Tail("kafka", path, Wanted()).more()),
    ):
        in_time(work)
    assert "hunter2" not in repr(found)
    said = [line for one in found if isinstance(one, list) for _, _, line in one]
    if planted not in ("link into nothing",):
        assert said and said[0].startswith(f"{path} is not read: "), "an empty log would look as if all were well"


def test_a_link_is_followed_where_only_root_can_have_made_it(tmp_path: Path, theirs: Path):
    mine = tmp_path / "mine"
    (mine / "real").mkdir(parents=True)
    (mine / "real/file").write_text("text")
    (mine / "way").symlink_to("real")
    (mine / "way2").symlink_to(mine / "way")
    (mine / "way2/name").symlink_to("file")
    assert walk.read(str(mine / "way2/name")) == b"text"
    files.replace(str(mine / "way2/other"), b"new", *ME, 0o600)
    assert (mine / "real/other").read_bytes() == b"new"
    (mine / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        walk.read(str(mine / "loop/x"))
    (theirs / "way").symlink_to(mine / "real")
    with pytest.raises(OSError, match="that others than root can make, and is not followed"):
        walk.read(str(theirs / "way/file"))


def test_a_large_file_is_read_as_far_as_wanted(tmp_path: Path):
    (tmp_path / "large").write_bytes(b"x" * 5000)
    assert walk.read(str(tmp_path / "large"), limit=1000) == b"x" * 1000


def test_what_cannot_be_replaced_is_named_with_its_path(tmp_path: Path):
    place = tmp_path / "log4j.properties"
    place.mkdir()
    with pytest.raises(OSError, match="directory") as refused:
        files.replace(str(place), b"", os.getuid(), os.getgid(), 0o600)
    assert (refused.value.filename, refused.value.filename2) == (str(place), None)


def test_a_temporary_file_that_a_killed_run_has_left_is_replaced(theirs: Path):
    (theirs / ".myid.new~").write_text("half")
    files.replace(str(theirs / "myid"), b"1\n", *ME, 0o640)
    assert [path.name for path in theirs.iterdir()] == ["myid"]


@contextlib.contextmanager
def swapping(place: Path, roots: Path) -> Iterator[None]:
    """Swap a directory for a link to root's, and back, as fast as it goes."""
    ended, aside = threading.Event(), place.with_name("aside")

    def swap() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):  # a directory was made in its place
                place.rename(aside)
                place.symlink_to(roots)
                place.unlink()
                aside.rename(place)

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_race_for_a_directory_changes_nothing_of_roots(theirs: Path, roots: Path):
    data = theirs / "data"
    (data / "inner").mkdir(parents=True)
    with unharmed(roots), swapping(data, roots):
        for _ in range(60):
            for work in (
                lambda: files.replace(str(data / "shadow"), b"1\n", *ME, 0o644),
                lambda: files.settle(str(data), *ME, 0o755),
                lambda: files.make_directory(str(data / "new")),
                lambda: trees.purge(str(data), ((".+", ""), (".+", ANYTHING))),
            ):
                with contextlib.suppress(OSError, Failure):
                    work()


def test_what_is_removed_is_what_was_looked_at(theirs: Path, roots: Path, monkeypatch: pytest.MonkeyPatch):
    data, inner = theirs / "data", trees._inner
    (data / "orders-0").mkdir(parents=True)
    (data / "file").write_text("")
    (data / "orders-0/file").write_text("")
    (roots / "file").write_text("hunter2\n")

    def swapped(here: int, entry: os.DirEntry[str], holds: trees.Holds) -> str | None:
        found = inner(here, entry, holds)
        if not data.is_symlink():  # between the look and the removal
            data.rename(theirs / "aside")
            data.symlink_to(roots)
        return found

    monkeypatch.setattr(trees, "_inner", swapped)
    with unharmed(roots):
        trees.purge(str(data), (("file", ""), ("orders-0", "file")))
    assert list((theirs / "aside").iterdir()) == []


def test_a_race_for_a_log_shows_nothing_of_roots(theirs: Path, roots: Path):
    (theirs / "log").mkdir()
    (theirs / "log/shadow").write_text("a line\n")
    with swapping(theirs / "log", roots):
        for _ in range(300):
            with contextlib.suppress(OSError):
                assert b"hunter2" not in walk.read(str(theirs / "log/shadow"))


def test_a_file_that_has_another_name_elsewhere_gets_no_other_owner_or_mode(theirs: Path, roots: Path):
    from provisioner.resources import File

    os.link(roots / "shadow", theirs / "myid")  # where the kernel lets users do this (fs.protected_hardlinks=0)
    system = System(lambda event: None, str(theirs / "state"))
    wanted = File(str(theirs / "myid"), "hunter2\n", "root", "root", 0o644)
    with unharmed(roots):
        wanted.fix(system, wanted.read(system), ("mode",))
    assert stat.S_IMODE((theirs / "myid").stat().st_mode) == 0o644
