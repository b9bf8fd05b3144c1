"""Empties a data directory of a broker by moving its partitions to the others, and watches until nothing is left in it.

What is left to do is always read from the broker, which continues the moves it was given even when this run ends. So
the work can be interrupted at any point, and the next run continues from there. Runs on the broker's own host.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka import errors as kafka_errors
from kafka.errors import KafkaError

from cluster.cluster import CONNECTION_TIMEOUT, answering
from cluster.endpoint import Endpoint
from cluster.model import Broker
from cluster.moving import log_dirs, marks, throttle
from cluster.moving.directories import Directory, NoRoom, plan
from cluster.protocol import wire
from cluster.settings import configs
from provisioner.agent.failure import Failure
from provisioner.words import counted, some

if TYPE_CHECKING:
    from cluster.moving.directories import Key
    from provisioner.agent.waiting import Emit

POLL_SECONDS = 0.25
# Moves under way at the same time: the broker makes one after the other in each directory, and those that have not
# begun do not begin when the run is interrupted.
AT_ONCE = 24
DELAY = "log.segment.delete.delay.ms"  # how long a broker keeps what it has taken out of use
SLACK_SECONDS = 60.0
# After a restart in the middle, Kafka 2.5.0 gives up what was on its way: the future copy stays and never advances, not
# even when it is asked for again. So what has not advanced for this part of the stall is ended and begun anew.
STOPPED = 6
BLOCK = 1 << 20  # bytes that a throttled broker reads at once, to wait then: replica.fetch.max.bytes
# The topic is being deleted, or its copy moved to another broker: nothing has to be moved any more.
GONE = (
    kafka_errors.ReplicaNotAvailableError.errno,
    kafka_errors.NotLeaderForPartitionError.errno,
    kafka_errors.UnknownTopicOrPartitionError.errno,
)
WHY = {
    kafka_errors.InvalidTopicError.errno: "its name is too long for a move between directories (KAFKA-4893)",
    kafka_errors.KafkaStorageError.errno: "a data directory of the broker is offline",
}


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The data directories of a broker. args: bootstrap (its own address), broker (its id), path (the directory that is
    to be emptied).

    Returns directories [Directory], folders (of partitions that lie in the path on the disk, names), throttled: "ours",
    "others" or "" (who limits moves between directories). Raises Failure when the broker does not answer.
    """
    broker = Broker(int(args["broker"]), Endpoint.parse(args["bootstrap"]))
    with answering("ask the broker for its data directories"):
        with wire.Connection(broker.endpoint) as connection:
            directories = log_dirs.describe(connection)
        limited = throttle.of_directories(broker)
    ours, any_ = (name in limited for name in (marks.DIRECTORIES_MARK, marks.DIRECTORIES))
    known = args["path"] in [one.path for one in directories]
    return {
        "directories": [one.to_wire() for one in directories],
        "folders": log_dirs.folders(args["path"]) if known else [],
        "throttled": "ours" if ours else "others" if any_ else "",
    }


def work(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Move every partition out of a directory, and wait until the broker has deleted what it left there.

    args: bootstrap and broker, as for `look`; path; moves [[topic, partition, directory]]; staying (directories that
    may get what is found beyond these) and reserve (bytes that stay free there); throttle (bytes per second, None:
    none); stall (seconds without progress after which it gives up). Emits {"left", "bytes_left", "bytes"} as it goes,
    {"anew"} (moves that had stopped and are begun again), and {"deleting", "seconds"} (old copies that are left, how
    long the broker keeps them).
    Returns partitions (moved) and seconds.
    """
    broker = Broker(int(args["broker"]), Endpoint.parse(args["bootstrap"]))
    goals = {(topic, number): path for topic, number, path in args["moves"]}
    rate: Optional[int] = args.get("throttle")
    stall = max(float(args["stall"]), 3 * STOPPED * BLOCK / rate if rate else 0)
    watch = Watch(broker, args["path"], goals, args["staying"], int(args["reserve"]), stall)
    began = time.monotonic()
    with answering("limit the moves between directories"):
        throttle.limit_directories(broker, rate)
    try:
        while watch.advance(emit):
            time.sleep(POLL_SECONDS)
    finally:
        watch.unthrottle()
    return {"partitions": len(watch.goals), "seconds": time.monotonic() - began}


class Watch:
    """The moves of one run: gives them to the broker, a few at a time, and keeps track of the rest.

    goals: {partition: directory}, to which is added what turns up meanwhile: a broker puts new partitions where it has
    the fewest, which is the directory that is being emptied.
    """

    def __init__(
        self, broker: Broker, path: str, goals: dict[Key, str], staying: Iterable[str], reserve: int, stall: float
    ) -> None:
        self.broker, self.path, self.goals, self.stall = broker, path, goals, stall
        self._staying, self._reserve = list(staying), reserve
        self._bytes = 0
        self._delay: Optional[float] = None
        self._anew: set[Key] = set()
        self._last: Any = None
        self._since = self._silent = time.monotonic()

    def advance(self, emit: Emit) -> bool:
        """Check the moves and give more; False when nothing is left in the directory. Raises Failure when there is no
        progress any more. A broker that restarts meanwhile is waited for."""
        try:
            with wire.Connection(self.broker.endpoint, CONNECTION_TIMEOUT) as connection:
                directories = log_dirs.describe(connection)
                source = self._source(directories)
                if not source.copies and not source.coming:
                    return self._deleting(connection, emit)
                left = sorted({*source.copies, *source.coming})
                flying = self._move(connection, left, directories)
                state = (left, sum(flying.values()))
                if state == self._last:
                    self._begin_anew(connection, flying, emit)
        except (OSError, KafkaError) as error:
            emit({})  # fails when the control machine no longer listens
            self._silent = time.monotonic()
            self._require_progress(self._last, self.stall, [wire.describe(error)])
            return True
        missing = sum(max(0, size - flying.get(key, 0)) for key, size in source.copies.items())
        self._bytes = max(self._bytes, source.size)
        emit({"left": len(left), "bytes_left": missing, "bytes": self._bytes})
        names = some(f"{topic}-{number}" for topic, number in left)
        self._require_progress(state, self.stall, [f"still there: {names}"])
        return True

    def unthrottle(self) -> None:
        """Remove our limit unless moves of ours are still under way: these continue throttled, and the next run looks
        after them. If the broker does not answer now, the next run asks it."""
        try:
            with wire.Connection(self.broker.endpoint) as connection:
                directories = log_dirs.describe(connection)
            here = {key for one in directories if one.path == self.path for key in one.copies}
            if not any(here & set(one.coming) for one in directories):
                throttle.limit_directories(self.broker, None)
        except (OSError, KafkaError):
            return

    def _source(self, directories: Iterable[Directory]) -> Directory:
        source = next((one for one in directories if one.path == self.path), None)
        if source is None or source.error:
            gone = "has gone offline" if source else "is no data directory of the broker any more"
            raise Failure(
                f"{self.path} {gone}",
                details=[source.error] if source else [],
                advice="see the broker's server.log for the reason; then run the same command again",
            )
        return source

    def _move(self, connection: wire.Connection, left: list[Key], directories: list[Directory]) -> dict[Key, int]:
        """Top up what is under way; {partition: bytes copied so far} of what was under way already."""
        if not set(left) <= set(self.goals):
            self._add(directories)
        there = {one.path: one.coming for one in directories}
        wanted = [key for key in left if key in self.goals]
        flying = {key: there[path][key] for key in wanted if key in there.get(path := self.goals[key], {})}
        waiting = [key for key in wanted if key not in flying]
        batch = {key: self.goals[key] for key in waiting[: max(0, AT_ONCE - len(flying))]}
        if batch:
            self._require_taken(log_dirs.place(connection, batch))
        return flying

    def _begin_anew(self, connection: wire.Connection, flying: Iterable[Key], emit: Emit) -> None:
        """End what has not advanced for too long, once for each: the next look begins it again."""
        stopped = [key for key in flying if key not in self._anew]
        if stopped and time.monotonic() - max(self._since, self._silent) > self.stall / STOPPED:
            self._require_taken(log_dirs.place(connection, dict.fromkeys(stopped, self.path)))
            self._anew.update(stopped)
            emit({"anew": len(stopped)})

    def _add(self, directories: list[Directory]) -> None:
        try:
            for shift in plan(directories, self.path, self._staying, self._reserve):
                self.goals.setdefault(shift.key, shift.to)
        except NoRoom as error:
            raise Failure(
                f"new partitions have come to {self.path}, and there is {error}",
                advice="add a data directory or free some space, then run the same command again",
            ) from error

    def _require_taken(self, codes: Mapping[Key, int]) -> None:
        refused = {key: code for key, code in codes.items() if code and code not in GONE}
        if refused:
            raise Failure(
                f"the broker refuses to move {counted(len(refused), 'partition')} out of {self.path}",
                details=[
                    f"{topic}-{number} to {self.goals[topic, number]}: {wire.name_of(code)}"
                    + (f", {WHY[code]}" if code in WHY else "")
                    for (topic, number), code in sorted(refused.items())
                ],
                advice="no other move was begun, those under way continue; see the broker's server.log, then run the "
                "same command again",
            )

    def _deleting(self, connection: wire.Connection, emit: Emit) -> bool:
        """Whether the broker still has to delete what it has taken out of use. Raises Failure for what it will not."""
        folders = log_dirs.folders(self.path)
        deleted = [name for name in folders if name.endswith(log_dirs.DELETED)]
        if deleted:
            if self._delay is None:
                self.unthrottle()
                self._delay = self._delete_delay(connection)
            emit({"deleting": len(deleted), "seconds": self._delay})
            patience = max(self.stall, 2 * self._delay + SLACK_SECONDS)
            self._require_progress(folders, patience, [f"to be deleted: {some(deleted)}"])
            return True
        if folders:
            raise Failure(
                f"the broker has no partition in {self.path} any more, but there {_are(len(folders))} that it does not "
                "know",
                details=[some(folders, 10)],
                advice="look what they are, and move them elsewhere or delete them: the broker does not use them",
            )
        return False

    def _delete_delay(self, connection: wire.Connection) -> float:
        name = str(self.broker.id)
        value = configs.describe(connection, configs.BROKER, [name], [DELAY])[name][DELAY].value
        return int(value or 0) / 1000

    def _require_progress(self, state: Any, patience: float, details: list[str]) -> None:
        if state != self._last:
            self._last, self._since = state, time.monotonic()
        if time.monotonic() - self._since > patience:
            raise Failure(
                f"nothing has advanced in {self.path} for {patience:.0f} s",
                details=details,
                advice="see the broker's server.log, and whether the throttle is above what producers write; then run "
                "the same command again, it continues from there",
            )


def _are(number: int) -> str:
    return f"{'is' if number == 1 else 'are'} {counted(number, 'folder')}"
