"""The official command-line tools of a release, as the dispatch scripts in its bin/ need them; pure.

A set of jars has no bin/. The lock file lists what every official script runs; from it one dispatch script is
rendered, and every official name is a link to that script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roles.shared.releases import Release

# Tools that run longer and benefit from the JVM's full compiler.
LONG_RUNNING = (
    "-perf-test.sh",
    "-mirror-maker.sh",
    "-verifiable-producer.sh",
    "-verifiable-consumer.sh",
    "-verifiable-share-consumer.sh",
)


@dataclass(frozen=True)
class Command:
    """One official script: the class it runs and its defaults, or the unit it stops, or its actions' classes.

    absent: why no locked jar has the class; empty for nearly all.
    """

    name: str
    main: str = ""
    args: tuple[str, ...] = ()
    heap: str = ""
    log4j: str = ""
    daemon_name: str = ""
    gc_log: bool = False
    quick: bool = False
    stops: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""


def _command(name: str, entry: Mapping[str, Any], quick: bool, absent: str, units: Mapping[str, str]) -> Command:
    return Command(
        name=name,
        main=entry.get("class", ""),
        args=tuple(entry.get("args", ())),
        heap=entry.get("heap", ""),
        log4j=entry.get("log4j", ""),
        daemon_name=entry.get("name", ""),
        gc_log=bool(entry.get("gc_log")),
        quick=quick and not name.endswith(LONG_RUNNING),
        stops=units[entry["stops"]] if "stops" in entry else "",
        actions=entry.get("actions", {}),
        absent=absent,
    )


def of(release: Release, units: Mapping[str, str]) -> list[Command]:
    """Every command of a release that runs or stops something; sorted by name.

    units {main class of a server: the unit that runs it}: what the scripts that stop a server stop here. The
    official ones signal every such JVM on the host.

    Left out are the scripts without an entry of their own: kafka-run-class.sh, through which the others go, and
    helpers that only make sense where systemd does not run the server.
    """

    def why(name: str) -> str:
        return release.absent.get(name, "")

    scripts = [_command(name, entry, False, why(name), units) for name, entry in release.scripts.items() if entry]
    tools = [_command(name, entry, True, why(name), units) for name, entry in release.tools.items()]
    return sorted([*scripts, *tools], key=lambda command: command.name)
