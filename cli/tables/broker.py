"""What `invoke broker.config` prints: a line per setting, more where brokers differ, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli.tables.columns import PIPE, Column, table
from cluster.settings import rules as settings
from cluster.settings.rules import ByBroker, Difference, Row
from cluster.settings.sources import READ_ONLY
from provisioner.report.lines import clean
from provisioner.report.terminal import Span, Terminal
from provisioner.words import counted

COLUMNS = (
    Column("SETTING", share=45),
    Column("VALUE", share=40),
    Column("FROM", drop=2),
    Column("CHANGES", drop=3),
    Column("BROKERS", drop=1),
)
LEGEND = "CHANGES: restart = only with a restart; cluster-wide = at run time; per-broker = at run time, each by itself."


def page(
    brokers: Mapping[int, str],
    found: ByBroker,
    known: int,
    different: Mapping[int, Sequence[Difference]] | None,
    terminal: Terminal = PIPE,
) -> str:
    """The whole page. brokers: {id: name}; known: how many settings there are; different: None when not asked for."""
    several = len(brokers) > 1
    cells = [_cells(row, several and len(row.brokers) < len(brokers)) for row in settings.rows(found)]
    columns = COLUMNS if several else COLUMNS[:-1]
    lines = table(columns, [row[: len(columns)] for row in cells], terminal)
    legend: list[Span] = [("dim", LEGEND)] if LEGEND.split(":")[0] in lines[0] else []
    rest = [text for line in (*legend, *below(brokers, found, known, different)) for text in terminal.lines(line)]
    return "\n".join([*lines, "", *rest])


def _cells(row: Row, some: bool) -> list[str]:
    how = "restart" if row.update_mode == READ_ONLY else row.update_mode
    return [row.name, clean(row.value), row.source, how, settings.listed(row.brokers) if some else "all"]


def below(
    brokers: Mapping[int, str], found: ByBroker, known: int, different: Mapping[int, Sequence[Difference]] | None
) -> Iterator[Span]:
    """The lines under the table and its legend."""
    number = len({name for one in found.values() for name in one})
    more = "" if number == known else "; --all: with those at their default"
    yield "", f"{number} of {known} settings, {counted(len(brokers), 'broker')}{more}"
    disagreeing = settings.disagreeing(found)
    for name in disagreeing:
        alike: dict[str, list[int]] = {}
        for broker, one in found.items():
            alike.setdefault(settings.said(name, one.get(name)), []).append(broker)
        parts = ", ".join(f"{clean(value)} on {settings.listed(ids)}" for value, ids in alike.items())
        yield "yellow", f"Brokers disagree: {name} is {parts}"
    if len(brokers) > 1 and not disagreeing:
        yield "green", "The brokers agree"
    if different is None:
        return
    for broker, listed in different.items():
        for other in listed:
            wanted, force = (clean(settings.human(other.name, value)) for value in (other.wanted, other.force))
            yield "yellow", f"{brokers[broker]}: {other.name} is {wanted} in the file, {force} in force: {other.why}"
    if different and not any(different.values()):
        yield "green", "What the files on disk say is in force"
