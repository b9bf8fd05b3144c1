"""The tables of what may be called on a host say what is there: every entry is held against the function it names."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from typing import Any

import pytest

from tests.support.tables import entries, sample

ENTRIES = {f"{entry.__module__}.{entry.__name__}": entry for entry in entries()}


def read_in(code: Any, name: str = "args") -> tuple[set[str], set[str]]:
    """(the arguments that a function or a class must be given, all that it reads), those included of functions and
    classes that it hands them on to. name: of the parameter that they are in, and of the attribute that keeps it."""
    needed: set[Any] = set()
    read: set[Any] = set()

    def ours(node: ast.AST) -> bool:
        return ast.unparse(node) in (name, f"self._{name}")

    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))):
        match node:
            case ast.Subscript(value=of, slice=ast.Constant(value=key)) if ours(of):
                needed.add(key)
            case ast.Call(func=ast.Attribute(value=of, attr="get"), args=given) if ours(of):
                read |= {one.value for one in given[:1] if isinstance(one, ast.Constant)}
            case ast.Call(func=ast.Name(id=other), args=given) if any(map(ours, given)):
                called = vars(inspect.getmodule(code)).get(other)
                if inspect.isfunction(called) or inspect.isclass(called):
                    parameters = list(inspect.signature(called).parameters)
                    inner = read_in(called, parameters[[ours(one) for one in given].index(True)])
                    needed, read = needed | inner[0], read | inner[1]
    return needed, needed | read


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_names_a_function_that_takes_what_it_is_given(name: str):
    request = sample(ENTRIES[name])
    function = getattr(importlib.import_module(request.module), request.function)
    assert list(inspect.signature(function).parameters) in (["args", "emit"], ["args", "emit", "feed"])
    needed, read = read_in(function)
    given = set(request.args)
    assert given <= read, f"nothing reads {given - read}"
    if name.endswith((".adopt_settings", ".adopt_held_settings")):
        given |= {"started", "wanted", "memory", "apply"}  # `resources.Live` adds them
    if ".reload_" in name:
        given |= {"apply"}  # `resources.Reload` adds it
    assert needed <= given, f"{needed - given} is missing"


def test_the_tables_are_whole():
    """What a walk that found nothing would not notice."""
    one_of_each = {
        "cluster.remote.produce",
        "cluster.metadata.remote.kraft_quorum",
        "provisioner.connect.requests.remove",
    }
    assert len(ENTRIES) > 30 and one_of_each <= set(ENTRIES)
