"""Which settings hold a secret, by their names, and how a text is shown without their values. Pure."""

from __future__ import annotations

import re

MASK = "********"
# How long a token is good for, or where one is fetched, is no secret.
_NAMES = re.compile(
    r"password|passwd|secret|token(?![\w.]*\.(?:ms|url)$)|credential|jaas\.config|\.key$", re.IGNORECASE
)


def is_secret(name: str) -> bool:
    """Whether a setting is, by its name, a password, a key or another value that must not be shown."""
    return bool(_NAMES.search(name))


def mask(text: str) -> str:
    """A text of `name=value` lines with the values of secrets hidden; comments stay."""
    out = []
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        hide = separator and value and not line.lstrip().startswith("#") and is_secret(name.strip())
        out.append(f"{name}={MASK}" if hide else line)
    return "\n".join(out)
