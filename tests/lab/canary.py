"""Secrets that must be seen nowhere: looked for in argument lists and environments while commands run, and in files."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from .hosts import LabHost
from .serving import eventually

PATTERN = "/root/pattern"
PROCESSES = Path("/proc")
PLACES = "/etc /opt /root /var/lib /var/log /run /tmp"


@contextlib.contextmanager
def watched_for(host: LabHost, *secrets: str) -> Iterator[None]:
    """While this is entered, every argument list and environment on the host is searched; a secret that is found fails
    the test.

    The searcher reads what to look for from a file, or it would find itself; that file stays, for `files_with`. It
    rests for a moment between two rounds: those of several hosts would wait for each other's longer than that.
    """
    host.lab.exec(host.base, ["sh", "-c", f"umask 077; cat > {PATTERN}"], input="\n".join(secrets) + "\n")
    host.sh(
        "rm -f /root/seen /root/rounds /root/enough; systemd-run --quiet --collect --unit=watch-argv bash -c '"
        "while [ ! -e /root/enough ]; do echo >> /root/rounds; sleep 0.1; "
        f"grep -l -a -F -f {PATTERN} /proc/[0-9]*/cmdline /proc/[0-9]*/environ >> /root/seen 2>/dev/null; done'"
    )
    try:
        yield
    finally:
        host.sh("touch /root/enough")
        eventually(lambda: host.sh("systemctl is-active watch-argv", expect=None) != "active", seconds=20, what="ended")
        rounds = int(host.sh("wc -l < /root/rounds"))
        seen = host.sh("cat /root/seen; rm -f /root/seen /root/rounds /root/enough")
    assert rounds > 5, "the argument lists were hardly looked at"
    assert seen == ""


def files_with(host: LabHost) -> list[str]:
    """The files of the host that have a secret `watched_for` has looked for, but for the file that says so."""
    found = host.sh(f"grep -r -l -a -F -f {PATTERN} {PLACES} 2>/dev/null", expect=None).split()
    return sorted(one for one in found if one != PATTERN)


def logged(host: LabHost) -> str:
    """The lines of the journal that have such a secret."""
    return host.sh(f"journalctl --no-pager -o cat -b | grep -a -F -f {PATTERN}", expect=None)


def forget(host: LabHost) -> None:
    """Remove the file that says what was looked for."""
    host.sh(f"rm -f {PATTERN}")


@contextlib.contextmanager
def watched_here(*secrets: str) -> Iterator[None]:
    """The same for the processes of this machine, every 50 ms or as fast as it can, but for this one."""
    enough, seen, rounds, own = threading.Event(), set[str](), 0, str(os.getpid())
    wanted = [secret.encode() for secret in secrets]

    def look() -> None:
        nonlocal rounds
        while not enough.wait(0.05):
            rounds += 1
            for process in PROCESSES.glob("[0-9]*"):
                for part in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        text = (process / part).read_bytes()
                        if process.name != own and any(one in text for one in wanted):
                            seen.add(f"{part} of {(process / 'cmdline').read_bytes()!r}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join(timeout=10)
    assert rounds > 5, "the argument lists were hardly looked at"
    assert not seen, seen


def holding(folder: Path, *secrets: str) -> list[Path]:
    """The files below a folder of this machine that have one of them."""
    wanted = [secret.encode() for secret in secrets]
    files = [one for one in folder.rglob("*") if one.is_file() and not one.is_symlink()]
    return [one for one in files if any(secret in one.read_bytes() for secret in wanted)]
