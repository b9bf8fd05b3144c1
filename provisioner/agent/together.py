"""Calls side by side on one host: what each of them waits for, a handshake or an answer, does not add up."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Dict, Iterable, Mapping, Optional

from .calling import call

# Seconds for which answers that may be asked for later are waited for, once all else is known. Most are there by then.
PATIENCE = 0.1


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

    def early(self, seconds: float) -> Optional[Dict[str, Any]]:
        """Its answer; None where there is none within this time, or it failed: asked again, it says why."""
        self._thread.join(max(0.0, seconds))
        return None if self._thread.is_alive() else self._found


class Waiting:
    """Calls that were begun before anybody wanted their answers, found by what they ask."""

    def __init__(self) -> None:
        self._begun: Dict[str, Begun] = {}

    def begin(self, wires: Iterable[Dict[str, Any]]) -> None:
        """wires: as for `Begun`."""
        for wire in wires:
            self._begun[_asked(wire)] = Begun(wire)

    def take(self, wire: Dict[str, Any]) -> Begun:
        """The one that is at work, which counts once; else one that begins now."""
        return self._begun.pop(_asked(wire), None) or Begun(wire)

    def forget(self) -> None:
        """None of them counts any more."""
        self._begun.clear()


def _asked(wire: Dict[str, Any]) -> str:
    return json.dumps(wire, sort_keys=True)


def early(begun: Mapping[str, Begun], patience: float = PATIENCE) -> Dict[str, Dict[str, Any]]:
    """{name: answer} of those that are there soon. patience: seconds for all of them."""
    until = time.monotonic() + patience
    found = {name: one.early(until - time.monotonic()) for name, one in begun.items()}
    return {name: answer for name, answer in found.items() if answer is not None}
