"""Calls side by side on one host: what each of them waits for, a handshake or an answer, does not add up."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Dict, Optional

from .calling import Emit, call
from .failure import Failure


class Begun:
    """A call at work in a thread of its own, which holds nobody up that does not want its answer."""

    def __init__(self, wire: Dict[str, Any]) -> None:
        """wire: as for `calling.call`, of a function that changes nothing. What it reports is not shown."""
        self._wire = wire
        self._found: Optional[Dict[str, Any]] = None
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = call(self._wire, lambda event: None)
        except BaseException as error:
            self._error = error

    def answer(self) -> Dict[str, Any]:
        """Its answer, waited for. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found or {}


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The answers of several functions that change nothing. args: asked {name: {module, function, args}}.

    Returns {name: answer}, without those that fail: asked alone, each says why.
    """
    begun = {name: Begun(wire) for name, wire in args["asked"].items()}
    found: Dict[str, Any] = {}
    for name, one in begun.items():
        with contextlib.suppress(Failure):
            found[name] = one.answer()
    return found
