"""Topics and groups that are made for a check or a measurement: their names, and which of them were left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from cluster.model import Topic

SMOKE, BENCH = "smoke", "bench"
PREFIXES = tuple(f"provisioner-{what}-" for what in (SMOKE, BENCH))
PROBE = f"{PREFIXES[0]}defaults"  # of topics that the cluster is asked about, and that are never made
# A run takes seconds; what is older than this was left by one that was killed.
LEFTOVER_AFTER = 600  # seconds
# Should everything fail, deletion included, at least the data goes by itself.
CONFIG = {"retention.ms": "3600000"}
_NAME = re.compile(f"(?:{'|'.join(map(re.escape, PREFIXES))})" + r"(\d{10})-")


def unlisted(topic: Topic) -> bool:
    """Whether it is none of the users' topics: Kafka's own, or made for a moment by a check or a measurement."""
    return topic.internal or topic.name.startswith(PREFIXES)


def topic_name(run: str, now: Optional[float] = None, what: str = SMOKE) -> str:
    """A topic of its own for one run; carries the time, so that a later run knows what was left behind."""
    return f"provisioner-{what}-{int(time.time() if now is None else now):010d}-{run}"


def leftovers(names: Sequence[str], now: float) -> list[str]:
    """Which topics or groups were left by killed runs. now: epoch seconds."""
    found = [(name, _NAME.match(name)) for name in names]
    return [name for name, match in found if match and now - int(match.group(1)) > LEFTOVER_AFTER]
