"""What templates may ask for beyond variables: `lookup('env', 'NAME')`, `lookup('file', '/path')`, `now()`."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError, pass_context
from jinja2.runtime import Context

from provisioner.inventory.filters import Unusable

_LARGEST = 1 << 20  # bytes of a file that becomes a value


class Unset(UndefinedError):
    """An environment variable that a template needs is not set; `default(...)` makes it one that it does not need."""

    ADVICE = "set it, or say what applies without it: lookup('env', 'NAME', default='')"


@pass_context
def lookup(context: Context, plugin: str, *terms: str, **options: Any) -> Any:
    """The values of a lookup, joined by commas. Raises Unusable for a plugin that only Ansible has."""
    found = query(context, plugin, *terms, **options)
    if any(not isinstance(value, str) for value in found):
        return found[0] if len(found) == 1 else found
    return ",".join(found)


@pass_context
def query(context: Context, plugin: str, *terms: str, **options: Any) -> list[Any]:
    """The values of a lookup, as a list."""
    name = plugin.removeprefix("ansible.builtin.")
    if name == "env":
        return [_environment(context, term, options) for term in terms]
    if name == "file":
        return [_file(plugin, term, options) for term in terms]
    if name == "vars":
        return [context.resolve(term) for term in terms]
    raise Unusable(f"lookup({plugin!r}, ...) is not supported; lookup('env', 'NAME') and lookup('file', '/PATH') are")


def _environment(context: Context, name: str, options: Mapping[str, Any]) -> Any:
    if name in os.environ:
        return os.environ[name]
    if "default" in options:
        return options["default"]
    return context.environment.undefined(f"the environment variable {name} is not set", name=name, exc=Unset)


def _file(plugin: str, name: str, options: Mapping[str, Any]) -> str:
    path = Path(name).expanduser()
    if not path.is_absolute():
        raise Unusable(f"lookup({plugin!r}, ...) is not supported with a path that begins at a playbook: write /PATH")
    if not path.is_file() or path.stat().st_size > _LARGEST:
        what = "is too large for a value" if path.is_file() else "is not a file that can be read"
        raise Unusable(f"{name} {what}")
    try:
        found = path.read_text()
    except UnicodeDecodeError:
        raise Unusable(f"{name} is not UTF-8 text") from None
    except OSError as error:
        raise Unusable(f"{name} cannot be read: {error.strerror}") from None
    found = found.rstrip() if options.get("rstrip", True) else found
    return found.lstrip() if options.get("lstrip", False) else found


def now(utc: bool = False, fmt: str | None = None) -> Any:
    """The present time, or its text in a format of strftime."""
    moment = datetime.datetime.now(datetime.timezone.utc if utc else None).replace(tzinfo=None)
    return moment.strftime(fmt) if fmt else moment


FUNCTIONS: Mapping[str, Any] = {"lookup": lookup, "query": query, "q": query, "now": now}
