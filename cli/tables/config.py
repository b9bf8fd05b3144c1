"""What `invoke config.list` prints: a line per property, and what the columns mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.tables.columns import aligned
from cluster.settings.rules import human
from cluster.settings.sources import READ_ONLY
from provisioner.words import counted
from roles.shared import verdict
from roles.shared.catalogue import Catalogue, Property

HEADS = ("PROPERTY", "OF", "DEFAULT", "CHANGES", "TAKES", "")
WIDEST = 56  # columns of a cell; longer ones are shown whole, and push their line
LEGEND = "CHANGES: restart = only with a restart; cluster-wide = at run time; per-broker = at run time, each by itself."


def page(found: Catalogue, listed: Sequence[Property]) -> str:
    """The whole page."""
    rows = [_cells(one) for one in listed]
    return "\n".join([*aligned([list(HEADS), *rows], WIDEST), "", *_below(found, listed)])


def _cells(one: Property) -> list[str]:
    how = {READ_ONLY: "restart", "topic": "at any time"}.get(one.update, one.update)
    default = "-" if one.default is None else human(one.name, one.default) or '""'
    return [one.name, ", ".join(one.where), default, how, verdict.allowed(one), _note(one)]


def _note(one: Property) -> str:
    other = f"{'of the broker' if 'topic' in one.where else 'of a topic'}: {one.other}" if one.other else ""
    keeper = f"only with {one.metadata}" if one.metadata else ""
    return "; ".join(filter(None, [one.note, other, keeper]))


def _below(found: Catalogue, listed: Sequence[Property]) -> Iterator[str]:
    if {one.update for one in listed} - {READ_ONLY, "topic"}:
        yield LEGEND
    every = sum(map(len, found.sections.values()))
    number = counted(len(listed), "property") if len(listed) == every else f"{len(listed)} of {every} properties"
    yield f"{number} of {found.product} {found.version}"
