"""docs/performance.md from the results: this module makes the tables, pure; the text is in performance.md.j2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plot
from bench.results import Run, Summary, pick, ratio, summary
from bench.tools import TOOLS
from provisioner.words import counted

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "performance.md.j2"

Row = list[str]


@dataclass(frozen=True)
class Target:
    """A promise of this project and how it is read off the results. value: the reached figure, None: not measured."""

    what: str
    wanted: str
    value: Callable[[Sequence[Run]], float | None]
    fulfilled: Callable[[float], bool]
    unit: str = "s"


def times(runs: Sequence[Run], measure: str) -> list[Row]:
    """A row per tool that was measured: runs, median, min, max, and how many times ours that is."""
    found = {tool: pick(runs, measure, tool) for tool in TOOLS}
    ours = summary([run.seconds for run in found["ours"]]) if found["ours"] else None
    rows = []
    for tool, of_tool in found.items():
        if of_tool:
            took = summary([run.seconds for run in of_tool])
            times = f"{ratio(took, ours):.1f}" if ours and tool != "ours" else ""
            rows.append([TOOLS[tool].title, str(took.runs), *_numbers(took), times])
    return rows


def costs(runs: Sequence[Run], measure: str) -> list[Row]:
    """A row per tool: medians of processor time and of its largest process's memory on the control machine."""
    return [
        [TOOLS[tool].title, f"{_median(of, 'cpu_seconds'):.2f} s", f"{_median(of, 'peak_mib'):.0f} MiB"]
        for tool in TOOLS
        if (of := pick(runs, measure, tool))
    ]


def values(runs: Sequence[Run], measure: str, names: Sequence[str], show: Callable[[float], str]) -> list[Row]:
    """A row per tool with median (min to max) of each of these values of its runs."""
    rows = []
    for tool in TOOLS:
        if of_tool := pick(runs, measure, tool):
            found = [summary([run.values[name] for run in of_tool]) for name in names]
            rows.append([TOOLS[tool].title, *(f"{show(s.median)} ({show(s.low)} to {show(s.high)})" for s in found)])
    return rows


def sizes(runs: Sequence[Run], measure: str) -> list[Row]:
    """A row per tool: the median for each number of hosts, and the runs behind each."""
    counts = sorted({run.hosts for run in runs if run.measure == measure})
    rows = []
    for tool in TOOLS:
        if pick(runs, measure, tool):
            cells = [pick(runs, measure, tool, count) for count in counts]
            rows.append([TOOLS[tool].title, *(_cell(cell) for cell in cells)])
    return [["", *(counted(count, "host") for count in counts)], *rows] if rows else []


# What is measured on both kinds of cluster, and without ZooKeeper only.
BOTH = (
    ("first run", "first"),
    ("second run, nothing to change", "noop"),
    ("the same with the smoke check", "smoke"),
    ("a change of one line, with the restarts", "roll"),
    ("restart of all controllers", "controllers"),
)


def kinds(runs: Sequence[Run]) -> list[Row]:
    """A row per measure on both kinds of cluster: median (min to max, runs) of the whole command, then of the longest
    stall of a producer where there was one: with ZooKeeper, without."""
    rows = []
    for what, measure in BOTH:
        found = [pick(runs, name, "ours") for name in (measure, f"kraft-{measure}")]
        if found[1]:
            rows.append([what, *(_spread([run.seconds for run in of]) for of in found)])
            stalls = [[run.values["stall_seconds"] for run in of if "stall_seconds" in run.values] for of in found]
            if stalls[1]:
                rows.append([f"{what}: longest stall", *(_spread(of) for of in stalls)])
    return rows


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    found = summary(values)
    return f"{found.median:.2f} s ({found.low:.2f} to {found.high:.2f} s, {counted(found.runs, 'run')})"


def _cell(runs: Sequence[Run]) -> str:
    return f"{_median(runs, 'seconds'):.2f} s ({len(runs)})" if runs else "not measured"


def _numbers(found: Summary) -> list[str]:
    return [f"{value:.2f} s" for value in (found.median, found.low, found.high)]


def _median(runs: Sequence[Run], name: str) -> float:
    return summary([getattr(run, name) for run in runs]).median


def _of(measure: str, tool: str = "ours", hosts: int | None = None) -> Callable[[Sequence[Run]], float | None]:
    def value(runs: Sequence[Run]) -> float | None:
        found = pick(runs, measure, tool, hosts)
        return _median(found, "seconds") if found else None

    return value


def _quotient(
    above: Callable[[Any], float | None], below: Callable[[Any], float | None]
) -> Callable[[Any], float | None]:
    def value(runs: Sequence[Run]) -> float | None:
        over, under = above(runs), below(runs)
        return None if over is None or under is None else over / under

    return value


def _stall(measure: str) -> Callable[[Sequence[Run]], float | None]:
    def value(runs: Sequence[Run]) -> float | None:
        found = pick(runs, measure, "ours")
        return summary([run.values["stall_seconds"] for run in found]).median if found else None

    return value


def _at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


TARGETS = (
    Target("no-op, three hosts, no smoke", "at most 0.6 s", _of("noop"), _at_most(0.6)),
    Target(
        "the same against pyinfra",
        "at most 1/8",
        _quotient(_of("noop", "pyinfra"), _of("noop")),
        lambda value: value >= 8,
        "times faster",
    ),
    Target(
        "the same against Ansible",
        "at most 1/40",
        _quotient(_of("noop", "ansible"), _of("noop")),
        lambda value: value >= 40,
        "times faster",
    ),
    Target("no-op with smoke", "at most 1.8 s", _of("smoke"), _at_most(1.8)),
    Target("first run on bare hosts", "at most 30 s", _of("first"), _at_most(30)),
    Target(
        "the same against Ansible",
        "at most 0.5",
        _quotient(_of("first"), _of("first", "ansible")),
        _at_most(0.5),
        "of its time",
    ),
    Target("config change with restarts, longest producer stall", "at most 1.0 s", _stall("roll"), _at_most(1.0)),
    Target(
        "no-op on 30 hosts against 3",
        "at most 4 times",
        _quotient(_of("growth", hosts=30), _of("growth", hosts=3)),
        _at_most(4),
        "times",
    ),
    Target("no-op, three hosts, 50 ms away", "at most 1.5 s", _of("latency"), _at_most(1.5)),
    Target("`invoke --list`", "at most 0.25 s", _of("list"), _at_most(0.25)),
    Target("without ZooKeeper: first run", "at most 30 s", _of("kraft-first"), _at_most(30)),
    Target("without ZooKeeper: no-op", "at most 0.5 s", _of("kraft-noop"), _at_most(0.5)),
    Target("without ZooKeeper: no-op with smoke", "at most 1.5 s", _of("kraft-smoke"), _at_most(1.5)),
    Target("without ZooKeeper: config change with restarts", "at most 45 s", _of("kraft-roll"), _at_most(45)),
    Target("without ZooKeeper: its longest producer stall", "at most 0.5 s", _stall("kraft-roll"), _at_most(0.5)),
    Target(
        "without ZooKeeper: restart of all controllers, longest producer stall",
        "at most 0.3 s",
        _stall("kraft-controllers"),
        _at_most(0.3),
    ),
)


def targets(runs: Sequence[Run]) -> list[Row]:
    """A row per promise: what, wanted, reached, whether it is kept."""
    rows = []
    for target in TARGETS:
        value = target.value(runs)
        reached = "not measured" if value is None else f"{value:.2f} {target.unit}"
        kept = "" if value is None else "yes" if target.fulfilled(value) else "**no**"
        rows.append([target.what, target.wanted, reached, kept])
    return rows


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; a note where there are no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return "Not measured yet."
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines])


def when(runs: Sequence[Run], measure: str) -> str:
    """When a measure was taken, of which commits of this project, on how busy a machine; empty when it was not."""
    found = [run for run in runs if run.measure == measure]
    if not found:
        return ""
    days = sorted({run.at for run in found})
    period = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    commits = dict.fromkeys(run.commit for run in found)
    load = [run.values["load"] for run in found if "load" in run.values]
    span = " to ".join(dict.fromkeys(f"{value:.1f}" for value in (min(load), max(load)))) if load else ""
    busy = f"; load of the machine before each run {span}" if load else ""
    return f"Measured {period} UTC, commit {', '.join(commits)}{busy}."


def plots(runs: Sequence[Run]) -> dict[str, str]:
    """{file name: SVG}, of what has been measured."""
    out = {}
    for measure, title in (
        ("noop", "Second run, nothing to change, three hosts (median)"),
        ("first", "From bare hosts (median)"),
    ):
        found = {tool: pick(runs, measure, tool) for tool in TOOLS}
        if any(found.values()):
            rows = [(tool, TOOLS[tool].title, _median(of, "seconds")) for tool, of in found.items() if of]
            out[f"{measure}.svg"] = plot.bars(title, rows)
    series = {}
    for tool in TOOLS:
        by_size: dict[int, list[Run]] = {}
        for run in pick(runs, "growth", tool):
            by_size.setdefault(run.hosts, []).append(run)
        if by_size:
            points = [(size, _median(by_size[size], "seconds")) for size in sorted(by_size)]
            series[tool] = (TOOLS[tool].title, points)
    if series:
        out["growth.svg"] = plot.lines("Second run, nothing to change, by number of hosts (median)", series)
    return out


def render(runs: Sequence[Run]) -> str:
    """The page. Pure but for reading its template."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    machines = sorted({run.machine for run in runs})
    versions = sorted({f"{TOOLS[run.tool].title}: {run.version}" for run in runs})
    return environment.from_string(TEMPLATE.read_text()).render(
        runs=runs,
        times=times,
        costs=costs,
        values=values,
        sizes=sizes,
        kinds=kinds,
        targets=targets,
        table=table,
        when=when,
        versions=versions,
        machines=machines,
        plots=plots(runs),
        kib=lambda value: f"{value / 1024:.0f} KiB",
        seconds=lambda value: f"{value:.2f} s",
    )


def write(runs: Sequence[Run], docs: Path) -> None:
    """docs/performance.md and the plots beside it."""
    (docs / "performance").mkdir(exist_ok=True)
    for name, svg in plots(runs).items():
        (docs / "performance" / name).write_text(svg)
    (docs / "performance.md").write_text(render(runs))
