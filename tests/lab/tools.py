"""Every command in the official bin/ of a version: reachable by name, and its class and all it needs is there."""

from __future__ import annotations

import json

from roles.shared.releases import Release, release

from .hosts import LabHost

# Helpers of a bin/ that is started by hand; where systemd runs the servers they have nothing to do.
LEFT_OUT = {"zkEnv.sh", "zkServer-initialize.sh"}
# Started without argument or with one that is harmless; everybody else is asked for --help.
ARGUMENTS = {"trogdor.sh": "agent --help", "zkServer.sh": "version", "kafka-run-class.sh": "kafka.Kafka --help"}
# These stop a service, so they are only looked for here; a test of their own stops one.
STOPPING = {"kafka-server-stop.sh", "zookeeper-server-stop.sh"}

# What a JVM or a shell says when something is missing.
BROKEN = (
    "ClassNotFoundException",
    "NoClassDefFoundError",
    "Could not find or load main class",
    "UnsupportedClassVersion",
    "NoSuchMethodError",
    "UnsatisfiedLinkError",
    "is not a command of",
    "not found",
    "cannot write to",
    "SLF4J",
    "log4j:",
    "StaticLoggerBinder",
)

# Two at a time, each with a small heap, a time limit, no input, and a log directory (some write there at start).
_SCRIPT = """
set -eu
work=$(mktemp -d); cd "$work"
export LOG_DIR=$work/logs KAFKA_HEAP_OPTS=-Xmx96m CLIENT_JVMFLAGS=-Xmx96m
one() { # NAME ARGUMENTS
    name=$1; shift; code=0
    timeout 45 "$name" "$@" > "$name.out" 2>&1 < /dev/null || code=$?
    echo $code > "$name.code"
}
export -f one
xargs -P 2 -L 1 bash -c 'one "$@"' _
python3 - <<'PYTHON'
import glob, json
print(json.dumps({name[:-5]: [int(open(name).read()), open(name[:-5] + ".out", errors="replace").read()]
                  for name in glob.glob("*.code")}))
PYTHON
rm -rf "$work"
"""


def expected(kafka: Release) -> set[str]:
    """The names of both tables: Kafka's, and those of the ZooKeeper that is deployed with it, if any."""
    server = kafka.paired.get("zookeeper")
    return {*kafka.commands, *(release("zookeeper", server).commands if server else ())} - LEFT_OUT


def require_all_start(host: LabHost, version: str) -> None:
    """Assert it for every command, telling all that are wrong at once. Run as an ordinary user."""
    kafka = release("kafka", version)
    wanted = expected(kafka)
    found = host.sh(f"su - ops -c 'command -v {' '.join(sorted(wanted))}'", expect=None).split()
    assert {path.rsplit("/", 1)[1] for path in found} == wanted
    started = sorted(wanted - STOPPING)
    lines = "".join(f"{name} {ARGUMENTS.get(name, '--help')}\n" for name in started)
    done = host.lab.exec(host.base, ["su", "-", "ops", "-c", f"bash -c '{_quoted(_SCRIPT)}'"], input=lines)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert sorted(results) == started
    # What the repository of jars did not have when the version was locked says so, instead of failing in Java.
    for name in kafka.absent:
        assert "has nothing to run here" in results.pop(name)[1]
    wrong = {name: (code, text) for name, (code, text) in results.items() if code in (124, 126, 127) or _broken(text)}
    assert not wrong, "\n".join(f"{name}: exit code {code}\n{text[:600]}" for name, (code, text) in wrong.items())


def _broken(text: str) -> bool:
    """Silence counts too: every one of these says something when asked for help."""
    return not text.strip() or any(sign in text for sign in BROKEN)


def _quoted(script: str) -> str:
    return script.replace("'", "'\\''")
