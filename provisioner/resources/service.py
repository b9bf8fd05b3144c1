"""A systemd service, and the question whether what it runs with is still what is on disk."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Iterable, List, Mapping, Optional, Tuple

from .base import Request, Resource, State
from .frozen import dataclass
from .live import Live, covered
from .reload import Reload, reloaded


@dataclass(frozen=True)
class Service(Resource):
    """An enabled, running unit: `Service("kafka", inputs=("/etc/kafka/server.properties",), ready=Request(...))`.

    inputs: every path whose content the process reads at start. The unit itself records their digests when it starts
    (`ExecStartPre`, in sha256sum's format, to `/run/NAME/inputs.sha256`), whoever starts it. A restart is needed when
    that record differs from the disk: nothing has to be remembered by a run, so a killed run is finished by the next
    one, and a change that was taken back needs no restart. ready: what says that the service serves. live: the input
    whose changes the process may be able to take as it runs; reload: those that it reads again as it runs.
    This resource enables and *starts*; restarting is the roll's business (`provisioner/run/rolling.py`).
    """

    kind: ClassVar[str] = "service"
    unit: str
    inputs: tuple[str, ...] = ()
    ready: Optional[Request] = None
    live: Optional[Live] = None
    reload: Optional[Reload] = None

    @property
    def name(self) -> str:
        return self.unit

    @property
    def record(self) -> str:
        return f"/run/{self.unit}/inputs.sha256"

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "services", [{"name": self.unit, "ready": dict(self.ready.args) if self.ready else {}}]

    def expected(self) -> State:
        return {"enabled": True, "active": True}

    def wire(self, content: bool) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "unit": self.unit,
            "inputs": list(self.inputs),
            "ready": self.ready and self.ready.wire(),
            "live": self.live and self.live.wire(),
            "reload": self.reload and self.reload.wire(),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Service:
        ready = Request(**data["ready"]) if data.get("ready") else None
        live, reload = Live.from_wire(data.get("live")), Reload.from_wire(data.get("reload"))
        return cls(data["unit"], tuple(data["inputs"]), ready, live, reload)

    def read(self, system: Any) -> Optional[State]:
        state: Optional[State] = system.unit_state(self.unit)
        if state is None:
            return None
        state["disk"] = {path: system.digest(path) for path in self.inputs}
        state["started"] = parse_record(system.read_text(self.record))
        state["live"] = self.look(system)
        state["reload"] = self.take(system, state)
        return state

    def look(self, system: Any, wanted: Optional[str] = None, apply: bool = False) -> Optional[State]:
        """On the host: what the running process makes of its live input, as `Live.look`; None for one that has none,
        or that does not run."""
        state = system.unit_state(self.unit)
        if self.live is None or not (state and state["active"]):
            return None
        started = parse_record(system.read_text(self.record)) or {}
        return self.live.look(system, self.unit, started.get(self.live.path), wanted, apply)

    def take(self, system: Any, state: State, apply: bool = False) -> Optional[State]:
        """On the host: what the running process makes of inputs that it can read again, as `Reload.look`; None for one
        that has none, or that does not run. state: as `read` answers."""
        if self.reload is None or not state["active"]:
            return None
        return self.reload.look(system, state["disk"], state["started"] or {}, apply)

    def present(self, system: Any) -> list[str]:
        return [f"service {self.unit}"] if system.unit_state(self.unit) is not None else []

    def remove(self, system: Any) -> str:
        if system.unit_state(self.unit) is not None:
            system.stop(self.unit)
        return ""

    def fix(self, system: Any, actual: Optional[State], differs: tuple[str, ...]) -> None:
        if actual is None or "enabled" in differs:
            system.enable(self.unit)
        if actual is None or "active" in differs:
            system.start(self.unit)
            system.wait_ready(self)


def once(ready: Request) -> Request:
    """Whether a service serves now: its `ready`, without a wait."""
    return ready.adding(timeout=0, unit="")


def services_of(resources: Iterable[Resource]) -> List[Service]:
    """The services among a host's resources, in order: what runs, and may have to restart."""
    return [resource for resource in resources if isinstance(resource, Service)]


def parse_record(text: Optional[str]) -> Optional[dict[str, str]]:
    """{path: digest} from sha256sum's output; None when the unit has left no record."""
    if text is None:
        return None
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {path: digest for digest, path in pairs}


def outdated(inputs: tuple[str, ...], state: State, soon: Mapping[str, str]) -> list[str]:
    """The inputs for which only a restart brings running process and disk together, in order; pure.

    state: as `Service.read` answers. soon: {path: digest} that the planned changes will put on disk. A process that
    runs without a record was started by something else than our unit: all of its inputs count.
    """
    if not state.get("active"):
        return []
    started = state.get("started") or {}
    then = {path: soon.get(path) or state["disk"].get(path) for path in inputs}
    return [
        path
        for path in inputs
        if then[path] != started.get(path)
        if not covered(state, path, then[path]) and not reloaded(state, path, then[path])
    ]
