"""The flags of the verbs, as Invoke's parser, the help, the answers to mistakes and the completion all know them.

This and what looks at a command line is imported by every run. So its small shapes are named tuples and plain classes:
making a dataclass takes most of a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from invoke import Collection, Program
from invoke.parser import Argument
from invoke.tasks import Task

# Other names of a flag, beside its own.
ALSO: Mapping[str, tuple[str, ...]] = MappingProxyType({"hosts": ("i", "inventory")})


class Verb(Task[Any]):
    """An Invoke task whose flags have their other names, too."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The flags, as often as somebody asks: Invoke takes the help of each one out of the task."""
        said = dict(self.help)
        try:
            return super().get_arguments(ignore_unknown_help)
        finally:
            self.help = said

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """What the parser is told of one flag."""
        found = super().arg_opts(name, default, taken_names)
        return {**found, "names": [*found["names"], *ALSO.get(name, ())]}


class Flag(NamedTuple):
    """A flag. names: as they are typed, the usual one first; takes: whether a value follows; many: whether it may be
    given again; default: what it is when it is not given, "" for nothing."""

    names: tuple[str, ...]
    help: str = ""
    takes: bool = True
    many: bool = False
    default: Any = ""

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def off(self) -> str:
        """How a flag that is on is switched off; "" for the others."""
        return f"--no-{self.name[2:]}" if self.default is True else ""

    @property
    def typed(self) -> tuple[str, ...]:
        """Every way to type it."""
        return (*self.names, self.off) if self.off else self.names


class Verbs:
    """The verbs of a collection and their flags. names: as they are typed."""

    def __init__(self, namespace: Collection) -> None:
        self._namespace = namespace
        self._flags: dict[str, tuple[Flag, ...]] = {}
        self.names: tuple[str, ...] = tuple(namespace.task_names)

    def flags(self, verb: str) -> tuple[Flag, ...]:
        """A verb's own flags, in the order in which it declares them."""
        if verb not in self._flags:
            self._flags[verb] = tuple(map(_flag, self._namespace[verb].get_arguments()))
        return self._flags[verb]

    def find(self, verb: str, typed: str) -> Flag | None:
        """The flag of a verb that is typed so; None for another one."""
        return next((flag for flag in self.flags(verb) if typed in flag.typed), None)

    def having(self, typed: str) -> list[str]:
        """The verbs that have a flag of this name."""
        return [verb for verb in self.names if self.find(verb, typed)]

    def says(self, verb: str) -> str:
        """What a verb does, in the sentences of its docstring."""
        return " ".join((self._namespace[verb].__doc__ or "").split())

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """What stands before the dots: topics, groups, ..."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self.names if "." in name))

    def of(self, group: str) -> list[str]:
        """The verbs of a group."""
        return [name for name in self.names if name.startswith(f"{group}.")]


@cache
def core() -> tuple[Flag, ...]:
    """Invoke's own flags, which it takes before a verb and after one."""
    program = Program()
    return tuple(map(_flag, (*program.core_args(), *program.task_args())))


def _flag(argument: Argument) -> Flag:
    names = tuple(f"--{name}" if len(name) > 1 else f"-{name}" for name in argument.names)
    many = argument.kind is list
    default = "" if many else argument.default or ""
    return Flag(names, argument.help or "", argument.takes_value, many, default)
