"""The official commands start in about half their time, and an archive that does not fit is never heard of."""

from __future__ import annotations

import pytest

from . import speed
from .hosts import LabHost, counts

MAIN = "org.apache.kafka.tools.TopicCommand"

JAR = "/opt/kafka/libs/kafka-clients-3.9.2.jar"
# The same jar with another time, and the one that the deploy knows again: nothing has to be put right afterwards.
OTHER_JAR = f"cp {JAR} /root/other.jar && mount --bind /root/other.jar {JAR}"
NO_OTHER_JAR = f"umount {JAR} && rm /root/other.jar"


@pytest.fixture
def archived(single: LabHost) -> LabHost:
    """The deployed host with its class archive made."""
    speed.wait_for_archive(single)
    return single


def test_a_command_says_the_same_in_much_less_time(archived: LabHost):
    speed.require_faster(archived, MAIN)
    # The archive is what makes the difference: Java really maps Kafka's own classes from it.
    loaded = archived.sh(
        "KAFKA_OPTS=-Xlog:class+load kafka-topics.sh --version | grep org.apache.kafka | grep -c shared"
    )
    assert int(loaded) > 50


@pytest.mark.parametrize(
    "damage",
    [speed.OTHER_BUILD, OTHER_JAR, "truncate -s 2M /opt/kafka/commands.jsa", "date > /opt/kafka/commands.jsa"],
    ids=["other java build", "other jar", "cut off", "something else"],
)
def test_with_an_archive_that_does_not_fit_commands_work_without_a_word(archived: LabHost, damage: str):
    try:
        speed.require_silence(archived, damage)
    finally:
        if damage == OTHER_JAR:
            archived.sh(NO_OTHER_JAR)


def test_a_java_update_makes_the_next_deploy_renew_the_archive_in_the_background(archived: LabHost):
    before, library = archived.pids(), "/usr/lib/jvm/java-17-openjdk-*/lib/server/libjvm.so"
    archived.sh(f"touch {library}; {speed.OTHER_BUILD}")
    plan = archived.invoke("plan")
    line = f"~ {archived.name}: derived:/opt/kafka_2.13-3.9.2/commands.jsa"
    assert plan.returncode == 0 and plan.stdout.count(" ~ ") == 1 and line in plan.stdout, plan.stdout
    output = archived.deploy("--no-smoke")
    assert counts(output, archived.name)["touched"] == 1 and line in output
    assert archived.pids() == before, "no service restarts for it"
    # While it is being made there is nothing more to do.
    assert counts(archived.deploy("--no-smoke"), archived.name)["touched"] == 0
    speed.wait_for_archive(archived)
    archived.sh(f"head -c 4096 {speed.ARCHIVE} | grep -q -- -Debian")  # made anew
    assert archived.sh(f"stat -L -c '%U %a' {speed.ARCHIVE}") == "root 644"


def test_where_it_cannot_be_made_deploys_pass_and_say_so(archived: LabHost):
    drop_in = f"/run/systemd/system/{speed.UNIT}.service.d"
    archived.sh(
        f"mkdir -p {drop_in} && printf '[Service]\\nReadWritePaths=\\n' > {drop_in}/no.conf && systemctl daemon-reload"
        f" && rm $(readlink -f {speed.ARCHIVE})"
    )
    try:
        assert counts(archived.deploy("--no-smoke"), archived.name)["touched"] == 1
        archived.sh(f"for i in $(seq 300); do systemctl is-failed -q {speed.UNIT} && exit 0; sleep 1; done; exit 1")
        output = archived.deploy("--no-smoke")
        assert counts(output, archived.name)["touched"] == 0, "it is not tried again and again"
        assert "commands.jsa could not be made" in output and f"journalctl -u {speed.UNIT}" in output
        listed = f"kafka-topics.sh --bootstrap-server {archived.bootstrap} --list"
        assert "warning" not in speed.as_user(archived, listed)
    finally:
        archived.sh(f"rm -r {drop_in}; systemctl daemon-reload; systemctl start {speed.UNIT}")
    speed.wait_for_archive(archived)
