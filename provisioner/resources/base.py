"""What a resource is: expected state here, actual state on the host, and the repair of what differs.

The same class serves both sides. The control machine builds resources from roles, sends them without their content
(`wire`), and plans from the answer. The host reads (`read`) and repairs (`fix`) with the same class. Nothing here
imports anything outside the standard library, since it runs on the host's own Python 3.8 or newer.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple, Type

from ..agent.failure import Failure
from .frozen import asdict, dataclass, field, names

State = Dict[str, Any]

KINDS: dict[str, Type[Resource]] = {}


@dataclass(frozen=True)
class Request:
    """A call of a function on a host, which the agent runs there: `function(args, emit) -> dict`, or
    `function(args, emit, feed)` for one that is streamed to.

    Made by the tables of what may be called: `provisioner/connect/requests.py` and `cluster/remote.py`.
    """

    UNSHOWN: ClassVar[Tuple[str, ...]] = ("args",)
    module: str
    function: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        return {"module": self.module, "function": self.function, "args": dict(self.args)}

    def adding(self, **args: Any) -> Request:
        """The same call with more arguments."""
        return Request(self.module, self.function, {**self.args, **args})


@dataclass(frozen=True)
class Texts:
    """What a diff compares, each with its name; hidden: why it must not or cannot be shown, in words. open_names: of
    settings that hold secrets, those that hold none (`secrets.mask`); None: what is secret is known by its name."""

    UNSHOWN: ClassVar[Tuple[str, ...]] = ("before", "after")
    before: str
    after: str
    before_name: str
    after_name: str
    hidden: str = ""
    open_names: Optional[Tuple[str, ...]] = None


@dataclass(frozen=True)
class Resource:
    """One thing on a host that is to be in an expected state.

    A new kind must answer `name`, `expected`, `read`, `fix`, `present` and `remove`. The answers below those have a
    default that fits most kinds; nothing outside of a kind's own file asks which kind a resource is.
    """

    kind: ClassVar[str] = ""
    takes_along: ClassVar[bool] = False  # `remove` takes everything below `place`, too
    decided: ClassVar[bool] = True  # False: only all hosts together know all of it (`Site.complete`)
    in_background: ClassVar[bool] = False  # True: `fix` begins what nobody waits for, so it is the last of a run

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        KINDS[cls.kind] = cls

    @property
    def name(self) -> str:
        """What distinguishes this resource from others of its kind: a path, a package name, a unit."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Unique on a host: `file:/etc/kafka/server.properties`."""
        return f"{self.kind}:{self.name}"

    def expected(self) -> State:
        """The state wanted, as {attribute: value}; the same keys that `read` answers with."""
        raise NotImplementedError

    def read(self, system: Any) -> Optional[State]:
        """On the host: the actual state, None when absent. May hold more keys than `expected` (facts for the plan)."""
        raise NotImplementedError

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        """On the host: repair only what `differs` (attribute names; all of them when absent)."""
        raise NotImplementedError

    def present(self, system: Any) -> list[str]:
        """On the host: what `remove` would remove, as paths or names; empty when there is nothing of it."""
        raise NotImplementedError

    def remove(self, system: Any) -> str:
        """On the host: remove it; again is fine. Why something of it stays, "" when nothing does."""
        raise NotImplementedError

    def remark(self, actual: Optional[Mapping[str, Any]]) -> str:
        """What a person should hear about an actual state although nothing is to be repaired; mostly ""."""
        return ""

    @property
    def note_when_absent(self) -> str:
        """What the plan's line says about one that is to be added; mostly ""."""
        return ""

    def texts(self, actual: Optional[Mapping[str, Any]], differs: Tuple[str, ...]) -> Optional[Texts]:
        """What a diff of the change compares; None when there is no text in it."""
        return None

    def useless(self, actual: Optional[Mapping[str, Any]]) -> bool:
        """Whether nothing works with what is there, so that nothing is lost by replacing it before a restart; mostly
        False."""
        return False

    def as_it_runs(self, actual: Optional[Mapping[str, Any]], differs: Tuple[str, ...]) -> bool:
        """Whether a service that reads its files again needs no restart for this change; mostly False."""
        return False

    def written(self) -> Dict[str, str]:
        """{path: text} of the files that it writes itself: services may read them at start."""
        return {}

    def rewritten(self) -> Tuple[str, ...]:
        """The paths of files whose new content nobody knows before it is sent: services may read them at start."""
        return ()

    def goes_with(self) -> Tuple[str, ...]:
        """The paths of files that services read at start, with whose change it waits for the restart."""
        return ()

    def aliases(self) -> Dict[str, str]:
        """{path: target} of the links that it makes: what is below the target is below the path, too."""
        return {}

    @property
    def payload_source(self) -> Optional[Any]:
        """What must have been pushed to the host before `fix` (see `artifacts.Source`); mostly None."""
        return None

    @property
    def place(self) -> Optional[str]:
        """The path that an uninstall frees; None for one that has no path of its own."""
        return None

    @property
    def stays(self) -> bool:
        """Whether an uninstall leaves it, unless it purges: data, logs and the users they belong to."""
        return False

    @property
    def guards_data(self) -> bool:
        """Whether everything below `place` stays with it."""
        return False

    @property
    def called(self) -> str:
        """How the list of what an uninstall leaves calls it."""
        return self.place or self.name

    def purged(self) -> Resource:
        """As an uninstall that purges removes it: with all that it holds."""
        return self

    def described(self) -> Optional[Tuple[str, List[Dict[str, Any]]]]:
        """(sort, what is to be there) in plain values, for a tool that makes the same its own way (`bench/peers.py` has
        the sorts); None when nothing else could make it."""
        return None

    def wire(self, content: bool) -> dict[str, Any]:
        """As JSON for the agent; `content` False leaves out what a digest can stand for."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Resource:
        """The inverse of `wire`, on the host."""
        return cls(**{name: value for name, value in data.items() if name in names(cls)})


def in_the_way(path: str, state: Mapping[str, Any], wanted: str) -> Failure:
    """What to say of a path at which something else is than a `wanted` ("directory"), and must not be replaced."""
    found = f"link to {state['target']}" if state["type"] == "link" else state["type"]
    return Failure(
        f"{path} is a {found} where a {wanted} should be",
        advice="move it away and deploy again; it is not removed for you because it is not known what it holds",
    )


def owned(path: str, owner: str, group: str, mode: int) -> Dict[str, Any]:
    """A path with its owner and mode, as `described` says it."""
    return {"path": path, "owner": owner, "group": group, "mode": f"{mode:04o}"}


def from_wire(data: Mapping[str, Any]) -> Resource:
    """Build the right kind of resource from its JSON."""
    return KINDS[data["kind"]].from_wire(data)


def differing(expected: Mapping[str, Any], actual: Optional[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the attributes whose actual value is not the expected one; every attribute when absent."""
    if actual is None:
        return tuple(expected)
    return tuple(name for name, value in expected.items() if actual.get(name) != value)
