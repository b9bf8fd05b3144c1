"""The same file gives the same groups, hosts and variables here and in `ansible-inventory`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provisioner.inventory import loading as inventory

PROGRAM = shutil.which("ansible-inventory", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
ROOT = Path(__file__).parents[2]
MAGIC = {"inventory_hostname", "inventory_hostname_short", "group_names", "inventory_file", "inventory_dir"}

EXAMPLES = {
    "flat": {
        "hosts.yml": """
            all:
              hosts:
                single1: {ansible_host: 127.0.0.1, ansible_port: 2221}
              vars: {ansible_user: ops, color: blue}
        """,
    },
    "nested": {
        "hosts.yml": """
            all:
              children:
                dc:
                  vars: {level: dc, only_dc: 1, contested: dc}
                  children:
                    east:
                      vars: {level: east, contested: east}
                      hosts:
                        e[1:3]: {own: 1}
                    west:
                      vars: {level: west, ansible_group_priority: 5}
                      hosts:
                        w-[a:b]:
                        e1:
                brokers:
                  hosts: {e1: , w-a: }
              hosts:
                lone: {level: host}
        """,
        "group_vars/all.yml": "{everywhere: true, contested: all-file, level: all-file}",
        "group_vars/east.yaml": "east_file: [1, 2]",
        "group_vars/dc": "{from_dc: {a: 1}, contested: dc-file}",
        "group_vars/brokers/10-first.yml": "{x: 1, y: 1}",
        "group_vars/brokers/20-second.yml": "x: 2",
        "group_vars/unused.yml": "never: 1",
        "host_vars/e1.yml": "{own: 2, level: e1-file}",
        "host_vars/w-a.json": '{"json": [true, null, 1.5]}',
    },
    "types": {
        "hosts.yml": """
            # no `all`, anchors, merge keys, every kind of scalar
            common:
              vars: &common {retries: 3, name: kafka}
            web:
              hosts:
                10.0.0.1:2222:
                "[fe80::1]:2022":
                db[01:05:2]:
              vars:
                <<: *common
                name: web
                yes_is_a_bool: yes
                octal: 0640
                quoted: "0640"
                float: 3.10
                nothing:
                text: |
                  two
                  lines
                a.b: dotted
        """,
    },
    "strings": {
        "hosts.yml": """
            all:
              children: {one: {hosts: solo}, two: , three: {children: one}}
        """,
        "group_vars/three.yml": "---\nv: 3\n",
        "group_vars/one.yml": "# only a comment\n",
    },
}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What ansible-inventory says about every example: all at once, since most of its second is starting up."""
    if PROGRAM is None:
        pytest.skip("ansible-core is not installed")
    root = tmp_path_factory.mktemp("examples")
    settings = root / "ansible.cfg"
    settings.write_text("")  # a developer's own must not count
    running, paths = {}, {"prod3": ROOT / "inventory/prod3.yml"}
    for name, files in EXAMPLES.items():
        for file, text in files.items():
            path = root / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        paths[name] = root / name / "hosts.yml"
    for name, path in paths.items():
        environment = {**os.environ, "ANSIBLE_CONFIG": str(settings), "ANSIBLE_HOME": str(root / ".ansible")}
        command = [PROGRAM, "-i", str(path), "--list"]
        running[name] = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=root
        )
    answers = {}
    for name, process in running.items():
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        answers[name] = json.loads(out)
    return paths, answers


def members(listing: dict, group: str) -> set[str]:
    """The hosts of a group in ansible-inventory's listing, child groups included."""
    found = set(listing.get(group, {}).get("hosts", ()))
    for child in listing.get(group, {}).get("children", ()):
        found |= members(listing, child)
    return found


@pytest.mark.parametrize("example", [*EXAMPLES, "prod3"])
def test_groups_hosts_and_variables_are_ansibles(theirs, example):
    paths, answers = theirs
    listing = answers[example]
    ours = inventory.load(str(paths[example]), root=ROOT, specs={})

    hosts = members(listing, "all")
    assert set(ours.hosts) == hosts
    groups = {name: members(listing, name) for name in listing if name != "_meta"}
    assert {name: set(found) for name, found in ours.groups.items() if found} == {
        name: found for name, found in {**groups, "all": hosts}.items() if found
    }
    for name, host in ours.hosts.items():
        expected = listing["_meta"]["hostvars"].get(name, {})
        templates = {key for key, value in expected.items() if "{{" in str(value)}  # ansible-inventory renders none
        found = {key: value for key, value in host.vars.items() if key not in MAGIC}
        assert found.keys() == expected.keys()
        assert {key: found[key] for key in found if key not in templates} == {
            key: expected[key] for key in expected if key not in templates
        }
