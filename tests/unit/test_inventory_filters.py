"""Filters, tests and lookups of templates give what Ansible gives; what only Ansible has is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from provisioner.errors import ConfigError
from provisioner.inventory.filters import FILTERS
from provisioner.inventory.loading import load
from provisioner.inventory.template_tests import TESTS
from provisioner.inventory.variables import load_specs

VARIABLES: dict[str, Any] = {
    "s": "kafka-3.Example.com",
    "n": 4,
    "numbers": [3, 1, 2],
    "d": {"a": 1, "b": {"c": [2]}},
    "items": [{"name": "a", "v": 1}, {"name": "b", "v": 2}],
    "yes": "yes",
    "empty": "",
}

EXPRESSIONS = [
    "s | regex_search('[0-9]+')",
    "s | regex_search('kafka-([0-9]+)[.](?P<zone>[a-z]+)', '\\1', '\\g<zone>', ignorecase=True)",
    "s | regex_search('x') | default('none', true)",
    "s | regex_findall('[a-z]+')",
    "s | regex_findall('^E', multiline=True, ignorecase=True)",
    "s | regex_replace('KAFKA-(.)', 'k\\1', ignorecase=true)",
    "n | regex_replace('^', 'x')",
    "s | regex_replace('a', 'b', count=1)",
    "s | regex_escape",
    "s | split('.')",
    "'a b  c' | split",
    "'a,b,c' | split(',', 1)",
    "s | b64encode | b64decode",
    "s | b64encode(urlsafe=True)",
    "s | hash('sha256')",
    "s | hash",
    "s | md5",
    "s | sha1",
    "s | checksum",
    "s | to_uuid",
    '"it\'s" | quote',
    "'' | quote",
    "yes | bool",
    "'off' | bool",
    "1 | bool",
    "10 | human_readable",
    "1536 | human_readable",
    "(2 * 1024 ** 3) | human_readable",
    "1024 | human_readable(unit='B')",
    "5000000 | human_readable(unit='M')",
    "100 | human_readable(isbits=True)",
    "'1 GB' | human_to_bytes",
    "'1.5k' | human_to_bytes",
    "'10' | human_to_bytes('M')",
    "'2Mb' | human_to_bytes(isbits=True)",
    "'17' | human_to_bytes",
    "d | to_json",
    "d | to_json(sort_keys=True, indent=1)",
    "d | to_nice_json",
    "d | to_nice_json(indent=2)",
    "d | to_yaml",
    "d | to_nice_yaml",
    "d | to_nice_yaml(indent=2)",
    "'{\"a\": [1]}' | from_json",
    "'a: [1, two]' | from_yaml",
    "d | combine({'b': {'e': 3}})",
    "d | combine({'b': {'e': 3}}, recursive=True)",
    "d | combine({'b': {'c': [4]}}, recursive=True)",
    *(f"d | combine({{'b': {{'c': [4, 2]}}}}, recursive=True, list_merge='{how}')" for how in ("keep", "append")),
    *(f"d | combine({{'b': {{'c': [4, 2]}}}}, recursive=True, list_merge='{how}')" for how in ("prepend", "append_rp")),
    "d | combine({'b': {'c': [4, 2]}}, recursive=True, list_merge='prepend_rp')",
    "[d, {'z': 1}] | combine",
    "d | combine",
    "d | dict2items",
    "d | dict2items(key_name='k', value_name='x')",
    "items | items2dict(key_name='name', value_name='v')",
    "[{'key': 'a', 'value': 1}] | items2dict",
    "[1, [2, [3, none]], none] | flatten",
    "[1, [2, [3]]] | flatten(levels=1)",
    "[1, none] | flatten(skip_nulls=False)",
    "[1, 1, 2] | unique",
    "['a', 'A'] | unique",
    "['a', 'A'] | unique(case_sensitive=True)",
    "[{'x': 1}, {'x': 1}] | unique",
    *(f"numbers | {how}([9, 3]) | sort" for how in ("union", "intersect", "difference", "symmetric_difference")),
    "['a', 'b'] | zip([1, 2]) | list",
    "['a', 'b'] | zip_longest([1], fillvalue='-') | list",
    "['a', 'b'] | product([1, 2]) | list",
    "numbers | permutations(2) | list",
    "numbers | combinations(2) | list",
    "[1, 2, 3] | random(seed=s)",
    "100 | random(seed=s, start=5, step=5)",
    "[1, 2, 3, 4] | shuffle(seed=s)",
    "true | ternary(1, 2)",
    "none | ternary(1, 2, 3)",
    "none | ternary(1, 2)",
    "s | mandatory",
    "'/a/b.yml' | basename",
    "'/a/b.yml' | dirname",
    "'/a/b.yml' | splitext",
    "['/a', 'b'] | path_join",
    "'/a/b' | path_join",
    "['/a/b', '/a/c'] | commonpath",
    "'/a/../b' | normpath",
    "'/a/b' | relpath('/a')",
    "'~nobody-there' | expanduser",
    "'/' | realpath",
    "8 | log(2)",
    "100 | log(10)",
    "2 | pow(5)",
    "16 | root",
    "27 | root(3)",
    "items | selectattr('name', 'match', '^b') | map(attribute='v') | list",
    "items | map(attribute='name') | map('regex_replace', '$', ':9092') | join(',')",
    "'kafka' is match('kaf')",
    "'kafka' is match('afka')",
    "'kafka' is search('AFK', ignorecase=true)",
    "'kafka' is regex('^kafka$', match_type='fullmatch')",
    *(f"'3.9.2' is version('3.10', '{sign}')" for sign in ("<", "<=", "==", "!=", ">", ">=", "lt", "ge", "eq", "ne")),
    "'1.0' is version('1.0.0', '<')",
    "'2.5.0a' is version('2.5.0', '>')",
    "numbers is contains(2)",
    "[1] is subset(numbers)",
    "numbers is superset([1, 9])",
    "[true, 0] is all",
    "[true, 0] is any",
    "'yes' is truthy(convert_bool=True)",
    "'off' is falsy(convert_bool=True)",
    "'' is falsy",
    "'/etc' is directory",
    "'/etc/hosts' is exists",
    "'/etc' is file",
    "'etc' is abs",
    "s | ansible.builtin.split('.') | first",
    "'x' is ansible.builtin.match('x')",
    "nothere.a.b | default('x')",
    "d.nothere.deeper | default('x')",
    "nothere is defined",
    "d.nothere is defined",
    "now(fmt='%Y') | int > 2000",
    "vars['n']",
    "[1, 2] | map('string') | join('-')",
]


@pytest.fixture(scope="module")
def theirs():
    """What Ansible's own templating makes of an expression, in this process."""
    template = pytest.importorskip("ansible.template")
    loader = pytest.importorskip("ansible.parsing.dataloader").DataLoader()
    templar = template.Templar(loader, variables={**VARIABLES, "vars": VARIABLES})
    return lambda text: templar.template(template.trust_as_template(text))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The values of x and of all expressions, loaded at once: {expression: value or the error}."""
    root = tmp_path_factory.mktemp("filters")
    names = {f"x{number}": f"{{{{ {text} }}}}" for number, text in enumerate(EXPRESSIONS)}
    (root / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"h": {**VARIABLES, **names}}}}, sort_keys=False))
    values = load(str(root / "hosts.yml"), root=root, specs={}).hosts["h"].vars
    return {text: (values, name) for name, text in zip(names, EXPRESSIONS, strict=True)}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_what_ansible_makes_of_it(ours, theirs, expression):
    values, name = ours[expression]
    expected = theirs(f"{{{{ {expression} }}}}")
    assert json.dumps(values[name], default=list) == json.dumps(expected, default=list)


def test_every_filter_and_test_of_ours_is_compared():
    text = " ".join(EXPRESSIONS)
    in_loop = ("union", "intersect", "difference", "symmetric_difference", "extract")
    assert [name for name in FILTERS if f"| {name}" not in text and name not in in_loop] == []
    aliases = {"issubset", "issuperset", "version_compare"}
    assert [name for name in TESTS if f"is {name}" not in text and name not in aliases] == []


# -- what cannot be had


@pytest.fixture
def project(tmp_path):
    """A function that loads one host with these lines and answers with its variables."""
    (tmp_path / "roles/app").mkdir(parents=True)
    (tmp_path / "roles/app/defaults.yml").write_text("app_name: !str theirs\napp_map: !map {a: 1}\napp_port: !port 1\n")
    specs = load_specs([tmp_path / "roles/app/defaults.yml"])

    def run(*lines: str):
        body = "".join(f"      {line}\n" for line in lines)
        (tmp_path / "hosts.yml").write_text(f"g:\n  hosts:\n    h:\n{body}    other: {{ansible_host: 10.0.0.2}}\n")
        return load(str(tmp_path / "hosts.yml"), root=tmp_path, specs=specs).hosts["h"].vars

    return run


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 | ansible.utils.ipaddr", "No filter named 'ansible.utils.ipaddr'"),
        ("1 | regex_repalce", "No filter named 'regex_repalce'; did you mean regex_replace?"),
        ("[1] | map('nothing') | list", "No filter named 'nothing'"),
        ("1 is mach('x')", "No test named 'mach'; did you mean match?"),
        ("nothere | mandatory", "nothere is mandatory and not set"),
        ("nothere | mandatory('say who')", "cannot be rendered: say who"),
        ("[1] | random", "random without a seed would give another value in each run"),
        ("[1] | shuffle", "shuffle without a seed"),
        ("'x' | regex_replace('[', '')", "'[' is not a regular expression"),
        ("'x' | regex_search('x', 'y')", "groups of regex_search are written"),
        ("'x' | regex_search('x', '\\\\2')", "has no such group"),
        ("'x' | hash('sha0')", "'sha0' is not a hash that there is"),
        ("'maybe' | bool", "'maybe' is neither true nor false"),
        ("'1 parsec' | human_to_bytes", "'1 parsec' is not a size, such as 10 MB"),
        ("'{' | from_json", "not JSON"),
        ("'{' | from_yaml", "not YAML"),
        ("{} | combine([1])", "combine takes maps; int is none"),
        ("{} | combine({}, list_merge='x')", "list_merge of combine is one of replace"),
        ("[1] | dict2items", "dict2items takes a map"),
        ("[1] | items2dict", "items2dict takes a list of maps with key and value"),
        ("'1' is version('2', '~')", "'~' is not a comparison"),
        ("'1' is version('2', version_type='semver')", "versions of the type semver are not supported"),
        ("'1.x' is version('1.0', '<')", "one has a letter where the other has a number"),
        ("'' is version('1')", "a version is empty"),
        ("'x' is regex('x', match_type='y')", "'y' is not a kind of match"),
        ("lookup('pipe', 'id')", "lookup('pipe', ...) is not supported; lookup('env', 'NAME')"),
        ("lookup('file', 'x')", "lookup('file', ...) is not supported with a path that begins at a playbook"),
        ("lookup('file', '/no/such')", "/no/such is not a file that can be read"),
        ("lookup('file', '/dev/zero')", "/dev/zero is not a file that can be read"),
        ("lookup('env', 'NOT_SET_HERE')", "the environment variable NOT_SET_HERE is not set"),
        ("playbook_dir", "only a playbook of Ansible's has playbook_dir"),
        ("ansible_facts.x", "only a playbook of Ansible's has ansible_facts"),
        ("hostvars['other'].zone", "the host other has no variable 'zone'"),
        (
            "groups.g | map('extract', hostvars, 'ansible_host') | join(',')",
            "the host h has no variable 'ansible_host'",
        ),
        ("'a' ~ omit", "omit leaves a whole value out"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_with_file_and_line(project, expression, message):
    with pytest.raises(ConfigError) as caught:
        project(f'app_name: "{{{{ {expression} }}}}"')
    assert message in str(caught.value)
    assert "in:       hosts.yml:4" in str(caught.value)


def test_a_default_takes_the_place_of_an_environment_variable_that_is_not_set(project, monkeypatch):
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    assert project("x: \"{{ lookup('env', 'NOT_SET_HERE') | default('ops', true) }}\"")["x"] == "ops"
    assert project("x: \"{{ query('env', 'NOT_SET_HERE', default='d') }}\"")["x"] == ["d"]
    monkeypatch.setenv("NOT_SET_HERE", "set")
    assert project("x: \"{{ q('env', 'NOT_SET_HERE') | first }}\"")["x"] == "set"


def test_lookup_of_files_and_variables(project, tmp_path):
    (tmp_path / "text").write_text("one\ntwo\n\n")
    assert project(f"x: \"{{{{ lookup('file', '{tmp_path}/text') }}}}\"")["x"] == "one\ntwo"
    assert project(f"x: \"{{{{ lookup('file', '{tmp_path}/text', rstrip=False) }}}}\"")["x"] == "one\ntwo\n\n"
    assert project("y: [1]", "x: \"{{ lookup('vars', 'y') }}\"")["x"] == [1]
    (tmp_path / "text").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        project(f"x: \"{{{{ lookup('file', '{tmp_path}/text') }}}}\"")["x"]


def test_what_is_omitted_counts_as_not_written(project):
    found = project(
        'app_name: "{{ nothere | default(omit) }}"',
        'app_map: {a: "{{ nothere | default(omit) }}", b: 2, c: [1, "{{ omit }}"]}',
        'ansible_user: "{{ nothere | default(omit) }}"',
    )
    assert (found["app_name"], found["app_map"], found["ansible_user"]) == ("theirs", {"b": 2, "c": [1]}, None)


def test_the_expressions_that_people_write(project):
    found = project(
        "zone: a",
        "x: \"{{ groups['g'].index(inventory_hostname) + 1 }}\"",
        "y: \"{{ ['other'] | map('extract', hostvars, 'ansible_host') | map('regex_replace', '$', ':1') | first }}\"",
        "z: \"{% for h in groups['g'] %}{{ h }}:2181{% if not loop.last %},{% endif %}{% endfor %}\"",
        "d: \"{{ range(1, 4) | map('regex_replace', '^(.*)$', '/data\\\\1/kafka') | list }}\"",
        "r: \"{{ 'a' if inventory_hostname in groups['left'] | default([]) else 'b' }}\"",
        "f: \"{{ ansible_facts['default_ipv4']['address'] | default('10.0.0.9') }}\"",
    )
    assert (found["x"], found["y"], found["z"]) == (1, "10.0.0.2:1", "h:2181,other:2181")
    assert (found["d"], found["r"], found["f"]) == (["/data1/kafka", "/data2/kafka", "/data3/kafka"], "b", "10.0.0.9")
