"""The command line itself: help, exit codes and messages that need no host, and output that fits where it goes."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from invoke import Program

import tasks
from cli import helping
from cli.flags import Verbs

ROOT = Path(__file__).resolve().parents[2]
VERBS = sorted(tasks.namespace.task_names)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `invoke ARGUMENTS` as a user does, without a terminal."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("INVOKE_")} | environment
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=ROOT,
        env=env,
        text=True,
        timeout=60,
        input="",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def invoke(monkeypatch, capsys):
    """The same inside this process, which is ten times quicker: invoke(*arguments) -> (exit code, output)."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str, **environment: str) -> tuple[int, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            Program().run(["invoke", *arguments])
            raise SystemExit(0)  # what invoke leaves to the interpreter after a success
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return run


@pytest.fixture
def refused(invoke):
    """refused(*arguments, code=1) -> the message of a run that must fail, and fail in words."""

    def run(*arguments: str, code: int = 1, **environment: str) -> str:
        ended, output = invoke(*arguments, **environment)
        assert ended == code, output
        assert "Traceback" not in output
        return output

    return run


@pytest.fixture
def inventory(tmp_path: Path):
    """inventory(port) -> a file with one host at this port of the loopback address."""

    def write(port: int, **variables: object) -> str:
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_user": "nobody",
            "ansible_timeout": 1,
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={tmp_path}/known_hosts",
            **variables,
        }
        groups = {name: {"hosts": {"alone": host if name == "kafka" else {}}} for name in ("zookeeper", "kafka")}
        path = tmp_path / "hosts.yml"
        path.write_text(yaml.safe_dump({"all": {"children": groups}}))
        return str(path)

    return write


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


# -- help


def test_the_list_shows_every_verb_with_what_it_is_for(invoke):
    code, output = invoke("--list")
    assert code == 0
    shown = dict(re.findall(r"^  (\S+) +(\S.*)$", output, re.MULTILINE))
    assert sorted(shown) == VERBS
    assert {"deploy", "plan", "smoke", "bundle", "artifacts.lock", "artifacts.fetch", "lab.up", "lab.down"} <= set(
        VERBS
    )
    assert all(len(text.split()) > 3 for text in shown.values())


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_says_what_it_does(verb):
    task = tasks.namespace[verb]
    assert task.__doc__ and task.__doc__.strip().splitlines()[0].endswith(".")
    for argument in task.get_arguments():
        assert argument.help and len(argument.help.split()) > 1, f"--{argument.name} of {verb}"
    assert not task.positional  # or `invoke VERB --help` takes "--help" for a value


@pytest.mark.parametrize(("forbidden", "kept"), [("", True), ("1", False)])
def test_what_python_compiled_is_kept_unless_the_user_forbids_it(tmp_path, forbidden, kept):
    """Invoke forbids it by itself; every run would compile the whole toolkit again."""
    process("--list", PYTHONPYCACHEPREFIX=str(tmp_path), PYTHONDONTWRITEBYTECODE=forbidden)
    assert bool(list(tmp_path.rglob("cli/verbs/hosts.*.pyc"))) == kept


@pytest.mark.parametrize(
    "arguments", [("deploy", "--help"), ("--help", "deploy"), ("deploy", "--hosts", "single", "-h")]
)
def test_asking_for_help_deploys_nothing(invoke, arguments):
    code, output = invoke(*arguments, INVOKE_HOSTS="nowhere")
    assert code == 0
    assert "--[no-]smoke" in output and "--extra-vars" in output and "nowhere" not in output


# -- which hosts


@pytest.mark.parametrize("verb", ["deploy", "plan", "smoke", "bundle", "artifacts.fetch"])
def test_without_hosts_the_valid_names_are_listed(refused, verb):
    output = refused(verb)
    assert "--hosts is missing" in output
    assert all(name in output for name in ("single", "prod3"))


@pytest.mark.parametrize("verb", ["deploy", "plan", "smoke", "bundle", "artifacts.fetch"])
def test_unknown_hosts_are_met_with_the_valid_names(refused, verb):
    output = refused(verb, "--hosts", "sinlge")
    assert "inventory sinlge does not exist" in output
    assert all(name in output for name in ("single", "prod3"))


def test_hosts_can_come_from_the_environment_and_the_flag_wins(refused):
    assert "inventory from-env does not exist" in refused("deploy", INVOKE_HOSTS="from-env")
    assert "inventory from-flag does not exist" in refused("deploy", "--hosts", "from-flag", INVOKE_HOSTS="from-env")


# -- wrong words, each before any connection


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--limit", "kafka9"], ["no host or group is called kafka9", "alone"]),
        (["--tags", "kafak"], ["unknown tag kafak", "os, java, zookeeper, kafka"]),
        (["--extra-vars", "oops"], ["--extra-vars 'oops' is not a variable", "key=value"]),
        (["--extra-vars", "@no-such-file"], ["no-such-file"]),
        (["--extra-vars", "kafka_heep=1g"], ["unknown variable kafka_heep", "did you mean kafka_heap?"]),
        (["--extra-vars", "kafka_heap=lots"], ["alone", "kafka_heap must be a size", "--extra-vars"]),
        (["--extra-vars", "kafka_version=9.9.9"], ["9.9.9 is not locked", "2.5.0, 3.9.2", "artifacts.lock"]),
        (["--extra-vars", "zookeeper_port=9092"], ["alone: port 9092 is used by Kafka", "and ZooKeeper"]),
        (["--extra-vars", "kafka_archive=file:/no/such.tgz"], ["release archive /no/such.tgz does not exist"]),
        (
            ["--extra-vars", "ansible_connection=local"],
            ["ansible_connection must be ssh", "'local'", "in:    --extra-vars"],
        ),
        (["--nonsense"], ["--nonsense"]),
    ],
)
def test_a_wrong_word_is_one_message_and_no_connection(refused, inventory, listener, arguments, parts):
    listener.listen()
    listener.settimeout(0)
    output = refused("deploy", "--hosts", inventory(listener.getsockname()[1]), *arguments)
    assert all(part in output for part in parts), output
    with pytest.raises(BlockingIOError):
        listener.accept()


CONNECTING = [verb for verb in VERBS if not verb.startswith("lab.") and verb not in ("artifacts.lock", "config.list")]


@pytest.mark.parametrize("verb", CONNECTING)
@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--hosts", "prd3", "the inventory prd3 does not exist; did you mean prod3?"),
        ("--limit", "kafka9", "no host or group is called kafka9; did you mean kafka3?"),
        ("--extra-vars", "kafka_heep=1g", "unknown variable kafka_heep; did you mean kafka_heap?"),
    ],
)
def test_the_same_mistake_has_the_same_exit_code_in_every_verb(refused, verb, flag, value, said):
    given = {"--hosts": "prod3", flag: value}
    words = shlex.split(helping.example(verb))[1:]
    words = [word for n, word in enumerate(words) if word not in given and (not n or words[n - 1] not in given)]
    if Verbs(tasks.namespace).find(verb, flag):
        assert said in refused(verb, *words, *(part for pair in given.items() for part in pair), code=1)


def test_wrong_yaml_says_where(refused, tmp_path):
    path = tmp_path / "hosts.yml"
    path.write_text("all:\n  children:\n    kafka:\n      hosts: {a: {}\n")
    output = refused("deploy", "--hosts", str(path))
    assert "hosts.yml" in output and "line" in output


def test_an_unknown_verb_is_named(refused):
    assert "deploi" in refused("deploi", "--hosts", "single")


# -- hosts that cannot be reached


def test_a_closed_port_is_unreachable(refused, inventory, listener):
    port = listener.getsockname()[1]  # bound, and nobody listens
    output = refused("deploy", "--hosts", inventory(port), code=4)
    assert f"alone: cannot connect to 127.0.0.1:{port}: Connection refused" in output
    assert "ansible_port" in output and f"ssh -p {port}" in output
    assert re.search(r"^alone : ok=0 changed=0 restarted=0 unreachable=1 failed=0", output, re.MULTILINE)
    assert "Failed on 1 of 1 hosts after" in output and "; nothing was changed\n" in output


TOPICS = ("--extra-vars", '{"topics": {"orders": {}}}')
CALLS = {
    "uninstall": ("--yes",),
    "rebalance": ("--yes",),
    "produce": ("--topic", "orders"),
    "consume": ("--topic", "orders"),
    "broker.set": ("--set", "log.retention.ms=2d"),
    "broker.unset": ("--unset", "log.retention.ms"),
    "topics.create": ("--topic", "orders"),
    "topics.alter": ("--topic", "orders", "--partitions", "9"),
    "topics.delete": ("--topic", "orders", "--yes"),
    "topics.plan": TOPICS,
    "topics.apply": TOPICS,
    "groups.describe": ("--group", "billing"),
    "groups.reset": ("--group", "billing", "--to", "earliest"),
    "groups.delete": ("--group", "billing", "--yes"),
    **dict.fromkeys(("deploy", "plan", "restart", "smoke", "status", "doctor", "logs", "broker.config"), ()),
    **dict.fromkeys(("topics.list", "topics.describe", "groups.list", "bench.produce"), ()),
}


@pytest.mark.parametrize("verb", CALLS)
def test_an_unreachable_host_has_the_same_exit_code_in_every_verb(refused, inventory, listener, verb):
    output = refused(verb, "--hosts", inventory(listener.getsockname()[1]), *CALLS[verb], code=4)
    assert "Connection refused" in output


def test_a_host_that_swallows_connections_is_given_up_in_time(refused, inventory, listener):
    listener.listen(0)
    with contextlib.ExitStack() as stack:
        for _ in range(3):  # a full queue: the kernel answers no further connection, like a black hole
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        began = time.monotonic()
        output = refused("deploy", "--hosts", inventory(listener.getsockname()[1]), code=4)
    assert "alone: cannot connect" in output and "no answer in time" in output
    assert time.monotonic() - began < 20  # ansible_timeout is 1


def test_a_server_that_never_says_ssh_is_given_up_in_time(refused, inventory, listener):
    listener.listen()
    began = time.monotonic()
    output = refused("deploy", "--hosts", inventory(listener.getsockname()[1]), code=4)
    assert "alone: no SSH session" in output and "check with: ssh" in output
    assert time.monotonic() - began < 20


# -- output


def test_a_narrow_terminal_loses_no_word(inventory, listener):
    path = inventory(listener.getsockname()[1])
    wide, narrow = (process("deploy", "--hosts", path, COLUMNS=columns).stdout for columns in ("200", "40"))
    assert "cannot connect to" in narrow
    words = [re.sub(r"[\d.]+ seconds", "", text).split() for text in (narrow, wide)]
    assert words[0] == words[1]
    assert process("--list", COLUMNS="40").returncode == 0


@pytest.mark.parametrize("environment", [{}, {"TERM": "xterm-256color"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_what_is_no_terminal_gets_no_escape_codes(inventory, listener, environment):
    output = process("deploy", "--hosts", inventory(listener.getsockname()[1]), **environment).stdout
    assert "unreachable=1" in output and "\x1b" not in output and "\r" not in output


def test_a_terminal_whose_encoding_lacks_a_sign_gets_an_escape_and_no_traceback():
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    command = [sys.executable, "-m", "invoke", "config.list", "--search", "compression.type"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = ""
        with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
            while chunk := os.read(master, 1 << 16):
                shown += chunk.decode()
        assert process.wait(60) == 0, shown
    os.close(master)
    assert "one of uncompressed, zstd" in shown and "\\u2026" in shown
