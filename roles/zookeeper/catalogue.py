"""How the catalogue of a version of ZooKeeper is made.

ZooKeeper refuses few values and no name at all: what its parser does not know becomes a system property that nothing
reads. So a name that no class of the version has is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioner.artifacts.resolve import class_names
from roles.shared import program
from roles.shared.catalogue import Property, written

PROGRAM = Path(__file__).parent / "versions" / "Describe.java"
SECTIONS = ("server",)

# What trying values does not show: a number may be the name of a host or of a directory, and what a server demands of
# these two depends on a third (QuorumPeerConfig.parseProperties).
_TYPES = {
    "clientPortAddress": "STRING",
    "dataLogDir": "STRING",
    "metricsProvider.className": "CLASS",
    "quorum.auth.learnerRequireSasl": "BOOLEAN",
    "quorum.auth.serverRequireSasl": "BOOLEAN",
}
# Whose range depends on another property: `roles/zookeeper/rules.py`.
_DEPENDING = ("minSessionTimeout", "maxSessionTimeout")
# Names of its classes that are no settings of a server: of the client, of the JVM or for the tests of ZooKeeper.
_NO_SETTING = re.compile(r"group|weight|configuration|controllerPort|testingonly\..*|client\.config|sasl\.client.*")
_PORT = 65535


def made(version: str, jars: Sequence[Path]) -> str:
    """The catalogue's text, from the version's own classes. Raises ArtifactError without Java."""
    found = program.objects(program.run(PROGRAM, jars))
    elsewhere = next(one["elsewhere"] for one in found if "elsewhere" in one)
    metrics = {
        name for name in class_names(list(jars)) if re.fullmatch(r"[\w.]+\.metrics\.[\w.]+MetricsProvider", name)
    }
    names = [name for name in elsewhere if re.match(r"[a-z]+\.", name) and not name.startswith("jdk.")]
    listed = [
        ("server", _property(one))
        for one in found
        if "name" in one and not _NO_SETTING.fullmatch(one["name"]) and not one["name"].startswith("zookeeper.")
    ]
    return written("zookeeper", version, listed, {"classes": metrics, "elsewhere": names})


def _property(one: Mapping[str, Any]) -> Property:
    name = one["name"]
    kind = _TYPES.get(name, one["type"])
    number = kind in ("INT", "LONG") and name not in _DEPENDING
    least, most = one.get("least"), one.get("most")
    return Property(
        name,
        kind,
        default=one.get("default"),
        least=least if number and least is not None and least > -2 else None,
        most=most if number and most in (_PORT, least) else None,
        values=tuple(one.get("values") or ()) if name not in _TYPES else (),
        open_case=bool(one.get("open")),
        where=("server",),
        note="system property" if one.get("system") else "",
    )
