"""Other versions, other systems, other sources: each on an empty host, each with everything that the default has."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.lab import Lab

from . import clients, releases, speed, tools, walk
from .hosts import LabHost, counts
from .noexec import noexec_tmp, require_codecs
from .terminal import Terminal

OLD = ("--extra-vars", "kafka_version=2.5.0")
RECORDS = [f"{number}: 오래된 기록".encode() for number in range(100)]


def first_deploy(host: LabHost, *arguments: str) -> None:
    """Deploy an empty host, smoke included, and see that there is nothing left to do."""
    output = host.deploy(*arguments)
    assert "Smoke check passed" in output
    # All but the earlier versions, of which there are none to be removed.
    assert counts(output, host.name)["touched"] == counts(output, host.name)["ok"] - 1 > 30
    nothing_to_do(host, *arguments)


def nothing_to_do(host: LabHost, *arguments: str) -> None:
    before = host.pids()
    output = host.deploy(*arguments)
    assert counts(output, host.name)["touched"] == 0 and "Smoke check passed" in output, output
    assert host.pids() == before


def smoke_with_console_tools(host: LabHost, *arguments: str) -> None:
    done = host.invoke("smoke", "--cli", *arguments)
    assert done.returncode == 0 and "Smoke check passed" in done.stdout, done.stdout


def sandboxed(host: LabHost) -> dict[str, float]:
    """{unit: what systemd makes of its exposure, 0 to 10} of both services."""
    found = {}
    for unit in ("zookeeper.service", "kafka.service"):
        shown = host.sh(f"systemctl is-active {unit} && systemd-analyze security --no-pager {unit}")
        found[unit] = float(re.findall(rf"Overall exposure level for {unit}: ([0-9.]+)", shown)[0])
    return found


# -- 2.5.0 and the way from there -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old(bare_lab: Lab, host: Callable[[str], LabHost]) -> Iterator[LabHost]:
    """Debian 12 with Kafka 2.5.0, deployed onto an empty host."""
    bare_lab.recreate("kafka1", "bookworm")
    found = host("kafka1")
    first_deploy(found, *OLD)
    yield found
    bare_lab.down(["kafka1"])


def test_2_5_0_on_an_empty_host_passes_the_smoke_check_of_its_own_console_tools(old: LabHost):
    smoke_with_console_tools(old, *OLD)
    assert old.sh("cat /etc/debian_version").startswith("12.")
    assert max(sandboxed(old).values()) <= 1.5


def test_2_5_0_writes_and_reads_every_compression_with_a_noexec_tmp(old: LabHost):
    with noexec_tmp(old):
        require_codecs(old, "ops")


def test_2_5_0_is_walked_as_typed(old: LabHost):
    with Terminal(old.name) as terminal:
        walk.walk(old, terminal, "2.5.0")
        walk.zookeeper(terminal)
        terminal.run(f"kafka-topics.sh --create --topic test --bootstrap-server {old.bootstrap}")
        # The way that books about this version show.
        shown = terminal.run(
            "kafka-configs.sh --zookeeper 127.0.0.1:2181 --alter --entity-type topics --entity-name test"
            f" --add-config retention.ms={walk.TWO_DAYS}"
        )
        assert shown.splitlines()[-1] == "Completed updating config for entity: topic 'test'."
        described = terminal.run(f"kafka-topics.sh --describe --topic test --bootstrap-server {old.bootstrap}")
        assert f"retention.ms={walk.TWO_DAYS}" in described
        terminal.run(f"kafka-topics.sh --delete --topic test --bootstrap-server {old.bootstrap}")


def test_2_5_0_takes_settings_as_it_runs_from_people_and_from_a_deploy(old: LabHost):
    pids = old.pids()
    done = old.invoke("broker.set", "--set", "log.cleaner.threads=2", *OLD)
    assert done.returncode == 0 and "In force on 1 of 1 brokers" in done.stdout, done.stdout
    page = old.invoke("broker.config", *OLD).stdout
    assert re.search(r"^log\.cleaner\.threads +2 +dynamic cluster +cluster-wide$", page, re.M), page
    assert old.invoke("broker.unset", "--name", "log.cleaner.threads", *OLD).returncode == 0
    output = old.deploy("--no-smoke", *OLD, "--extra-vars", "kafka_log_retention=2d")
    assert "apply service:kafka (log.retention.ms 604800000 -> 172800000 at run time, no restart)" in output
    assert "no longer set at run time" in old.deploy("--no-smoke", *OLD)
    assert old.pids() == pids
    nothing_to_do(old, *OLD)


def test_every_official_command_of_2_5_0_is_on_the_path_and_starts(old: LabHost):
    tools.require_all_start(old, "2.5.0")


def test_the_commands_of_2_5_0_start_in_less_time(old: LabHost):
    speed.require_faster(old, "kafka.admin.TopicCommand")


def test_an_upgrade_by_variable_is_planned_with_its_reason_done_once_and_keeps_the_data(old: LabHost):
    clients.create_topic(old, "kept")
    clients.write(old, "kept", RECORDS)
    before = old.pids()

    plan = old.invoke("plan")
    assert plan.returncode == 0, plan.stdout
    assert f"+ {old.name}: archive:/opt/kafka_2.13-3.9.2" in plan.stdout
    assert re.search(rf"~ {old.name}: link:/opt/kafka \(target \S*2\.12-2\.5\.0 -> \S*2\.13-3\.9\.2\)", plan.stdout)
    for unit in ("kafka", "zookeeper"):
        assert re.search(rf"{old.name}: .*{unit}.* \(?needed: it would run with an older ", plan.stdout), plan.stdout
    assert old.pids() == before and old.sh("kafka-topics.sh --version").startswith("2.5.0")
    assert old.sh("test -e /opt/kafka_2.13-3.9.2 || echo no") == "no"

    output = old.deploy()
    assert "Smoke check passed" in output
    assert all(now != was for now, was in zip(old.pids().values(), before.values(), strict=True))
    assert clients.read_all(old, "kept") == RECORDS
    nothing_to_do(old)
    assert old.sh("kafka-topics.sh --version") == "3.9.2"
    assert "kafka_2.13-3.9.2" in old.sh("tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID kafka)/cmdline")
    # The names of the new version, and no name that only the old one had.
    names = {name for name in old.sh("ls /usr/local/bin").split() if name.endswith(".sh")}
    assert names == tools.expected(tools.release("kafka", "3.9.2"))


# -- Debian 13 ------------------------------------------------------------------------------------------------------


def test_the_default_version_on_an_empty_debian_13_host_runs_on_its_java_21(bare: Callable[..., LabHost]):
    trixie = bare("trixie", "kafka2")
    first_deploy(trixie)
    assert trixie.sh("cat /etc/debian_version").startswith(("13", "trixie"))
    java = trixie.sh("tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID kafka)/cmdline | head -n 1")
    assert re.fullmatch(r"/usr/lib/jvm/java-21-openjdk-\w+/bin/java", java)
    assert trixie.sh("kafka-topics.sh --version") == "3.9.2"
    assert max(sandboxed(trixie).values()) <= 1.5
    speed.wait_for_archive(trixie)
    speed.require_silence(trixie)


# -- a release archive ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(deployed: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = releases.make(tmp_path_factory.mktemp("release"), deployed, "3.9.2")
    yield path
    path.unlink()


def given(path: Path, sha512: str) -> tuple[str, ...]:
    """The flags that deploy from this archive; sha512 empty: not given."""
    digest = ("--extra-vars", f"kafka_archive_sha512={sha512}") if sha512 else ()
    return ("--extra-vars", f"kafka_archive=file:{path}", *digest)


def sha512(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()


def untouched(host: LabHost) -> None:
    """Nothing of what a deploy makes is there."""
    made = "/opt/* /etc/kafka /etc/zookeeper /var/lib/kafka /etc/systemd/system/kafka* /usr/local/bin/* /usr/bin/java"
    assert host.sh(f"shopt -s nullglob; ls -d {made} 2> /dev/null; getent passwd kafka zookeeper", expect=None) == ""


def test_a_release_archive_is_verified_before_anything_changes_and_then_deployed(
    archive: Path, bare: Callable[..., LabHost], tmp_path: Path
):
    empty = bare("bookworm", "kafka3")
    wrong = "ab" * 64
    output = empty.deploy(*given(archive, wrong), expect=1)
    assert output.count("does not match its sha512") == 1 and wrong in output and sha512(archive) in output
    assert "Traceback" not in output
    untouched(empty)

    cut_off = tmp_path / archive.name
    with archive.open("rb") as whole:
        cut_off.write_bytes(whole.read(archive.stat().st_size // 2))
    output = empty.deploy(*given(cut_off, sha512(cut_off)), expect=1)
    assert output.count(f"{archive.name} is not a usable release archive") == 1 and "Traceback" not in output
    untouched(empty)

    first_deploy(empty, *given(archive, sha512(archive)))
    assert releases.MARK in empty.sh("cat /opt/kafka/bin/kafka-topics.sh")
    smoke_with_console_tools(empty, *given(archive, sha512(archive)))
    speed.wait_for_archive(empty)

    # As it is downloaded: the checksum file beside the archive, in gpg's own format.
    beside = archive.with_name(archive.name + ".sha512")
    beside.write_text(releases.gpg_sha512(archive))
    nothing_to_do(empty, *given(archive, ""))
    other = shutil.copy(archive, tmp_path / "other.tgz")
    Path(f"{other}.sha512").write_text(beside.read_text().replace(archive.name, "other.tgz").replace("A", "B"))
    output = empty.deploy(*given(Path(other), ""), expect=1)
    assert "other.tgz does not match its sha512" in output
