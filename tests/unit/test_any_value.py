"""Whatever stands in the place of a value: it is one of the variable's type, or it is refused where it stands."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provisioner.errors import ConfigError, ProvisionerError
from provisioner.inventory import connection
from provisioner.inventory.loading import load
from provisioner.inventory.value_types import TYPES, Type, choice, convert
from provisioner.inventory.yaml_source import Document
from roles import site
from tests.support import roles as support

# Each type once, and the connection's where it differs.
KINDS: dict[str, Type] = {**TYPES, "choice": choice(("fast", "safe"))}
KINDS |= {
    name: kind for name, kind in connection.TYPES.items() if all(kind.parse is not one.parse for one in KINDS.values())
}

SCALARS = st.sampled_from(
    [
        *("", "~", "null", "yes", "no", "on", "Off", "true", "y", "0", "00", "-1", "+5", "0123456", "08", "1_000"),
        *(
            "12:34:56",
            "190:20:30.15",
            "2.10",
            "1.",
            ".5",
            "0x1F",
            "0x_",
            "0b",
            "0b11",
            "0o17",
            "1e3",
            "1.0e+3",
            "1e999",
        ),
        *(".inf", "-.INF", ".nan", "2024-01-01", "2024-13-45", "2024-01-01 25:00:00", "9" * 25, "9" * 5000, "-" * 9),
        *("10m", "2d", "1.5h", "0.1ms", "6g", "-5g", "1e3g", "٣", "²", "9092", "65536", "9092.0", "a:1", "[::1]", "::"),
        *(
            "/",
            "//a//b/",
            "/a/../b",
            "/a b",
            "a,b",
            "=",
            "<<",
            "*x",
            "&x [*x]",
            "!!binary aGk=",
            "!!binary ü",
            "!!set {a}",
        ),
        *(
            "!!bool 3",
            "!!int x",
            "!!float x",
            "!!timestamp x",
            "!!null x",
            "!!omap [a: 1]",
            "!!pairs [a]",
            "!!python/x y",
        ),
        *("!vault abc", "!unsafe '{{ a }}'", "!size 5", "'{{ x }}'", "'{% if %}'", "'{{'", "{? [a] : b}", "{<<: [1]}"),
        *(
            "{a: 1, a: 2}",
            "{1: a, 01: b, 1.0: c}",
            "|\n  two\n  lines\n",
            "? ? a",
            "[" * 2000,
            "@",
            "`",
            "%",
            "# x",
            "- a",
        ),
        *('"\\0"', '"\\ud83d"', '"\\U0001f511"', '"\\x7f"', "\x85", "\u2028", "\x01", "\ufeff", "'"),
    ]
)
PLAIN = st.text(st.sampled_from("0123456789abefxoE._:-+/,~ []{}'\"#&*!|>%@`=\\\t\n"), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LEAVES, inner, max_size=3), max_leaves=5
)
WRITTEN = SCALARS | PLAIN | VALUES.map(lambda value: str(yaml.safe_dump(value, default_flow_style=True, width=9999)))


@settings(max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WRITTEN, min_size=8, max_size=8))
def test_a_value_of_any_type_is_read_or_refused_where_it_stands(texts):
    for text in texts:  # 2,000 in all, for each type
        read_or_refused(text)


def read_or_refused(text: str) -> None:
    try:
        document = Document(f"value: {text}\n", "site.yml")
        problems: list[ConfigError] = []
        raw = document.variables(document.root, problems).get("value")
        assert all(str(error).startswith("site.yml") for error in problems), problems
    except ConfigError as error:
        assert str(error).startswith("site.yml")
        return
    for name, kind in KINDS.items() if raw else ():
        assert raw is not None
        try:
            found = convert(name, kind, raw)
        except ConfigError as error:
            assert "in:    site.yml:" in str(error) and name in error.summary
            assert not kind.secret or raw.text is None or len(raw.text) < 5 or raw.text not in str(error)
        else:
            assert (found is None and kind.optional) or fits(kind, found, raw), (name, found)


def fits(kind: Type, found: Any, raw: Any) -> bool:
    """Whether a value is one of its type, and still what was typed."""
    if kind.name in ("str", "secret"):
        return type(found) is str or found == raw.value if raw.text is None else found in (raw.text, raw.value)
    if kind.name in ("int", "port", "size", "duration"):
        typed = str(raw.value).strip()
        same = kind.name in ("size", "duration") or not typed.isdecimal() or int(typed) == found
        return type(found) is int and -(2**63) <= found < 2**63 and same
    python: dict[str, Any] = {"bool": bool, "number": (int, float), "list": list, "paths": list, "map": dict}
    return isinstance(found, python.get(kind.name, str))


NAMES = sorted(support.SPECS)


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), WRITTEN)
@example("kafka_listeners", "[{name: {a: 1}, port: [1], protocol: 3, bind: {}, advertised_host: []}]")
@example("kafka_data_dirs", '["/a\\u2028b", "/ü", "/a\\0"]')
@example("topics", "{a: {partitions: .inf, config: {1: {}}}, [b]: c, '': }")
@example("kafka_config", '{"": 1, "a b": 2, ü: 3, "a=b": 4, broker.rack: "\\ud83d\\udd11 "}')
def test_any_value_of_any_variable_gives_files_or_a_message_with_its_place(tmp_path_factory, name, text):
    path = tmp_path_factory.getbasetemp() / "site.yml"
    lines = "".join(f"    {line}\n" for line in f"{name}: {text}".splitlines() or [f"{name}:"])
    hosts = "{hosts: {h: }}"
    try:
        path.write_text(f"all:\n  children: {{zookeeper: {hosts}, kafka: {hosts}}}\n  vars:\n{lines}", encoding="utf-8")
        here = load(str(path), root=path.parent, specs=support.SPECS, checks=site.CHECKS)
        assert support.resources(support.target(here))
    except ProvisionerError as error:
        assert "site.yml" in str(error)
