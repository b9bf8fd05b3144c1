"""Places in a topic as people type them: earliest, latest, an offset, a time or how long ago. Pure."""

from __future__ import annotations

import re
import time
from typing import Any

from cli import moments
from provisioner.errors import UsageError

FORMS = f"earliest, latest, an offset (42), so many before the end (-10), {moments.FORMS}"


def place(flag: str, text: str, now: float | None = None) -> dict[str, Any]:
    """A place as `cluster.topics.offsets.resolve` takes it. now: epoch seconds. Raises UsageError."""
    written = text.strip()
    if written in ("earliest", "latest"):
        return {"to": written}
    if re.fullmatch(r"\d{1,18}", written):
        return {"to": "offset", "offset": int(written)}
    if re.fullmatch(r"-\d{1,18}", written):
        return {"to": "end", "minus": -int(written)}
    try:
        seconds = moments.parse(written, time.time() if now is None else now)
    except ValueError as error:
        raise UsageError(f"{flag} {text} is no place in a topic: {error}", details=[f"it is {FORMS}"]) from None
    return {"to": "time", "timestamp": round(seconds * 1000)}
