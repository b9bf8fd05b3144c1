"""Many hosts at once: one session and one thread per host, every error kept with its host."""

from __future__ import annotations

import getpass
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from provisioner.connect.feed import Feed
from provisioner.connect.payload import Payload
from provisioner.connect.requests import Event
from provisioner.connect.route import Hop
from provisioner.connect.session import Ahead, Session
from provisioner.connect.settings import Settings
from provisioner.errors import Locked, ProvisionerError, Several
from provisioner.quantities import format_offset
from provisioner.report.reporter import Reporter
from provisioner.resources import Request

T = TypeVar("T")
MAX_THREADS = 64
# A Ctrl-C that comes just as the main thread begins to wait is not noticed before that wait ends, so it waits in steps.
STEP_SECONDS = 0.5


class Outcome(dict[str, T]):
    """{host: result} of the hosts that succeeded, and `errors` {host: error} of the others."""

    errors: dict[str, ProvisionerError]

    def __init__(self, results: Mapping[str, T], errors: Mapping[str, ProvisionerError]) -> None:
        super().__init__(results)
        self.errors = dict(errors)

    def check(self) -> Outcome[T]:
        """Itself when every host succeeded. Raises the one error, or all of them as Several."""
        if len(self.errors) == 1:
            raise next(iter(self.errors.values()))
        if self.errors:
            raise Several(list(self.errors.values()))
        return self


class Fleet:
    """The open sessions of one run. Use as a context manager: whatever happens, every session is closed."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.sessions: dict[str, Session] = {}
        self._locked: set[str] = set()
        self._going_on: dict[str, str] = {}  # what hosts do even when this run ends
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            for host, what in self._going_on.items():
                self.reporter.warning(f"{host}: {what}")
        # Closing the sessions first lets threads that wait for an answer end; agents finish their step and stop.
        for session in list(self.sessions.values()):
            session.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def each(
        self, names: Iterable[str], work: Callable[[str], T], meanwhile: Callable[[], None] | None = None
    ) -> Outcome[T]:
        """Run `work(host)` for all hosts in parallel; expected errors are kept, a bug of ours is raised. meanwhile:
        what this thread does before it waits."""
        futures = {name: self._threads().submit(work, name) for name in names}
        if meanwhile is not None:
            meanwhile()
        results: dict[str, T] = {}
        errors: dict[str, ProvisionerError] = {}
        for name, future in futures.items():
            try:
                results[name] = _result(future)
            except ProvisionerError as error:
                errors[name] = error
        return Outcome(results, errors)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="host")
        return self._pool

    def connect(
        self, settings: Settings, route: Sequence[Hop], payload: Payload, ahead: Ahead = dict
    ) -> dict[str, Any]:
        """Open a session with a host and start its agent; the host's facts. ahead: as for `Session`. From a thread of
        `each`."""
        name = settings.name
        label = f"{name}: sending the agent"
        self.reporter.host(name, "connecting")

        def progress(done: int, total: int) -> None:
            self.reporter.progress(f"agent {name}", label, done, total)

        session = Session(settings, route, payload, progress, ahead)
        self.sessions[name] = session
        self.reporter.host(name, "connected")
        return session.facts

    def request(self, host: str, op: str, event: Event | None = None, **arguments: Any) -> Any:
        """One request to one host's agent, from any thread. event: receives what it reports; None makes its texts the
        host's live line."""

        def ask(name: str) -> Any:
            try:
                return self.sessions[name].request(op, event or self.show(name), **arguments)
            finally:
                self._going_on.pop(name, None)

        # Only `each` waits so that Ctrl-C is noticed; threads of its own must not wait for each other in it.
        on_main = threading.current_thread() is threading.main_thread()
        return self.each([host], ask).check()[host] if on_main else ask(host)

    def lock(self, host: str) -> None:
        """Take a host's lock for this run, which may have it already; the host frees it when the session ends. Raises
        Locked."""
        if host not in self._locked:
            self._have(host, self.request(host, "lock", holder=holder()))

    def read(self, host: str, *, lock: bool, **question: Any) -> dict[str, Any]:
        """Ask a host how it is, and take its lock before, if told to, in the same round trip. question: as the agent's
        `op_read` takes it. Raises Locked."""
        if not lock or host in self._locked:
            return dict(self.request(host, "read", **question))
        answer = self.request(host, "read", holder=holder(), **question)
        self._have(host, answer)
        return dict(answer)

    def _have(self, host: str, answer: Mapping[str, Any]) -> None:
        if "held_by" in answer:
            raise locked(host, answer["held_by"])
        self._locked.add(host)

    def call(self, host: str, request: Request, event: Event | None = None) -> dict[str, Any]:
        """Run a function on a host, as by `request`."""
        answer: dict[str, Any] = self.request(host, "call", event, **request.wire())
        return answer

    def stream(self, host: str, request: Request, on_event: Callable[[dict[str, Any], Feed], None]) -> Stream:
        """Begin a function on a host that takes a feed, f(args, emit, feed). on_event is given every event, and the
        feed to answer it with; it is called in a thread. That is one of its own: many streams may last for hours, and
        the others are for what is waited for."""
        feed = Feed()
        answer: Future[Any] = Future()
        call = self.sessions[host].request

        def event(message: dict[str, Any]) -> None:
            on_event(message, feed)

        def work() -> None:
            try:
                answer.set_result(call("call", event, feed, **request.wire()))
            except BaseException as error:  # whoever waits for the answer raises it
                answer.set_exception(error)

        threading.Thread(target=work, name=f"stream {host}", daemon=True).start()
        return Stream(feed, answer)

    def show(self, host: str) -> Event:
        """A receiver of a host's events that shows their texts and warnings, and remembers what goes on there even when
        the run ends."""

        def event(message: Mapping[str, Any]) -> None:
            if "warning" in message:
                self.reporter.warning(f"{host}: {message['warning']}")
            if "text" in message:
                self.reporter.host(host, str(message["text"]))
                self._going_on.pop(host, None)
            if "goes_on" in message:
                self._going_on[host] = str(message["goes_on"])

        return event


@dataclass(frozen=True)
class Stream:
    """A call at work. feed: what it is sent meanwhile."""

    feed: Feed
    answer: Future[Any]

    def result(self) -> dict[str, Any]:
        """Wait for its end. Raises HostFailed as the agent reports it."""
        found: dict[str, Any] = _result(self.answer)
        return found


def holder() -> dict[str, str]:
    """Who takes the locks of a run."""
    return {"who": f"{getpass.getuser()}@{socket.gethostname()}"}


def locked(host: str, holder: Mapping[str, Any]) -> Locked:
    """The message for a host that another run holds. Pure but for the local time zone."""
    since = _local(holder["since"]) if "since" in holder else "an unknown time"
    return Locked(
        f"another run is at work here: {holder.get('who', 'unknown')}, since {since}",
        host=host,
        advice="wait for it; the lock goes away with that run, however it ends",
    )


def _local(moment: float) -> str:
    """A time of the last hours, local with its offset: "14:03:22 +09:00"."""
    at = datetime.fromtimestamp(moment, timezone.utc).astimezone()
    return f"{at:%H:%M:%S} {format_offset(at)}"


def _result(future: Future[T]) -> T:
    """What it comes to. Waits on a bare lock: a Ctrl-C can leave one of Python's conditions, such as a future has
    inside, taken for ever, and with it whoever has the answer."""
    answered = threading.Lock()
    answered.acquire()
    future.add_done_callback(lambda _: answered.release())
    while not answered.acquire(timeout=STEP_SECONDS):
        pass
    return future.result()
