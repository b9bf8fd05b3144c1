"""What a lab keeps in the user's cache."""

from __future__ import annotations

import multiprocessing
import stat

import paramiko
import pytest

from lab.state import State


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return State("one")


def test_key_and_password_are_readable_by_the_user_only_and_stay_the_same(state):
    key, password = state.key, state.password
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((state.directory / "opspw.password").stat().st_mode) == 0o600
    assert len(password) >= 16
    assert (State("one").key.read_text(), State("one").password) == (key.read_text(), password)
    assert State("two").password != password


def test_paramiko_reads_the_key_and_it_belongs_to_the_public_one(state):
    key = paramiko.Ed25519Key.from_private_key_file(str(state.key))
    assert state.public_key.split()[:2] == ["ssh-ed25519", key.get_base64()]


def test_known_hosts_follow_a_host_that_was_made_anew(state):
    state.remember_keys({"[127.0.0.1]:2221": "ssh-ed25519 OLD root@a\nssh-rsa OLDRSA root@a", "kafka1": "ssh-rsa K x"})
    state.remember_keys({"[127.0.0.1]:2221": "ssh-ed25519 NEW root@b"})
    assert state.known_hosts.read_text() == "[127.0.0.1]:2221 ssh-ed25519 NEW\nkafka1 ssh-rsa K\n"
    state.remember_keys({}, forget=["kafka1"])
    assert state.known_hosts.read_text() == "[127.0.0.1]:2221 ssh-ed25519 NEW\n"


def test_ports_of_other_labs_are_known_and_the_own_ones_are_not_among_them(state):
    state.remember_ports({"single1": {"ssh": 20001}})
    State("two").remember_ports({"single1": {"ssh": 20021, "kafka": 20022}})
    assert state.ports() == {"single1": {"ssh": 20001}}
    assert state.ports_of_other_labs() == {20021, 20022}


def test_forget_leaves_nothing_of_this_lab_and_all_of_others(state):
    kept = State("two").password
    assert state.key.exists()
    state.forget()
    assert not state.directory.exists()
    assert State("two").password == kept


def test_writing_the_same_again_leaves_the_file_alone(state):
    path = state.write_inventory("single.yml", "a: 1\n")
    before = path.stat()
    state.write_inventory("single.yml", "a: 1\n")
    assert path.stat().st_ino == before.st_ino
    state.write_inventory("single.yml", "a: 2\n")
    assert path.read_text() == "a: 2\n"
    assert [file.name for file in path.parent.iterdir()] == ["single.yml"]


def _hold(home, got, release):
    import os

    os.environ["HOME"] = home
    with State("one").locked():
        got.set()
        release.wait(10)


def test_lock_holds_against_another_process(state, tmp_path):
    context = multiprocessing.get_context("spawn")
    got, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), got, release))
    with state.locked():
        other.start()
        assert not got.wait(0.8)
    assert got.wait(10)
    release.set()
    other.join(10)
    assert other.exitcode == 0
