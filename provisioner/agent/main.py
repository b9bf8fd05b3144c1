"""The agent: serves one control machine's requests on this host, one at a time, until the connection ends.

Protocol: one JSON object per line. A request has `id` and `op`; the answers carry that id: any number of
{"id", "event": {...}} and then {"id", "result": ...} or {"id", "failure": {...}}. An event's "raw" is the number of
bytes that follow its line. A request with "fed" may be followed, while it is at work, by {"id", "op": "data", "size"}
with that many bytes, as far as {"id", "credit"} allows, and by "end" or "stop" (see feed.py). Right after the start,
facts are sent unasked under id 0, which saves a round trip.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..resources import Resource, Service, differing, from_wire, once, services_of
from . import facts, ledger
from .calling import Emit, call
from .channel import Channel, Gone
from .failure import Failure, Misnamed
from .lock import PATH as LOCK
from .lock import Held, Lock
from .system import STATE, System
from .together import Begun, Waiting, early

# What a login's environment says to every Java. What the agent starts is not meant: a library that is not there would
# stop it, and Java's notes about these would stand in the output that is read.
FOREIGN = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_HOME", "CLASSPATH")
# What changes nothing on the host. By convention that is so of every function called `look`, too.
READING = ("lock", "read", "has")


def reads(request: Dict[str, Any]) -> bool:
    """Whether a request changes nothing on the host, so that it may end anywhere."""
    return request["op"] in READING or (request["op"] == "call" and request["function"] == "look")


class Agent:
    """The operations; each is a method `op_NAME(request, emit) -> result`."""

    def __init__(self, source: int, sink: int, state: str = STATE, lock: str = LOCK) -> None:
        """source, sink: file descriptors of the protocol. state, lock: where the host keeps the agent's memory."""
        self.lock = Lock(lock)
        self.doing = "starting"
        self.system = System(emit=lambda event: None, state=state)
        self.channel = Channel(source, sink, self.system.cache_path, on_gone=self._alone)
        self._changing = False
        self._deciding = threading.Lock()
        self._waiting = Waiting()

    def serve(self, ahead: Optional[Mapping[str, Any]] = None) -> None:
        """Answer requests until the control machine goes. ahead: what is done while it thinks about the facts, as
        `begin` takes it."""
        self.channel.start()
        self.channel.send({"id": 0, "result": facts.gather()})
        self.begin(**(ahead or {}))
        while True:
            request = self.channel.requests.get()
            if request is None:
                return
            self._answer(request)
            if self.channel.gone.is_set():
                return

    def begin(
        self,
        modules: Sequence[str] = (),
        calls: Sequence[Sequence[Dict[str, Any]]] = (),
        around: str = "",
        holder: Optional[Dict[str, Any]] = None,
    ) -> None:
        """Do ahead what the first request will want. modules: loaded; calls, around: what it asks, begun, each of these
        sequences as for `together.begin`; with a holder, under its lock, or not at all where that cannot be had at
        once: the request says so."""
        try:
            if holder:
                self.lock.acquire(holder, self.system.emit, patient=False)
            for sequence in calls:
                self._waiting.begin(sequence, around)
        except (Held, OSError):
            pass
        for name in modules:
            with contextlib.suppress(ImportError):  # whoever needs it says so
                importlib.import_module(name)

    def _alone(self) -> None:
        """The control machine has gone: end at once, in whatever system call, unless something is being changed. Then
        the resource at hand is finished, and the next run is told to wait for that."""
        with self._deciding:
            if not self._changing:
                os._exit(0)
        self.lock.orphan(self.doing)

    def _answer(self, request: Dict[str, Any]) -> None:
        number = request["id"]

        def emit(event: Dict[str, Any]) -> None:
            raw = event.get("raw", b"")
            self.channel.send({"id": number, "event": {k: v for k, v in event.items() if k != "raw"}}, raw)

        self.system.emit, self.system.waiting = emit, self._guarded(emit)
        with self._deciding:
            self._changing = not reads(request)
        if request["op"] not in ("read", "lock"):
            self._waiting.forget()  # this may change what they have found
        try:
            result = getattr(self, f"op_{request['op']}")(request, emit)
            self.channel.send({"id": number, "result": result})
        except Gone:
            return
        except Exception as error:
            self.channel.send({"id": number, "failure": describe(error)})
        finally:
            self.channel.forget(number)
            self._changing = False

    def op_lock(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """Take the host's lock for this run, which may have it already."""
        if self.lock.taken:
            return {}
        try:
            self.lock.acquire(request["holder"], emit)
        except Held as held:
            return {"held_by": held.holder}
        return {}

    def op_read(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """Actual states of resources, and what preflight asks about this host; with a `holder`, under its lock."""
        held = self.op_lock(request, emit) if request.get("holder") else {}
        if held:
            return held
        resources = self._resources(request["resources"])
        if self.system.units:
            self.system.look_again()
        wants = request.get("wants") or {}
        # What takes a connection is asked while the files are looked at.
        probes = self._probes(resources) if wants.get("serving") else {}
        asked = {name: self._waiting.take(wire) for name, wire in (wants.get("questions") or {}).items()}
        ahead = {name: self._waiting.take(wire) for name, wire in (wants.get("ahead") or {}).items()}
        self._waiting.forget()  # what was begun counts for this look alone
        states: Dict[str, Any] = {}
        problems: List[Dict[str, Any]] = []
        for resource in resources:
            try:
                states[resource.key] = resource.read(self.system)
            except Failure as failure:
                problems.append({**describe(failure), "resource": resource.key})
            except OSError as error:
                problems.append({**describe(_refused(error, resource.name)), "resource": resource.key})
        files: Dict[str, Optional[str]] = {}
        for path in wants.get("files") or []:
            try:
                files[path] = self.system.read_text(path)
            except OSError as error:
                problems.append({**describe(_refused(error, path)), "resource": f"file:{path}"})
        names = facts.resolved(wants.get("names") or [])
        holders = {int(port): unit for port, unit in (wants.get("ports") or {}).items()}
        ports = {port: int((self.system.unit_state(unit) or {}).get("pid", 0)) for port, unit in holders.items()}
        return {
            "states": states,
            "problems": problems,
            "disks": facts.disks(wants.get("disks") or []),
            "noexec": facts.noexec(wants.get("runs") or []),
            "ports": facts.taken(ports),
            "unresolved": [name for name, addresses in names.items() if addresses is None],
            "loopback": {name: found for name, addresses in names.items() if (found := facts.loopback(addresses))},
            "files": files,
            "java": facts.java_version(wants.get("java_home")),
            "serving": self._serving(probes, resources, states),
            "beside": [unit for unit in wants.get("beside") or [] if os.path.exists(Service(unit).record)],
            "answers": {name: one.answer() for name, one in asked.items()},
            "ahead": early(ahead),
        }

    def _probes(self, resources: List[Resource]) -> Dict[str, Begun]:
        """{unit: whether it serves} of those that can say so, each asked once, while the files are looked at."""
        return {
            service.unit: self._waiting.take(once(service.ready).wire())
            for service in services_of(resources)
            if service.ready
        }

    def _serving(self, probes: Dict[str, Begun], resources: List[Resource], states: Dict[str, Any]) -> Dict[str, Any]:
        """What the units answer that serve at this moment; what does not is waited for later, when that is due. Of a
        unit that does not run, no answer is waited for."""
        found = {}
        for service in services_of(resources):
            if service.unit in probes and (states.get(service.key) or {}).get("active"):
                with contextlib.suppress(Failure):
                    found[service.unit] = probes[service.unit].answer()
        return found

    def op_put(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """A payload has arrived (the channel has stored it already); an empty one only asks whether it is there."""
        problem = request["outcome"].get("problem")
        if problem:
            raise Failure(problem, advice="free some space under /var/lib on the host, then deploy again")
        return {}

    def op_has(self, request: Dict[str, Any], emit: Emit) -> List[str]:
        """Which of these payloads are in the cache already."""
        return [digest for digest in request["digests"] if self.system.cached(digest)]

    def op_apply(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """Repair the given resources in order; one event each. Ends early only when the control machine goes."""
        ledger.begin(self.system)
        for resource in self._resources(request["resources"]):
            if self.channel.gone.is_set():
                raise Gone
            self.doing = resource.key
            emit({"resource": resource.key, "status": "begin"})
            emit({"resource": resource.key, "status": "done", "changed": self._repair(resource)})
        self.system.reload_units()
        self.system.clear_cache()
        return {}

    def _repair(self, resource: Resource) -> bool:
        try:
            expected, actual = resource.expected(), resource.read(self.system)
            differs = differing(expected, actual)
            if not differs:
                return False
            resource.fix(self.system, actual, differs)
            still = differing(expected, resource.read(self.system))
        except Failure as failure:
            failure.resource = resource.key
            raise
        except OSError as error:
            refused = _refused(error, resource.name)
            refused.resource = resource.key
            raise refused from error
        if still:
            unrepaired = Failure(f"repaired, but still not as expected: {', '.join(still)}")
            unrepaired.resource = resource.key
            raise unrepaired
        return True

    def op_restart(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """Restart one service and wait until it serves; its state, and the seconds of the parts."""
        (service,) = services_of(self._resources([request["service"]]))
        self.doing = f"restart of {service.unit}"
        began = time.monotonic()
        self.system.restart(service.unit)
        restarted = time.monotonic()
        self.system.emit = self._guarded(emit)
        self.system.wait_ready(service)
        serving = time.monotonic()
        state = dict(service.read(self.system) or {})
        stopped = min(max(state.get("stopped_monotonic_us", 0) / 1e6, began), restarted)
        seconds = {"stop": stopped - began, "start": restarted - stopped, "serving": serving - restarted}
        return {**state, "seconds": seconds}

    def op_call(self, request: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
        """Run a role's on-host function."""
        self.doing = f"{request['module']}.{request['function']}"
        feed = [self.channel.feed(request["id"])] if request.get("fed") else []
        return call(request, self._guarded(emit), *feed)

    def _guarded(self, emit: Emit) -> Emit:
        """For what only waits or looks: stop as soon as the control machine is gone."""

        def guarded(event: Dict[str, Any]) -> None:
            if self.channel.gone.is_set():
                raise Gone
            emit(event)

        return guarded

    def _resources(self, wires: List[Dict[str, Any]]) -> List[Resource]:
        resources = [from_wire(wire) for wire in wires]
        self.system.units = tuple(service.unit for service in services_of(resources))
        return resources


def _refused(error: OSError, name: str) -> Failure:
    """What was refused while something (`name`) was read or repaired."""
    cause = "the disk is full: free some space" if error.errno == errno.ENOSPC else "fix the cause"
    return Failure(f"{error.strerror}: {error.filename2 or error.filename or name}", advice=f"{cause} and deploy again")


def describe(error: BaseException) -> Dict[str, Any]:
    """An exception as JSON; an unexpected one with its traceback, since that is a bug of ours."""
    if isinstance(error, Failure):
        return {
            "summary": error.summary,
            "details": list(error.details),
            "advice": error.advice,
            "resource": error.resource,
            "misnamed": isinstance(error, Misnamed),
        }
    import traceback

    return {
        "summary": f"unexpected {type(error).__name__}: {error}",
        "details": traceback.format_exc().splitlines()[-12:],
        "advice": "this is a bug of the provisioner: please report it with these lines",
        "resource": None,
        "misnamed": False,
    }


def serve(ahead: Mapping[str, Any]) -> None:
    """Entry point, called by the bootstrap: keep the protocol's stdout to ourselves, whatever a library prints. ahead:
    as for `Agent.serve`."""
    sink = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    os.umask(0o022)
    os.chdir("/")
    for name in FOREIGN:
        os.environ.pop(name, None)
    # A terminated check cleans up and then says so by KeyboardInterrupt; a traceback would reach no reader.
    with contextlib.suppress(KeyboardInterrupt):
        Agent(0, sink).serve(ahead)
        os._exit(0)  # everything is closed or dies with us: tearing the interpreter down would only take time
