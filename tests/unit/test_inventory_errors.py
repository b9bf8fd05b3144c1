"""A wrong inventory is one clear message: the place, what was found, what to do. Everything wrong at once."""

from __future__ import annotations

import textwrap

import pytest

from provisioner.errors import ConfigError, ProvisionerError, Several
from provisioner.inventory import loading as inventory
from provisioner.inventory.unknown import one_slip
from provisioner.inventory.variables import load_specs

DEFAULTS = """
app_port: !port 9000
app_heap: !size
app_wait: !duration 10s
app_name: !str name
app_count: 3
app_password: !secret
app_config: {}
app_on: false
app_disks: [/data]
app_dir: !path /srv
app_mode: !choice "fast|safe default safe"
"""


@pytest.fixture
def complaint(tmp_path):
    """A function that loads an inventory and answers with the message it is refused with."""

    def load(text: str, *extra: str, name: str = "site", **files: str) -> str:
        everything = {"inventory__site": text, "inventory__prod3": "", "roles__app__defaults": DEFAULTS, **files}
        for file, content in everything.items():
            path = tmp_path / (file.replace("__", "/") + ".yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        specs = load_specs([tmp_path / "roles/app/defaults.yml"])
        with pytest.raises(ProvisionerError) as caught:
            inventory.load(name, root=tmp_path, extra_vars=extra, specs=specs)
        assert isinstance(caught.value, (ConfigError, Several))
        assert caught.value.exit_code == 1
        return str(caught.value)

    return load


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("all:\n  hosts:\n\ta:\n", ["line 3, column 1: a tab", "3 | →a:", "replace the tab by spaces"]),
        ("all:\n  hosts:\n    a:\n   b:\n", ["line 4, column 4: not indented like its neighbours", "4 |    b:"]),
        ("all:\n  hosts:\n    a: {x: b: c}\n", ["line 3, column 8: a bracket is opened and not closed"]),
        ("all:\n  hosts:\n    a: [1, 2\n    b:\n", ["line 3, column 8: a bracket is opened and not closed"]),
        ("all:\n  hosts:\n    a:\n      x: b: c\n", ["line 4, column 11: a ':' that does not belong here"]),
        ("all:\n  hosts:\n    a:\n      x: @b\n", ["line 4, column 10: a value cannot start with '@'", "in quotes"]),
        ("all:\n  hosts:\n    a:\n      x: *b\n", ["line 4, column 10: a value starts with *", "in quotes"]),
        ("all:\n  hosts:\n    a:\n      x: {{ b }}\n", ["line 4", "starts with {{ and is not in quotes"]),
        ('all:\n  hosts:\n    a:\n      x: "b\n', ["line 4, column 10: a quote is opened and never closed"]),
        ("all:\n  hosts:\n    a:\n    b:\n    a:\n", ["line 5, column 5: 'a' is given twice, first in line 3"]),
        ("all: {hosts: {a: {x: 1, x: 2}}}", ["'x' is given twice, first in line 1"]),
        ("all: {hosts: {a: {x: {y: 1, y: 2}}}}", ["'y' is given twice, first in line 1"]),
        ("all: {hosts: {a: {x: !thing abc}}}", ["unknown tag '!thing'"]),
        ("all: {hosts: {a: {x: 2024-13-45}}}", ["month must be in 1..12", "put it in quotes"]),
        ("all: {hosts: {a: {x: &b [*b]}}}", ["a value that contains itself"]),
        ("all: {hosts: {a: }}\n---\nb: {}\n", ["line 2, column 1: a second document starts here"]),
        ("all: {hosts: {a: {x: \x01}}}", ["not readable as YAML"]),
    ],
)
def test_bad_yaml_names_line_column_and_the_line_itself(complaint, text, parts):
    message = complaint(text)
    assert message.startswith("inventory/site.yml:")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["inventory/site.yml is empty"]),
        ("# nothing yet\n", ["inventory/site.yml is empty"]),
        ("all: {children: {g: }}", ["names no host"]),
        ("[g]\nhost1 x=1\n", ["this looks like INI", "ansible-inventory -i FILE --list --yaml"]),
        ("- a\n", ["inventory/site.yml:1: not an inventory", "a group such as `all:`"]),
        ("all:\n  hosts:\n    - a\n", ["inventory/site.yml:3: expected hosts as a map", "without `-`"]),
        ("all:\n  host:\n    a:\n", ["inventory/site.yml:2: a group has hosts, vars, children; host is none of them"]),
        ("g:\n  hosts: {a: }\n  app_port: 1\n", ["app_port is none of them", "variables go below `vars:`"]),
        ("all: hello", ["expected a group as a map"]),
        ("all: {hosts: {1: }}", ["a name must be a string", "in quotes"]),
        ("all: {hosts: {a: text}}", ["expected variables, `name: value` in each line"]),
        ("all: {hosts: {'a[3:1]': }}", ["'a[3:1]': the range ends before it begins", "broker[1:3]"]),
        ("g: {children: {all: }, hosts: {a: }}", ["`all` cannot be a child"]),
        ("a: {children: {b: {children: {a: }}}, hosts: {h: }}", ["groups that are below themselves: a, b"]),
        (
            "all: {children: {\n  g: {hosts: {a: {x: 1}}},\n  h: {hosts: {a: {x: 2}}}}}",
            ["host a has two values of x", "inventory/site.yml:2: 1", "inventory/site.yml:3: 2"],
        ),
        (
            "all:\n  hosts:\n    a: {ansible_host: 10.0.0.1}\n    b: {ansible_host: 10.0.0.1}\n",
            ["a and b are the same machine, 10.0.0.1", "a: inventory/site.yml:3", "b: inventory/site.yml:4"],
        ),
    ],
)
def test_what_is_not_an_inventory_is_explained(complaint, text, parts):
    message = complaint(text)
    for part in parts:
        assert part in message


def test_a_host_whose_name_is_the_address_of_another_is_the_same_machine(complaint):
    assert "a and b are the same machine, a" in complaint("all: {hosts: {a: , b: {ansible_host: a}}}")


@pytest.mark.parametrize(
    "second",
    [
        "{ansible_host: 10.0.0.1, ansible_port: 2222}",
        "{ansible_host: 10.0.0.1, ansible_ssh_common_args: -J gate}",
        "{}",
    ],
)
def test_one_address_with_another_port_or_jump_host_is_another_machine(tmp_path, second):
    (tmp_path / "site.yml").write_text(f"all: {{hosts: {{a: {{ansible_host: 10.0.0.1}}, b: {second}}}}}")
    assert len(inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs={}).hosts) == 2


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("app_port: 70000", ["app_port must be a port from 1 to 65535", "found: 70000", "app_port: 9092"]),
        ("app_port: http", ["found: the string 'http'"]),
        ("app_port:", ["found: nothing", "or remove it"]),
        ("app_count: 010", ["YAML reads 010 as the octal number 8"]),
        ("app_count: 12:30", ["YAML reads 12:30 as the number 750"]),
        ("app_count: yes", ["app_count must be a whole number", "found: the boolean yes"]),
        ("app_count: 1.5", ["app_count must be a whole number", "found: 1.5"]),
        ("app_heap: big", ["app_heap must be a size", "found: the string 'big'", "app_heap: 512m"]),
        ("app_heap: 5x", ["'5x' has an unknown unit; sizes end in k, m, g or t"]),
        ("app_heap: [1]", ["found: the list [1]"]),
        ("app_wait: 300", ["300 has no unit; write 300ms or 300s"]),
        ("app_name: {a: 1}", ["app_name must be a string", "found: the map {'a': 1}"]),
        ("app_on: maybe", ["app_on must be true or false"]),
        ("app_disks: /data", ["app_disks must be a list", "app_disks: [a, b]"]),
        ("app_config: [a]", ["app_config must be a map"]),
        ("app_dir: srv", ["app_dir must be an absolute path"]),
        ("app_dir: /srv/../etc", ["app_dir must be an absolute path without '..'"]),
        ("app_mode: quick", ["app_mode must be one of fast, safe"]),
        ("ansible_port: ssh", ["ansible_port must be a port"]),
        ("ansible_become: maybe", ["ansible_become must be true or false"]),
    ],
)
def test_a_wrong_type_says_what_was_expected_and_what_was_found_and_where(complaint, value, parts):
    message = complaint(f"all:\n  hosts:\n    a:\n      {value}\n")
    assert message.startswith("a: ")
    assert "in:    inventory/site.yml:4" in message
    for part in parts:
        assert part in message


def test_a_wrong_secret_is_not_shown(complaint):
    message = complaint("all: {hosts: {a: {app_password: [hunter2]}}}")
    assert "found: (hidden)" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("app_hepa", "app_heap"),
        ("app_hea", "app_heap"),
        ("ap_heap", "app_heap"),
        ("App_Heap", "app_heap"),
        ("app-heap", "app_heap"),
        ("pap_heap", "app_heap"),
        ("app_heap_size", "app_heap"),
    ],
)
def test_an_unknown_variable_is_met_with_the_one_that_was_meant(complaint, name, suggestion):
    message = complaint("all: {hosts: {a: }}", inventory__group_vars__all=f"\n{name}: 1g\n")
    assert message == f"unknown variable {name}; did you mean {suggestion}?\n    in: inventory/group_vars/all.yml:2"


def test_an_unknown_variable_of_a_role_without_a_near_one_names_the_reference(complaint):
    assert "roles/app/defaults.yml lists the variables there are" in complaint("all: {hosts: {a: {app_zzzzzz: 1}}}")


def test_names_of_ones_own_and_of_ansible_are_allowed(tmp_path):
    (tmp_path / "defaults.yml").write_text("app_port: 1\n")
    specs = load_specs([tmp_path / "defaults.yml"])
    (tmp_path / "site.yml").write_text(
        "all: {hosts: {a: {region: eu, my_app_port: 1, report: 1, ansible_app_port: 1, ansible_whatever: 1}}}"
    )
    assert inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs=specs).hosts["a"].vars["region"] == "eu"


@pytest.mark.parametrize(
    ("written", "meant", "answer"),
    [
        ("heap", "heap", True),
        ("hepa", "heap", True),
        ("hea", "heap", True),
        ("heaps", "heap", True),
        ("haap", "heap", True),
        ("hepas", "heap", False),
        ("pahe", "heap", False),
        ("he", "heap", False),
        ("aa", "aaa", True),
    ],
)
def test_one_slip_of_the_finger(written, meant, answer):
    assert one_slip(written, meant) is answer


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("app_port", ["--extra-vars 'app_port' is not a variable", "key=value"]),
        ("app port=1", ["is not a variable"]),
        ("app_port=x", ["app_port must be a port", "in:    --extra-vars"]),
        ("app_prot=1", ["unknown variable app_prot; did you mean app_port?", "in: --extra-vars"]),
        ("app_port=1 app_heap=1g", ["app_port=... also holds app_heap=", "once for each variable"]),
        ("x=[1", ["--extra-vars x: line 1"]),
        ("{x: 1", ["--extra-vars: line 1"]),
        ("@nowhere.yml", ["nowhere.yml: cannot be read: No such file or directory"]),
    ],
)
def test_bad_extra_vars(complaint, argument, parts):
    message = complaint("all: {hosts: {a: }}", argument)
    for part in parts:
        assert part in message


def test_everything_wrong_is_said_at_once(complaint):
    message = complaint(
        "all: {vars: {app_port: x, app_hepa: 1}, hosts: {a: {app_wait: 5}, b: {y: !thing z}}}",
        "app_mode=none",
        inventory__group_vars__all="x: [",
        inventory__host_vars__b="app_on: 7",
    )
    for part in (
        "app_port must",
        "app_hepa",
        "app_wait must",
        "!thing",
        "app_mode must",
        "group_vars/all",
        "app_on must",
    ):
        assert part in message


def test_a_wrong_group_variable_is_one_error_however_many_hosts_have_it(complaint):
    everywhere = complaint("all: {hosts: {'h[1:9]': }, vars: {app_port: x}}")
    assert everywhere.count("app_port must be") == 1
    assert everywhere.startswith("app_port must be")
    some = complaint("all: {hosts: {'h[1:3]': }, children: {g: {hosts: {h1: , h2: }, vars: {app_port: x}}}}")
    assert "hosts: h1, h2" in some


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "prod",
            "the inventory prod does not exist; did you mean prod3?\n  -> --hosts takes a file, or one of: prod3, site",
        ),
        ("nothing", "the inventory nothing does not exist\n  -> --hosts takes a file, or one of: prod3, site"),
        ("", "the inventory (no name) does not exist\n  -> --hosts takes a file, or one of: prod3, site"),
    ],
)
def test_a_missing_inventory_lists_the_ones_there_are(complaint, name, message):
    assert complaint("", name=name) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted by ansible-vault"), (b"all:\n  \xff: 1\n", "line 2: not UTF-8")],
)
def test_a_file_that_is_not_text_for_us(tmp_path, content, message):
    (tmp_path / "site.yml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        inventory.load(str(tmp_path / "site.yml"), root=tmp_path, specs={})
