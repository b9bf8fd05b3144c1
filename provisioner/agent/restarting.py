"""A restart that no roll has planned: in the middle of a wait, of what holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from ..resources import from_wire, services_of
from .system import System

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]


def restart(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Restart a service, and wait until it serves. args: service. Returns nothing. Raises Failure when it does not."""
    (service,) = services_of([from_wire(args["service"])])
    system = System(emit=emit)
    system.restart(service.unit)
    system.wait_ready(service)
    return {}
