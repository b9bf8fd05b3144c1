"""Variables that nothing reads: a misspelt name would otherwise be silently without effect.

A name that starts with a role's prefix has to be one of the role's. Other names are the user's own, unless one is
a single slip of the finger away from a role's.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import ConfigError
from provisioner.inventory import connection
from provisioner.inventory.variables import Variable
from provisioner.inventory.yaml_source import Raw
from provisioner.words import nearest


def unknown_variables(layers: Mapping[str, Mapping[str, Raw]], specs: Mapping[str, Variable]) -> list[ConfigError]:
    """One error for every place that sets an unknown variable. layers: host -> variable -> what is written."""
    prefixes = tuple({f"{variable.role}_" for variable in specs.values()})
    places = dict.fromkeys((name, raw.place) for layer in layers.values() for name, raw in layer.items())
    found = []
    for name, place in places:
        if name in specs or name in connection.KNOWN:
            continue
        ansible = name.startswith("ansible_")  # most of these are facts; a slip would lead to another host or user
        names = sorted(connection.TYPES) if ansible else specs
        near = next((known for known in names if one_slip(_plain(name), known)), None)
        if near is None and (ansible or not name.startswith(prefixes)):
            continue
        near = near or _without_prefix(name, specs) or nearest(_plain(name), specs)
        found.append(
            ConfigError(
                f"unknown variable {name}" + (f"; did you mean {near}?" if near else ""),
                details=[f"in: {place}"],
                advice=None if near else f"roles/{name.split('_')[0]}/defaults.yml lists the variables there are",
            )
        )
    return found


def one_slip(written: str, meant: str) -> bool:
    """Is `written` equal to `meant`, or one letter wrong, missing, too many, or two neighbours swapped?"""
    if abs(len(written) - len(meant)) > 1:
        return False
    shorter = min(len(written), len(meant))
    head = next((i for i in range(shorter) if written[i] != meant[i]), shorter)
    tail = next((i for i in range(shorter - head) if written[-1 - i] != meant[-1 - i]), shorter - head)
    wrong, right = written[head : len(written) - tail], meant[head : len(meant) - tail]
    swapped = len(wrong) == 2 and wrong == right[::-1]
    return swapped or (len(wrong) <= 1 and len(right) <= 1)


def _without_prefix(name: str, specs: Mapping[str, Variable]) -> str | None:
    """A role's variable that does not carry its prefix, written with it: kafka_topics for topics."""
    rest = name.partition("_")[2]
    return rest if rest in specs else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
