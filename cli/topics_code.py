"""topics.plan and topics.apply: topics as an inventory or a file lists them."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run, for_machines
from cli.throttle import rate_of
from cli.topics_moving import mover
from cluster.topics import apply as topic_apply
from cluster.topics.plan import Plan
from cluster.topics.wanted import Wanted
from provisioner.errors import ConfigError, UsageError
from provisioner.inventory.yaml_source import read
from provisioner.quantities import format_elapsed
from roles.kafka.checks import wanted_topics

NOTHING = "No changes: every listed topic is as it should be"


def plan(run: Run, file: str, as_json: bool) -> None:
    """Show what apply would do; change nothing."""
    with opened(with_file(run, file), stream=None if as_json else sys.stdout) as cluster:
        wanted = _listed(cluster)
        found, warnings = topic_apply.planned(cluster.call, wanted)
        cluster.show.host(cluster.driver.name, "")
        if as_json:
            print(for_machines({**topic_apply.document(found), "warnings": warnings}))
        else:
            _show(cluster, found, warnings, prune=False)


def apply(run: Run, file: str, prune: bool, throttle: str, yes: bool) -> None:
    """Make topics as they are listed. prune: delete what is not, after a question."""
    rate = rate_of(throttle)
    with opened(with_file(run, file), stream=sys.stdout) as cluster:
        wanted = _listed(cluster)
        if not run.check:
            cluster.fleet.lock(cluster.driver.name)
        found, warnings = topic_apply.planned(cluster.call, wanted)
        cluster.show.host(cluster.driver.name, "")
        _show(cluster, found, warnings, prune)
        if run.check:
            return
        began = time.monotonic()
        pruning = prune and found.prunes
        if pruning:  # before anything else: who says no wants to look again
            what = f"Delete what is not listed ({topic_apply.pruned(found)}), with all its records?"
            confirm(cluster.show, what, yes, "nothing was changed and nothing was deleted")
        if not found.nothing:
            topic_apply.execute(cluster.call, found, mover(cluster, rate))
        if pruning:
            topic_apply.prune(cluster.call, found)
        cluster.show.host(cluster.driver.name, "")
        if pruning or not found.nothing:
            cluster.show.phase(f"Applied in {format_elapsed(time.monotonic() - began)}")


def with_file(run: Run, file: str) -> Run:
    """A run with `topics:` of --file, which wins over the inventory's. Raises ConfigError."""
    if not file:
        return run
    problems: list[ConfigError] = []
    document = read(Path(file).expanduser(), file)
    names = set(document.variables(document.root, problems))
    if problems:
        raise problems[0]
    if names != {"topics"}:
        other = sorted(names - {"topics"})
        raise ConfigError(
            f"{file}: " + (f"has {', '.join(other)}, and is for `topics:` alone" if other else "has no `topics:`"),
            advice="write it like this: topics: {orders: {partitions: 6, retention: 2d}}",
        )
    return replace(run, extra_vars=[*run.extra_vars, f"@{file}"])


def _listed(cluster: Cluster) -> list[Wanted]:
    """The topics of the inventory, which was checked when it was loaded. Raises UsageError when there are none: with
    --prune that would delete every topic, and is more likely a file that did not become what it was to be."""
    wanted = wanted_topics(cluster.inventory)[0]
    if not wanted:
        raise UsageError(
            "no topics are listed", advice="list them under `topics:` in the inventory, or in a file: --file topics.yml"
        )
    return wanted


def _show(cluster: Cluster, found: Plan, warnings: list[str], prune: bool) -> None:
    if found.nothing and not (prune and found.prunes):
        cluster.show.phase(NOTHING)
        for line in topic_apply.unmanaged(found):
            cluster.show.note(line)
    else:
        cluster.show.phase("Plan")
        topic_apply.show(cluster.show, found, prune)
        cluster.show.note(topic_apply.totals(found, prune))
    for warning in warnings:
        cluster.show.warning(warning)
