"""How the plans of all hosts are shown: what is the same on several hosts once, with the differences inside of files.

Hosts of a cluster mostly differ in nothing but their names, and a person who has to compare three equal diffs by eye
misses the fourth. Pure but for `show`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from provisioner.report.cells import fitting, width
from provisioner.resources.base import Texts
from provisioner.run import live, reloading, rolling
from provisioner.run.plan import Change, HostPlan
from provisioner.secrets import mask
from provisioner.words import counted

if TYPE_CHECKING:
    from provisioner.report.reporter import Reporter, Row

CONTEXT = 3  # unchanged lines around a difference
CONTEXT_CELLS = 72  # cells that are shown of one: with its indent, it fits a terminal of 80 columns
NAMED = 8  # hosts; that all are meant is shorter than more names
END = "\n"
LEFT_OUT = " ..."  # an unchanged line that is another one on each host


@dataclass(frozen=True)
class Line:
    """What is planned for one resource, on the hosts where it is the same. action: "+", "~" or a word ("restart");
    diff: the lines of a unified diff."""

    hosts: tuple[str, ...]
    key: str
    action: str
    note: str
    diff: tuple[str, ...] = ()


def lines(plans: Mapping[str, HostPlan], changes: bool, diffs: bool) -> list[Line]:
    """All that is planned, in the order of the plans: changes, then what running services take as they run, then
    restarts. changes: whether to name the changed resources, diffs: whether with their diffs."""
    changed = [
        Line((name,), one.resource.key, one.action, one.note, diff(one) if diffs else ())
        for name, plan in plans.items()
        for one in (plan.changes if changes else ())
    ]
    taken = [
        Line((name,), one.service.key, "apply", live.shown(one.changes))
        for name, plan in plans.items()
        for one in plan.adoptions
    ]
    reloaded = [
        Line((name,), one.service.key, "reload", reloading.shown(one))
        for name, plan in plans.items()
        for one in plan.reloads
    ]
    restarted = [
        Line((name,), one.service.key, "restart", will_restart(one.reasons))
        for name, plan in plans.items()
        for one in plan.restarts
    ]
    return [line for found in (changed, taken, reloaded, restarted) for line in together(found)]


def together(found: Iterable[Line]) -> list[Line]:
    """The lines with those that say the same of several hosts as one. Lines about one resource stand together, where
    the first of them stood."""
    by_key: dict[str, dict[tuple[object, ...], list[Line]]] = {}
    for line in found:
        same = (line.action, line.note, *("" if _unchanged(text) else text for text in line.diff))
        by_key.setdefault(line.key, {}).setdefault(same, []).append(line)
    return [_one(same) for of_key in by_key.values() for same in of_key.values()]


def _one(same: Sequence[Line]) -> Line:
    """Several lines as one. Unchanged lines of the diff are shown where all hosts have the same."""
    first = same[0]
    diff: list[str] = []
    for texts in zip(*(line.diff for line in same), strict=True):
        text = texts[0] if len(set(texts)) == 1 else LEFT_OUT
        if text != LEFT_OUT or diff[-1:] != [LEFT_OUT]:
            diff.append(text)
    return Line(tuple(host for line in same for host in line.hosts), first.key, first.action, first.note, tuple(diff))


def called(hosts: Sequence[str], all_hosts: int) -> str:
    """Hosts in the plan's line: by name, or "all 20 hosts". all_hosts: how many there are in the run."""
    return f"all {counted(all_hosts, 'host')}" if NAMED < len(hosts) == all_hosts else ", ".join(hosts)


def sums(plans: Mapping[str, HostPlan]) -> str:
    """How much is planned, in the words of the recap: `3 to change (1 of them new), 2 to restart`."""
    changes = [change for plan in plans.values() for change in plan.changes]
    new = sum(change.action == "+" for change in changes)
    reloads = reloading.planned(plans)
    applied, restarts = live.planned(plans), sum(len(plan.restarts) for plan in plans.values())
    return ", ".join(
        [
            f"{len(changes)} to change" + (f" ({new} of them new)" if new else ""),
            *([f"{applied} to apply at run time"] if applied else []),
            *([f"{reloads} to reload"] if reloads else []),
            f"{restarts} to restart",
        ]
    )


def will_restart(reasons: Sequence[str]) -> str:
    """The reason of a planned restart in words."""
    return "needed: it would run with an older " + rolling.shown(reasons)


def diff(change: Change) -> tuple[str, ...]:
    """The lines of a unified diff of a text file's change, secrets masked; empty when there is nothing to show."""
    texts = change.resource.texts(change.actual, change.differs)
    if texts is None:
        return ()
    return (f"({texts.hidden})",) if texts.hidden else tuple(_unified(texts))


def _unified(texts: Texts) -> Iterator[str]:
    """Compared as the texts are and shown as they may be: of a secret that differs, that it does."""
    old, new = _lines(texts.before), _lines(texts.after)
    old_shown, new_shown = (_lines(mask(text, texts.open_names)) for text in (texts.before, texts.after))
    for number, group in enumerate(SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT)):
        if number == 0:
            yield f"--- {texts.before_name}"
            yield f"+++ {texts.after_name}"
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for kind, i1, i2, j1, j2 in group:
            if kind == "equal":
                yield from (f" {_cut(line.rstrip(END))}" for line in new_shown[j1:j2])
            else:
                yield from _side("-", old_shown[i1:i2])
                yield from _side("+", new_shown[j1:j2])


def _lines(text: str) -> list[str]:
    """The lines of a text, each with its end; `mask` keeps their number."""
    *whole, rest = text.split(END)
    return [*(line + END for line in whole), *([rest] if rest else [])]


def _side(sign: str, found: Iterable[str]) -> Iterator[str]:
    for line in found:
        yield sign + line.rstrip(END)
        if not line.endswith(END):
            yield "\\ No newline at end of file"


def _range(start: int, stop: int) -> str:
    """Lines of a file as a unified diff numbers them."""
    length = stop - start
    return f"{start + 1}" if length == 1 else f"{start + (length > 0)},{length}"


def _unchanged(text: str) -> bool:
    return text.startswith(" ")


def _cut(text: str) -> str:
    return text if width(text) <= CONTEXT_CELLS else f"{text[: fitting(text, CONTEXT_CELLS - 3)]}..."


def count(row: Row, one: HostPlan) -> None:
    """Count what is planned for a host where it would stand in the recap."""
    row.changed, row.applied, row.restarted = len(one.changes), len(one.adoptions), len(one.restarts)
    row.reloaded = len(one.reloads)


def show(reporter: Reporter, plans: Mapping[str, HostPlan], *, changes: bool, diffs: bool) -> None:
    """Tell somebody what is planned: as `lines`, and their sums."""
    for line in lines(plans, changes=changes, diffs=diffs):
        name = called(line.hosts, len(plans))
        reporter.change(name, line.key, line.action, line.note)
        if line.diff:
            reporter.diff(name, line.key, "\n".join(line.diff))
    reporter.note(sums(plans))
