"""Runs the functions that others bring to the host: probes, checks and everything that verbs ask of a service."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict

from .feed import Feed

Emit = Callable[[Dict[str, Any]], None]


def call(wire: Dict[str, Any], emit: Emit, *feed: Feed) -> Dict[str, Any]:
    """Run a function on this host: {module, function, args}; with a feed it takes that, too."""
    function = getattr(importlib.import_module(wire["module"]), wire["function"])
    return dict(function(dict(wire.get("args") or {}), emit, *feed))
