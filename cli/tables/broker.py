"""What `invoke broker.config` prints: a line per setting, more where brokers differ, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli.tables.columns import aligned
from cluster.settings import rules as settings
from cluster.settings.rules import ByBroker, Difference, Row
from cluster.settings.sources import READ_ONLY
from provisioner.report.lines import clean
from provisioner.words import counted

HEADS = ("SETTING", "VALUE", "FROM", "CHANGES", "BROKERS")
LEGEND = "CHANGES: restart = only with a restart; cluster-wide = at run time; per-broker = at run time, each by itself."
WIDEST = 60  # columns of a value; longer ones are shown whole, and push their line


def page(
    brokers: Mapping[int, str], found: ByBroker, known: int, different: Mapping[int, Sequence[Difference]] | None
) -> str:
    """The whole page. brokers: {id: name}; known: how many settings there are; different: None when not asked for."""
    several = len(brokers) > 1
    cells = [_cells(row, several and len(row.brokers) < len(brokers)) for row in settings.rows(found)]
    shown = [list(HEADS if several else HEADS[:-1]), *[row[: None if several else -1] for row in cells]]
    return "\n".join([*aligned(shown, WIDEST), "", *below(brokers, found, known, different)])


def _cells(row: Row, some: bool) -> list[str]:
    how = "restart" if row.update_mode == READ_ONLY else row.update_mode
    return [row.name, clean(row.value), row.source, how, settings.listed(row.brokers) if some else "all"]


def below(
    brokers: Mapping[int, str], found: ByBroker, known: int, different: Mapping[int, Sequence[Difference]] | None
) -> Iterator[str]:
    """The lines under the table."""
    yield LEGEND
    number = len({name for one in found.values() for name in one})
    more = "" if number == known else "; --all: with those at their default"
    yield f"{number} of {known} settings, {counted(len(brokers), 'broker')}{more}"
    disagreeing = settings.disagreeing(found)
    for name in disagreeing:
        alike: dict[str, list[int]] = {}
        for broker, one in found.items():
            alike.setdefault(settings.said(name, one.get(name)), []).append(broker)
        parts = ", ".join(f"{clean(value)} on {settings.listed(ids)}" for value, ids in alike.items())
        yield f"Brokers disagree: {name} is {parts}"
    if len(brokers) > 1 and not disagreeing:
        yield "The brokers agree"
    if different is None:
        return
    for broker, listed in different.items():
        for other in listed:
            wanted, force = (clean(settings.human(other.name, value)) for value in (other.wanted, other.force))
            yield f"{brokers[broker]}: {other.name} is {wanted} in the file, {force} in force: {other.why}"
    if different and not any(different.values()):
        yield "What the files on disk say is in force"
