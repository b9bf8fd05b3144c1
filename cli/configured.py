"""Defaults of flags from INVOKE_* variables and invoke.yaml, where "false" means false.

Invoke makes a boolean of a variable with `bool()`: whatever is set, "false" included, would switch a flag on. So what
was set is read here, and what is neither on nor off is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from provisioner.errors import UsageError

ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off", "")


def switch(name: str, value: Any) -> bool:
    """A boolean as people write it. name: what to call it in a message. Raises UsageError for any other word."""
    word = str(value).strip().lower()
    if word in ON:
        return True
    if word in OFF:
        return False
    raise UsageError(f"{name} is {value!r}, neither on nor off", advice=f"set {name} to true or false")


def configured(config: Any, option: str) -> bool:
    """A flag's default. config: Invoke's configuration. Raises UsageError."""
    variable = f"INVOKE_{option.upper()}"
    if variable in os.environ:
        return switch(variable, os.environ[variable])
    value = config.get(option)
    return value if isinstance(value, bool) else switch(f"{option} in invoke.yaml", value or "")


def dry(config: Any, flags: Mapping[str, Any]) -> bool:
    """Whether Invoke's own --dry is on. flags: the configuration that its flags make."""
    if flags.get("run", {}).get("dry"):
        return True
    variable = os.environ.get("INVOKE_RUN_DRY")
    return bool(config.run.dry) if variable is None else switch("INVOKE_RUN_DRY", variable)
