"""What is typed stays what was typed: numbers that YAML reads as others, in every place and on every way."""

from __future__ import annotations

import copy
import json

import pytest

from provisioner.errors import ProvisionerError
from provisioner.inventory.loading import load
from provisioner.inventory.written import written
from provisioner.inventory.yaml_source import Document
from roles import site
from roles.kafka.checks import wanted_topics
from tests.support import roles as support

HEAD = """\
all:
  children:
    zookeeper: {hosts: {h: }}
    kafka: {hosts: {h: }}
  vars:
"""

# Scalars that YAML reads as something else than their text.
CHANGED = [
    *("0123456", "1_000", "12:34:56", "2.10", "0x1F", "0o17", "1e3", "1.0e+3", ".inf", "-.INF", ".nan", "+5", "0b11"),
    *(
        "2024-01-01",
        "2024-01-01 10:00:00",
        "2001-12-14t21:59:43.10-05:00",
        "00",
        "007",
        "1.",
        "190:20:30.15",
        "=",
        "<<",
    ),
]


def loaded(directory, *lines: str, extra: tuple[str, ...] = ()):
    """The inventory of one host with these variables."""
    path = directory / "site.yml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    return load(str(path), root=directory, specs=support.SPECS, checks=site.CHECKS, extra_vars=extra)


def properties(inventory, path: str = "/etc/kafka/server.properties") -> list[str]:
    return support.text(support.target(inventory), path).splitlines()


def refusal(directory, *lines: str, extra: tuple[str, ...] = ()) -> str:
    with pytest.raises(ProvisionerError) as caught:
        loaded(directory, *lines, extra=extra)
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_a_property_is_what_was_typed(tmp_path):
    here = loaded(
        tmp_path,
        f"kafka_config: {{ssl.key.password: 12:34:56, ssl.cipher.suites: [{', '.join(CHANGED)}]}}",
        "zookeeper_config: {authProvider.sasl: 0123}",
        "kafka_rack: 1.10",
    )
    lines = properties(here)
    assert {"ssl.key.password=12:34:56", f"ssl.cipher.suites={','.join(CHANGED)}", "broker.rack=1.10"} <= {*lines}
    assert "authProvider.sasl=0123" in properties(here, "/etc/zookeeper/zoo.cfg")


def test_it_survives_every_way_into_a_property(tmp_path):
    mine = [f"m{number}: {text}" for number, text in enumerate(CHANGED)]
    whole = ", ".join(f'"{{{{ m{number} }}}}"' for number in range(len(CHANGED)))
    part = " ".join(f"{{{{ m{number} }}}}" for number in range(len(CHANGED)))
    lines = properties(
        loaded(
            tmp_path,
            *mine,
            f"map: {{a: [{', '.join(CHANGED)}]}}",
            f'kafka_config: {{ssl.cipher.suites: [{whole}], ssl.key.password: "<{part}>"}}',
            'kafka_rack: "{{ map.a[0] }}"',
        )
    )
    assert f"ssl.cipher.suites={','.join(CHANGED)}" in lines
    assert f"ssl.key.password=<{' '.join(CHANGED)}>" in lines and f"broker.rack={CHANGED[0]}" in lines


@pytest.mark.parametrize("text", ["0123456", "2024-01-01"])
def test_extra_vars_are_no_other_way(tmp_path, text):
    for extra in (f"kafka_rack={text}", f"{{kafka_rack: {text}}}", f"{{kafka_rack: '{{{{ x }}}}', x: {text}}}"):
        assert f"broker.rack={text}" in properties(loaded(tmp_path, "other: 1", extra=(extra,)))
    given = loaded(tmp_path, "other: 1", extra=(f"{{kafka_config: {{ssl.key.password: {text}}}}}",))
    assert f"ssl.key.password={text}" in properties(given)


def test_a_topic_has_the_name_that_was_typed(tmp_path):
    names = ["0123", "2024", "on", "1.10", "2024-01-01", "0x1F", "1_0", "no"]
    wanted, problems = wanted_topics(loaded(tmp_path, "topics:", *(f"  {name}: {{partitions: 1}}" for name in names)))
    assert [one.name for one in wanted] == names and not problems
    assert [one.place for one in wanted] == [f"site.yml:{line}" for line in range(7, 15)]


def test_names_that_are_one_number_to_yaml_are_two(tmp_path):
    wanted, _ = wanted_topics(loaded(tmp_path, "topics: {1: , 01: , 1.0: , '1.00': , yes: , on: }"))
    assert [one.name for one in wanted] == ["1", "01", "1.0", "1.00", "yes", "on"]
    assert "'on' is given twice" in refusal(tmp_path, "topics: {on: , 'on': }")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kafka_config: {ssl.key.password: yes}", ["ssl.key.password is true to YAML", "put it in quotes"]),
        ("kafka_config: {sasl.jaas.config: off}", ["sasl.jaas.config is false to YAML", "put it in quotes"]),
        ("kafka_config: {broker.rack: no}", ["broker.rack takes a text", "put it in quotes; found: false"]),
        ("kafka_config: {ssl.cipher.suites: [a, yes, ~]}", ["ssl.cipher.suites has an empty item"]),
        ("zookeeper_config: {ssl.keyStore.password: [a, no]}", ["ssl.keyStore.password is false", "quotes"]),
        ("kafka_config: {ssl.cipher.suites: [a, ~]}", ["ssl.cipher.suites has an empty item", "in quotes"]),
        ("kafka_config: {ssl.cipher.suites: !!binary aGk=}", ["is binary", "without !!binary"]),
        ("kafka_config: {ssl.key.password: 'a '}", ["ssl.key.password begins or ends with a blank", "remove"]),
        ("topics: {orders: {partitions: 010}}", ["partitions must be a whole number", "found: 010"]),
        ("topics: {~: {}}", ["one name is None", "put the name in quotes"]),
        ("kafka_broker_id: 010", ["YAML reads 010 as the octal number 8"]),
        ("kafka_version: ~", ["kafka_version must be a string", "found: nothing"]),
        ("kafka_port: 1:30", ["YAML reads 1:30 as the number 90"]),
        ("kafka_partitions: 99999999999999999999", ["kafka_partitions must be a whole number", "more than 64 bits"]),
        (f"kafka_partitions: {'9' * 5000}", ["not a valid value", "put it in quotes"]),
        ("mine: !!bool 3", ["not a valid value for its tag"]),
        ("mine: !!timestamp x", ["not a valid value for its tag"]),
        (f"mine: {'[' * 3000}{']' * 3000}", ["nested too deeply"]),
    ],
)
def test_what_cannot_stay_is_refused_where_it_stands(tmp_path, line, said):
    message = refusal(tmp_path, line)
    assert all(part in message for part in ["site.yml", *said]), message


@pytest.mark.parametrize(("line", "octal"), [("mine: 010", "010"), ("mine: 0_7", "0_7")])
def test_a_number_that_a_template_brings_is_refused_as_well(tmp_path, line, octal):
    message = refusal(tmp_path, line, 'kafka_partitions: "{{ mine }}"')
    assert f"YAML reads {octal} as the octal number" in message


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("kafka_rack=\udcff", "--extra-vars kafka_rack: not UTF-8 text"),
        ("{kafka_rack: \udcff}", "--extra-vars: not UTF-8 text"),
        ("@~no-such-user/x", "--extra-vars @~no-such-user/x: there is no such user"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_refused(tmp_path, extra, said):
    assert said in refusal(tmp_path, "x: 1", extra=(extra,))


def test_a_check_says_where_the_variable_stands(tmp_path):
    assert "    in: site.yml:6\n" in refusal(tmp_path, "kafka_version: 1.10")
    assert "    in: --extra-vars" in refusal(tmp_path, "x: 1", extra=("kafka_heap=1m",))
    assert "\n    in: site.yml:6" in refusal(tmp_path, "kafka_archive: file:/no/such-1.tgz")


@pytest.mark.parametrize("text", ["http://[", "~no-such-user/x.tgz", "/", "a/..", "a\0b", "x" * 300, "{{ y }}{"])
def test_what_is_no_release_archive_is_one_sentence(tmp_path, text):
    message = refusal(tmp_path, f"kafka_archive: !unsafe {json.dumps(text)}")
    assert "release archive" in message and "site.yml:6" in message


def test_two_places_that_agree_as_numbers_only_do_not_agree(tmp_path):
    path = tmp_path / "site.yml"
    path.write_text("all: {children: {kafka: {hosts: {h: {x: 2.10}}}, zookeeper: {hosts: {h: {x: 2.1}}}}}")
    with pytest.raises(ProvisionerError, match="two values of x"):
        load(str(path), root=tmp_path, specs=support.SPECS)


def test_a_number_counts_as_before():
    here = Document("a: {b: [0123456, 2.10, 7], 1: x}", "f")
    assert here.root is not None
    value = here.raw(here.root).value
    octal, number, plain = value["a"]["b"]
    assert octal + 1 == 42799 and number * 2 == 4.2 and type(plain) is int and value["a"][1] == "x"
    assert json.dumps([octal, number]) == "[42798, 2.1]"
    assert [f"{octal}", str(octal), "%s" % octal, f"{number!r}"] == ["0123456", "0123456", "0123456", "2.10"]  # noqa: UP031
    assert str(copy.deepcopy(octal)) == "0123456" and type(written(7, "7")) is int


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("os_sysctl: {vm.swappiness: yes}", "vm.swappiness takes a whole number or a word, and is True"),
        ("os_sysctl: {vm.swappiness: 010}", "vm.swappiness takes a whole number or a word, and is 010"),
        ("os_sysctl: {vm.swappiness: 1.5}", "and is 1.5"),
        ("os_sysctl: {vm.swappiness: }", "and is None"),
        ("os_sysctl: {vm.swappiness: [1]}", "and is [1]"),
        ('os_sysctl: {vm.swappiness: "1\\nkernel.x = 2"}', "takes a whole number"),
        ("os_sysctl: {vm.swappiness = 1: 1}", "'vm.swappiness = 1' is not the name of a kernel setting"),
        ("os_sysctl: {swappiness: 1}", "'swappiness' is not the name of a kernel setting"),
    ],
)
def test_a_kernel_setting_is_what_the_kernel_takes(tmp_path, line, said):
    message = refusal(tmp_path, line)
    assert said in message and "site.yml:6" in message, message


def test_kernel_settings_of_every_form_are_taken(tmp_path):
    line = (
        "{net.ipv4.ip_local_port_range: 1024 65000, kernel.core_pattern: '|/bin/x %p', vm.swappiness: 1, a/b.c-1: -1}"
    )
    assert len(loaded(tmp_path, f"os_sysctl: {line}").hosts["h"].vars["os_sysctl"]) == 4
