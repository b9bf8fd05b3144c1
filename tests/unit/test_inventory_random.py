"""Whatever an inventory holds, it gives hosts or a message: never a traceback, never a host outside the groups. Those
that are sound mean the same to Ansible."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.connect import opening
from provisioner.connect import settings as connection
from provisioner.errors import ConfigError, ProvisionerError, Several, Unreachable
from provisioner.inventory.loading import load
from provisioner.inventory.model import Inventory
from provisioner.options import Options
from provisioner.report.plain import PlainReporter
from provisioner.run.deploy import Deploy
from roles import site
from tests.support.roles import SPECS

ROOT = Path(__file__).parents[2]
OURS = set(site.SERVED.groups)
BOUNDED = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

# -- structures that are near to inventories

NAMES = ["n1", "n2", "n3", "web1", "localhost", "10.0.0.1", "b[1:2]", "h:22", "fe80::1", "kafka"]
ODD_NAMES = ["a b", "..", "x/y", "é", "b[1:", "", "h:", "\0", "~", "h,i"]
GROUPS = ["web", "east", "west", "racks", "ungrouped"]
ODD_GROUPS = ["kafka_broker", "zk", "children", "vars", "..", "a/b", "\0", ""]
TEMPLATES = [
    *(
        "{{ x }}",
        "{{ groups.kafka }}",
        "{{ hostvars.n2.x }}",
        "{% if",
        "{{ 1 / 0 }}",
        "{{ omit }}",
        "{{ y",
        "{{ vars }}",
    ),
    *(
        "{{ groups['web'] | first }}",
        "{{ x | regex_replace('(', '') }}",
        "{{ [1] * 3 | nope }}",
        "{{ lookup('dig', 1) }}",
    ),
]
TEXTS = [
    "127.0.0.1",
    "9092",
    "ssh",
    "local",
    "winrm",
    "/data",
    "1g",
    "2d",
    "0640",
    "2.10",
    "-o ProxyJump=x",
    "!vault x",
]
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.dates()),
    *(st.sampled_from(TEMPLATES), st.sampled_from(TEXTS)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner, max_size=3)
    ),
    max_leaves=5,
)


def _or_else(
    strategy: st.SearchStrategy[Any], other: st.SearchStrategy[Any], times: int = 24
) -> st.SearchStrategy[Any]:
    """Mostly what belongs there; once in so many times the other."""
    return st.integers(1, times).flatmap(lambda number: other if number == times else strategy)


SOUND_VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "kafka_port": st.integers(1024, 65535),
        "kafka_heap": st.sampled_from(["1g", "512m"]),
        "kafka_rack": st.sampled_from(["a", "{{ inventory_hostname }}", 2.10]),
        "kafka_config": st.just({"log.retention.hours": 48}),
        "ansible_user": st.sampled_from(["ops", "{{ me | default('ops') }}"]),
        "x": VALUES,
        "y": st.sampled_from(TEMPLATES),
        "grafana": st.just("!vault x"),
    },
)
ODD_VARIABLES = st.dictionaries(
    st.one_of(
        st.sampled_from(sorted(SPECS)),
        st.sampled_from(["ansible_host", "ansible_port", "ansible_user", "ansible_connection", "ansible_become", "x"]),
        st.sampled_from(["vars", "hosts", "groups", "hostvars", "inventory_hostname", "kafka_hepa"]),
        st.sampled_from(["ansible_group_priority", "omit", "lookup", "a b", ""]),
    ),
    VALUES,
    max_size=3,
)
VARIABLES = _or_else(SOUND_VARIABLES, st.one_of(ODD_VARIABLES, VALUES))
HOST_NAMES = _or_else(st.sampled_from(NAMES), st.sampled_from(ODD_NAMES), 60)
GROUP_NAMES = _or_else(st.sampled_from(GROUPS), st.sampled_from(ODD_GROUPS), 60)
HOSTS = _or_else(st.dictionaries(HOST_NAMES, _or_else(st.none(), VARIABLES, 4), max_size=3), VALUES, 40)


SOME_HOSTS = _or_else(st.dictionaries(st.sampled_from(NAMES), st.none(), min_size=1, max_size=2), HOSTS, 8)


def _group(hosts: st.SearchStrategy[Any], children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    optional = {"vars": VARIABLES, "children": _or_else(children, VALUES, 40)}
    return _or_else(st.fixed_dictionaries({"hosts": hosts}, optional=optional), VALUES, 60)


BELOW = st.dictionaries(GROUP_NAMES, _or_else(st.none(), _group(HOSTS, st.none()), 3), max_size=2)
OURS_OR_NOT = {"kafka": _group(SOME_HOSTS, BELOW), "zookeeper": _group(SOME_HOSTS, BELOW)}
INVENTORIES = st.tuples(
    st.fixed_dictionaries({}, optional={"all": _or_else(st.fixed_dictionaries({"vars": VARIABLES}), VALUES)}),
    _or_else(st.fixed_dictionaries(OURS_OR_NOT), st.fixed_dictionaries({}, optional=OURS_OR_NOT), 8),
    st.dictionaries(GROUP_NAMES, _group(HOSTS, st.none()), max_size=2),
).map(lambda parts: {**parts[2], **parts[0], **parts[1]})


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    yield path
    shutil.rmtree(path)


def accepted(path: Path) -> Inventory | None:
    """The inventory in a file as a verb loads it; None where it is refused, in words that name the file."""
    try:
        found = load(str(path), root=path.parent, specs=SPECS, served=site.SERVED, checks=site.CHECKS)
    except ProvisionerError as error:
        said = error.errors if isinstance(error, Several) else [error]
        assert said
        for one in said:
            assert isinstance(one, ConfigError)
            assert path.name in str(one) or one.host or one.details, str(one)
        return None
    assert all(OURS.intersection(host.groups) for host in found.hosts.values())
    return found


def connected(found: Inventory) -> set[str]:
    """The hosts that a deploy asks for a session."""
    asked = set()

    class Nobody(opening.Opener):
        def __init__(self, *_: Any) -> None: ...

        def open(self, host: Any, ahead: Any = dict) -> dict[str, Any]:
            asked.add(host.name)
            ahead()
            connection.settings(host.name, host.vars)
            raise Unreachable("nobody is there", host=host.name)

    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open("w") as nowhere:
        patch.setattr("provisioner.run.preparation.Opener", Nobody)
        assert Deploy(site, found, Options(root=ROOT, cache=ROOT, check=True), PlainReporter(nowhere), None).run() in (
            1,
            4,
        )
    return asked


@BOUNDED
@given(structure=INVENTORIES)
def test_any_structure_gives_hosts_of_our_groups_or_a_message(directory, structure):
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump(structure, allow_unicode=True, sort_keys=False).replace("'!vault x'", "!vault x"))
    found = accepted(path)
    if found is not None and found.hosts:
        assert connected(found) == {host.name for host in found.limit(None)}


SHIPPED = [path.read_text() for path in sorted((ROOT / "inventory").glob("*.yml"))]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped inventory after a few edits of its text, as a slip of the finger or of an editor makes them."""
    lines = draw(st.sampled_from(SHIPPED)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line, other = lines[at], lines[draw(st.integers(0, len(lines) - 1))]
        cut = draw(st.integers(0, len(line)))
        junk = draw(
            st.one_of(st.text(max_size=3), st.sampled_from([*"{}[]:,'\"&*!|>#%@`-\t\0", "{{", "}}", "<<: *a", "&a "]))
        )
        lines[at] = draw(
            st.sampled_from(
                [line[:cut], line[cut:], line[:cut] + junk + line[cut:], other, " " + line, f"{line}\n{other}", ""]
            )
        )
    return "\n".join(lines)


@BOUNDED
@given(text=mutated())
def test_any_edit_of_a_shipped_inventory_gives_hosts_or_a_message(directory, text):
    path = directory / "hosts.yml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    accepted(path)


LINES = st.sampled_from(
    [
        *(
            "[kafka]",
            "[zookeeper]",
            "[all:vars]",
            "[kafka:vars]",
            "[site:children]",
            "[web]",
            "n2 x=1",
            "b[1:2] kafka_port=9093",
        ),
        *(
            "kafka",
            "x = [1, 'a']",
            "kafka_rack=2.10",
            "; comment",
            "",
            "n1 y='{{ x }}'",
            "web1 ansible_connection=winrm",
        ),
    ]
)
JUNK = st.text(alphabet="[]{}():=,#;'\"!&*ab1 \n\\\t~é\0%", max_size=8)


@BOUNDED
@given(lines=st.lists(_or_else(LINES, JUNK, 30), max_size=10), name=st.sampled_from(["hosts", "hosts.ini"]))
def test_any_lines_give_hosts_or_a_message(directory, lines, name):
    path = directory / name
    path.write_text("\n".join(["[kafka]", "n1", "[zookeeper]", "n1", *lines]))
    accepted(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000 + "]" * 5000,
        "a: " + "{a: " * 3000 + "}" * 3000,
        "".join(f"{' ' * n}c{n}: {{children: \n" for n in range(800)) + "}" * 800,
        "a: &a [x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(9)),
        "all: {vars: {x: " + "[" * 3000 + "]" * 3000 + "}, hosts: {h: }}",
        "all: {hosts: {'h[1:99999999]': }}",
        "all: {hosts: {'h[1:999][1:999][1:999]': }}",
        "kafka: {hosts: {h: {kafka_rack: '" + "{{ (" * 300 + "1" + ") }}" * 300 + "'}}}",
        "kafka: {hosts: {h: {kafka_rack: '{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}'}}}",
        "kafka: {hosts: {'" + "h" * 5000 + "': }}",
        "kafka: {hosts: {" + "h" * 300 + ": }}",
        "kafka: {hosts: {'..': }}",
        "'" + "g" * 5000 + "': {hosts: {h: }}",
    ],
    ids=[
        "list",
        "map",
        "groups",
        "aliases",
        "value",
        "range",
        "ranges",
        "template",
        "brackets",
        "host",
        "long",
        "dots",
        "group",
    ],
)
def test_what_is_far_too_large_or_deep_is_a_message_soon(directory, text):
    path = directory / "hosts.yml"
    path.write_text(text)
    accepted(path)


# -- the same to Ansible

SIMPLE = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=2)), max_size=2
)
SOUND = st.fixed_dictionaries(
    {},
    optional={
        "hosts": st.dictionaries(st.sampled_from(["n1", "n2", "n3", "h[1:2]"]), SIMPLE, max_size=3),
        "vars": st.one_of(SIMPLE, SIMPLE.map(lambda found: {**found, "ansible_group_priority": 7})),
    },
)


@st.composite
def sound(draw: st.DrawFn) -> dict[str, Any]:
    """A layout of groups without loops, and vars files, which nobody has to refuse."""
    names = ["a", "b", "c", "d", "e"]
    groups: dict[str, Any] = {
        name: dict(draw(SOUND)) for name in draw(st.permutations(names))[: draw(st.integers(1, 5))]
    }
    for outer in groups:
        inner = [name for name in groups if name > outer and draw(st.booleans())]
        if inner:
            groups[outer]["children"] = dict.fromkeys(inner)
    files = st.dictionaries(st.sampled_from(["all", *groups]), SIMPLE, max_size=3)
    return {
        "groups": groups,
        "group_vars": draw(files),
        "host_vars": draw(st.dictionaries(st.sampled_from(["n1", "h2"]), SIMPLE, max_size=2)),
    }


@pytest.fixture(scope="module")
def theirs():
    """What Ansible makes of an inventory file, in this process: (groups, variables of each host)."""
    dataloader = pytest.importorskip("ansible.parsing.dataloader")
    manager = pytest.importorskip("ansible.inventory.manager")
    variables = pytest.importorskip("ansible.vars.manager")

    def read(path: Path) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
        loader = dataloader.DataLoader()
        found = manager.InventoryManager(loader=loader, sources=[str(path)])
        of = variables.VariableManager(loader=loader, inventory=found, version_info={})
        hosts = {host.name: of.get_vars(host=host, include_hostvars=False) for host in found.get_hosts()}
        own = {name: {key: values[key] for key in ("x", "y", "z") if key in values} for name, values in hosts.items()}
        return found.get_groups_dict(), own

    return read


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(structure=sound(), ini=st.booleans())
def test_a_sound_inventory_means_the_same_to_ansible(directory, theirs, structure, ini):
    root = Path(tempfile.mkdtemp(dir=directory))  # Ansible remembers which files there were
    for folder in ("group_vars", "host_vars"):
        (root / folder).mkdir(parents=True)
        for name, values in structure[folder].items():
            (root / folder / f"{name}.yml").write_text(yaml.safe_dump(values))
    path = root / ("hosts.ini" if ini else "hosts.yml")
    path.write_text(as_ini(structure["groups"]) if ini else yaml.safe_dump(structure["groups"], sort_keys=False))
    try:
        ours = load(str(path), root=root, specs={})
    except ProvisionerError as error:
        assert "two values of" in str(error) or "names no host" in str(error)
        return
    groups, variables = theirs(path)
    assert {
        name: list(hosts) for name, hosts in ours.everyone.items() if hosts and depth(structure["groups"], name) < 3
    } == {name: hosts for name, hosts in groups.items() if hosts and depth(structure["groups"], name) < 3}
    found = {
        name: {key: host.vars[key] for key in ("x", "y", "z") if key in host.vars} for name, host in ours.hosts.items()
    }
    assert found == variables


def depth(groups: dict[str, Any], name: str) -> int:
    """How many levels of groups are below one; Ansible lists hosts of the third level and deeper in no order."""
    children = groups if name == "all" else (groups.get(name) or {}).get("children", ())
    return 1 + max((depth(groups, child) for child in children), default=0)


def as_ini(groups: dict[str, Any]) -> str:
    """The same groups in INI."""
    lines = []
    for name, group in groups.items():
        lines.append(f"[{name}]")
        for host, values in group.get("hosts", {}).items():
            lines.append(" ".join([host, *(f'{key}="{value}"' for key, value in values.items())]))
        lines += [f"[{name}:vars]", *(f"{key}={value}" for key, value in group.get("vars", {}).items())]
        lines += [f"[{name}:children]", *group.get("children", ())]
    return "\n".join(lines) + "\n"
