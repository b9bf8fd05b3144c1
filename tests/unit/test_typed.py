"""What is typed: asked for, it is shown by what it is for; mistyped, it is answered with what was meant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

import tasks
from cli import common, examples, helping, meant, typed
from cli.flags import Verbs
from roles import site

ROOT = Path(__file__).resolve().parents[2]
VERBS = Verbs(tasks.namespace)
NAMES: dict[str, Collection[str]] = {
    "inventories": ["example-single", "prod3", "single"],
    "services": site.SERVICES,
    "roles": [role.name for role in site.ROLES],
}
KNOWN = meant.Known(VERBS, "invoke", NAMES.__getitem__)
ENTRIES = {"invoke": ["invoke"], "kafka-provisioner": ["kafka_provisioner"]}


def run(entry: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does. entry: which of the two."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("INVOKE_")}
    return subprocess.run(
        [sys.executable, "-m", *ENTRIES[entry], *arguments],
        cwd=cwd,
        env=env | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(line: str) -> tuple[str, str]:
    found = meant.read(line.split(), KNOWN)
    assert isinstance(found, meant.Wrong), line
    return found.summary, found.advice


# -- the first commands of people who have not read the README, through both real entries

FIRST = [
    ("deploi --hosts prod3", "there is no verb deploi; did you mean deploy?", "`{} deploy --hosts prod3 --check`"),
    ("deploy --hosts prod3 --chekc", "deploy has no flag --chekc; did you mean --check?", "--hosts prod3 --check`"),
    ("topics", "there is no verb topics; verbs are topics.list, ", "`{} topics.list --hosts prod3`"),
    ("topics list --hosts prod3", "topics list is one word here", "`{} topics.list --hosts prod3`?"),
    ("-hosts prod3", "-hosts stands before the verb", "`{} status --hosts prod3`"),
    ("-i prod3 plan", "-i stands before the verb", "`{} plan -i prod3`"),
    ("topics.describe orders", "orders stands alone", "did you mean `{} topics.describe --topic orders`?"),
    ("deploy --hosts", "--hosts needs a value: it is prod3", "`{} deploy --hosts prod3`"),
    ("status -i prod3 --lines 5", "status has no flag --lines; logs has it", "`{} logs -i prod3 --lines 5`"),
    ("deploy --host single", "deploy has no flag --host; did you mean --hosts?", "`{} deploy --hosts single`"),
    ("deploy single", "single stands alone", "did you mean `{} deploy --hosts single`?"),
    ("plan --hosts prd3", "inventory prd3 does not exist; did you mean prod3?", "--hosts takes a file, or one of: "),
    ("status --hosts prod3 --limit kafka9", "called kafka9; did you mean kafka3?", "hosts: kafka1, kafka2, kafka3"),
    ("ps", "there is no verb ps; did you mean status?", "`{} status --hosts prod3`"),
]


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(("line", "summary", "advice"), FIRST)
def test_a_wrong_first_command_is_answered_with_what_was_meant(entry: str, line: str, summary: str, advice: str):
    done = run(entry, *line.split())
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    first, *rest = done.stderr.splitlines()
    assert summary in first and len(rest) == 1
    assert rest[0].startswith("  -> ") and advice.format(entry) in rest[0]


@pytest.mark.parametrize("entry", ENTRIES)
def test_without_a_word_the_verbs_are_shown_by_what_they_are_for(entry: str):
    done = run(entry)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n{title}:\n" in done.stdout for title, _ in examples.SECTIONS)
    assert f"{entry} help deploy" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout == run(entry, "--list").stdout == run(entry, "help").stdout


def test_the_version_is_the_products():
    assert run("kafka-provisioner", "--version").stdout.startswith("kafka-provisioner ")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_list_whose_reader_leaves_ends_quietly(entry: str):
    shell = f"{{ {sys.executable} -m {ENTRIES[entry][0]} --list | true; }} 2>&1"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""


# -- verbs and flags that almost are one


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ("topics.lst --hosts x", "there is no verb topics.lst; did you mean topics.list?"),
        ("plan --host=x", "plan has no flag --host; did you mean --hosts?"),
        ("deploy --no-smok", "deploy has no flag --no-smok; did you mean --no-smoke?"),
        ("status --hosts x logs --folow", "logs has no flag --folow; did you mean --follow?"),
        ("deploy --hosts x statsu", "there is no verb statsu; did you mean status?"),
        ("deploy -hosts x", "deploy has no flag -hosts; did you mean --hosts?"),
        ("status --linse 5", "status has no flag --lines; logs has it"),
        ("plan --quite-another-thing", "plan has no flag --quite-another-thing"),
        ("deploy --check=yes", "--check takes no value"),
        ("deploy --hosts --check", "--hosts needs a value: it is prod3, single; or a path"),
        ("logs --service", "--service needs a value: it is zookeeper, kafka-controller, kafka"),
        ("deploy -l kafka1", "deploy has no flag -l; did you mean --limit?"),
        ("deploy -e a=b", "deploy has no flag -e; did you mean --extra-vars?"),
        ("topics.list --bootstrap-server b:9092", "topics.list has no flag --bootstrap-server; did you mean --hosts?"),
        ("xyzzy", "there is no verb xyzzy"),
        ("prod3", "prod3 is an inventory, and a verb comes first"),
        ("topic lst", "topic lst is one word here"),
        ("group", "there is no verb group; verbs are groups.list, groups.describe, groups.reset, groups.delete"),
        ("--hots x", "there is no flag --hots; did you mean --hosts?"),
        ("--echo deploi", "there is no verb deploi; did you mean deploy?"),
        ("-f other.yaml deploi", "there is no verb deploi; did you mean deploy?"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(line: str, summary: str):
    assert said(line)[0] == summary


def test_a_flag_of_other_verbs_names_some_of_them():
    summary, advice = said("plan --hosts x --yes")
    assert re.fullmatch(r"plan has no flag --yes; deploy, restart, uninstall and \d+ more have it", summary)
    assert advice == "as in `invoke deploy --hosts x --yes`"
    assert said("produce --topic t --acks 1 --lines 5")[1] == "as in `invoke logs --hosts prod3 --follow --lines N`"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("restart kafka --hosts x", "invoke restart --service kafka --hosts x"),
        ("deploy --hosts x java", "invoke deploy --hosts x --tags java"),
        ("deploy --hosts x kafka_heap=1g", "invoke deploy --hosts x --extra-vars kafka_heap=1g"),
        ("topics.create --topic a retention.ms=1", "invoke topics.create --topic a --set retention.ms=1"),
        ("topics.create orders bills --hosts x", "invoke topics.create --topic orders,bills --hosts x"),
        ("groups.describe billing", "invoke groups.describe --group billing"),
        ("plan my/hosts.yml", "invoke plan --hosts my/hosts.yml"),
        ("groups reset --group g", "invoke groups.reset --group g"),
    ],
)
def test_a_value_without_its_flag_is_shown_with_it(line: str, command: str):
    assert said(line)[1] == f"did you mean `{command}`?"


@pytest.mark.parametrize(
    "line",
    [
        "deploy --hosts x --check --no-smoke",
        "deploy -i x --check",
        "deploy -ix",
        "deploy --inventory=x",
        "deploy --hosts --host",  # a value, whatever it looks like
        "consume --hosts x --topic t --offset -10",
        "plan --hosts=deploi",
        "status --hosts x logs --hosts x --follow",
        "plan --hosts x --dry --echo --debug",
        "-f other.yaml deploy --hosts x",
        "--list topics",
        "--version",
        "topics.alter --topic deploi --set a=b --set c=d",
        "deploy --hosts x -- deploi",
    ],
)
def test_what_is_right_is_left_to_invoke(line: str):
    assert meant.read(line.split(), KNOWN) is None


def test_a_secret_that_was_typed_is_not_said_again():
    found = "\n".join(said("deploy --extra-vars db_password=hunter2 --chek"))
    found += "\n".join(said("deploy db_password=hunter2"))
    assert "hunter2" not in found and "db_password=********" in found


# -- help


@pytest.mark.parametrize("line", ["deploy --help", "deploy --hosts x -h", "--help deploy", "help deploy"])
def test_the_help_of_a_verb_begins_with_an_example_and_its_flags(line: str):
    answer = typed.answer(line.split(), VERBS, "invoke")
    assert answer is not None and answer.code == 0
    shown = " ".join(answer.text.split())
    order = ["Bring hosts", "invoke deploy --hosts prod3 --check", "-i, --hosts NAME", "--check s", "--tags"]
    order += ["--limit", "--extra-vars"]
    assert [part for part in order if part not in shown] == [], shown
    places = [shown.index(part) for part in order]
    assert places == sorted(places)
    assert "also --inventory" in shown and "--[no-]smoke" in shown and "default: on" in shown


def test_the_flags_that_verbs_share_are_known_to_the_help():
    assert {name[2:].replace("-", "_") for name in helping.SHARED} == set(common.COMMON)


def test_asking_for_the_flags_of_a_verb_leaves_their_help():
    first, second = (tuple(argument.help for argument in tasks.namespace["deploy"].get_arguments()) for _ in range(2))
    assert first == second and all(first)


def test_the_help_shows_defaults():
    assert "default: 200000" in helping.page(VERBS, "bench.produce", "invoke", 80)


@pytest.mark.parametrize(("words", "code"), [(["help", "topics"], 0), (["help", "toics"], 1), (["help", "plna"], 1)])
def test_help_of_a_group_or_of_nothing(words: list[str], code: int):
    answer = typed.answer(words, VERBS, "invoke")
    assert answer is not None and answer.code == code
    assert "topics.describe" in answer.text or "did you mean plan?" in answer.text
    assert "\n  deploy" not in answer.text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("verb", VERBS.names)
def test_the_help_fits_the_terminal(verb: str, width: int):
    page = helping.page(VERBS, verb, "kafka-provisioner", width)
    examples_line = f"  kafka-provisioner {helping.example(verb)}"  # to be copied: whole
    specs = {f"  {helping.spec(flag)}" for flag in VERBS.flags(verb)}
    lines = [line for line in page.splitlines() if line not in specs and line != examples_line]
    assert max(map(len, lines)) <= max(width, 24 + helping.WIDEST + 4)
    assert helping.overview(VERBS, "invoke", width)


@pytest.mark.parametrize("verb", VERBS.names)
def test_every_verb_has_a_right_example_and_a_section(verb: str):
    words = examples.EXAMPLES[verb].replace("'", "").split()
    assert words[0] == verb and meant.read(words, KNOWN) is None
    sections = [title for title, names in examples.SECTIONS if verb in names or verb.partition(".")[0] in names]
    assert len(sections) == 1
    assert f"  {verb} " in helping.overview(VERBS, "invoke", 80)


def test_what_other_tools_call_it_is_there_under_our_name():
    assert not set(examples.ELSEWHERE) & set(VERBS.names)
    assert set(examples.ELSEWHERE.values()) <= set(VERBS.names)
    assert all(VERBS.having(flag) for flag in examples.FLAGS_ELSEWHERE.values())


def test_the_program_is_called_as_it_was_typed():
    assert typed.program("/x/bin/inv") == "inv"
    assert typed.program("/x/kafka_provisioner/__main__.py") == "kafka-provisioner"


def test_both_programs_of_another_project_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    ended: list[int] = []
    monkeypatch.setattr(sys, "exit", ended.append)
    typed.prepare(tasks.namespace, ["pytest", "deploi"])
    assert not ended
