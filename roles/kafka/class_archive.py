"""The commands' class archive: the official tools start in about half their time with it; pure.

Java parses and verifies some 3,500 classes each time that a command starts. A class archive (AppCDS, JEP 310) holds
them ready to be mapped. It fits exactly one Java build and one class path, so each host makes its own, out of its own
files, in the background, and a new one whenever one of these has changed. Java itself checks an archive before it uses
one, and ignores one that does not fit.
"""

from __future__ import annotations

from typing import Any

from provisioner.resources import Archive, Derived, Resource
from provisioner.run.target import Target
from roles.java import role as java
from roles.kafka import as_root, listeners
from roles.kafka.service import ADMIN
from roles.shared import security

UNIT = "kafka-class-archive"
SCRIPT = "/usr/local/lib/kafka-provisioner/kafka-class-archive"

# For a command that runs for a moment: it is done before the full compiler, or a collector with threads, pays.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")

# Only errors from the JVM: the log tag that reports an archive that does not fit differs from release
# to release, and a JVM does not start with a tag that it does not know.
QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


def place(target: Target, archive: Archive) -> str:
    """The path of the class archive, with the files that it is good for; "" where none is wanted."""
    return f"{archive.path}/commands.jsa" if target["kafka_class_archive"] else ""


def settings(target: Target, archive: Archive) -> dict[str, Any]:
    """What a script needs to start a command quickly, as its template takes it."""
    path = place(target, archive)
    with_archive = [f"-XX:SharedArchiveFile={path}", *QUIET] if path else []
    return {"java_home": java.home(target), "options": QUICK, "archive": path, "with_archive": with_archive}


def inputs(target: Target, archive: Archive) -> tuple[str, ...]:
    """What a class archive is made from: Java's own code, every jar, and the script that makes it."""
    home = java.home(target)
    return (f"{home}/lib/server/libjvm.so", f"{home}/lib/modules", f"{archive.path}/libs/*", SCRIPT)


def makers(target: Target, archive: Archive) -> list[Resource]:
    """The unit and the script that make the archive; they come before the broker's start, for one systemd reload."""
    if not place(target, archive):
        return []
    return [
        target.file(
            SCRIPT,
            "kafka/bin/class-archive.sh.j2",
            mode=0o755,
            unit=UNIT,
            home=archive.path,
            archive=place(target, archive),
            inputs=inputs(target, archive),
            java_home=java.home(target),
            quick=QUICK,
            quiet=QUIET,
            bootstrap=listeners.inter_broker(target.host).local,
            config=_config(target),
            patience=300,
        ),
        target.file(
            f"/etc/systemd/system/{UNIT}.service",
            "kafka/class-archive.service.j2",
            what="commands",
            alone=False,
            script=SCRIPT,
            home=archive.path,
        ),
    ]


def _config(target: Target) -> dict[str, str]:
    """What each of the recorded commands is told of a closed cluster, behind a blank."""
    if not security.on(target.host):
        return dict.fromkeys(("any", "producer", "consumer"), "")
    called = {name: as_root.option(f"kafka-console-{name}.sh", target) for name in ("producer", "consumer")}
    return {name: f" {option} {ADMIN}" for name, option in {"any": as_root.CONFIG, **called}.items()}


def made(target: Target, archive: Archive) -> list[Resource]:
    """The archive itself. The commands that are recorded talk to the broker, which serves by then."""
    path = place(target, archive)
    return [Derived(path, UNIT, inputs(target, archive))] if path else []
