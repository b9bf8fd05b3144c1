"""Completion: what is offered comes from this machine alone, and is what the roles and the catalogue have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from cli import completing, known
from cli.consume import ISOLATIONS
from cli.flags import Verbs
from cli.known import Local
from provisioner.agent.loglines import LEVELS
from provisioner.inventory.variables import load_specs
from roles import site
from roles.shared import catalogue, releases

ROOT = Path(__file__).resolve().parents[2]
VERBS = Verbs(tasks.namespace)
INVENTORY = """
all:
  children:
    zookeeper: {hosts: {node1: }}
    kafka: {hosts: {node1: , node2: }}
"""


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two inventories; site lists topics beside its file."""
    monkeypatch.delenv("INVOKE_HOSTS", raising=False)
    (tmp_path / "inventory" / "group_vars").mkdir(parents=True)
    (tmp_path / "inventory" / "site.yml").write_text(INVENTORY)
    (tmp_path / "inventory" / "example-site.yml").write_text(INVENTORY)
    (tmp_path / "inventory" / "group_vars" / "kafka.yml").write_text("topics: {orders: {}, bills: {partitions: 3}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    """The candidates for the last word of a line; a blank at its end begins a new one."""
    return [one.partition("\t")[0] for one in completing.lines(["--", "invoke", *line.split(" ")], VERBS)]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("dep", ["deploy"]),
        ("topics.d", ["topics.describe", "topics.delete"]),
        ("deploy --che", ["--check"]),
        ("deploy --no-sm", ["--no-smoke"]),
        ("deploy --hosts ", ["example-site", "site"]),
        ("upgrade.check --to ", releases.known("kafka")),
        ("groups.reset --to e", ["earliest"]),
        ("deploy -i s", ["site"]),
        ("deploy --inventory=s", ["--inventory=site"]),
        ("deploy --limit n", ["node1", "node2"]),  # of the only inventory that is no example
        ("deploy --limit node1,n", ["node1,node2"]),
        ("deploy --hosts site --limit k", ["kafka"]),
        ("deploy --hosts nope --limit k", []),
        ("deploy --tags o", ["os"]),
        ("restart --service z", ["zookeeper"]),
        ("consume --topic ", ["orders", "bills"]),
        ("consume --topic orders,", ["orders,bills"]),
        ("topics.create --topic x --set retention.", ["retention.bytes=", "retention.ms="]),
        ("topics.create --set = retention.m", ["retention.ms="]),  # as bash hands over --set=retention.m
        ("topics.create --set=retention.m", ["--set=retention.ms="]),
        ("broker.unset --unset log.retention.m", ["log.retention.minutes", "log.retention.ms"]),
        ("deploy --extra-vars kafka_hea", ["kafka_heap="]),
        ("produce --acks ", ["all", "1"]),
        ("consume --isolation ", ["read_uncommitted", "read_committed"]),
        ("logs --level W", ["WARN"]),
        ("artifacts.lock --product k", ["kafka"]),
        ("rebalance --drain node2 --drain", ["--drain-dir"]),  # what is given is not offered again
        (
            "help to",
            ["topics.list", "topics.describe", "topics.create", "topics.alter", "topics.delete", "topics.empty"],
        ),
        ("completion f", ["fish"]),
        ("bundle --out ", []),  # a file: the shell knows those
        ("status --hosts site logs --fol", ["--follow"]),
    ],
)
def test_what_may_come_next_is_offered(local: Path, line: str, names: list[str]):
    assert offered(line)[: len(names)] == names
    if not line.startswith("help"):
        assert offered(line) == names


def test_flags_that_may_be_given_again_are_offered_again(local: Path):
    assert "--set" in offered("topics.create --set a=b --") and "--topic" not in offered("topics.create --topic x --")


def test_the_environment_says_which_inventory(local: Path, monkeypatch: pytest.MonkeyPatch):
    (local / "inventory" / "other.yml").write_text("all: {hosts: {elsewhere: }}\n")
    assert offered("deploy --limit ") == []  # two to choose from
    monkeypatch.setenv("INVOKE_HOSTS", "other")
    assert "elsewhere" in offered("deploy --limit ")


def test_an_inventory_that_cannot_be_read_offers_nothing(local: Path):
    (local / "inventory" / "site.yml").write_text("all: {hosts: [")
    assert offered("deploy --limit ") == [] == offered("consume --topic ")


def test_what_the_files_of_the_roles_say_is_what_the_roles_are():
    """Found by files, since a press of Tab has no time to import the roles."""
    here = Local(ROOT, "", "broker.set")
    assert set(here.roles()) == {role.name for role in site.ROLES}
    assert set(here.services()) == set(site.SERVICES)
    assert set(here.products()) == set(site.PRODUCTS)
    assert set(here.versions()) == {version for one in site.PRODUCTS for version in releases.known(one)}
    assert set(here.variables()) == {f"{name}=" for name in load_specs(site.default_files())}
    product = site.PRODUCTS[0]
    newest = catalogue.of(product, releases.known(product)[-1])
    assert newest and set(here.settings()) == set(newest.sections["broker"])
    assert set(Local(ROOT, "", "topics.create").settings()) == set(newest.sections["topic"])


def test_every_source_is_one_of_a_flag():
    flags = {flag.name[2:] for verb in VERBS.names for flag in VERBS.flags(verb)}
    assert {*known.SOURCES, *known.FIXED, *known.LISTS} <= flags


def test_the_values_that_are_always_the_same_are_those_that_the_verbs_take():
    assert known.FIXED["isolation"] == ISOLATIONS
    assert set(known.FIXED["level"]) <= set(LEVELS)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which kafka-provisioner is this project's."""
    command = tmp_path / "bin" / "kafka-provisioner"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m kafka_provisioner "$@"\n')
    command.chmod(0o755)
    return f"{command.parent}:{os.environ['PATH']}"


BASH = """
eval "$(kafka-provisioner completion bash)"
complete -p kafka-provisioner
COMP_WORDS=(kafka-provisioner {words}) COMP_CWORD={at}
_kafka_provisioner
printf '[%s]' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ print compdef $2; }}
compadd() {{ print -n "[${{(j:][:)@[-$#names,-1]}}]"; }}
eval "$(kafka-provisioner completion zsh)"
words=(kafka-provisioner {words}) CURRENT={at}+1
_kafka_provisioner
"""
FISH = """
kafka-provisioner completion fish | source
set found (complete -C 'kafka-provisioner {words}' | string replace -r '\\t.*' '')
printf '[%s]' $found
"""


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)], ids=["bash", "zsh", "fish"]
)
def test_the_shells_offer_what_is_known(local: Path, path: str, shell: str, script: str):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")

    def completed(words: str) -> str:
        text = script.format(words=words, at=len(words.split()))
        done = subprocess.run(
            [shell, "-c", text], env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60
        )
        assert done.stderr == "", done.stderr
        return done.stdout.splitlines()[-1]

    assert completed("topics.desc") == "[topics.describe]"
    assert completed("deploy --limit node") == "[node1][node2]"
    assert completed("topics.create --set retention.b") == "[retention.bytes=]"


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell_is_answered_with_those_there_are(words: list[str], capsys: pytest.CaptureFixture[str]):
    from cli import typed

    with pytest.raises(SystemExit) as ended:
        typed.prepare(tasks.namespace, ["invoke", "completion", *words])
    assert ended.value.code == 1 and "`invoke completion fish`" in capsys.readouterr().err
