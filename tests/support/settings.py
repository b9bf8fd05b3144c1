"""Settings of a made-up broker, for the tests of what is said of them and done with them."""

from __future__ import annotations

from cluster.model import Setting
from cluster.settings.sources import DEFAULT, DYNAMIC_BROKER, DYNAMIC_CLUSTER, OWN, STATIC

RETENTION = "log.retention.ms"
ORDER = {"broker": DYNAMIC_BROKER, "cluster": DYNAMIC_CLUSTER, "static": STATIC, "default": DEFAULT}


def setting(
    name: str = RETENTION,
    read_only: bool = False,
    sensitive: bool = False,
    now: str | None = None,
    **values: str | None,
) -> Setting:
    """A setting with a value at some sources: setting(static="1", cluster="2"), which makes 2 the one in force. now:
    what the broker works with, where that is something else."""
    synonyms = tuple((name, values[key], source) for key, source in ORDER.items() if key in values)
    value, source = (synonyms[0][1], synonyms[0][2]) if synonyms else (None, DEFAULT)
    return Setting(name, None if sensitive else now or value, source, read_only, sensitive, synonyms)


def of_topic(name: str, value: str | None, own: bool = False, default: str | None = None) -> Setting:
    """A setting of a topic. own: it is set on the topic itself, and would be `default` without."""
    synonyms = ((name, value, OWN),) if own else ()
    below = ((name, default, STATIC),) if default is not None else ()
    return Setting(name, value, OWN if own else STATIC, synonyms=(*synonyms, *below))
