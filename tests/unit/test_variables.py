"""defaults.yml: types by tag, documentation by comment; and values that are templates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.errors import ConfigError, ProvisionerError
from provisioner.inventory import loading as inventory
from provisioner.inventory.variables import Variable, load_specs

ROOT = Path(__file__).parents[2]


def declare(tmp_path: Path, text: str, role: str = "app") -> Path:
    path = tmp_path / "roles" / role / "defaults.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def one(tmp_path: Path, text: str) -> Variable:
    (variable,) = load_specs([declare(tmp_path, text)]).values()
    return variable


@pytest.mark.parametrize(
    ("written", "kind", "default"),
    [
        ("text", "str", "text"),
        ('"3"', "str", "3"),
        ("3", "int", 3),
        ("1.5", "number", 1.5),
        ("true", "bool", True),
        ("[a]", "list", ["a"]),
        ("{a: 1}", "map", {"a": 1}),
        ("!size 512m", "size", 512 * 1024**2),
        ("!size 1073741824", "size", 1024**3),
        ("!size -1", "size", -1),
        ("!size", "size", None),
        ("!duration 2d", "duration", 172_800_000),
        ("!port 9092", "port", 9092),
        ("!path /data/", "path", "/data"),
        ("!path", "path", None),
        ("!secret", "secret", None),
        ("!int 3", "int", 3),
        ("!str 3.10", "str", "3.10"),
        ("!str on", "str", "on"),
        ("!str ''", "str", ""),
        ("!bool yes", "bool", True),
        ("!list [a, b]", "list", ["a", "b"]),
        ("!list", "list", None),
        ("!map {a: b}", "map", {"a": "b"}),
        ('!choice "a|b default b"', "choice", "b"),
        ('!choice "a|b"', "choice", None),
        ('!port "{{ base + 1 }}"', "port", "{{ base + 1 }}"),
        ('["{{ a }}"]', "list", ["{{ a }}"]),
    ],
)
def test_a_tag_or_the_default_gives_the_type(tmp_path, written, kind, default):
    variable = one(tmp_path, f"app_x: {written}\n")
    assert (variable.type.name, variable.default) == (kind, default)
    assert variable.type.optional is (default is None)


def test_the_comment_above_is_the_documentation(tmp_path):
    text = "# --- a heading ---\n\n# The port.\n#   Indented.\napp_port: 1\napp_bare: 2\n\n# Not its own.\n\napp_c: 3\n"
    specs = load_specs([declare(tmp_path, text)])
    assert {name: variable.doc for name, variable in specs.items()} == {
        "app_port": "The port.\n  Indented.",
        "app_bare": "",
        "app_c": "",
    }
    assert (specs["app_port"].place, specs["app_port"].role) == ("roles/app/defaults.yml:5", "app")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("app_x:\n", ["roles/app/defaults.yml:1: has no default to tell the type from", "!size"]),
        ("app_x: !sise 1\n", ["unknown type !sise", "size", "choice"]),
        ("app_x: !choice a\n", ['!choice "a|b default a"']),
        ('app_x: !choice "a|b default c"\n', ["app_x must be one of a, b", "found: the string 'c'"]),
        ("app_x: !port 0\n", ["app_x must be a port", "in:    roles/app/defaults.yml:1"]),
        ("app_x: 1\napp_x: 2\n", ["'app_x' is given twice, first in line 1"]),
        ("- a\n", ["expected variables"]),
        ("app_x: !port x\napp_y: !size y\n", ["app_x must be", "app_y must be"]),
    ],
)
def test_a_wrong_declaration_is_an_error(tmp_path, text, parts):
    with pytest.raises(ProvisionerError) as caught:
        load_specs([declare(tmp_path, text)])
    for part in parts:
        assert part in str(caught.value)


def test_a_variable_has_one_declaration(tmp_path):
    first, second = declare(tmp_path, "app_x: 1\n"), declare(tmp_path, "\napp_x: 1\n", role="other")
    with pytest.raises(ConfigError) as caught:
        load_specs([first, second])
    assert str(caught.value) == "roles/other/defaults.yml:2: app_x is already declared in roles/app/defaults.yml:1"


def test_the_variables_of_a_role_carry_its_prefix():
    specs = load_specs(sorted(ROOT.glob("roles/*/defaults.yml")))
    assert specs
    for name, variable in specs.items():
        assert name.startswith(f"{variable.role}_") or name == "topics"  # as everybody calls it


DEFAULTS = """
app_port: !port 9000
app_next: !port "{{ app_port + 1 }}"
app_heap: !size 1g
app_wait: !duration 10s
app_longer: !duration "{{ app_wait * 2 }}"
app_name: !str "{{ inventory_hostname }}"
app_list: []
app_map: {}
app_flag: false
app_unset: !size
app_self: !str ""
"""


@pytest.fixture
def render(tmp_path, monkeypatch):
    """A function that gives the value of variable x, or another one, on host a, with the values of a dict set."""
    monkeypatch.setenv("APP_SECRET", "s3cret")

    def value(name: str = "x", **values: str):
        lines = "".join(f"      {key}: {written}\n" for key, written in values.items())
        rest = "    b: {app_port: 7, own: b-own}\n  children:\n    g: {hosts: {b: , a: }}\n"
        text = f"all:\n  hosts:\n    a:\n{lines}{rest}"
        (tmp_path / "site.yml").write_text(text)
        specs = load_specs([declare(tmp_path, DEFAULTS)])
        return inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs=specs).hosts["a"].vars[name]

    return value


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain text", "plain text"),
        ("{{ inventory_hostname }}", "a"),
        ("{{ app_port }}", 9000),
        ("port {{ app_port }}", "port 9000"),
        ("{{ app_port }}{{ app_port }}", "90009000"),
        ("{{ app_next }}", 9001),
        ("{{ app_heap }}", 1024**3),
        ("{{ app_longer }}", 20_000),
        ("{{ app_unset }}", None),
        ("{{ '0640' }}", "0640"),
        ("{{ 5 }}", 5),
        ("a{{ 5 }}", "a5"),
        ("{{ none }}", None),
        ("{{ [1, app_port] }}", [1, 9000]),
        ("{{ groups['g'] }}", ["b", "a"]),
        ("{{ groups.g | join(',') }}", "b,a"),
        ("{{ hostvars['b'].app_port }}", 7),
        ("{{ hostvars.b['app_next'] }}", 8),
        ("{{ hostvars['b'].own }}", "b-own"),
        ("{{ hostvars['b'].nothing | default('d') }}", "d"),
        ("{{ groups['all'] | map('extract', hostvars, 'app_port') | list }}", [9000, 7]),
        ("{{ group_names }}", ["g"]),
        ("{{ 'yes' | bool }}", True),
        ("{{ app_flag | ternary('on', 'off') }}", "off"),
        ("{{ missing | default('none given') }}", "none given"),
        ("{{ missing is defined }}", False),
        ("{% if app_port > 1 %}big{% endif %}", "big"),
        ("{{ range(3) | map('string') }}", ["0", "1", "2"]),
        ("{{ {'a': 1} | combine({'b': 2}) }}", {"a": 1, "b": 2}),
        ("{{ lookup('env', 'APP_SECRET') }}", "s3cret"),
        ("{{ lookup('ansible.builtin.env', 'APP_NOT_SET', default='d') }}", "d"),
    ],
)
def test_templates(render, template, value):
    assert render(x=f'"{template}"') == value


def test_templates_inside_lists_and_maps_and_keys(render):
    written = '{list: ["{{ app_port }}", {deep: "{{ inventory_hostname }}"}], "{{ inventory_hostname }}-key": 1}'
    assert render(x=written) == {"list": [9000, {"deep": "a"}], "a-key": 1}


def test_what_a_template_gives_is_typed(render):
    assert render("app_port", app_port='"{{ 9000 + 90 }}"') == 9090
    assert render("app_port", app_port='"90{{ 9 }}0"') == 9090
    assert render("app_heap", app_heap="\"{{ '2g' }}\"") == 2 * 1024**3
    assert render("app_name", app_name='"{{ 7 }}"') == "7"


def test_unsafe_text_is_not_a_template(render):
    assert render(x='!unsafe "{{ not rendered }}"') == "{{ not rendered }}"


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("{{ app_prot }}", ["app_self cannot be rendered: 'app_prot' is undefined", "did you mean app_port?"]),
        ("{{ zzzzz }}", ["define zzzzz, or use zzzzz | default(...)", "template: {{ zzzzz }}", "site.yml:4"]),
        ("{{ [zzzzz] }}", ["'zzzzz' is undefined"]),
        ("{{ app_map.nothing }}", ["has no attribute 'nothing'"]),
        ("{{ app_port + }}", ["cannot be rendered", "line 1 of the template"]),
        ("{{ 1 / 0 }}", ["ZeroDivisionError"]),
        ("{{ 1 | nofilter }}", ["No filter named 'nofilter'"]),
        ("{{ hostvars['c'].x }}", ["hostvars has no host 'c'", "hosts: a, b"]),
        ("{{ lookup('file', 'x') }}", ["lookup('file', ...) is not supported"]),
        ("{{ app_self }}", ["app_self refers to itself: app_self -> app_self"]),
        ("{{ y }}", ["app_self refers to itself: app_self -> y -> app_self", "break the circle"]),
        ("{{ hostvars['b'].across }}", ["refers to itself: a.app_self -> b.across -> a.app_self"]),
    ],
)
def test_a_template_that_cannot_be_rendered_says_why_and_where(tmp_path, template, parts):
    (tmp_path / "site.yml").write_text(
        f'all:\n  hosts:\n    a:\n      app_self: "{template}"\n      y: "{{{{ app_self }}}}"\n'
        "    b: {across: \"{{ hostvars['a'].app_self }}\"}\n"
    )
    with pytest.raises(ProvisionerError) as caught:
        specs = load_specs([declare(tmp_path, DEFAULTS)])
        inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs=specs)
    for part in parts:
        assert part in str(caught.value)


def test_a_broken_variable_of_ones_own_matters_only_to_who_asks_for_it(tmp_path):
    (tmp_path / "site.yml").write_text("all: {hosts: {a: {mine: \"{{ lookup('dig', 'x') }}\", other: 1}}}")
    found = inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs={}).hosts["a"].vars
    assert "mine" not in found
    assert dict(found)["other"] == 1
    with pytest.raises(ConfigError, match="mine cannot be rendered"):
        found["mine"]


def test_jinja_and_rich_are_imported_only_when_needed(tmp_path):
    (tmp_path / "site.yml").write_text("all: {hosts: {a: {x: '{{ inventory_hostname }}', y: plain}}}")
    code = (
        "import sys; from pathlib import Path; from provisioner.inventory import loading as inventory\n"
        "from provisioner.report import choose as report\n"
        f"found = inventory.load({str(tmp_path / 'site.yml')!r}, root=Path({str(tmp_path)!r}), specs={{}})\n"
        "assert found.hosts['a'].vars['x'] == 'a'\n"
        "with report.reporter() as it: it.phase('x')\n"
        "assert not {'jinja2', 'rich'} & set(sys.modules), 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
