"""Remove from a host what resources have put there: shown first, then removed in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Dict, List

from ..resources import Resource, from_wire, services_of
from . import ledger
from .failure import Failure
from .system import STATE, System

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]


def _open(args: Dict[str, Any], emit: Emit) -> "tuple[System, List[Resource]]":
    """The host, and what may be removed there: nothing where no deploy ever was, whatever is at our places."""
    system = System(emit=emit, state=args.get("state") or STATE)
    resources = [from_wire(wire) for wire in args["resources"]] if ledger.deployed(system) else []
    system.units = tuple(service.unit for service in services_of(resources))
    return system, resources


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What is there of these resources. args: resources. Returns present: [paths and names], in order."""
    system, resources = _open(args, emit)
    return {"present": [thing for resource in resources for thing in resource.present(system)]}


def remove(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Remove resources in the given order; one event each. args: resources; final: also forget what the agent itself
    keeps on this host. Returns removed: [paths and names], stays: [why something does]."""
    system, resources = _open(args, emit)
    removed: List[str] = []
    stays: List[str] = []
    for resource in resources:
        there = resource.present(system)
        emit({"text": f"removing {resource.key}"})
        try:
            why = resource.remove(system)
        except OSError as error:
            raise Failure(
                f"{resource.key}: {error.strerror}: {error.filename}",
                advice="fix the cause and uninstall again, it goes on from there",
            ) from error
        left = set(resource.present(system))
        removed += [thing for thing in there if thing not in left]
        stays += [why] if why else []
    system.run(["systemctl", "daemon-reload"])
    for service in services_of(resources):
        # A unit that had failed would stay in systemd's list; one that is not known any more cannot be reset.
        subprocess.run(
            ["systemctl", "reset-failed", f"{service.unit}.service"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    if args.get("final"):
        forget(system.state)
    return {"removed": removed, "stays": stays}


def forget(state: str) -> None:
    """Remove the agent's own files, its code included, except the guards of data that stays."""
    for name in ("cache", "archives", "derived", "agent"):
        shutil.rmtree(os.path.join(state, name), ignore_errors=True)
    ledger.prune(state)
    for name in ("once", "users", "groups"):
        with contextlib.suppress(OSError):  # not empty: something is guarded or stays, and what is known of it stays
            os.rmdir(os.path.join(state, name))
    if not os.path.exists(os.path.join(state, "once")):
        shutil.rmtree(os.path.join(state, "live"), ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(state)
