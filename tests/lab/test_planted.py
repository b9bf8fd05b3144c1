"""A service that has been taken over plants links and FIFOs where root reads and writes: nothing of root's changes, and
nothing of it is shown. The scripts run as the services' own users, in a loop, while deploys run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .hosts import LabHost, counts

PREY = "/root/prey"
# A directory of root's, and what root alone may read; compared by owner, mode, inode, times and content.
MAKE_PREY = f"mkdir -p {PREY}/inner; cd {PREY}; echo hunter2 > myid; cp myid server.log; chmod 600 myid server.log"
LOOK = f"cd {PREY} && find . -printf '%p %U:%G %m %i %T@ %l\\n' | sort && sha256sum myid server.log"

# Swaps a path below which root writes for a link to root's directory, and back, and plants what a write begins with.
SWAP = """
import os, sys, time
place, aside, temporary = sys.argv[1], sys.argv[1] + ".aside", sys.argv[2]
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        os.mkfifo(temporary)
    except OSError:
        pass
    try:
        os.rename(place, aside)
        os.symlink("{prey}", place)
        time.sleep(0.001)
    except OSError:
        pass
    try:
        if os.path.islink(place):
            os.unlink(place)
        os.rename(aside, place)
    except OSError:
        pass
    time.sleep(0.001)
if os.path.islink(place):
    os.unlink(place)
if os.path.isdir(aside):
    if os.path.isdir(place):
        os.rmdir(place)
    os.rename(aside, place)
try:
    os.unlink(temporary)
except OSError:
    pass
""".replace("{prey}", PREY)
SECONDS = 3


@contextlib.contextmanager
def attacked(host: LabHost, user: str, place: str, temporary: str) -> Iterator[None]:
    """While a script of this user is at work."""
    argv = f'setpriv --reuid {user} --regid {user} --clear-groups python3 -c "$SWAP" {place} {temporary} {SECONDS}'
    host.sh(f"export SWAP='{SWAP}'; nohup {argv} > /dev/null 2>&1 &")
    try:
        yield
    finally:
        host.sh(f"for i in $(seq 100); do pgrep -u {user} -f {temporary} > /dev/null || break; sleep 0.1; done")


def test_what_a_service_plants_in_the_way_of_a_deploy_changes_nothing_of_roots(single: LabHost):
    single.sh(MAKE_PREY)
    before = single.sh(LOOK)
    places = (
        # Owner and mode are repaired on each of these deploys, and the id is written anew.
        ("zookeeper", "/var/lib/zookeeper/data", "/var/lib/zookeeper/data/.myid.new~"),
        ("kafka", "/var/lib/kafka/tmp", "/var/lib/kafka/tmp/.x.new~"),
    )
    for user, place, temporary in places:
        with attacked(single, user, place, temporary):
            for _ in range(2):
                single.sh("chmod 600 /var/lib/zookeeper/data/myid; chmod 755 /var/lib/kafka/tmp; true")
                single.invoke("deploy", "--no-smoke")  # refused or done, as it happens
        assert single.sh(LOOK) == before
    single.sh(f"rm -rf {PREY}")
    single.deploy("--no-smoke")
    assert counts(single.deploy("--no-smoke"), single.name)["touched"] == 0


def test_logs_and_status_show_nothing_through_what_a_service_plants(single: LabHost):
    single.sh(MAKE_PREY)
    log, kept = "/var/log/kafka/server.log", "/var/log/kafka/kept"
    for plant in (f"ln -s {PREY}/server.log {log}", f"mkfifo {log}"):
        single.sh(f"mv {log} {kept} && setpriv --reuid kafka --regid kafka --clear-groups {plant}")
        try:
            for verb in (["logs", "--service", "kafka"], ["status"], ["doctor"]):
                shown = single.invoke(*verb)
                assert "hunter2" not in shown.stdout, shown.stdout
                assert verb[0] != "logs" or f"{log} is not read: " in shown.stdout, shown.stdout
        finally:
            single.sh(f"rm -f {log} && mv {kept} {log}")
    single.sh(f"rm -rf {PREY}")
