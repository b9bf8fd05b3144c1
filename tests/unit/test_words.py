"""What is said in many places is said one way: counts, lists of names, near names, and how an advice begins."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from cli.project import ROOT
from provisioner.words import counted, did_you_mean, nearest, some

ROOMS = ("provisioner", "cluster", "roles", "cli", "lab", "bench")


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "topic", "0 topics"),
        (1, "topic", "1 topic"),
        (2, "copy", "2 copies"),
        (1, "copy", "1 copy"),
        (1200, "partition", "1,200 partitions"),
    ],
)
def test_a_number_of_things_is_counted_in_english(number: int, noun: str, text: str):
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("names", "shown", "text"),
    [
        ((), 2, "none"),
        (("a",), 2, "a"),
        (("a", "b"), 2, "a, b"),
        (("a", "b", "c"), 2, "a, b and 1 more"),
        (("a", "b", "c"), 1, "a and 2 more"),
    ],
)
def test_of_many_names_the_first_are_shown_and_the_others_counted(names: tuple[str, ...], shown: int, text: str):
    assert some(names, shown, "none") == text


def test_a_name_is_near_when_little_of_it_is_wrong():
    known = ["kafka_heap", "kafka_port", "zookeeper_heap"]
    assert nearest("kafka_prot", known) == "kafka_port" and nearest("memory", known) is None
    assert did_you_mean("kafka_haep", known) == "; did you mean kafka_heap?" and did_you_mean("memory", known) == ""


def advice_in(text: str) -> Iterator[str]:
    """The beginning of every advice that a source text gives as a literal."""
    for node in ast.walk(ast.parse(text)):
        values = [word.value for word in node.keywords if word.arg == "advice"] if isinstance(node, ast.Call) else []
        for value in values:
            first = value.values[0] if isinstance(value, ast.JoinedStr) else value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_an_advice_begins_with_a_small_letter():
    assert list(advice_in('f(advice="Do it"); f(advice=f"do {it}"); f(advice=None)')) == ["Do it", "do "]
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    found = {advice: path.relative_to(ROOT) for path in files for advice in advice_in(path.read_text())}
    assert len(found) > 100
    assert not {advice: path for advice, path in found.items() if advice[:1].isupper()}
