"""A data directory is its service's own: what else a path may be is refused before any connection."""

from __future__ import annotations

import pytest

from provisioner.agent.system import STATE
from provisioner.errors import ProvisionerError
from provisioner.resources import places
from roles.shared.directories import DataDir, problems
from tests.support import roles as support

SERVICES = ("zookeeper", "kafka")
USUAL = "use a directory that holds nothing else, such as /var/lib/kafka/data"


def refusal(*paths: str) -> list[str]:
    """What is said of these directories of one broker, without advice."""
    asked = [DataDir(path, "kafka_data_dirs", "kafka", listed=True) for path in paths]
    return [error.summary for error in problems(asked, SERVICES)]


def of(tmp_path, **variables):
    """The message about an inventory of one host that is both."""
    with pytest.raises(ProvisionerError) as caught:
        support.single(tmp_path, **variables)
    assert caught.value.exit_code == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/data",
            "/data/kafka",
            "/srv/kafka",
            "/mnt/disk1/kafka",
            "/media/disk/kafka",
            "/opt/kafka-data",
            "/opt/data",
        ),
        *("/var/lib/kafka/data", "/var/lib/kafka/d1/d2", "/var/lib/kafka-data", "/var/lib/other", "/var/local/kafka"),
        *("/var/log/kafka-data", "/kafka", "/etcetera", "/home2/kafka", "/d1/a.b_c-d+e@f:g=h", "/opt/kafkaesque/d"),
    ],
)
def test_a_directory_of_ones_own_is_fine(path):
    assert refusal(path) == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "is the root of the file system"),
        ("/srv", "is shared with everything else on the host"),
        ("/opt", "is shared"),
        ("/mnt", "is where disks are mounted"),
        ("/media", "is where disks are mounted"),
        ("/var", "belongs to the system"),
        ("/var/lib", "is shared"),
        ("/var/log", "belongs to the system"),
        ("/var/spool", "belongs to the system"),
        ("/home", "is hidden from services (ProtectHome)"),
        ("/home/kafka/data", "is in /home, which is hidden from services"),
        ("/root", "is hidden from services"),
        ("/tmp", "is emptied, and private to each service (PrivateTmp)"),
        ("/tmp/kafka-logs", "is in /tmp, which is emptied"),
        ("/var/tmp/kafka", "is in /var/tmp, which is emptied"),
        *(
            (f"/{name}", "belongs to the system")
            for name in ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run")
        ),
        *((f"/{name}", "belongs to the system") for name in ("sbin", "sys", "usr")),
        ("/etc/kafka", "is in /etc, which belongs to the system"),
        ("/usr/local/lib/kafka-provisioner", "is in /usr, which belongs to the system"),
        ("/dev/shm/kafka", "is in /dev, which belongs to the system"),
        ("/var/run/kafka", "is in /var/run, which belongs to the system"),
        ("/var/cache/kafka", "is in /var/cache, which may be emptied at any time"),
        ("/var/lib/dpkg", "is in /var/lib/dpkg, which belongs to the system or another service"),
        ("/var/lib/postgresql/kafka", "is in /var/lib/postgresql, which belongs to the system or another service"),
        ("/data/lost+found", "is the file system's own"),
        ("/var/lib/kafka", "holds the service's temporary files"),
        ("/var/lib/kafka/tmp", "is emptied whenever the service starts"),
        ("/var/lib/zookeeper/tmp/x", "is emptied whenever the service starts"),
        ("/var/lib/zookeeper", "is zookeeper's"),
        ("/var/lib/zookeeper/kafka", "is in /var/lib/zookeeper, which only zookeeper can reach"),
        ("/var/log/kafka", "is where the log files of kafka are"),
        ("/var/log/zookeeper/data", "is where the log files of zookeeper are"),
        ("/opt/kafka", "is where kafka is installed"),
        ("/opt/kafka/data", "is where kafka is installed"),
        ("/opt/kafka_2.13-3.9.2/data", "is where kafka is installed"),
        ("/opt/zookeeper", "is where zookeeper is installed"),
        ("/opt/apache-zookeeper-3.8.4-bin", "is where zookeeper is installed"),
        ("/var/lib/provisioner/x", "is in /var/lib/provisioner, which the toolkit keeps for itself"),
        ("/data/my kafka", "has a blank in it"),
        ("/data/%i", "has '%' in it"),
        ("/data/$HOME", "has '$' in it"),
        ("/data/~x", "has '~' in it"),
        ("/data/a\\b", "has '\\\\' in it"),
        ("/data/'a\"", "has '\"' and \"'\" in it"),
        ("/d1,/d2", "has a comma in it"),
        ("/data/카프", "has '카' and '프' in it"),
    ],
)
def test_what_is_not_its_services_own_is_refused_with_the_rule(path, said):
    assert len(found := refusal(path)) == 1 and found[0].startswith(f"kafka_data_dirs: {path} {said}")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/data/a\tb", r"kafka_data_dirs: '/data/a\tb' has '\t' in it"),
        ("/data/\x1b[2J", r"kafka_data_dirs: '/data/\x1b[2J' has '\x1b' and '[' in it"),
        ("/" + "x" * 256, f"kafka_data_dirs: /{'x' * 99}... is too long"),
        ("/data" * 300, f"kafka_data_dirs: {'/data' * 20}... is too long"),
    ],
)
def test_a_message_shows_no_control_character_and_stays_a_line(path, said):
    assert refusal(path) == [said]


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/", USUAL),
        ("/etc", USUAL),
        ("/srv", "use a directory below it, such as /srv/kafka"),
        ("/opt", USUAL),
        ("/var/lib/kafka", "use /var/lib/kafka/data; data that is there already must be moved there"),
        ("/var/lib/zookeeper", USUAL),
        ("/d1/kafka,/d2/kafka", "make each path an item: [/d1/kafka, /d2/kafka]"),
        ("/data/my kafka%", "use letters, digits and . _ - + @ : = only, such as /data/my-kafka"),
        ("/mnt/d1/lost+found", "use /mnt/d1/kafka"),
    ],
)
def test_a_refusal_says_what_would_do_and_that_is_allowed(path, advice):
    (error,) = problems([DataDir(path, "kafka_data_dirs", "kafka", listed=True)], SERVICES)
    assert error.advice == advice
    suggested = [word.strip("[],;") for word in advice.split() if word.lstrip("[").startswith("/")]
    assert suggested and refusal(*suggested) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"kafka_data_dirs": ["/data/kafka", "/data//kafka/"]}, ["kafka_data_dirs has /data/kafka twice"]),
        ({"kafka_data_dirs": ["/data/kafka", "/data"]}, ["/data/kafka is inside /data", "remove one of them"]),
        (
            {"kafka_data_dirs": ["/data/kafka"], "zookeeper_data_dir": "/data"},
            [
                "kafka_data_dirs: /data/kafka is inside /data of zookeeper_data_dir",
                "set zookeeper_data_dir to /data/zookeeper",
            ],
        ),
        (
            {"kafka_data_dirs": ["/data/zookeeper/k"], "zookeeper_data_dir": "/data"},
            ["set zookeeper_data_dir to /var/lib/zookeeper/data"],
        ),
        (
            {"kafka_data_dirs": ["/data"], "zookeeper_data_dir": "/data"},
            [
                "kafka_data_dirs and zookeeper_data_dir are the same directory, /data",
                "give each its own, such as /data/kafka and /data/zookeeper",
            ],
        ),
        (
            {"zookeeper_data_dir": "/data/zk", "zookeeper_txn_dir": "/data/zk/txn"},
            ["zookeeper_txn_dir: /data/zk/txn is inside /data/zk of zookeeper_data_dir"],
        ),
        ({"zookeeper_data_dir": "/etc"}, ["zookeeper_data_dir: /etc belongs", "such as /var/lib/zookeeper/data"]),
        ({"zookeeper_txn_dir": "/a,/b"}, ["zookeeper_txn_dir: /a,/b has ',' in it", "such as /a/b"]),
        ({"zookeeper_data_dir": "data/zk"}, ["zookeeper_data_dir must be an absolute path", "/var/lib/data"]),
        ({"zookeeper_data_dir": "/srv/../etc"}, ["must be an absolute path without '..' and '.'"]),
        ({"zookeeper_data_dir": "/srv/./etc"}, ["'/srv/./etc' has . or .. in it"]),
        ({"kafka_data_dirs": []}, ["kafka_data_dirs must be a list of absolute paths", "it needs one path at least"]),
        ({"kafka_data_dirs": None}, ["kafka_data_dirs must be a list of absolute paths", "found: nothing"]),
        ({"kafka_data_dirs": [None]}, ["an entry is empty"]),
        ({"kafka_data_dirs": ["/data/a", 7]}, ["7 is not text"]),
        ({"kafka_data_dirs": [["/data/a"]]}, ["['/data/a'] is not text"]),
        ({"kafka_data_dirs": ["data/kafka"]}, ["'data/kafka' does not begin with /"]),
        ({"kafka_data_dirs": ["/srv/../etc/kafka"]}, ["'/srv/../etc/kafka' has . or .. in it"]),
        ({"kafka_data_dirs": "/data/kafka"}, ["one path stands in brackets, too"]),
    ],
)
def test_an_inventory_is_refused_before_any_connection_with_variable_place_and_advice(tmp_path, variables, said):
    message = of(tmp_path, **variables)
    for part in said:
        assert part in message
    assert "in:    site.yml:" in message and "\n  -> " in message


def test_the_agents_memory_is_where_the_rules_say():
    assert places.AGENT == STATE


def test_what_all_hosts_share_is_said_once(tmp_path):
    with pytest.raises(ProvisionerError) as caught:
        support.three(tmp_path, kafka_data_dirs=["/srv"])
    assert str(caught.value).count("kafka_data_dirs: /srv is shared") == 1


def test_services_on_different_hosts_may_have_the_same_directory(tmp_path):
    support.inventory(tmp_path, kafka=["a"], zookeeper=["b"], kafka_data_dirs=["/data/x"], zookeeper_data_dir="/data/x")


def test_paths_are_normalised_everywhere_they_are_used(tmp_path):
    found = support.target(support.single(tmp_path, kafka_data_dirs=["//d1//kafka/", "/d2/kafka/"]))
    assert "log.dirs=/d1/kafka,/d2/kafka\n" in support.text(found, "/etc/kafka/server.properties")
    assert " /d1/kafka /d2/kafka\n" in support.text(found, "/etc/systemd/system/kafka.service")


def test_snapshots_and_transactions_may_share_a_directory(tmp_path):
    support.single(tmp_path, zookeeper_data_dir="/data/zk", zookeeper_txn_dir="/data/zk/")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/opt/my java", "java_home: '/opt/my java' has a blank in it"),
        ("/opt/java$1", "java_home: '/opt/java$1' has '$' in it"),
        ("/home/ops/jdk", "java_home: '/home/ops/jdk' is in /home, which is hidden from services (ProtectHome)"),
        ("/root/jdk", "is in /root"),
        ("/tmp/jdk", "is in /tmp, which is emptied, and private to each service (PrivateTmp)"),
    ],
)
def test_a_java_that_services_cannot_be_started_with_is_refused(tmp_path, path, said):
    message = of(tmp_path, java_home=path)
    assert said in message and "in:    site.yml" in message and "such as /opt/java" in message


def test_a_java_anywhere_else_is_fine(tmp_path):
    assert support.single(tmp_path, java_home="/usr/lib/jvm/java-17-openjdk-amd64/").hosts["single1"].vars["java_home"]
