"""Names and addresses: each works as Kafka, ZooKeeper and SSH need it, or is refused in one sentence with its place."""

from __future__ import annotations

import pytest

from cluster.metadata.zookeeper.probe import parse_servers
from cluster.metadata.zookeeper.znodes import _address
from provisioner.connect.known_hosts import name_of
from provisioner.connect.settings import settings
from provisioner.errors import ProvisionerError
from provisioner.inventory.addresses import bind, host, is_loopback, ssh_host
from provisioner.inventory.loading import load
from roles import site
from roles.kafka import listeners
from roles.zookeeper import topology
from tests.support import roles as support


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kafka1", "kafka1"),
        ("node_a.example.com", "node_a.example.com"),
        ("a.example.", "a.example."),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("FD00:0:0::0001", "fd00::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("1host", "1host"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_is_a_name_or_an_address(text, found):
    assert host(text) == ssh_host(text) == bind(text) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" ", "blank"),
        (" kafka1", "blank"),
        ("kafka1\n", "blank"),
        ("kafka\x001", "not printed"),
        ("kafka\u202e1", "not printed"),
        ("kafka1:9092", "it has a port in it: write kafka1 here"),
        ("[fd00::1]:9092", "it has a port in it: write [fd00::1] here"),
        ("PLAINTEXT://kafka1:9092", "it has a scheme and a port in it: write kafka1 here"),
        ("http://kafka1/", "it has a scheme in it: write kafka1 here"),
        ("kafka1:", "a port"),
        ("kafka1,kafka2", "comma"),
        ("root@kafka1", "it has a user in it: write kafka1 here"),
        ("-oProxyCommand=x", "begins with -"),
        ("[kafka1]", "'['"),
        ("fd00::g", "':'"),
        ("kafka/1", "'/'"),
        ("{{ x }}", "blank"),
    ],
)
def test_what_else_stands_there_is_named(text, why):
    for read in (host, ssh_host):
        with pytest.raises(ValueError) as caught:
            read(text)
        assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.256", "looks like an IPv4 address"),
        ("010.0.0.1", "looks like an IPv4 address"),
        ("1.10", "looks like an IPv4 address"),
        ("0.0.0.0", "every address of a host"),
        ("::", "every address of a host"),
        ("[0:0:0:0:0:0:0:0]", "every address of a host"),
        ("224.0.0.1", "multicast"),
        ("größe.example", "'ö' in it; write the name as the DNS has it"),
        ("a..b", "empty part"),
        (".", "looks like"),
        ("a" * 64, "too long"),
        ("a+b", "'+'"),
    ],
)
def test_what_no_client_could_connect_to_is_no_host(text, why):
    with pytest.raises(ValueError) as caught:
        host(text)
    assert why in str(caught.value)


@pytest.mark.parametrize("text", ["", "0.0.0.0", "::", "[::]"])
def test_a_listener_may_bind_to_every_address(text):
    assert bind(text) == text.strip("[]")


@pytest.mark.parametrize(
    ("text", "itself"),
    [
        *((text, True) for text in ("localhost", "LOCALHOST", "a.localhost", "127.0.1.1", "::1", "[::1]", "127.1")),
        *((text, True) for text in ("::ffff:127.0.0.1", "localhost.localdomain", "localhost4", "ip6-loopback")),
        *((text, False) for text in ("localhost.example.com", "128.0.0.1", "::12", "local", "fd00::1", "10.127.0.1")),
    ],
)
def test_a_host_that_is_itself(text, itself):
    assert is_loopback(text) is itself


V6 = {
    "kafka1": {"ansible_host": "[fd00::1]", "zookeeper_address": "fd00::1", "kafka_advertised_host": "[FD00::1]"},
    "kafka2": {"ansible_host": "fd00::2", "zookeeper_address": "[fd00::2]", "kafka_advertised_host": "fd00::2"},
}


def test_ipv6_addresses_stand_in_brackets_where_a_port_follows(tmp_path):
    here = support.inventory(tmp_path, kafka=V6, zookeeper=V6, kafka_listeners=[{"name": "A", "port": 1, "bind": "::"}])
    target = support.target(here, "kafka1")
    lines = support.text(target, "/etc/kafka/server.properties").splitlines()
    assert {"listeners=A://[::]:1", "advertised.listeners=A://[fd00::1]:1"} <= {*lines}
    assert "zookeeper.connect=[fd00::1]:2181,[fd00::2]:2181" in lines
    zoo = support.text(target, "/etc/zookeeper/zoo.cfg")
    assert "server.1=[fd00::1]:2888:3888\nserver.2=[fd00::2]:2888:3888\n" in zoo
    assert parse_servers(zoo) == {"1": "fd00::1", "2": "fd00::2"}
    # What is asked for by name or opened by itself has none.
    servers = target.members("zookeeper")
    assert topology.addresses(target.host, servers) == ["fd00::1", "fd00::2"]
    assert settings("kafka1", target.host.vars).address == "fd00::1"
    assert name_of("fd00::1", 22) == "fd00::1" and name_of("fd00::1", 222) == "[fd00::1]:222"


def test_a_listener_at_an_ipv6_address_is_asked_there(tmp_path):
    (listener,) = listeners.of(
        support.single(tmp_path, kafka_listeners=[{"name": "A", "port": "9092", "bind": "[::1]"}]).hosts["single1"]
    )
    assert (listener.local, listener.bound) == ("[::1]:9092", "[::1]:9092")


def test_empty_values_of_a_listener_are_not_set(tmp_path):
    entry = {
        "name": "A",
        "port": 9092,
        "bind": None,
        "advertised_host": None,
        "advertised_port": None,
        "protocol": None,
    }
    (listener,) = listeners.of(support.single(tmp_path, kafka_listeners=[entry]).hosts["single1"])
    assert listener == listeners.Listener("A", 9092, "PLAINTEXT", "0.0.0.0", "single1", 9092)


HEAD = "all:\n  children:\n    zookeeper: {hosts: {h: }}\n    kafka: {hosts: {h: }}\n  vars:\n"


def loaded(directory, line: str):
    path = directory / "site.yml"
    path.write_text(f"{HEAD}    {line}\n")
    return load(str(path), root=directory, specs=support.SPECS, checks=site.CHECKS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kafka_advertised_host: node-a:9092", "it has a port in it"),
        ("kafka_advertised_host: PLAINTEXT://node-a", "it has a scheme in it"),
        ("kafka_advertised_host: ", "found: nothing"),
        ("kafka_advertised_host: ' '", "it has a blank in it"),
        ("kafka_advertised_host: 1.10", "looks like an IPv4 address"),
        ("zookeeper_address: zk1:2181", "it has a port in it"),
        ("zookeeper_address: '::'", "every address of a host"),
        ("ansible_host: ops@10.0.0.1:2222", "write 10.0.0.1 here and ops as ansible_user and 2222 as ansible_port"),
        ("ansible_host: ssh://ops@[::1]:2222", "write [::1] here and ops as ansible_user and 2222 as ansible_port"),
        ("ansible_host: ''", "it is empty"),
        ("ansible_host: 10.0.0.1 ansible_port=22", "it has a blank in it"),
        ("ansible_port: ''", "ansible_port must be a port"),
        ('ansible_port: "{{ none_at_all }}"', "none_at_all"),
        ("kafka_listeners: [{name: A, port: 9092, advertised_host: 'a:1'}]", "it has a port in it"),
        ("kafka_listeners: [{name: A, port: 9092, advertised_host: ''}]", "it is empty"),
        ("kafka_listeners: [{name: A, port: 9092, bind: ' 10.0.0.1'}]", "it has a blank in it"),
        ("kafka_listeners: [{name: A, port: 9092, bind: '*'}]", "'*'"),
        ("kafka_listeners: [{name: A B, port: 9092}]", "a name of letters, digits, _ and -; found: 'A B'"),
        ("kafka_listeners: [{name: on, port: 9092}]", "found: True"),
        ("kafka_listeners: [{name: , port: 9092}]", "name is missing"),
        ("kafka_listeners: [{name: A, port: }]", "port is missing"),
        ("kafka_listeners: [{name: A, port: 9092.5}]", "found: 9092.5"),
        ("kafka_listeners: [{name: A, port: 010}]", "octal"),
        ("kafka_listeners: [{name: A, port: yes}]", "found: True"),
        ("kafka_listeners: [{name: A, port: ''}]", "found: ''"),
        ("kafka_listeners: [{name: A, port: 9092, protocol: TLS}]", "one of PLAINTEXT, SSL"),
        ("kafka_listeners: [{name: A, port: 9092, host: a}]", "unknown key host"),
        ("kafka_listeners: ['INTERNAL://0.0.0.0:9092']", "write it like this: {name: INTERNAL, port: 9092}"),
        ("kafka_listeners: [~]", "it is not a map"),
        ("kafka_listeners: [{name: a, port: 1}, {name: A, port: 2}]", "does not distinguish upper and lower case"),
        ("kafka_zookeeper_connect: 'zk1:2181, zk2:2181'", "' zk2:2181': it has a blank in it"),
        ("kafka_zookeeper_connect: 'zk1:2181,'", "it is empty"),
        ("kafka_zookeeper_connect: zk1:http", "the port must be a port"),
        ("kafka_zookeeper_connect: fd00::1:2181", "an IPv6 address stands in brackets"),
        ("kafka_zookeeper_connect: zk://zk1:2181", "zk"),
        ("kafka_zookeeper_connect: zk1:2181/a/../b", "its path: it has . or .. in it"),
        ("kafka_zookeeper_chroot: a b", "it has ' ' in it"),
        ("kafka_zookeeper_chroot: a//b", "it has an empty part"),
    ],
)
def test_what_is_no_address_is_refused_where_it_stands(tmp_path, line, said):
    with pytest.raises(ProvisionerError) as caught:
        loaded(tmp_path, line)
    message = str(caught.value)
    assert said in message and "site.yml:6" in message and caught.value.exit_code == 1, message
    assert message.count("is not a listener") <= 1, "one mistake is said once"


@pytest.mark.parametrize(
    "line",
    [
        "kafka_zookeeper_connect: 'zk1,zk2:2181,[fd00::1]:2181,[fd00::2]/kafka/a'",
        "kafka_zookeeper_chroot: /kafka/a/",
        "kafka_listeners: [{name: INTERNAL, port: 9092}]\n    kafka_inter_broker_listener: internal",
        "ansible_port: '{{ 20 + 2 }}'",
        "kafka_listeners: [{name: a, port: '{{ kafka_port + 1 }}', advertised_host: '{{ inventory_hostname }}'}]",
    ],
)
def test_what_is_an_address_works(tmp_path, line):
    assert listeners.inter_broker(loaded(tmp_path, line).hosts["h"])


def test_one_address_for_two_protocols_is_refused(tmp_path):
    same = "advertised_host: x, advertised_port: 9000"
    line = f"kafka_listeners: [{{name: A, port: 1, {same}}}, {{name: B, port: 2, protocol: %s, {same}}}]"
    with pytest.raises(ProvisionerError, match=r"A \(PLAINTEXT\) and B \(SSL\) would both be advertised as x:9000"):
        loaded(tmp_path, line % "SSL")
    assert len(listeners.of(loaded(tmp_path, line % "plaintext").hosts["h"])) == 2


@pytest.mark.parametrize(
    ("server", "address"),
    [("zk1", ("zk1", 2181)), ("zk1:1", ("zk1", 1)), ("[::1]", ("::1", 2181)), ("[::1]:1", ("::1", 1))],
)
def test_a_server_of_zookeeper_may_come_without_its_port(server, address):
    assert _address(server) == address
