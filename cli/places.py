"""Places in a topic as people type them: earliest, latest, an offset, a time or how long ago. Pure."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

from provisioner.errors import UsageError
from provisioner.quantities import parse_duration

FORMS = "earliest, latest, an offset (42), so many before the end (-10), a time (2026-01-31T08:00) or how long ago (2h)"


def place(flag: str, text: str, now: float | None = None) -> dict[str, Any]:
    """A place as `cluster.topics.offsets.resolve` takes it. now: epoch seconds. Raises UsageError."""
    written = text.strip()
    if written in ("earliest", "latest"):
        return {"to": written}
    if re.fullmatch(r"\d{1,18}", written):
        return {"to": "offset", "offset": int(written)}
    if re.fullmatch(r"-\d{1,18}", written):
        return {"to": "end", "minus": -int(written)}
    if re.match(r"\d{4}-\d\d-\d\d", written):
        try:
            # Without an offset it is the time of whoever types it.
            moment = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", written)).timestamp()
        except ValueError as error:
            raise UsageError(f"{flag} {text}: {error}", details=[f"it is {FORMS}"]) from None
        return {"to": "time", "timestamp": int(moment * 1000)}
    try:
        ago = parse_duration(written)
    except ValueError:
        raise UsageError(f"{flag} {text} is no place in a topic", details=[f"it is {FORMS}"]) from None
    return {"to": "time", "timestamp": int((time.time() if now is None else now) * 1000) - ago}
