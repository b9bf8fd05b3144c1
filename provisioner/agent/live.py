"""What a running service makes of an input that is about to change, and the change itself, without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from ..resources import from_wire, services_of
from .failure import Failure
from .system import System

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What would be of a text that is not on disk yet. args: service, wanted. Returns live, as in `Service.read`."""
    return {"live": _look(args, emit, wanted=args["wanted"])}


def apply(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Let the running service take what is on disk; again is fine. args: service. Returns changes, in words. Raises
    Failure when it does not, or needs a restart for it after all."""
    live = _look(args, emit, apply=True)
    if live and live["refused"]:
        raise Failure(
            f"{args['service']['unit']} needs a restart after all: {', '.join(live['refused'])}",
            advice="deploy again: the plan says so then",
        )
    return {"changes": live["changes"] if live else []}


def reload(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Let the running service read its inputs again; again is fine. args: service. Returns changes, in words. Raises
    Failure when it does not take them, or needs a restart for it after all."""
    (service,) = services_of([from_wire(args["service"])])
    system = System(emit=emit)
    state = service.read(system)
    if not (state and state["active"]):
        raise Failure(f"{service.unit} does not run any more", advice="deploy again: that starts it")
    found = service.take(system, state, apply=True)
    if found and found["refused"]:
        raise Failure(
            f"{service.unit} needs a restart after all: {', '.join(found['refused'])}",
            advice="deploy again: the plan says so then",
        )
    return {"changes": found["changes"] if found else []}


def _look(args: Dict[str, Any], emit: Emit, **options: Any) -> Any:
    (service,) = services_of([from_wire(args["service"])])
    return service.look(System(emit=emit), **options)
