"""Groups, hosts, where values come from and which one wins, and which hosts --limit leaves."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import pytest

from provisioner.errors import ConfigError
from provisioner.inventory import loading as inventory
from provisioner.inventory import naming
from provisioner.inventory.host_ranges import expand
from provisioner.inventory.model import Inventory
from provisioner.inventory.variables import load_specs

DEFAULTS = """
# The port.
app_port: !port 9000
app_heap: !size
app_wait: !duration 10s
app_name: !str "{{ inventory_hostname }}"
app_config: {}
app_disks: [/data]
"""


@pytest.fixture
def project(tmp_path):
    """A function that writes files below a project's root and loads an inventory from it."""

    class Project:
        root = tmp_path

        def write(self, **files: str) -> None:
            for name, text in files.items():
                path = tmp_path / name.replace("__", "/")
                path = path.with_name(path.name + ".yml")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(textwrap.dedent(text))

        def load(self, text: str | None = None, *extra: str, **options) -> Inventory:
            self.write(roles__app__defaults=DEFAULTS)
            if text is not None:
                self.write(inventory__site=text)
            specs = load_specs([tmp_path / "roles/app/defaults.yml"])
            return inventory.load("site", root=tmp_path, extra_vars=extra, specs=specs, **options)

    return Project()


THREE = """
all:
  children:
    brokers:
      hosts:
        b[1:3]:
    keepers:
      hosts:
        k1:
        b1:
"""


def test_hosts_and_groups_keep_the_order_of_the_file(project):
    found = project.load(THREE)
    assert list(found.hosts) == ["b1", "b2", "b3", "k1"]
    assert found.groups == {"all": ("b1", "b2", "b3", "k1"), "brokers": ("b1", "b2", "b3"), "keepers": ("b1", "k1")}
    assert found.hosts["b1"].groups == ("brokers", "keepers")
    assert found.hosts["k1"].groups == ("keepers",)
    assert (found.name, found.path) == ("site", project.root / "inventory/site.yml")


def test_a_group_has_the_hosts_of_its_child_groups(project):
    found = project.load("dc: {children: {east: {children: {racks: {hosts: {a: }}}}, west: {hosts: {b: }}}}")
    assert found.groups == {"all": ("a", "b"), "dc": ("a", "b"), "east": ("a",), "racks": ("a",), "west": ("b",)}
    assert found.hosts["a"].groups == ("dc", "east", "racks")


def test_hosts_of_no_group_are_ungrouped(project):
    found = project.load("all: {hosts: {lone: , member: }, children: {g: {hosts: {member: }}}}")
    assert found.groups["ungrouped"] == ("lone",)


@pytest.mark.parametrize(
    ("pattern", "hosts", "port"),
    [
        ("single1", ["single1"], None),
        ("b[1:3]", ["b1", "b2", "b3"], None),
        ("b[08:10].lan", ["b08.lan", "b09.lan", "b10.lan"], None),
        ("n-[a:c]", ["n-a", "n-b", "n-c"], None),
        ("b[1:7:3]", ["b1", "b4", "b7"], None),
        ("r[1:2]h[a:b]", ["r1ha", "r1hb", "r2ha", "r2hb"], None),
        ("b[:1]", ["b0", "b1"], None),
        ("10.0.0.1:2222", ["10.0.0.1"], 2222),
        ("b[1:2]:2222", ["b1", "b2"], 2222),
        ("[fe80::1]:2222", ["fe80::1"], 2222),
        ("fe80::1", ["fe80::1"], None),
    ],
)
def test_host_ranges(pattern, hosts, port):
    assert expand(pattern) == (hosts, port)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("b[1]", "a range is"),
        ("b[1:]", "a range is"),
        ("b[3:1]", "ends before it begins"),
        ("b[01:100]", "equally long"),
        ("b[a:3]", "numbers or single letters"),
        ("b[1:3:0]", "step"),
        ("b[1:3:x]", "step"),
        ("two words", "not a host name"),
        ("r[1:999]h[1:999][1:999]", "ranges of more than 10,000 hosts"),
        ("name:", "a port follows a ':'"),
        ("b[1:3", "not a host name"),
    ],
)
def test_a_bad_range_is_refused_with_the_reason(pattern, complaint):
    with pytest.raises(ValueError, match=complaint):
        expand(pattern)


LADDER = [  # weakest first; every step sets app_port and is the only one left out of the checks before it
    ("inventory__site", "all: {vars: {app_port: 1}, children: {outer: {children: {inner: {hosts: {h: }}}}}}"),
    ("inventory__site", "outer: {vars: {app_port: 2}}"),
    ("inventory__site", "inner: {vars: {app_port: 3}}"),
    ("inventory__group_vars__all", "app_port: 4"),
    ("inventory__group_vars__outer", "app_port: 5"),
    ("inventory__group_vars__inner", "app_port: 6"),
    ("inventory__site", "h: app_port: 7"),
    ("inventory__host_vars__h", "app_port: 8"),
]


def ladder_inventory(steps: int) -> str:
    """The inventory file of the first `steps` steps of the ladder."""
    values = [f"{{app_port: {n + 1}}}" if n < steps else "{}" for n in range(len(LADDER))]
    return f"""
        all:
          vars: {values[0]}
          children:
            outer:
              vars: {values[1]}
              children:
                inner:
                  vars: {values[2]}
                  hosts:
                    h: {values[6]}
        """


@pytest.mark.parametrize("steps", range(len(LADDER) + 1))
def test_precedence_is_ansibles(project, steps):
    project.write(**{name: text for name, text in LADDER[:steps] if name != "inventory__site"})
    host = project.load(ladder_inventory(steps)).hosts["h"]
    assert host.vars["app_port"] == (steps or 9000)


def test_extra_vars_win_over_everything(project):
    project.write(inventory__host_vars__h="app_port: 8")
    host = project.load("all: {hosts: {h: {app_port: 7}}}", "app_port=1", "app_port=2").hosts["h"]
    assert host.vars["app_port"] == 2
    assert host.origin["app_port"] == "--extra-vars"


def test_siblings_go_by_priority_then_by_name(project):
    text = "all: {children: {a: {hosts: {h: }, vars: {x: a}}, b: {hosts: {h: }, vars: {x: b}}}}"
    assert project.load(text).hosts["h"].vars["x"] == "b"
    prioritised = project.load(text.replace("{x: a}", "{x: a, ansible_group_priority: 10}")).hosts["h"]
    assert prioritised.vars["x"] == "a"
    assert "ansible_group_priority" not in prioritised.vars


def test_a_directory_of_vars_files_is_read_in_order_of_names(project):
    project.write(inventory__group_vars__all__10="{x: 1, y: 1}", inventory__group_vars__all__20="x: 2")
    (project.root / "inventory/group_vars/all/.hidden.yml").write_text("x: 3")
    (project.root / "inventory/group_vars/all/30.txt").write_text("x: 4")
    found = project.load("all: {hosts: {h: }}").hosts["h"].vars
    assert (found["x"], found["y"]) == (2, 1)


def test_origin_names_file_and_line(project):
    project.write(inventory__group_vars__all="\napp_heap: 1g\n")
    origin = project.load("all:\n  hosts:\n    h:\n      app_port: 5\n").hosts["h"].origin
    assert origin["app_port"] == "inventory/site.yml:4"
    assert origin["app_heap"] == "inventory/group_vars/all.yml:2"
    assert origin["app_wait"] == "roles/app/defaults.yml:5"


def test_values_are_typed_and_maps_replace_each_other(project):
    found = project.load(
        "all: {vars: {app_config: {a: 1}}, hosts: {h: {app_heap: 512m, app_wait: 2m, app_config: {b: 2}}}}"
    ).hosts["h"]
    assert found.vars["app_heap"] == 512 * 1024**2
    assert found.vars["app_wait"] == 120_000
    assert found.vars["app_config"] == {"b": 2}
    assert found.vars["app_name"] == "h"


@pytest.mark.parametrize(
    ("arguments", "variable", "value"),
    [
        (["x=1"], "x", 1),
        (["x=one"], "x", "one"),
        (["x="], "x", None),
        (['x=""'], "x", ""),
        (["x=a b=c"], "x", "a b=c"),
        (["x=[1, two]"], "x", [1, "two"]),
        (["x={a: {b: 48}}"], "x", {"a": {"b": 48}}),
        (['{"x": {"a.b": true}}'], "x", {"a.b": True}),
        (["{x: 1}", "x=2"], "x", 2),
        (["app_name=3.10"], "app_name", "3.10"),
        (["app_heap=1g"], "app_heap", 1024**3),
        (["x={{ app_port + 1 }}"], "x", 9001),
    ],
)
def test_extra_vars(project, arguments, variable, value):
    assert project.load("all: {hosts: {h: }}", *arguments).hosts["h"].vars[variable] == value


def test_extra_vars_from_a_file(project):
    project.write(extra="app_port: 7\nx: [1]\n")
    found = project.load("all: {hosts: {h: }}", f"@{project.root}/extra.yml").hosts["h"]
    assert (found.vars["app_port"], found.vars["x"]) == (7, [1])
    assert found.origin["x"] == f"{project.root}/extra.yml:2"


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        (None, ["b1", "b2", "b3", "k1"]),
        ("", ["b1", "b2", "b3", "k1"]),
        ("all", ["b1", "b2", "b3", "k1"]),
        ("k1,b2", ["b2", "k1"]),
        ("brokers", ["b1", "b2", "b3"]),
        ("keepers,b3", ["b1", "b3", "k1"]),
        ("b*", ["b1", "b2", "b3"]),
        ("b[23]", ["b2", "b3"]),
        ("!b1", ["b2", "b3", "k1"]),
        ("brokers,!keepers", ["b2", "b3"]),
        ("!keepers,brokers", ["b2", "b3"]),
        ("brokers,&keepers", ["b1"]),
        ("keepers, !b*", ["k1"]),
    ],
)
def test_limit(project, pattern, hosts):
    assert [host.name for host in project.load(THREE).limit(pattern)] == hosts


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("b4", "no host or group is called b4"),
        ("brokes", "no host or group is called brokes; did you mean brokers?"),
        ("b1,x*", "no host or group is called x*"),
        ("brokers,!b*", "--limit brokers,!b* leaves no host"),
    ],
)
def test_a_limit_that_means_nothing_lists_what_there_is(project, pattern, message):
    with pytest.raises(ConfigError) as caught:
        project.load(THREE).limit(pattern)
    assert message in str(caught.value)
    assert "hosts: b1, b2, b3, k1; groups: all, brokers, keepers" in str(caught.value)


def test_an_inventory_is_found_by_name_or_by_path(project, monkeypatch, tmp_path):
    project.load(THREE)
    project.write(elsewhere__other=THREE)
    assert inventory.find("site", project.root) == project.root / "inventory/site.yml"
    assert inventory.find(str(tmp_path / "elsewhere/other.yml"), project.root) == tmp_path / "elsewhere/other.yml"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert inventory.find("other.yml", project.root) == Path("other.yml")
    assert inventory.find("inventory/site.yml", project.root) == project.root / "inventory/site.yml"
    project.write(inventory__prod3=THREE)
    assert naming.names(project.root) == ["prod3", "site"]


def test_checks_see_the_whole_inventory_and_all_their_errors_are_raised(project):
    def check(found: Inventory) -> list[ConfigError]:
        return [ConfigError(f"{name} is not welcome") for name in found.groups["brokers"][:2]]

    with pytest.raises(ConfigError) as caught:
        project.load(THREE, checks=[lambda found: check(found)[:1]])
    assert caught.value.summary == "b1 is not welcome"


def test_three_hosts_load_in_less_time_than_anyone_notices(project):
    project.load(THREE)
    specs = load_specs([project.root / "roles/app/defaults.yml"])

    def once() -> float:
        began = time.perf_counter()
        inventory.load("site", root=project.root, specs=specs)
        return time.perf_counter() - began

    assert min(once() for _ in range(5)) < 0.015
