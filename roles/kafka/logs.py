"""Where Kafka's programs write their logs, and what their JVMs are told about it; pure.

Kafka logs through log4j 2 since 4.0 (KIP-653), and through log4j 1 (or reload4j, which is the same to its users)
before: other files, another option, other names of loggers. Each unit has a file and a directory of its own.
"""

from __future__ import annotations

from provisioner.resources import File
from provisioner.run.target import Target
from roles.shared import kraft
from roles.shared.releases import Release

# Of the commands, by what their file begins with: level, where to. kafka-server-start.sh reads the last.
_COMMANDS = {"tools-": ("WARN", "System.err"), "connect-": ("INFO", "System.out"), "": ("INFO", "System.out")}


def log4j2(release: Release) -> bool:
    """Whether a version logs through log4j 2."""
    return release.number >= (4,)


def path(release: Release, unit: str = "kafka") -> str:
    """The file that says what a unit logs, beside its other files in /etc."""
    return f"/etc/{unit}/{_name(release)}"


def folder(unit: str = "kafka") -> str:
    """The directory of a unit's log files."""
    return f"/var/log/{unit}"


def option(release: Release) -> str:
    """The JVM option that names such a file, which follows it."""
    return "-Dlog4j2.configurationFile=" if log4j2(release) else "-Dlog4j.configuration=file:"


def options(release: Release, unit: str = "kafka") -> list[str]:
    """What the JVM of a unit is told."""
    return [option(release) + path(release, unit), f"-Dkafka.logs.dir={folder(unit)}"]


def of_unit(target: Target, release: Release, unit: str = "kafka") -> File:
    """The file of a unit, which runs as the user of its name: log files of limited size and number (the variables
    UNIT_log_size, bytes, and UNIT_log_files), and warnings to the journal."""
    variables = unit.replace("-", "_")
    return target.file(
        path(release, unit),
        f"kafka/{_name(release)}.j2",
        group=unit,
        mode=0o640,
        logs=folder(unit),
        log_size=target[f"{variables}_log_size"],
        log_files=target[f"{variables}_log_files"],
        quorum=unit == kraft.OWN_UNIT or kraft.on(target.host, target.members),
    )


def of_commands(target: Target, release: Release, directory: str) -> list[File]:
    """The files of the official commands: to the terminal of who calls them."""
    template = f"kafka/config/console-{_name(release)}.j2"
    return [
        target.file(f"{directory}/{start}{_name(release)}", template, level=level, stream=stream)
        for start, (level, stream) in _COMMANDS.items()
    ]


def _name(release: Release) -> str:
    return "log4j2.xml" if log4j2(release) else "log4j.properties"
