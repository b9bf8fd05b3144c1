"""The Jinja2 that values in an inventory are written in: strict about undefined names, keeping native types.

Apart from `templating.py` because importing Jinja2 takes longer than loading an inventory that does not use it.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.nativetypes import NativeCodeGenerator, NativeEnvironment, NativeTemplate

from provisioner.inventory.yaml_source import EncryptedValue

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else _WORDS[str(value).strip().lower()]


def _extract(key: Any, container: Any, inner: Any = ()) -> Any:
    """`groups['servers'] | map('extract', hostvars, 'app_port')`"""
    value = container[key]
    for step in inner if isinstance(inner, (list, tuple)) else [inner]:
        value = value[step]
    return value


# Ansible's filters that inventories use most; Jinja2's own (default, join, int ...) are there anyway.
_FILTERS = {
    "basename": posixpath.basename,
    "bool": _bool,
    "combine": lambda first, *others: {key: value for each in (first, *others) for key, value in each.items()},
    "dirname": posixpath.dirname,
    "extract": _extract,
    "regex_replace": lambda text, pattern, by: re.sub(pattern, by, text),
    "ternary": lambda value, yes, no: yes if value else no,
    "to_json": json.dumps,
}


class _CodeGenerator(NativeCodeGenerator):
    """Jinja2 turns constants into strings and later guesses their types back ("0640" would be a number)."""

    @staticmethod
    def _output_const_repr(group: Iterable[Any]) -> str:
        values = list(group)
        return repr(values[0] if len(values) == 1 else "".join(map(str, values)))


class Template(NativeTemplate):
    """A compiled template whose variables are looked up only when it uses them."""

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Its value. Raises whatever the expressions in it raise, UndefinedError for names that are not there."""
        scope = _WithGlobals(variables, self.environment.globals)
        context = self.new_context(scope, shared=True)  # type: ignore[arg-type]
        nodes = list(self.root_render_func(context))
        return plain(nodes[0]) if len(nodes) == 1 else "".join(str(node) for node in nodes)


class Environment(NativeEnvironment):
    template_class = Template
    code_generator_class = _CodeGenerator

    def __init__(self, functions: Mapping[str, Any]) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
        self.globals.update(functions)
        self.filters.update(_FILTERS)


class _WithGlobals(Mapping[str, Any]):
    """Variables first, then Jinja2's own functions. Not a dict: a dict would render every variable at once."""

    def __init__(self, variables: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        self._variables = variables
        self._functions = functions

    def __getitem__(self, name: str) -> Any:
        return self._variables[name] if name in self._variables else self._functions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._variables or name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._functions), **dict.fromkeys(self._variables)})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def plain(value: Any) -> Any:
    """A result as YAML could have held it: generators become lists, undefined members raise UndefinedError."""
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises here, with the name in its message
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [plain(member) for member in value]
    return value


def problem(error: Exception, secret: bool = False) -> tuple[str, str | None]:
    """What went wrong in a template, as a sentence, and the name that was missing if that was it. secret: names may be
    in the sentence, and nothing else of the template or its values."""
    if isinstance(error, TemplateSyntaxError):
        said = "not a template that Jinja2 can read" if secret else error.message
        return f"{said} (line {error.lineno} of the template)", None
    if isinstance(error, UndefinedError):
        match = re.fullmatch(r"'(\w+)' is undefined", error.message or "")
        said = error.message if match or not secret else None
        return said or "a name is undefined", match[1] if match else None
    if isinstance(error, EncryptedValue):
        return str(error), None
    if secret:
        return f"it ends in {type(error).__name__}", None
    return f"{type(error).__name__}: {error}", None
