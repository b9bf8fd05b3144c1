"""Regular expressions as people type them; the hosts work with them. Pure."""

from __future__ import annotations

import re

from provisioner.errors import UsageError


def regular(flag: str, pattern: str) -> str:
    """A regular expression, as it is. Raises UsageError for what is none."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{flag} {pattern} is no regular expression: {error}", advice="a \\ before a sign takes it literally"
        ) from None
    return pattern
