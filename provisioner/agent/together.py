"""Calls side by side on one host: what each of them waits for, a handshake or an answer, does not add up."""

from __future__ import annotations

import contextlib
import importlib
import json
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .calling import call

# Seconds for which answers that may be asked for later are waited for, once all else is known. Most are there by then.
PATIENCE = 0.1


class Begun:
    """A call at work, which holds nobody up that does not want its answer."""

    def __init__(self, wire: Dict[str, Any]) -> None:
        """wire: as for `calling.call`, of a function that changes nothing. What it reports is not shown."""
        self._wire = wire
        self._found: Optional[Dict[str, Any]] = None
        self._error: Optional[BaseException] = None
        self._over = threading.Event()

    def run(self) -> None:
        """Make the call. Never raises."""
        try:
            self._found = call(self._wire, lambda event: None)
        except BaseException as error:
            self._error = error
        self._over.set()

    def answer(self) -> Dict[str, Any]:
        """Its answer, waited for. Raises what it raised."""
        self._over.wait()
        if self._error is not None:
            raise self._error
        return self._found or {}

    def early(self, seconds: float) -> Optional[Dict[str, Any]]:
        """Its answer; None where there is none within this time, or it failed: asked again, it says why."""
        return self._found if self._over.wait(max(0.0, seconds)) else None


class Waiting:
    """Calls that were begun before anybody wanted their answers, found by what they ask."""

    def __init__(self) -> None:
        self._begun: Dict[str, Begun] = {}

    def begin(self, wires: Sequence[Dict[str, Any]], around: str = "") -> None:
        """As the function `begin`."""
        self._begun.update(zip(map(_asked, wires), begin(wires, around)))

    def take(self, wire: Dict[str, Any]) -> Begun:
        """The one that is at work, which counts once; else one that begins now."""
        return self._begun.pop(_asked(wire), None) or begin([wire])[0]

    def forget(self) -> None:
        """None of them counts any more."""
        self._begun.clear()


def begin(wires: Sequence[Dict[str, Any]], around: str = "") -> List[Begun]:
    """Calls that are made one after another, in a thread of their own. wires: as for `Begun`; around: the name of a
    context manager for all of them ("module.function"), "" for none. Where that fails they are made without it: whoever
    waits for an answer would wait for ever."""
    begun = [Begun(wire) for wire in wires]
    module, _, name = around.rpartition(".")

    def work() -> None:
        left, failing = iter(begun), contextlib.suppress(Exception)
        with failing, getattr(importlib.import_module(module), name)() if around else contextlib.nullcontext():
            for one in left:
                one.run()
        for one in left:
            one.run()

    threading.Thread(target=work, daemon=True).start()
    return begun


def _asked(wire: Dict[str, Any]) -> str:
    return json.dumps(wire, sort_keys=True)


def early(begun: Mapping[str, Begun], patience: float = PATIENCE) -> Dict[str, Dict[str, Any]]:
    """{name: answer} of those that are there soon. patience: seconds for all of them."""
    until = time.monotonic() + patience
    found = {name: one.early(until - time.monotonic()) for name, one in begun.items()}
    return {name: answer for name, answer in found.items() if answer is not None}
