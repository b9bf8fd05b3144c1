"""How long the official commands take to start, ours and as Kafka ships them, side by side on one host."""

from __future__ import annotations

import json
import statistics

from .hosts import LabHost

UNIT = "kafka-class-archive"
ARCHIVE = "/opt/kafka/commands.jsa"

# What an update of Java leaves behind: the archive of another build.
OTHER_BUILD = """python3 - <<'PYTHON'
with open('/opt/kafka/commands.jsa', 'r+b') as archive:
    at = archive.read(4096).index(b'-Debian')
    archive.seek(at)
    archive.write(b'-Elsewh')
PYTHON"""

# The JVM options of Kafka's own kafka-run-class.sh, the same in 2.5.0 and 3.9.2.
STOCK = (
    "-Xmx256M -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35"
    " -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true -Dcom.sun.management.jmxremote"
    " -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false"
)

# Run by an ordinary user. Both take turns, so that whatever else the machine does slows both.
_COMPARE = """
import json, os, resource, subprocess, sys, time
java, main, stock, bootstrap, runs = json.loads(sys.argv[1])
home = os.path.realpath("/opt/kafka")
arguments = ["--bootstrap-server", bootstrap, "--list"]
log = f"-Dlog4j.configuration=file:{home}/config/tools-log4j.properties"
commands = {
    "stock": [java, *stock.split(), log, "-cp", f"{home}/libs/*", main, *arguments],
    "ours": ["kafka-topics.sh", *arguments],
}
seconds, cpu, said = ({"stock": [], "ours": []} for _ in range(3))

def used():
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return times.ru_utime + times.ru_stime

for _ in range(runs):
    for name, argv in commands.items():
        began, before = time.monotonic(), used()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seconds[name].append(time.monotonic() - began)
        cpu[name].append(used() - before)
        said[name].append(f"{done.returncode} {done.stdout.decode()}")
print(json.dumps({"seconds": seconds, "cpu": cpu, "said": said}))
"""


def wait_for_archive(host: LabHost) -> None:
    """Return when the unit that makes the archive has ended; it must have made one."""
    host.wait_for_class_archive()
    host.sh(
        f"! systemctl is-failed {UNIT} || journalctl -u {UNIT} --no-pager; test -s {ARCHIVE}.inputs -a -s {ARCHIVE}"
    )


def as_user(host: LabHost, command: str) -> str:
    """What an ordinary user's shell shows of a command, errors included."""
    return host.sh(f"su - ops -c '{command} 2>&1'")


def require_silence(host: LabHost, damage: str = OTHER_BUILD) -> None:
    """An archive that does not fit (any more) changes nothing of what a command says. It is put back."""
    listed = f"kafka-topics.sh --bootstrap-server {host.bootstrap} --list"
    before = as_user(host, listed)
    host.sh(f"cp -pL {ARCHIVE} /root/good.jsa && {damage}")
    try:
        assert as_user(host, listed) == before
    finally:
        host.sh(f"mv /root/good.jsa $(readlink -f {ARCHIVE})")


def require_faster(host: LabHost, main: str, runs: int = 5) -> float:
    """Our kafka-topics.sh says what Kafka's own start line says, in much less time; the ratio of the medians."""
    wait_for_archive(host)
    java = host.sh("tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID kafka)/cmdline | head -n 1")
    arguments = json.dumps([java, main, STOCK, host.bootstrap, runs])
    done = host.lab.exec(host.base, ["su", "ops", "-c", f"python3 - '{arguments}'"], input=_COMPARE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (said,) = {*found["said"]["ours"], *found["said"]["stock"]}
    assert said.startswith("0 "), said
    ratios = {}
    for what in ("seconds", "cpu"):
        stock, ours = (statistics.median(found[what][name]) for name in ("stock", "ours"))
        ratios[what] = ours / stock
        print(f"{host.name}: {what} stock {stock:.2f}, ours {ours:.2f}, ratio {ours / stock:.2f}, {java}")
    ratio = ratios["seconds"]
    # Half of it is what is promised on a quiet machine; a busy one is allowed for.
    assert ratio <= 0.7, found["seconds"]
    return ratio
