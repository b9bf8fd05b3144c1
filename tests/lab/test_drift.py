"""Whatever was altered on a host by hand is found by the plan and repaired by the deploy; secrets stay secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import canary
from .hosts import LabHost, counts

JAR = "/opt/kafka_*/libs/jakarta.inject-*.jar"  # of Kafka Connect: no broker ever loads it


@dataclass(frozen=True)
class Drift:
    """One thing altered by hand. probe: a command whose output tells the repaired state from the altered one.
    seen: a regular expression that the plan's line must match."""

    alter: str
    probe: str
    seen: str


DRIFTS = {
    "a byte more in a file": Drift(
        "printf '\\n' >> /etc/kafka/server.properties",
        "sha256sum /etc/kafka/server.properties",
        r"~ HOST: file:/etc/kafka/server\.properties \(content\)",
    ),
    "mode of a file": Drift(
        "chmod 0666 /etc/kafka/log4j.properties",
        "stat -c %a /etc/kafka/log4j.properties",
        r"~ HOST: file:/etc/kafka/log4j\.properties \(mode 0666 -> 0640\)",
    ),
    "owner of a file": Drift(
        "chown kafka /etc/zookeeper/zoo.cfg",
        "stat -c %U /etc/zookeeper/zoo.cfg",
        r"~ HOST: file:/etc/zookeeper/zoo\.cfg \(owner kafka -> root\)",
    ),
    "group of a file": Drift(
        "chgrp nogroup /etc/kafka/kafka.env",
        "stat -c %G /etc/kafka/kafka.env",
        r"~ HOST: file:/etc/kafka/kafka\.env \(group nogroup -> kafka\)",
    ),
    "a file removed": Drift(
        "rm /etc/security/limits.d/60-kafka.conf",
        "sha256sum /etc/security/limits.d/60-kafka.conf",
        r"\+ HOST: file:/etc/security/limits\.d/60-kafka\.conf",
    ),
    "a file replaced by a link to a copy": Drift(
        "mv /etc/zookeeper/zookeeper.env /root/copy.env && ln -s /root/copy.env /etc/zookeeper/zookeeper.env",
        "stat -c %F /etc/zookeeper/zookeeper.env",
        r"~ HOST: file:/etc/zookeeper/zookeeper\.env \(type link -> file",
    ),
    "mode of a directory": Drift(
        "chmod 0777 /var/log/kafka",
        "stat -c %a /var/log/kafka",
        r"~ HOST: directory:/var/log/kafka \(mode 0777 -> 0750\)",
    ),
    "owner of a data directory": Drift(
        "chown root:root /var/lib/zookeeper/data",
        "stat -c %U:%G /var/lib/zookeeper/data",
        r"~ HOST: directory:/var/lib/zookeeper/data \(owner root -> zookeeper, group root -> zookeeper\)",
    ),
    "a directory removed": Drift(
        "rm -r /var/lib/zookeeper/tmp",
        "stat -c %U:%a /var/lib/zookeeper/tmp",
        r"\+ HOST: directory:/var/lib/zookeeper/tmp",
    ),
    "target of a link": Drift(
        "ln -sfn /nonexistent /opt/kafka",
        "readlink /opt/kafka",
        r"~ HOST: link:/opt/kafka \(target /nonexistent -> /opt/kafka_\S+\)",
    ),
    "a byte inside a jar, size and time stamp kept": Drift(
        f"jar=$(echo {JAR}); touch -r $jar /root/times; printf X | dd of=$jar bs=1 seek=300 conv=notrunc status=none;"
        " touch -r /root/times $jar",
        f"sha256sum {JAR}",
        r"~ HOST: archive:/opt/kafka_\S+ \(1 altered: libs/jakarta\.inject-\S+\.jar\)",
    ),
    "the marker of an archive": Drift(
        "echo something else > /opt/zookeeper/.provisioned",
        "cat /opt/zookeeper/.provisioned",
        r"~ HOST: archive:/opt/apache-zookeeper-\S+ \(.*identity something else ->",
    ),
    "a command removed": Drift(
        "rm /usr/local/bin/kafka-topics.sh",
        "readlink /usr/local/bin/kafka-topics.sh",
        r"~ HOST: links:/usr/local/bin/connect-\S+ and \d+ more \(.*topics",
    ),
    "a unit": Drift(
        "sed -i 's/^RestartSec=.*/RestartSec=99/' /etc/systemd/system/kafka.service && systemctl daemon-reload",
        "systemctl show -P RestartUSec -P NeedDaemonReload kafka",
        r"~ HOST: file:/etc/systemd/system/kafka\.service \(content\)",
    ),
    "shell of a user": Drift(
        "usermod --shell /bin/bash kafka",
        "getent passwd kafka",
        r"~ HOST: user:kafka \(shell /bin/bash -> /usr/sbin/nologin\)",
    ),
    "home of a user": Drift(
        "sed -i '/^zookeeper:/s,:/var/lib/zookeeper:,:/tmp:,' /etc/passwd",
        "getent passwd zookeeper",
        r"~ HOST: user:zookeeper \(home /tmp -> /var/lib/zookeeper\)",
    ),
    "kernel settings for the next boot": Drift(
        "echo 'vm.swappiness = 60' > /etc/sysctl.d/60-kafka.conf",
        "sha256sum /etc/sysctl.d/60-kafka.conf",
        r"~ HOST: sysctl:kafka \(content\)",
    ),
    "a package removed": Drift(
        "dpkg --remove --force-depends $(dpkg-query -W -f '${Package}\\n' 'openjdk-*-jre-headless')",
        "dpkg-query -W -f '${db:Status-Abbrev}' 'openjdk-*-jre-headless'; ls /usr/lib/jvm/java-*/bin/java",
        r"\+ HOST: package:openjdk-\d+-jre-headless",
    ),
    "what the host makes for itself": Drift(
        "systemctl stop kafka-class-archive; rm -f /opt/kafka_*/commands.jsa",
        "test -s /opt/kafka_*/commands.jsa || systemctl is-active -q kafka-class-archive || echo gone",
        r"[~+] HOST: derived:/opt/kafka_\S+/commands\.jsa",
    ),
    "a unit disabled": Drift(
        "systemctl disable zookeeper",
        "systemctl is-enabled zookeeper",
        r"~ HOST: service:zookeeper \(enabled\)",
    ),
}


def probes(host: LabHost) -> dict[str, str]:
    """The output of every probe, with one exec."""
    text = host.sh("\n".join(f"echo; echo '== {name}'; {drift.probe}" for name, drift in DRIFTS.items()), expect=None)
    found = dict(part.split("\n", 1) for part in f"\n{text}\n".split("\n== ")[1:])
    return {name: output.strip() for name, output in found.items()}


def test_every_kind_of_drift_is_planned_and_repaired_without_a_restart(single: LabHost):
    right, before = probes(single), single.pids()
    assert set(right) == set(DRIFTS)
    single.sh("set -e\n" + "\n".join(drift.alter for drift in DRIFTS.values()))
    wrong = probes(single)
    assert [name for name in DRIFTS if wrong[name] == right[name]] == [], "this test did not alter what it should"

    plan = single.invoke("plan")
    assert plan.returncode == 0, plan.stdout
    unseen = [
        n for n, d in DRIFTS.items() if not re.search(d.seen.replace("HOST", re.escape(single.name)), plan.stdout)
    ]
    assert unseen == [], plan.stdout
    assert probes(single) == wrong, "the plan has repaired something"

    output = single.deploy()
    repaired = probes(single)
    assert {name: repaired[name] for name in DRIFTS if repaired[name] != right[name]} == {}, output
    assert counts(output, single.name)["touched"] == len(DRIFTS)
    # Everything is again what the services were started with, so there is no reason to disturb them. (The plan could
    # not know that the missing Java comes back as the same one.)
    assert "--> Restart" not in output and single.pids() == before


def test_a_kernel_setting_that_runs_otherwise_is_planned_and_repaired(single: LabHost):
    # One that belongs to the container's own network, since it shares all others with this machine.
    setting = "net.ipv4.tcp_keepalive_intvl"
    running = f"cat /proc/sys/{setting.replace('.', '/')}"
    variables = json.dumps({"os_sysctl": {setting: 60}, "os_sysctl_live": True})
    wanted = ("--tags", "os", "--no-smoke", "--extra-vars", variables)
    found = single.sh(running)
    single.sh("mount -o remount,rw,bind /proc/sys")
    try:
        single.deploy(*wanted)
        assert single.sh(running) == "60"
        single.sh(f"echo 61 > /proc/sys/{setting.replace('.', '/')}")
        plan = single.invoke("plan", *wanted[:2], *wanted[3:]).stdout
        assert f"~ {single.name}: sysctl:kafka ({setting} 61 -> 60)" in plan
        assert single.sh(running) == "61", "the plan has repaired it"
        assert counts(single.deploy(*wanted), single.name)["touched"] == 1
        assert single.sh(running) == "60"
    finally:
        single.sh(f"echo {found} > /proc/sys/{setting.replace('.', '/')}; mount -o remount,ro,bind /proc/sys")
        single.deploy("--no-smoke")


def test_what_cannot_be_repaired_ends_the_run_there_and_the_recap_counts_what_was_done(single: LabHost):
    before = single.pids()
    # A file that is mounted over can be read, but not be replaced.
    single.sh(
        "chmod 0600 /etc/zookeeper/zoo.cfg; chmod 0600 /etc/kafka/kafka.env; echo other > /root/log4j.properties;"
        " mount --bind /root/log4j.properties /etc/kafka/log4j.properties"
    )
    try:
        output = single.deploy(expect=2)
        assert single.sh("stat -c %a /etc/zookeeper/zoo.cfg /etc/kafka/kafka.env").split() == ["644", "600"]
    finally:
        single.sh("umount /etc/kafka/log4j.properties && rm /root/log4j.properties")
    assert "file:/etc/kafka/log4j.properties: Device or resource busy: /etc/kafka/log4j.properties" in output
    assert counts(output, single.name)["touched"] == 1 and counts(output, single.name)["failed"] == 1
    assert single.pids() == before
    assert counts(single.deploy("--no-smoke"), single.name)["touched"] == 1


def test_a_secret_is_in_no_output_no_argument_list_and_no_file_that_others_can_read(single: LabHost, tmp_path: Path):
    # The name of the second says nothing of a secret: it is one because ansible-vault had encrypted it.
    secret, rack, vault = "hunter2-5c0de", "rack-5c0de", "opens-5c0de"
    variables, password = tmp_path / "secret.json", tmp_path / "password"
    variables.write_text(json.dumps({"kafka_config": {"ssl.keystore.password": secret}, "kafka_rack": rack}))
    password.write_text(f"{vault}\n")
    chosen = ("--extra-vars", f"@{variables}", "--vault-password-file", str(password))
    encrypt = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", *chosen[2:], str(variables)]
    subprocess.run(encrypt, check=True, capture_output=True, timeout=60)
    with canary.watched_for(single, secret):
        plan = single.invoke("plan", *chosen)
        deployed = single.deploy("--no-smoke", "--diff", *chosen)
    for output in (plan.stdout, deployed):
        assert not any(one in output for one in (secret, rack, vault)), output
        assert "+ssl.keystore.password=********" in output and "+broker.rack=********" in output
    assert f"broker.rack={rack}" in single.sh("cat /etc/kafka/server.properties").splitlines()

    # The second is what the broker has read, for it alone.
    assert canary.files_with(single) == ["/etc/kafka/server.properties", "/run/kafka/server.properties"]
    assert single.sh("stat -c '%U %G %a' /etc/kafka/server.properties /etc/kafka") == "root kafka 640\nroot kafka 750"
    for file in ("/etc/kafka/server.properties", "/run/kafka/server.properties"):
        single.sh(f"su nobody -s /bin/sh -c 'cat {file}'", expect=1)
    assert not canary.logged(single)

    # The old text must not be shown on its way out either.
    back = single.invoke("plan").stdout
    assert "file:/etc/kafka/server.properties (content)" in back
    output = single.deploy("--no-smoke", "--diff")
    canary.forget(single)
    assert secret not in back + output, "the password is shown by the diff that removes it"
