"""Inventories in Ansible's INI shape, which file --hosts means, and what only Ansible can run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import ConfigError, ProvisionerError
from provisioner.inventory import naming, sources
from provisioner.inventory.ini import looks_like_ini
from provisioner.inventory.loading import load
from provisioner.inventory.model import Inventory
from provisioner.inventory.variables import load_specs

DEFAULTS = "app_port: !port 9000\napp_name: !str name\napp_on: false\napp_disks: [/data]\napp_version: !str '1'\n"


def loaded(directory: Path, text: str, name: str = "hosts.ini") -> Inventory:
    (directory / "roles/app").mkdir(parents=True, exist_ok=True)
    (directory / "roles/app/defaults.yml").write_text(DEFAULTS)
    (directory / name).write_text(text)
    return load(str(directory / name), root=directory, specs=load_specs([directory / "roles/app/defaults.yml"]))


def complaint(directory: Path, text: str, name: str = "hosts.ini") -> str:
    with pytest.raises(ProvisionerError) as caught:
        loaded(directory, text, name)
    return str(caught.value)


INI = """\
; a comment
lone ansible_host=10.0.0.9

[kafka]
b[1:2] app_port=9092   # a comment
b3:2222 app_name="two words" mine='a#b'

[zookeeper]
b1

[all:vars]
app_version=2.10
text = one, two # three

[kafka:vars]
app_on=True
app_disks=['/d1', '/d2']
ansible_user=ops

[site:children]
kafka
zookeeper # both

[site:vars]
app_name=site
"""


def test_groups_hosts_and_variables_of_an_ini_file(tmp_path):
    found = loaded(tmp_path, INI)
    assert found.groups == {
        "all": ("lone", "b1", "b2", "b3"),
        "kafka": ("b1", "b2", "b3"),
        "zookeeper": ("b1",),
        "site": ("b1", "b2", "b3"),
        "ungrouped": ("lone",),
    }
    b1, b3 = found.hosts["b1"].vars, found.hosts["b3"].vars
    assert (b1["app_port"], b1["app_name"], b1["app_on"], b1["app_disks"]) == (9092, "site", True, ["/d1", "/d2"])
    assert (b3["app_name"], b3["mine"], b3["ansible_port"], b3["ansible_user"]) == ("two words", "a#b", 2222, "ops")
    assert (b1["app_version"], found.hosts["lone"].vars["text"]) == ("2.10", "one, two # three")
    assert found.hosts["b1"].origin["app_on"] == "hosts.ini:16"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("True", True),
        ("true", "true"),
        ("yes", "yes"),
        ("None", None),
        ("0123", "0123"),
        ("1_000", 1000),
        ("0x1F", 31),
        ("12:34", "12:34"),
        ("/a/b", "/a/b"),
        ("'1'", "1"),
        ('"a b"', "a b"),
        ("[1, 'two']", [1, "two"]),
        ("(1, 2)", [1, 2]),
        ("{'a': [1]}", {"a": [1]}),
        ("b'x'", "x"),
        ("1j", "1j"),
        ("...", "..."),
        ("", ""),
        ("a=b", "a=b"),
        ("{{ inventory_hostname }}", "h"),
        ("[" * 500, "[" * 500),
    ],
)
def test_values_have_ansibles_types(tmp_path, written, value):
    assert loaded(tmp_path, f"h\n[all:vars]\nx={written}\n").hosts["h"].vars["x"] == value


@pytest.mark.parametrize("written", ["2.10", "0123", "1_000", "0x1F", "1e3", "True", "12:34:56", "'2.10'"])
def test_a_variable_that_is_text_is_what_was_typed(tmp_path, written):
    text = written.strip("'")
    assert loaded(tmp_path, f"h\n[all:vars]\napp_version = {written}\n").hosts["h"].vars["app_version"] == text
    assert loaded(tmp_path, f"h app_version={written}\n").hosts["h"].vars["app_version"] == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kafka]\n[kafka:hosts]\n# nobody\n", "hosts.ini names no host"),
        ("", "hosts.ini names no host"),
        ("h\n[a b]\n", "hosts.ini:2: [a b] is not a section\n  -> write [group], [group:vars] or [group:children]"),
        ("h\n[g:var]\nx=1\n", "hosts.ini:2: [g:var] is not a kind of section; they are hosts, vars, children"),
        ("h\n[g:vars]\nx=1\n", "hosts.ini:2: there is no group g\n  -> add a section [g], or correct the name"),
        ("h\n[g:children]\nkafak\n", "hosts.ini:3: there is no group kafak"),
        ("h\n[g:children]\nall\n", "hosts.ini:3: all cannot be a child"),
        ("h\n[g:children]\na b\n", "hosts.ini:3: a b is not the name of a group"),
        ("h x\n", "hosts.ini:1: x is not a variable of a host, such as name=value"),
        ("h x=1 y= z\n", "hosts.ini:1: z is not a variable of a host"),
        ("h x='1\n", "hosts.ini:1: not a line of a host: No closing quotation"),
        ("h[3:1]\n", "hosts.ini:1: not a line of a host: 'h[3:1]': the range ends before it begins"),
        ("all:\n  hosts:\n", "this looks like YAML; call the file NAME.yml"),
        (
            "h\n[all:vars]\nh2 x=1\n",
            "hosts.ini:3: h2 is not a variable, such as name=value\n  -> hosts stand below [group]",
        ),
        ("h\n[all:vars]\nx\n", "hosts.ini:3: x is not a variable"),
        (
            "[a:children]\nb\n[b:children]\na\n[a]\nh\n",
            "groups that are below themselves: a, b\n    a below b: hosts.ini:4",
        ),
        ("h x=1\n[g]\nh x=2\n", "host h has two values of x\n    hosts.ini:1: 1\n    hosts.ini:3: 2"),
        ("h app_port=none\n", "found: the string 'none'\n    in:    hosts.ini:1"),
    ],
)
def test_a_wrong_line_is_one_message_with_its_number(tmp_path, text, message):
    assert message in complaint(tmp_path, text)


def test_a_long_chain_of_groups_is_no_problem(tmp_path):
    length = sys.getrecursionlimit() + 200
    chain = "".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(length))
    assert loaded(tmp_path, f"{chain}[g{length}]\nh\n").groups["g0"] == ("h",)


@pytest.mark.parametrize(
    ("text", "ini"),
    [
        ("[g]\nh\n", True),
        ("# c\n\nh ansible_host=x url='http: x'\n", True),
        ("h\n", True),
        ("h:22\n", True),
        ("all:\n  hosts:\n", False),
        ("all: {hosts: {a: }}\n", False),
        ("---\nall:\n", False),
        ('{"all": {}}', False),
        ('"all":\n', False),
        ("# only this\n", False),
        ("", False),
    ],
)
def test_a_file_without_an_extension_is_recognised_by_its_first_line(tmp_path, text, ini):
    assert looks_like_ini(text) is ini


def test_both_formats_without_an_extension(tmp_path):
    assert list(loaded(tmp_path, "[g]\nh\n", "hosts").hosts) == ["h"]
    assert list(loaded(tmp_path, "g: {hosts: {h: }}\n", "hosts").hosts) == ["h"]
    assert list(loaded(tmp_path, '{"g": {"hosts": {"h": null}}}', "hosts.json").hosts) == ["h"]


# -- what only Ansible can run


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "aws.yml",
            "plugin: amazon.aws.aws_ec2\n",
            "aws.yml:1: this configures the inventory plugin amazon.aws.aws_ec2",
        ),
        ("c", "# x\nplugin: constructed\nstrict: false\n", "c:2: this configures the inventory plugin constructed"),
        ("ec2.py", "#!/usr/bin/env python3\nprint()\n", "ec2.py is a program (#!/usr/bin/env python3)"),
        ("run", "#!/bin/sh\n", "run is a program (#!/bin/sh)"),
        ("a.json", '{"_meta": {"hostvars": {}}, "g": {"hosts": ["h"]}}', "a.json:1: this is the answer of a script"),
        ("a.toml", "[all.hosts]\n", "a.toml: inventories in TOML are not supported"),
    ],
)
def test_what_only_ansible_can_run_is_refused_by_name(tmp_path, name, text, message):
    said = complaint(tmp_path, text, name)
    assert said.startswith(message)
    assert f"`ansible-inventory -i {name} --list --yaml > inventory/NAME.yml` writes down what it answers" in said


def test_a_group_may_be_called_plugin(tmp_path):
    assert loaded(tmp_path, "plugin: {hosts: {h: }}", "hosts.yml").groups["plugin"] == ("h",)


# -- which file is meant


@pytest.fixture
def project(tmp_path):
    """A function that writes an inventory below a project."""

    def write(name: str, text: str = "all: {hosts: {h: }}") -> Path:
        path = tmp_path / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_name_means_a_file_of_any_format(project, tmp_path):
    assert sources.find("site", tmp_path) == project("site.ini") if project("site.ini") else None
    project("other.yml")
    assert naming.names(tmp_path) == ["other", "site"]
    project("site.yml")
    with pytest.raises(ConfigError, match=r"--hosts site may be inventory/site.yml or inventory/site.ini"):
        sources.find("site", tmp_path)
    assert sources.find("inventory/site.ini", tmp_path) == tmp_path / "inventory/site.ini"


def test_a_directory_with_one_inventory_means_that_with_its_group_vars(project, tmp_path):
    path = project("prod/hosts.yml")
    project("prod/group_vars/all.yml", "x: 1")
    project("prod/.git", "")
    project("prod/README.md", "")
    project("prod/hosts.yml~", "")
    assert sources.find("prod", tmp_path) == path
    assert sources.find(str(path.parent), tmp_path) == path
    assert load("prod", root=tmp_path, specs={}).hosts["h"].vars["x"] == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["a.yml", "b.yml"], "the inventory prod is a directory with several inventories: a.yml, b.yml"),
        (["hosts.yml", "aws/x.yml"], "several inventories: aws/, hosts.yml"),
        (["group_vars/all.yml"], "the inventory prod is a directory with no inventory"),
    ],
)
def test_another_directory_is_refused_with_what_is_in_it(project, tmp_path, files, said):
    for file in files:
        project(f"prod/{file}")
    with pytest.raises(ConfigError) as caught:
        sources.find("prod", tmp_path)
    assert said.replace("inventory prod", "inventory inventory/prod") in str(caught.value)


def test_a_list_of_hosts_is_no_inventory(tmp_path):
    with pytest.raises(ConfigError, match="the inventory a,b is a list of hosts"):
        sources.find("a,b", tmp_path)


def test_a_listing_of_ansible_s_can_be_used(tmp_path):
    """What the advice of a refusal leads to, `ansible-inventory --list --yaml`."""
    listing: dict[str, Any] = {"all": {"children": {"kafka": {"hosts": {"h": {"x": 1}}}, "zk": {"hosts": {"h": {}}}}}}
    import yaml

    assert loaded(tmp_path, yaml.safe_dump(listing), "listed.yml").hosts["h"].groups == ("kafka", "zk")
