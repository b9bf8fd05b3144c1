"""The agent as a real process on this machine, spoken to over pipes as the transport does over SSH."""

from __future__ import annotations

import base64
import getpass
import grp
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent import facts
from provisioner.resources import Archive, Directory, File, Link, Links

ROOT = Path(__file__).resolve().parents[2]
ME, MINE = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name


class Process:
    """An agent process; `ask` sends one request and collects its events and its end. ahead: as `Agent.begin` takes
    it."""

    def __init__(self, folder: Path, **ahead: Any) -> None:
        places = f"{str(folder / 'state')!r}, {str(folder / 'lock')!r}"
        code = f"from provisioner.agent.main import Agent; Agent(0, 1, {places}).serve({ahead!r})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.facts = json.loads(self.process.stdout.readline())["result"]
        self.number = 0

    def send(self, op, body=b"", **arguments):
        self.number += 1
        self.process.stdin.write(json.dumps({"id": self.number, "op": op, **arguments}).encode() + b"\n" + body)
        self.process.stdin.flush()

    def end(self):
        events: list[Any] = []
        while True:
            message = json.loads(self.process.stdout.readline())
            if "event" not in message:
                return message.get("result"), message.get("failure"), events
            events.append(message["event"])

    def ask(self, op, body=b"", **arguments):
        self.send(op, body, **arguments)
        return self.end()

    def put(self, data, digest=None):
        return self.ask("put", data, digest=digest or hashlib.sha256(data).hexdigest(), size=len(data))

    def apply(self, *resources):
        return self.ask("apply", resources=[resource.wire(content=True) for resource in resources])

    def state(self, resource):
        result, failure, _ = self.ask("read", resources=[resource.wire(content=False)])
        assert failure is None
        return result["states"].get(resource.key), result["problems"]

    def close(self):
        self.process.stdin.close()
        return self.process.wait(10)


@pytest.fixture
def agent(tmp_path):
    process = Process(tmp_path)
    yield process
    if process.process.poll() is None:
        process.close()


def mine(path, content="text\n", mode=0o640):
    return File(str(path), content, ME, MINE, mode)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(text, tarfile.TarInfo):
                archive.addfile(text)
                continue
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Source:
    def __init__(self, identity="one"):
        self.id, self.label = identity, "an archive"


def archive(path, payload, identity="one"):
    made = Archive(str(path), Source(identity), strip=1)
    object.__setattr__(made, "payload", hashlib.sha256(payload).hexdigest())
    return made


def test_facts_come_unasked(agent):
    assert agent.facts["memory"] > 2**26 and agent.facts["uid"] == os.getuid() and agent.facts["python"]


@pytest.mark.parametrize("before", [None, "file", "wrong mode", "link", "wrong content"])
def test_a_file_ends_as_expected_from_any_start(agent, tmp_path, before):
    path = tmp_path / "f"
    if before == "link":
        path.symlink_to("/etc/hostname")
    elif before:
        path.write_text("other\n" if before == "wrong content" else "text\n")
        path.chmod(0o600 if before == "wrong mode" else 0o640)
    resource = mine(path)
    _, failure, events = agent.apply(resource)
    assert failure is None and events[-1]["changed"] == (before not in ("file",))
    assert path.read_text() == "text\n" and not path.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert agent.state(resource)[0]["digest"] == resource.digest
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith("~")] == []


def test_a_second_apply_changes_nothing(agent, tmp_path):
    folder = str(tmp_path / "d")
    resources = [
        Directory(folder, ME, MINE, 0o750),
        mine(f"{folder}/f"),
        Link(str(tmp_path / "l"), "d"),
        Links(folder, {"a": "f", "b": "f"}),
    ]
    _, _, first = agent.apply(*resources)
    _, _, second = agent.apply(*resources)
    assert [e["changed"] for e in first if e["status"] == "done"] == [True] * 4
    assert [e["changed"] for e in second if e["status"] == "done"] == [False] * 4


def test_content_of_a_differing_file_comes_back_for_the_diff_and_a_secret_does_not(agent, tmp_path):
    (tmp_path / "f").write_text("old\n")
    assert agent.state(mine(tmp_path / "f"))[0]["content"] == "old\n"
    secret = File(str(tmp_path / "f"), "new\n", ME, MINE, 0o640, secret=True)
    assert "content" not in agent.state(secret)[0]


def test_a_directory_in_the_place_of_a_file_is_not_removed(agent, tmp_path):
    (tmp_path / "f").mkdir()
    _, failure, _ = agent.apply(mine(tmp_path / "f"))
    assert (
        "is a directory" in failure["summary"] and failure["resource"].startswith("file:") and (tmp_path / "f").is_dir()
    )


def test_failure_names_the_resource_and_stops_before_the_next(agent, tmp_path):
    _, failure, _ = agent.apply(mine(tmp_path / "missing" / "f"), mine(tmp_path / "g"))
    assert failure["resource"] == f"file:{tmp_path}/missing/f" and "does not exist" in failure["summary"]
    assert not (tmp_path / "g").exists()


def test_a_lost_data_directory_stops_the_run_and_an_unused_one_does_not(agent, tmp_path):
    data = Directory(str(tmp_path / "data"), ME, MINE, 0o750, once="data")
    assert agent.state(data) == (None, [])
    agent.apply(data)
    (tmp_path / "data").rmdir()
    _, problems = agent.state(data)
    assert "is gone" in problems[0]["summary"] and "mount or restore" in problems[0]["advice"]
    _, failure, _ = agent.apply(data)
    assert failure and not (tmp_path / "data").exists()


def test_a_data_directory_that_was_there_before_is_guarded_from_then_on(agent, tmp_path):
    (tmp_path / "data").mkdir(mode=0o750)
    data = Directory(str(tmp_path / "data"), ME, MINE, 0o750, once="data")
    agent.apply(data)
    (tmp_path / "data").rmdir()
    assert agent.state(data)[1]


def test_archive_is_unpacked_and_an_altered_file_is_found_and_repaired(agent, tmp_path):
    payload = tar({"top/libs/a.jar": "aaaa", "top/b": "bbbb"})
    where = tmp_path / "dist"
    resource = archive(where, payload)
    agent.put(payload)
    assert agent.apply(resource)[1] is None
    assert (where / "libs/a.jar").read_text() == "aaaa" and (where / ".provisioned").read_text() == "one\n"
    assert agent.state(resource)[0]["altered"] == []
    stat = (where / "b").stat()
    (where / "b").write_text("cccc")  # same size, and the same time of modification:
    os.utime(where / "b", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (where / "libs/a.jar").unlink()
    assert agent.state(resource)[0]["altered"] == ["b", "libs/a.jar"]
    (where / "extra").write_text("mine")
    agent.put(payload)
    agent.apply(resource)
    assert (where / "b").read_text() == "bbbb" and (where / "libs/a.jar").exists() and (where / "extra").exists()
    assert agent.state(resource)[0]["altered"] == []


def test_another_archive_in_the_same_place_takes_its_predecessors_files_with_it(agent, tmp_path):
    where = tmp_path / "dist"
    for number, files in enumerate([{"top/libs/a-1.jar": "a", "top/c": "c"}, {"top/libs/a-2.jar": "a", "top/c": "d"}]):
        payload = tar(files)
        agent.put(payload)
        assert agent.apply(archive(where, payload, identity=f"id{number}"))[1] is None
        (where / "mine").write_text("added by hand")
    assert sorted(path.name for path in (where / "libs").iterdir()) == ["a-2.jar"]
    assert (where / "c").read_text() == "d" and (where / "mine").exists()


def test_links_that_lead_to_our_target_and_are_no_longer_listed_go(agent, tmp_path):
    agent.apply(Links(str(tmp_path), {"old": "/ours", "kept": "/ours"}, only="/ours"))
    (tmp_path / "strangers").symlink_to("/theirs")
    agent.apply(Links(str(tmp_path), {"kept": "/ours", "new": "/ours"}, only="/ours"))
    assert {path.name for path in tmp_path.iterdir() if path.is_symlink()} == {"kept", "new", "strangers"}


def test_payload_is_verified_on_arrival(agent, tmp_path):
    _, failure, _ = agent.put(b"damaged", digest="0" * 64)
    assert "arrived damaged" in failure["summary"]
    assert agent.ask("has", digests=["0" * 64])[0] == []
    assert agent.ask("has", digests=[])[1] is None  # the channel is still in step


def test_payload_is_gone_after_the_apply(agent, tmp_path):
    payload = tar({"top/a": "x"})
    agent.put(payload)
    agent.apply(archive(tmp_path / "dist", payload))
    assert agent.ask("has", digests=[hashlib.sha256(payload).hexdigest()])[0] == []


@pytest.mark.parametrize("name", ["top/../../evil", "/etc/evil"])
def test_archive_cannot_write_outside_its_directory(agent, tmp_path, name):
    payload = tar({"top/a": "x", name: "y"})
    agent.put(payload)
    _, failure, _ = agent.apply(archive(tmp_path / "dist", payload))
    assert "not allowed" in failure["summary"] and not (tmp_path / "dist").exists() and not (tmp_path / "evil").exists()


def test_corrupt_archive_leaves_nothing(agent, tmp_path):
    payload = tar({"top/a": "x" * 5000})[:700]
    agent.put(payload)
    _, failure, _ = agent.apply(archive(tmp_path / "dist", payload))
    assert "cannot unpack" in failure["summary"] and [p.name for p in tmp_path.iterdir()] == ["state"]


def test_lock_is_held_by_one_run_and_goes_with_it(agent, tmp_path):
    assert agent.ask("lock", holder={"who": "me@here"})[0] == {}
    other = Process(tmp_path)
    held = other.ask("lock", holder={"who": "you"})[0]["held_by"]
    assert held["who"] == "me@here" and held["since"] <= time.time()
    agent.process.kill()
    agent.process.wait()
    assert other.ask("lock", holder={"who": "you"})[0] == {}
    other.close()


def test_a_read_under_the_lock_reads_nothing_while_another_run_has_it(agent, tmp_path):
    question = {"resources": [mine(tmp_path / "f", "x").wire(content=False)], "holder": {"who": "me"}}
    answer, failure, _ = agent.ask("read", **question)
    assert failure is None and list(answer["states"]) == [f"file:{tmp_path}/f"]
    other = Process(tmp_path)
    assert list(other.ask("read", **{**question, "holder": {"who": "you"}})[0]) == ["held_by"]
    assert "states" in other.ask("read", resources=[])[0]
    other.close()


def test_agent_finishes_its_step_when_the_control_machine_goes_and_then_stops(agent, tmp_path):
    agent.ask("lock", holder={"who": "me"})
    big = "x" * 1000
    resources = [mine(tmp_path / f"f{number}", big) for number in range(400)]
    agent.send("apply", resources=[resource.wire(content=True) for resource in resources])
    agent.process.stdout.readline()
    agent.process.stdout.close()
    agent.process.stdin.close()
    assert agent.process.wait(20) == 0
    written = sorted(tmp_path.glob("f*"))
    assert len(written) > 0 and all(path.read_text() == big for path in written)


@pytest.fixture
def stuck(tmp_path):
    """A Java home whose `release` nobody ever writes to: whoever reads it waits forever."""
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    (home / "bin/java").write_text("")
    (home / "bin/java").chmod(0o755)
    os.mkfifo(home / "release")
    return str(home)


def ends_when_left(agent):
    """Seconds until an agent that is at work has ended after its control machine has gone."""
    time.sleep(0.3)
    assert agent.process.poll() is None, "there is nothing left to end"
    began = time.monotonic()
    agent.process.stdin.close()
    agent.process.stdout.close()
    assert agent.process.wait(20) == 0
    return time.monotonic() - began


def test_an_agent_that_only_reads_ends_at_once_when_the_control_machine_goes(agent, stuck):
    agent.send("read", resources=[], holder={"who": "me"}, wants={"java_home": stuck})
    assert ends_when_left(agent) < 1


def test_a_function_that_looks_is_cut_off_and_one_that_changes_something_is_not(tmp_path):
    slow = "import time\n\ndef look(args, emit):\n    time.sleep(30)\n"
    change = "\ndef change(args, emit):\n    time.sleep(1)\n    open(args['path'], 'w').close()\n    return {}\n"
    (tmp_path / "slow.py").write_text(slow + change)
    agent = Process(tmp_path)
    agent.send("call", module="slow", function="look")
    assert ends_when_left(agent) < 1
    agent = Process(tmp_path)
    agent.send("call", module="slow", function="change", args={"path": str(tmp_path / "changed")})
    ends_when_left(agent)
    assert (tmp_path / "changed").exists()


def test_an_agent_that_waits_for_another_runs_last_step_ends_at_once(agent, tmp_path):
    other = Process(tmp_path)
    other.ask("lock", holder={"who": "you"})
    lock = tmp_path / "lock"
    lock.write_text(json.dumps({"who": "you", "orphaned": True, "doing": "something long"}))
    agent.send("read", resources=[], holder={"who": "me"})
    assert json.loads(agent.process.stdout.readline())["event"]["text"].endswith("something long")
    assert ends_when_left(agent) < 1
    other.close()


@pytest.mark.parametrize("path", ["data/kafka", "", ".", "/nowhere/at/all", "/"])
def test_the_disk_of_any_path_is_found(path):
    assert facts.disks([path])[path]["total"] > 0


def test_a_bug_is_reported_with_its_traceback_and_the_agent_lives_on(agent):
    _, failure, _ = agent.ask("nonsense")
    assert "bug" in failure["advice"] and any("op_nonsense" in line for line in failure["details"])
    assert agent.ask("has", digests=[])[1] is None


def test_content_is_any_text(agent, tmp_path):
    resource = mine(tmp_path / "f", "한국어 \u0000 ' \" \\ \n")
    assert base64.b64decode(resource.wire(content=True)["content"]).decode() == resource.content
    agent.apply(resource)
    assert (tmp_path / "f").read_text() == resource.content
