"""What `invoke config.list` prints: a line per property, and what the columns mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cli.tables.broker import LEGEND
from cli.tables.columns import PIPE, Column, table
from cluster.settings.rules import human
from cluster.settings.sources import READ_ONLY
from provisioner.report.terminal import Span, Terminal
from provisioner.words import counted
from roles.shared import verdict
from roles.shared.catalogue import Catalogue, Property

COLUMNS = (
    Column("PROPERTY", share=50),
    Column("OF", drop=3),
    Column("DEFAULT", share=25),
    Column("CHANGES", drop=2),
    Column("TAKES", drop=1, share=33),
    Column("", remark=True),
)


def page(found: Catalogue, listed: Sequence[Property], terminal: Terminal = PIPE) -> str:
    """The whole page."""
    lines = table(COLUMNS, map(_cells, listed), terminal)
    explained = LEGEND.split(":")[0] in lines[0] and {one.update for one in listed} - {READ_ONLY, "topic"}
    legend: list[Span] = [("dim", LEGEND)] if explained else []
    rest = [text for line in (*legend, _below(found, listed)) for text in terminal.lines(line)]
    return "\n".join([*lines, "", *rest])


def _cells(one: Property) -> list[str]:
    how = {READ_ONLY: "restart", "topic": "at any time"}.get(one.update, one.update)
    default = "-" if one.default is None else human(one.name, one.default) or '""'
    return [one.name, ", ".join(one.where), default, how, verdict.allowed(one), _note(one)]


def _note(one: Property) -> str:
    other = f"{'of the broker' if 'topic' in one.where else 'of a topic'}: {one.other}" if one.other else ""
    keeper = f"only with {one.metadata}" if one.metadata else ""
    return "; ".join(filter(None, [one.note, other, keeper]))


def _below(found: Catalogue, listed: Sequence[Property]) -> Span:
    every = sum(map(len, found.sections.values()))
    number = counted(len(listed), "property") if len(listed) == every else f"{len(listed)} of {every} properties"
    return "", f"{number} of {found.product} {found.version}"
