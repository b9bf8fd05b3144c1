"""No message about an inventory, and no representation of a value, holds a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.common import Run
from provisioner.connect import settings as connection
from provisioner.errors import ConfigError, ProvisionerError
from provisioner.inventory import loading
from provisioner.inventory.variables import load_specs
from provisioner.inventory.yaml_source import Document, Raw
from provisioner.options import Options
from provisioner.resources import File, Request
from provisioner.resources.base import Texts
from roles import site
from roles.shared.jvm import one_line

NOWHERE = Path("/nowhere")
HOSTS = "all:\n  children:\n    kafka: {hosts: {a: }}\n    zookeeper: {hosts: {a: }}\n  vars:\n"
SPECS = load_specs(site.default_files())


def message(root: Path, text: str, *extra: str) -> str:
    (root / "hosts.yml").write_text(text)
    with pytest.raises(ProvisionerError) as caught:
        loading.load(str(root / "hosts.yml"), root=root, extra_vars=extra, specs=SPECS, checks=site.CHECKS)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    "variables",
    [
        'ansible_password: "hunter2',
        "ansible_become_pass: hunter2: x",
        "ansible_password: !hunter2",
        "ansible_password: @hunter2",
        "ansible_password: [hunter2]",
        'ansible_password: "hunter2" hunter2',
        'ansible_password: "a\n      hunter2" hunter2',
        "kafka_config:\n      ssl.keystore.key: |\n        hunter2\n       hunter2: x: y",
        "kafka_config: ssl.key.password=hunter2",
        "kafka_config: hunter2",
        "kafka_config: [ssl.key.password=hunter2]",
        'kafka_config: {ssl.key.password: "hunter2}',
        "kafka_jvm_opts: -Da.password=hunter2",
        "ansible_password: \"{{ 'hunter2' | nofilter }}\"",
        "ansible_password: \"{{ 'hunter2' + 1 }}\"",
        "ansible_password: \"{{ {}['hunter2'] }}\"",
        "ansible_password: \"{{ lookup('env', 'NO_SUCH_NAME') ~ 'hunter2' }}\"",
        "kafka_config: {ssl.key.password: \"{{ nothing ~ 'hunter2' }}\"}",
        'ansible_password: hunter2\n    kafka_rack: "{{ ansible_password | bool }}"',
        "kafka_rack: \"{{ 'a' | password='hunter2' }}\"",
    ],
)
def test_no_message_about_a_variable_holds_its_secret(tmp_path: Path, variables: str):
    said = message(tmp_path, f"{HOSTS}    {variables}\n")
    assert "hunter2" not in said and "hosts.yml" in said


def test_two_values_of_a_secret_are_named_by_their_places(tmp_path: Path):
    values = ("ansible_password: hunter2", "ansible_password: hunter3"), ("kafka_config: {a.token: hunter2}", "")
    for first, second in values:
        text = f"all:\n  children:\n    kafka: {{hosts: {{a: {{{first}}}}}}}\n"
        second = second or "kafka_config: {a.token: hunter3}"
        said = message(tmp_path, f"{text}    zookeeper: {{hosts: {{a: {{{second}}}}}}}\n")
        assert "two values" in said and "hosts.yml:3" in said and "hunter" not in said


@pytest.mark.parametrize(
    "argument",
    [
        "{ansible_password: hunter2",
        "{'ansible_password': 'hunter2'",
        "ansible_password hunter2",
        "ansible_password: hunter2",
        "ansible_password='hunter2",
        "ansible_password=[hunter2",
        "ansible_password: {x: hunter2}",
    ],
)
def test_malformed_extra_vars_are_not_repeated(tmp_path: Path, argument: str):
    said = message(tmp_path, HOSTS + "    x: 1\n", argument)
    assert "--extra-vars" in said and "hunter2" not in said


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("line", ["ansible_password: {0}", "kafka_config: {{ssl.key.password: {0}}}"])
def test_a_secret_from_an_environment_that_lacks_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, value: str | None
):
    monkeypatch.delenv("BUILD_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("BUILD_SECRET", value)
    said = message(tmp_path, HOSTS + "    " + line.format("\"{{ lookup('env', 'BUILD_SECRET') }}\"") + "\n")
    assert ("BUILD_SECRET is not set" if value is None else "it is empty") in said


def test_an_environment_variable_that_is_not_set_is_refused_unless_there_is_a_default(tmp_path: Path):
    template = "    kafka_rack: \"{{{{ lookup('env', 'NO_SUCH_NAME'{}) }}}}\"\n"
    assert "NO_SUCH_NAME is not set" in message(tmp_path, HOSTS + template.format(""))
    (tmp_path / "hosts.yml").write_text(HOSTS + template.format(", default='r1'"))
    found = loading.load(str(tmp_path / "hosts.yml"), root=tmp_path, specs=SPECS)
    assert found.hosts["a"].vars["kafka_rack"] == "r1"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["ansible_password", "ssl.key.password", "a_token", "x: {sasl.jaas.config"]),
    junk=st.text(alphabet="'\"{}[]:!&*|>%@`,- \n#?x", max_size=12),
    after=st.text(alphabet="'\"{}[]: \n,-x", max_size=8),
)
def test_no_excerpt_of_broken_yaml_holds_a_secret(name: str, junk: str, after: str):
    quoted = junk.replace("\n", "\n  ")  # what is not indented is no part of the value
    try:
        document = Document(f"{name}: {quoted}hunter2{after}\n", "x.yml")
        problems: list[ConfigError] = []
        document.variables(document.root, problems)
    except ConfigError as error:
        problems = [error]
    for problem in problems:
        assert "hunter2" not in "\n".join(problem.details), problem


def test_no_representation_holds_a_secret():
    wanted = {"ansible_password": "hunter2", "ansible_become_pass": "hunter2"}
    for value in (
        connection.settings("a", wanted),
        Options(NOWHERE, NOWHERE, become_password="hunter2"),
        Run("x", extra_vars=["ansible_password=hunter2"]),
        Raw("hunter2", "hunter2", "x.yml:1"),
        File("/etc/x", "a=hunter2"),
        Texts("hunter2", "hunter2", "a", "b"),
        Request("m", "f", {"settings": {"ssl.key.password": "hunter2"}}),
    ):
        assert "hunter2" not in repr(value), type(value)
    assert "NO_SUCH_NAME" not in os.environ


def test_an_option_that_is_refused_is_shown_without_its_secret():
    with pytest.raises(ConfigError) as caught:
        one_line(["-Djavax.net.ssl.keyStorePassword=hun ter2"], variable="kafka_jvm_opts")
    assert "-Djavax.net.ssl.keyStorePassword=********" in str(caught.value) and "ter2" not in str(caught.value)
