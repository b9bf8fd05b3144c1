"""rebalance --drain-dir: empty a data directory of a broker, so that it can leave kafka_data_dirs."""

from __future__ import annotations

import posixpath
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run
from cli.throttle import rate_of
from cluster import remote
from cluster.moving.carrying import STALL_SECONDS, Progress
from cluster.moving.directories import Directory, NoRoom, Shift, plan, targets
from cluster.remote import ByBroker
from provisioner.errors import HostFailed, ProvisionerError, Refused, UsageError
from provisioner.inventory.model import Host
from provisioner.quantities import format_elapsed, format_size
from provisioner.report.reporter import Reporter
from provisioner.words import counted, did_you_mean, some

FLAG, NEW = "--drain-dir", "/srv/new"


def drain_dir(run: Run, where: str, drain: str, throttle: str, yes: bool) -> int:
    """Show which partitions would go where, ask, move them, and end when the directory is empty. drain: of --drain,
    which is another task. Raises what goes wrong."""
    if drain:
        raise UsageError(f"{FLAG} and --drain are two tasks", advice="give one of them, then the other")
    rate = rate_of(throttle)
    with opened(run, stream=sys.stdout) as cluster:
        show = cluster.show
        broker, path = place(where, cluster.brokers)
        host = cluster.brokers[broker]
        cluster.connect(host)
        if not run.check:
            cluster.fleet.each([host.name], cluster.fleet.lock).check()
        show.host(host.name, "looking at its data directories")
        state = cluster.ask(host, remote.directories_look(broker, path=path))
        show.host(host.name, "")
        directories = [Directory.from_wire(one) for one in state["directories"]]
        staying = [posixpath.normpath(one) for one in host.vars["kafka_data_dirs"]]
        require_able(host.name, path, directories, len(cluster.brokers))
        reserve = int(host.vars["kafka_disk_min"])
        shifts = shifts_of(host.name, path, directories, staying, reserve)
        if not (shifts or state["folders"] or state["throttled"] == "ours"):
            show.phase(f"Nothing to do: {host.name}:{path} has no partition")
        else:
            show_plan(show, host.name, path, directories, shifts, state)
            if run.check:
                return 0
            if shifts:
                speed = f"at most {format_size(rate)} per second" if rate else "as fast as the disks can"
                question = f"Move {counted(len(shifts), 'partition')} out of {path} of {host.name}, {speed}?"
                confirm(show, question, yes, "nothing was moved")
            show.phase("Move")
            request = remote.empty_directory(
                broker,
                path=path,
                moves=[[*shift.key, shift.to] for shift in shifts],
                staying=staying,
                reserve=reserve,
                throttle=rate,
                stall=STALL_SECONDS,
            )
            done = carry_out(cluster, host, request)
            show.phase(
                f"Emptied {host.name}:{path} in {format_elapsed(done['seconds'])}: "
                f"{counted(done['partitions'], 'partition')} moved"
            )
        show.note(what_next(path, staying))
    return 0


def place(where: str, brokers: Mapping[int, Host]) -> tuple[int, str]:
    """(broker, directory) of HOST:/path, where HOST is a broker's name in the inventory or its id; it may be left out
    with a single broker. Pure. Raises UsageError."""
    name, separator, path = where.partition(":/")
    if not separator:
        name, path = "", where.removeprefix("/") if where.startswith("/") else ""
    ids = {host.name: broker for broker, host in brokers.items()} | {str(broker): broker for broker in brokers}
    names = [host.name for host in brokers.values()]
    if not path.strip("/"):
        raise UsageError(f"{FLAG} {where}: no data directory", advice=f"as in {FLAG} {names[0]}:/srv/old")
    path = posixpath.normpath(f"/{path}")
    if not name and len(brokers) > 1:
        raise UsageError(
            f"{FLAG} {where}: of which broker?",
            details=[f"brokers are: {some(names)}"],
            advice=f"as in {FLAG} {names[0]}:{path}",
        )
    if name and name not in ids:
        raise UsageError(
            f"{FLAG} {where}: no broker {name}{did_you_mean(name, names)}", details=[f"brokers are: {some(names)}"]
        )
    return ids[name] if name else next(iter(brokers)), path


def require_able(host: str, path: str, directories: Sequence[Directory], brokers: int) -> None:
    """Raise what makes a plan impossible: a directory that the broker does not have, or one that is offline, with which
    a broker moves nothing between the others either. brokers: how many the cluster has. Pure."""
    paths = [one.path for one in directories]
    if path not in paths:
        raise UsageError(
            f"{FLAG}: {path} is not a data directory of {host}{did_you_mean(path, paths)}",
            details=[f"its data directories are: {', '.join(paths)}"],
        )
    broken = [one for one in directories if one.error]
    if broken:
        elsewhere = f", or move its partitions to other brokers: `invoke rebalance --drain {host}`"
        raise HostFailed(
            f"{some(one.path for one in broken)} is offline, and meanwhile a broker moves nothing between directories",
            host=host,
            details=[f"{one.path}: {one.error}" for one in broken],
            advice="server.log says why (`invoke logs --service kafka`): repair or mount the disk and restart the "
            f"broker (`invoke restart --service kafka --limit {host}`){elsewhere if brokers > 1 else ''}",
        )


def shifts_of(
    host: str, path: str, directories: Sequence[Directory], staying: Collection[str], reserve: int
) -> list[Shift]:
    """The plan, or why there can be none. Pure. Raises Refused."""
    (source,) = (one for one in directories if one.path == path)
    able = targets(directories, path, staying)
    if source.copies and not able:
        others = [one.path for one in directories if one.path != path]
        listed = ", ".join(dict.fromkeys([path, *others, *staying] if others or set(staying) - {path} else [path, NEW]))
        raise Refused(
            f"no other data directory can take the {counted(len(source.copies), 'partition')} of {path}",
            host=host,
            details=[f"not in kafka_data_dirs any more: {', '.join(others)}"] if others else [],
            advice=f"list another one beside it first, as in kafka_data_dirs: [{listed}]; deploy, then run the same "
            "command again",
        )
    try:
        return plan(directories, path, staying, reserve)
    except NoRoom as error:
        raise Refused(
            f"the other data directories have too little room for the {format_size(source.size)} of {path}: {error}, "
            f"{format_size(error.size)}",
            host=host,
            details=[f"{one.path}: {format_size(one.free)} free" for one in able],
            advice=f"{format_size(reserve)} stay free (kafka_disk_min), and the old copies are deleted last: free some "
            "space, or add a data directory on another disk to kafka_data_dirs and deploy; then run the same command "
            "again",
        ) from None


def show_plan(
    show: Reporter,
    host: str,
    path: str,
    directories: Sequence[Directory],
    shifts: Sequence[Shift],
    state: Mapping[str, Any],
) -> None:
    """The plan, in words."""
    if state["throttled"] == "others":
        show.warning(
            f"somebody else has set a rate for moves between the directories of {host}: it stays, and holds instead of "
            "--throttle"
        )
    show.phase("Plan")
    (source,) = (one for one in directories if one.path == path)
    out = [shift for shift in shifts if shift.key in source.copies]
    if back := len(shifts) - len(out):
        show.note(f"  {counted(back, 'partition')} on the way into {path}: they stay where they are")
    sizes = {key: size for one in directories for key, size in one.copies.items()}
    number = Counter(shift.to for shift in out)
    for one in directories:
        if one.path in number:
            bytes_ = sum(sizes[shift.key] for shift in out if shift.to == one.path)
            what = f"{counted(number[one.path], 'partition')} to {one.path}"
            show.change(f"{host}:{path}", what, "~", format_size(bytes_))
            show.note(
                f"  {one.path}: {counted(len(one.copies), 'partition')}, {format_size(one.size)} -> "
                f"{counted(len(one.copies) + number[one.path], 'partition')}, {format_size(one.size + bytes_)}"
            )
    begun = {key for one in directories for key in one.coming}
    if going := sum(shift.key in begun for shift in out):
        show.note(f"  {counted(going, 'partition')} under way from before: they go on")
    show.note(
        f"{counted(len(out), 'partition')} to move, {format_size(sum(shift.size for shift in out))} to copy"
        if out
        else "no partition to move: what an earlier run left is put right"
    )


class Emptying(Progress):
    """How the bytes advance, and then the wait for the broker to delete what it has taken out of use: `deleting`."""

    deleting = False

    def event(self, message: Mapping[str, Any]) -> None:
        """One report of the host."""
        if "anew" in message:
            self._show.warning(f"{counted(message['anew'], 'partition')} had stopped on the way: begun again")
        if "deleting" not in message:
            super().event(message)
            return
        self.deleting = True
        self.end()
        old, kept = counted(message["deleting"], "old copy"), format_elapsed(message["seconds"])
        self._show.host(self._where, f"waiting until the broker deletes {old}, which it keeps for {kept}")


def carry_out(cluster: Cluster, host: Host, request: ByBroker) -> dict[str, Any]:
    """Let the broker's host do the moves, and show how they advance; what `drain_dir.work` returns. Interrupted, what
    is under way goes on throttled; that is said, and the exception goes on."""
    show, progress = cluster.show, Emptying(cluster.show, host.name)
    try:
        done = cluster.ask(host, request, progress.event)
    except (KeyboardInterrupt, ProvisionerError):
        show.warning(
            "every partition is moved; the broker deletes the old copies by itself"
            if progress.deleting
            else "what is under way goes on in the broker, with its throttle; the same command goes on with the rest "
            "and removes the throttle"
        )
        raise
    progress.end()
    show.host(host.name, "")
    return done


def what_next(path: str, staying: Collection[str]) -> str:
    """The last line: an empty directory is the one in which a broker creates new partitions. Pure."""
    soon = f"the broker puts new partitions into {path} as long as it has it"
    return f"{soon}: now take it out of kafka_data_dirs and deploy" if path in staying else f"{soon}: deploy now"
