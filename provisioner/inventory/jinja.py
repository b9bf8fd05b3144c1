"""The Jinja2 that values in an inventory are written in: strict about undefined names, keeping native types.

Apart from `templating.py` because importing Jinja2 takes longer than loading an inventory that does not use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, Lexer
from jinja2.nativetypes import NativeCodeGenerator, NativeEnvironment, NativeTemplate

from provisioner.inventory.filters import FILTERS, Unusable
from provisioner.inventory.lookups import FUNCTIONS, Unset
from provisioner.inventory.template_tests import TESTS
from provisioner.inventory.yaml_source import EncryptedValue
from provisioner.words import did_you_mean


class _Undefined(ChainableUndefined, StrictUndefined):
    """An error wherever it is used, but by `default(...)`, also after further steps: `facts.ipv4 | default(x)`."""

    @property
    def _undefined_message(self) -> str:
        host = getattr(self._undefined_obj, "host_name", None)  # of hostvars
        if self._undefined_hint is None and isinstance(host, str):
            return f"the host {host} has no variable {self._undefined_name!r}"
        return super()._undefined_message


class _Lexer(Lexer):
    """As Ansible has it: in `{{ }}` a backslash is a backslash, so that '\\1' means the first group, and no control
    character."""

    def tokeniter(self, *arguments: Any, **options: Any) -> Iterator[tuple[int, str, str]]:
        inside = False
        for line, kind, text in super().tokeniter(*arguments, **options):
            inside = kind == TOKEN_VARIABLE_BEGIN or (inside and kind != TOKEN_VARIABLE_END)
            yield line, kind, text.replace("\\", "\\\\") if inside and kind == TOKEN_STRING else text


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

    def __init__(self, constants: Mapping[str, Any]) -> None:
        super().__init__(
            undefined=_Undefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        )
        self.globals.update({**FUNCTIONS, **constants})
        for known, ours in ((self.filters, FILTERS), (self.tests, TESTS)):
            known.update(ours)
            known.update({f"ansible.builtin.{name}": function for name, function in list(known.items())})

    @cached_property
    def lexer(self) -> Lexer:
        """What cuts templates into tokens."""
        return _Lexer(self)


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
    if unknown := re.match(r"No (filter|test) named '([^']*)'", str(error)):
        kind, name = unknown[1], unknown[2]
        return f"{unknown[0]}{did_you_mean(name, FILTERS if kind == 'filter' else TESTS)}", None
    if isinstance(error, TemplateSyntaxError):
        said = "not a template that Jinja2 can read" if secret else error.message
        return f"{said} (line {error.lineno} of the template)", None
    if isinstance(error, UndefinedError):
        match = re.fullmatch(r"'(\w+)' is undefined", error.message or "")
        said = error.message if match or not secret or isinstance(error, Unset) else None
        return said or "a name is undefined", match[1] if match else None
    if isinstance(error, EncryptedValue):
        return str(error), None
    if secret:
        return f"it ends in {type(error).__name__}", None
    return str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {error}", None
