"""Properties are judged by what their version's own classes say: the table of what is refused, how, and what passes."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from provisioner.errors import ConfigError, ProvisionerError
from roles import site
from roles.kafka import settings as kafka_settings
from roles.shared import catalogue, releases, verdict
from roles.shared.catalogue import Property
from tests.support import roles as support

PRODUCTS = ("kafka", "zookeeper")

EVERY = [(product, version) for product in PRODUCTS for version in releases.known(product)]


def said(tmp_path, variable="kafka_config", like=support.single, **given):
    """What an inventory with this is refused for: "" when it is not."""
    own = given.pop("own")
    try:
        like(tmp_path, **{variable: own}, **given)
    except ProvisionerError as error:
        assert error.exit_code == 1
        return str(error)
    return ""


@pytest.mark.parametrize(("product", "version"), EVERY)
def test_every_locked_version_has_a_catalogue_that_reads_and_writes_the_same(product, version):
    known = catalogue.of(product, version)
    assert known and known.version == version and sum(map(len, known.sections.values())) > 100
    listed = [(section, one) for section, ones in known.sections.items() for one in ones.values()]
    lists = {key: getattr(known, key) for key in ("classes", "elsewhere") if getattr(known, key)}
    text = catalogue.path(product, version).read_text()
    assert catalogue.written(product, version, listed, lists) == text


@pytest.mark.parametrize("version", releases.known("kafka"))
def test_every_default_of_kafka_is_one_of_its_values(version):
    known = catalogue.of("kafka", version)
    for one in itertools.chain(*(ones.values() for ones in known.sections.values())):
        if one.default is not None:
            verdict.judge(one, verdict.plain(one, one.default), known.classes)


@pytest.mark.parametrize(
    ("own", "parts"),
    [
        # A mistyped name: the nearest, and what happens to it.
        (
            {"log.retention.hour": 48},
            ["is no property of Kafka 3.9.2; did you mean log.retention.hours?"],
        ),
        ({"num.io.thread": 16}, ["did you mean num.io.threads?", "Kafka would ignore it", "--search thread"]),
        ({"auto.create.topic.enable": True}, ["did you mean auto.create.topics.enable?"]),
        ({"log_retention_hours": 1}, ["did you mean log.retention.hours?"]),
        ({"KAFKA_LOG_RETENTION_HOURS": 1}, ["did you mean log.retention.hours?"]),
        ({"Log.Retention.Hours": 1}, ["did you mean log.retention.hours?"]),
        ({"quite.another.thing": 1}, ["quite.another.thing is no property", "kafka_custom_prefixes"]),
        ({"log.retention.hour": None}, ["did you mean log.retention.hours?"]),
        # A topic's name.
        ({"retention.ms": 7200000}, ["retention.ms is a topic's property; the broker's is log.retention.ms"]),
        ({"cleanup.policy": "compact"}, ["the broker's is log.cleanup.policy", "-> write log.cleanup.policy"]),
        ({"remote.storage.enable": True}, ["brokers have none for it", "`config:` of the topic"]),
        # Of another version, of another product, of the run time.
        (
            {"advertised.host.name": "a"},
            ["is a property of 2.5.0 and not of Kafka 3.9.2", "remove it"],
        ),
        ({"confluent.balancer.enable": True}, ["Confluent Platform's", "kafka_custom_prefixes: [confluent.]"]),
        ({"leader.replication.throttled.rate": 1}, ["can only be set at run time"]),
        # Types and ranges.
        ({"num.io.threads": "many"}, ["num.io.threads takes a whole number, 1 or more", "found: 'many'"]),
        ({"num.io.threads": -1}, ["1 or more", "found: -1"]),
        ({"num.io.threads": True}, ["takes a whole number", "found: true"]),
        ({"message.max.bytes": 2.197152e07}, ["without a point or an exponent"]),
        ({"message.max.bytes": "2.197152e+07"}, ["message.max.bytes takes a whole number", "a size such as 1g"]),
        ({"log.segment.bytes": 1}, ["log.segment.bytes takes a whole number, 14 or more"]),
        ({"log.segment.bytes": "4g"}, ["2147483647 at most", "'4g'"]),
        ({"log.retention.ms": "2 fortnights"}, ["a duration such as 2d"]),
        (
            {"log.retention.hours": "2d"},
            ["a whole number", "log.retention.ms takes durations: log.retention.ms: 2d"],
        ),
        ({"log.retention.ms": 0}, ["0 is no time to keep records"]),
        ({"compression.type": "gz"}, ["compression.type takes one of uncompressed, zstd, lz4, snappy, gzip, producer"]),
        ({"log.cleanup.policy": "compact delete"}, ["log.cleanup.policy takes a list of compact, delete"]),
        ({"delete.topic.enable": "yes please"}, ["takes true or false"]),
        ({"delete.topic.enable": 1}, ["takes true or false"]),
        ({"log.cleaner.min.cleanable.ratio": 1.5}, ["takes a number from 0 to 1"]),
        ({"inter.broker.protocol.version": "9.9"}, ["takes a version such as"]),
        (
            {"principal.builder.class": "com.example.Mine"},
            ["a class in its jars", "kafka_custom_prefixes: [my.plugin.]"],
        ),
        ({"ssl.truststore.password": ["a"]}, ["takes one value, not a list; found: (hidden)"]),
        # Properties that limit each other.
        ({"replica.fetch.wait.max.ms": "1m"}, ["must be at most replica.socket.timeout.ms, which is 30000"]),
        ({"log.cleaner.threads": 500}, ["each of 500 log.cleaner.threads needs more than"]),
        ({"queued.max.request.bytes": "1m"}, ["must not be below socket.request.max.bytes (104857600)"]),
        ({"process.roles": "broker"}, ["set the variable kafka_process_roles instead"]),
        ({"zookeeper.metadata.migration.enable": True}, ["keeps its metadata in ZooKeeper"]),
        ({"max.connections.per.ip": 0}, ["lets nobody connect"]),
        ({"control.plane.listener.name": "CONTROL"}, ["there is no listener CONTROL; listeners are: PLAINTEXT"]),
        ({"inter.broker.protocol.version": "0.10.2"}, ["cannot write the records of log.message.format.version"]),
        # Nested.
        ({"log": {"retention": {"hours": 48}}}, ["log is a map", "write it flat: log.retention.hours: 48"]),
        ({"super.users": {"User": "admin"}}, ["super.users takes one value, not a map", "super.users: 'User:admin'"]),
        ({"sasl.enabled.mechanisms": [{"a": 1}]}, ["takes one value, not a map"]),
        ({"ssl": {"keystore": {"password": "geheim"}}}, ["write it flat: ssl.keystore.password: ..."]),
        # A listener's own.
        ({"listener.name.insid.ssl.client.auth": "none"}, ["for the listener insid", "listeners are: plaintext"]),
        ({"listener.name.plaintext.ssl.client.auth": "no"}, ["takes one of required, requested, none"]),
        ({"listener.name.plaintext.no.such": "no"}, ["no.such is no property that a listener has"]),
    ],
)
def test_a_property_that_the_broker_would_refuse_or_ignore_is_refused(tmp_path, own, parts):
    found = said(tmp_path, own=own)
    assert all(part in found for part in parts), found
    assert "site.yml:" in found and "geheim" not in found


@pytest.mark.parametrize(
    "own",
    [
        {"log.retention.hours": 48, "num.io.threads": "16", "delete.topic.enable": False},
        {
            "log.retention.ms": "2d",
            "message.max.bytes": "2m",
            "log.segment.bytes": "512MB",
            "log.retention.bytes": "forever",
        },
        {"sasl.enabled.mechanisms": ["PLAIN", "SCRAM-SHA-512"], "log.cleanup.policy": ["compact", "delete"]},
        {"listener.name.plaintext.max.connections": 10, "listener.name.plaintext.scram-sha-256.sasl.jaas.config": "x"},
        {
            "super.users": "User:admin;User:CN=kafka,O=lab",
            "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer",
        },
        {"config.providers": "file", "config.providers.file.class": "x.Y", "metrics.context.cluster": "a"},
        {"rsm.config.bucket": "b", "log.retention.hours": None},
        {"inter.broker.protocol.version": "2.5", "log.cleaner.min.cleanable.ratio": 0.25},
    ],
)
def test_what_the_broker_takes_passes(tmp_path, own):
    assert said(tmp_path, own=own) == ""


def test_a_plugins_properties_pass_with_their_prefix(tmp_path):
    own = {"my.reporter.port": 9, "metric.reporters": "my.reporter.Main"}
    assert "my.reporter.port is no property" in said(tmp_path, own=own)
    assert said(tmp_path, own=own, kafka_custom_prefixes=["my.reporter."]) == ""
    assert "is a map" in said(tmp_path, own={"my.reporter.a": {"b": 1}}, kafka_custom_prefixes=["my."])


def test_one_mistake_in_a_group_variable_is_said_once(tmp_path):
    found = said(tmp_path, own={"num.io.thread": 1}, like=support.three)
    assert found.count("did you mean") == 1 and "kafka1:" not in found


def test_units_are_written_as_the_broker_reads_them(tmp_path):
    own = {"log.retention.ms": "2d", "message.max.bytes": "2m", "log.cleanup.policy": ["compact", "delete"]}
    text = support.text(support.target(support.single(tmp_path, kafka_config=own)), "/etc/kafka/server.properties")
    assert {"log.retention.ms=172800000", "message.max.bytes=2097152", "log.cleanup.policy=compact,delete"} <= set(
        text.splitlines()
    )


@pytest.mark.parametrize(
    ("own", "parts"),
    [
        ({"ticktime": 1}, ["ticktime is no property of ZooKeeper 3.8.6; did you mean tickTime?"]),
        ({"maxSessionTimeout": "a minute"}, ["maxSessionTimeout takes a whole number"]),
        ({"maxSessionTimeout": 1000}, ["the shortest session would be 4000 ms, longer than the longest, 1000 ms"]),
        ({"initLimit": 0}, ["initLimit takes a whole number, 1 or more"]),
        ({"electionAlg": 1}, ["electionAlg takes a whole number from 3 to 3"]),
        ({"peerType": "leader"}, ["one of observer, participant"]),
        ({"sslQuorum": "maybe"}, ["takes true or false"]),
        ({"jute.maxbuffer": 1}, ["an option of the JVM only", "zookeeper_jvm_opts: [-Djute.maxbuffer=...]"]),
        ({"zookeeper.snapCount": 1}, ["is called snapCount in zoo.cfg"]),
        ({"snapCount": "1m"}, ["snapCount takes a whole number"]),
        ({"quorum": {"auth": {"enableSasl": True}}}, ["write it flat: quorum.auth.enableSasl: True"]),
        ({"quorum.auth.learnerRequireSasl": True}, ["needs quorum.auth.enableSasl"]),
        ({"metricsProvider.className": "org.apache.zookeeper.metrics.Nothing"}, ["a class in its jars"]),
    ],
)
def test_a_property_that_zookeeper_would_refuse_or_ignore_is_refused(tmp_path, own, parts):
    found = said(tmp_path, variable="zookeeper_config", own=own)
    assert all(part in found for part in parts), found


def test_what_zookeeper_takes_passes(tmp_path):
    own = {
        "maxSessionTimeout": 60000,
        "syncLimit": 9,
        "snapCount": 1000,
        "authProvider.1": "a.B",
        "ssl.quorum.ocsp": True,
    }
    own |= {"metricsProvider.exportJvmInfo": False, "4lw.commands.whitelist": "*", "group.1": "1:2"}
    assert said(tmp_path, variable="zookeeper_config", own=own) == ""
    custom = {"my.auth.url": "x"}
    assert "my.auth.url" in said(tmp_path, variable="zookeeper_config", own=custom)
    assert said(tmp_path, variable="zookeeper_config", own=custom, zookeeper_custom_prefixes=["my.auth."]) == ""


def test_a_version_without_a_catalogue_is_not_judged_and_a_broken_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(releases, "ROLES", tmp_path)
    assert catalogue.of.__wrapped__("kafka", "3.9.2") is None
    (tmp_path / "kafka" / "versions").mkdir(parents=True)
    (tmp_path / "kafka" / "versions" / "3.9.2.json").write_text("{")
    with pytest.raises(ConfigError, match="not a usable catalogue of kafka"):
        catalogue.of.__wrapped__("kafka", "3.9.2")


@pytest.mark.parametrize(
    ("one", "taken", "refused"),
    [
        (Property("a", "INT", least=1), ["1", "+3", " 7 "], ["0", "", "1.0", "2147483648", "x"]),
        (Property("a", "SHORT"), ["-32768"], ["32768"]),
        (Property("a", "LONG"), ["9223372036854775807"], ["9223372036854775808"]),
        (Property("a", "DOUBLE", least=0, most=1), ["0.5", "1e-3", "1d", ".5"], ["2", "x", ""]),
        (Property("a", "BOOLEAN"), ["true", "FALSE"], ["yes", "1", ""]),
        (Property("a", "LIST", values=("x", "y")), ["", "x", "x , y"], ["x,", "x y", "z"]),
        (Property("a", "STRING", values=("A",), open_case=True), ["a", "A"], ["b"]),
        (
            Property("a", "STRING", values=("2.4-IV1", "0.10.2-IV0"), check="version"),
            ["2.4", "2.4.9", "0.10.2"],
            ["2", "0.10"],
        ),
        (Property("a", "LIST", check="replicas"), ["*", "0:1,2:3", ""], ["0", "a:b"]),
    ],
)
def test_values_are_read_as_kafka_reads_them(one, taken, refused):
    for text in taken:
        verdict.judge(one, text)
    for text in refused:
        with pytest.raises(verdict.Wrong):
            verdict.judge(one, text)


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"retention.hour": 1}, ["orders: retention.hour is no property", "did you mean retention.ms?"]),
        ({"log.retention.ms": "2d"}, ["is a broker's property; the topic's is retention.ms"]),
        ({"num.partitions": 3}, ["is a broker's property, and topics have none for it"]),
        ({"cleanup.policy": "compat"}, ["cleanup.policy takes a list of compact, delete"]),
        ({"max.message.bytes": "9g"}, ["2147483647 at most"]),
        ({"cleanup": {"policy": "compact"}}, ["cleanup is a map", "write it flat: cleanup.policy: compact"]),
    ],
)
def test_a_topics_setting_that_kafka_would_refuse_is_refused(tmp_path, config, parts):
    found = said(tmp_path, variable="topics", own={"orders": {"config": config}})
    assert all(part in found for part in parts) and "site.yml:" in found, found
    assert "kafka_custom_prefixes" not in found, "Kafka refuses what it does not know of a topic"


def test_a_topics_settings_may_have_units_and_be_taken_off(tmp_path):
    own = {"orders": {"retention": "2d", "config": {"max.message.bytes": "2m", "compression.type": None}}}
    assert said(tmp_path, variable="topics", own=own) == ""


@pytest.mark.parametrize(
    ("section", "given", "said"),
    [
        ("broker", {"num.io.threads": "many"}, "num.io.threads takes a whole number, 1 or more"),
        ("broker", {"retention.ms": "1"}, "the broker's is log.retention.ms"),
        ("broker", {"replica.fetch.wait.max.ms": "60000"}, ""),  # what limits it is in force on the cluster
        ("broker", {"brand.new": "1", "num.io.threads": None}, ""),  # a newer broker may know it
        ("topic", {"cleanup.policy": "no"}, "takes a list of compact, delete"),
        ("topic", {"log.segment.bytes": "5"}, "the topic's is segment.bytes"),
        ("topic", {"brand.new": "1", "retention.ms": "5"}, ""),
    ],
)
def test_a_setting_on_the_command_line_is_judged_where_the_version_knows_it(tmp_path, section, given, said):
    host = next(iter(support.single(tmp_path).hosts.values()))
    found = "".join(one.sentence for one in kafka_settings.asked(host, section, given))
    assert said in found and bool(said) == bool(found)


def listed(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "config.list", *arguments],
        cwd=support.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_the_catalogue_can_be_asked_for_by_people_and_machines():
    page = listed("--search", "log.retention")
    row = next(line for line in page.splitlines() if line.startswith("log.retention.ms "))
    assert "broker, controller" in row and "cluster-wide" in row and "of a topic: retention.ms" in row
    assert "of 400 properties of kafka 4.3.1" in page
    found = json.loads(listed("--product", "zookeeper", "--search", "tick*", "--json"))
    (one,) = found["properties"]
    assert found["product"] == "zookeeper" and one["name"] == "tickTime" and one["least"] == 1 and one["type"] == "int"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--search", "retnetion"], ["no property like retnetion; did you mean"]),
        (["--version", "9.9"], ["kafka 9.9 is not locked", "2.5.0, 3.9.2, 4.3.1", "artifacts.lock"]),
        (["--product", "pulsar"], ["--product is pulsar", "kafka, zookeeper"]),
    ],
)
def test_a_wrong_question_about_the_catalogue_is_answered_with_what_there_is(arguments, parts):
    found = listed(*arguments, code=1)
    assert all(part in found for part in parts), found


@pytest.mark.parametrize(
    ("own", "version", "warned"),
    [
        (
            {"log.retention.ms": "2d", "log.retention.hours": 48},
            "3.9.2",
            "log.retention.hours has no effect beside log.retention.ms",
        ),
        ({"log.retention.hours": 48}, "3.9.2", ""),
        ({"log.retention.ms": None, "log.retention.hours": 48}, "3.9.2", ""),
        ({"host.name": "a"}, "2.5.0", "host.name has no effect: a deploy sets listeners"),
        ({"quota.producer.default": 9}, "2.5.0", "quota.producer.default is deprecated in Kafka 2.5.0"),
        ({"metadata.log.segment.bytes": "1g"}, "3.9.2", "keeps its metadata in ZooKeeper"),
        ({"auto.include.jmx.reporter": True}, "3.9.2", "auto.include.jmx.reporter is deprecated in Kafka 3.9.2"),
    ],
)
def test_what_kafka_takes_and_does_not_use_is_a_warning(tmp_path, own, version, warned):
    found = site.warnings(support.three(tmp_path, kafka_config=own, kafka_version=version))
    assert [line for line in found if warned in line] == found and len(found) == bool(warned), found
