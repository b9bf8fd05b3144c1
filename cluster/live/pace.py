"""How often the parts of a sample are asked: each one rests for as long as its cost demands.

What a question costs grows with the cluster: thousands of partitions, hundreds of groups. Nobody who looks at a cluster
should slow it down, so a part that takes long is asked less often than the person at the terminal wants to see it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

SHARE = 0.001  # of a CPU that a part may take here; answering costs a broker about as much as asking costs this host


class Pace:
    """clock: seconds; cost: CPU seconds of this thread."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cost: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock, self._cost = clock, cost
        self._due: dict[str, float] = {}
        self._costs: dict[str, float] = {}

    def due(self, part: str) -> bool:
        """Whether a part has rested for long enough."""
        return self._clock() >= self._due.get(part, 0.0)

    @contextlib.contextmanager
    def spending(self, part: str, least: float = 0.0) -> Iterator[None]:
        """While this is entered a part is asked. least: seconds that it rests in any case.

        The smaller one of the last two costs counts: the first time, code is imported and compiled.
        """
        began = self._cost()
        try:
            yield
        finally:
            spent = self._cost() - began
            rest = min(spent, self._costs.get(part, 0.0)) / SHARE
            self._costs[part] = spent
            self._due[part] = self._clock() + max(rest, least)
