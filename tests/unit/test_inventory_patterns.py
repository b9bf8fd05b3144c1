"""--limit chooses the hosts that Ansible would choose; a pattern that means nothing is one sentence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import ConfigError
from provisioner.inventory.patterns import Patterns

GROUPS = {
    "all": ("b1", "b2", "b3", "k1", "web-1.lan", "fe80::1"),
    "kafka": ("b1", "b2", "b3"),
    "zookeeper": ("k1", "b1"),
    "web": ("web-1.lan",),
    "empty": (),
}
HOSTS = ["k1", *GROUPS["kafka"], "web-1.lan", "fe80::1"]


def chosen(pattern: str) -> list[str]:
    return sorted(Patterns(HOSTS, GROUPS).chosen(pattern))


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("kafka:!b3", ["b1", "b2"]),
        ("kafka,!b3", ["b1", "b2"]),
        ("!b3:kafka", ["b1", "b2"]),
        ("kafka:&zookeeper", ["b1"]),
        ("&zookeeper:kafka", ["b1"]),
        ("&zookeeper", ["b1", "k1"]),
        ("kafka:zookeeper:!b*", ["k1"]),
        ("kafka:&zookeeper:!b1", []),
        ("kafka[0]", ["b1"]),
        ("kafka[-1]", ["b3"]),
        ("kafka[0:1]", ["b1", "b2"]),
        ("kafka[0-1]", ["b1", "b2"]),
        ("kafka[1:]", ["b2", "b3"]),
        ("zookeeper[0]", ["k1"]),
        ("kafka[0],zookeeper[0]", ["b1", "k1"]),
        ("kafka[0]:zookeeper[0]", ["b1", "k1"]),
        ("kafka:!kafka[0]", ["b2", "b3"]),
        ("b*[0]", ["b1"]),
        ("b[23]", ["b2", "b3"]),
        ("b?", ["b1", "b2", "b3"]),
        ("*", sorted(HOSTS)),
        ("all", sorted(HOSTS)),
        ("*.lan", ["web-1.lan"]),
        ("~b[13]", ["b1", "b3"]),
        ("~(kaf|zoo).*", ["b1", "b2", "b3", "k1"]),
        ("~b[1-3]:!~b2", ["b1", "b3"]),
        ("fe80::1", ["fe80::1"]),
        ("fe80::1,k1", ["fe80::1", "k1"]),
        ("kafka , k1", ["b1", "b2", "b3", "k1"]),
        ("empty", []),
        ("k1,,", ["k1"]),
    ],
)
def test_a_pattern_chooses_the_hosts_that_it_chooses_for_ansible(pattern, hosts):
    assert chosen(pattern) == hosts


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("kafak:!b1", "--limit: no host or group is called kafak; did you mean kafka?"),
        ("kafka:!b9", "--limit: no host or group is called b9"),
        ("kafka[3]", "--limit kafka[3]: kafka has 3 hosts, counted from 0"),
        ("kafka[-4]", "--limit kafka[-4]: kafka has 3 hosts"),
        ("kafak[0]", "no host or group is called kafak[0]; did you mean kafka?"),
        ("~b[", "--limit: b[ is not a regular expression"),
        ("kafka:b[1", "no host or group is called kafka:b[1"),
        ("~nothing", "no host or group is called ~nothing"),
        ("x*", "no host or group is called x*"),
        ("!", "--limit: ! and & stand before a name"),
        ("@nowhere", "--limit: the file nowhere cannot be read: No such file or directory"),
        ("@/", "--limit: the file / cannot be read: Is a directory"),
    ],
)
def test_a_pattern_that_means_nothing_is_one_sentence(pattern, message):
    with pytest.raises(ConfigError) as caught:
        chosen(pattern)
    assert str(caught.value).startswith(message.split("no host")[0])
    assert message in str(caught.value)


def test_a_name_of_a_host_and_of_a_group():
    known = Patterns(["kafka", "b"], {"all": ["kafka", "b"], "kafka": ["b", "kafka"]})
    assert (known.chosen("kafka"), known.chosen("all:!kafka"), known.chosen("all:&kafka")) == (
        {"kafka"},
        set(),
        {"kafka", "b"},
    )


def test_a_file_has_a_pattern_in_each_line(tmp_path):
    (tmp_path / "some.retry").write_text("b1\n\n# the others are fine\nzookeeper:!b2\n")
    assert chosen(f"@{tmp_path}/some.retry") == ["b1", "k1"]
    assert chosen(f"@{tmp_path}/some.retry,web") == ["b1", "k1", "web-1.lan"]
    (tmp_path / "chain").write_text(f"@{tmp_path}/chain\n")
    with pytest.raises(ConfigError, match="names a further file"):
        chosen(f"@{tmp_path}/chain")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        chosen(f"@{tmp_path}/bytes")


TERMS = [
    "kafka",
    "zookeeper",
    "web",
    "b1",
    "b2",
    "b*",
    "*1",
    "~b[12]",
    "kafka[0]",
    "kafka[0:1]",
    "zookeeper[-1]",
    "all",
]


@pytest.fixture(scope="module")
def theirs():
    """What Ansible itself chooses, in this process."""
    loader = pytest.importorskip("ansible.parsing.dataloader").DataLoader()
    manager = pytest.importorskip("ansible.inventory.manager").InventoryManager(loader=loader, sources=None)
    for name, members in GROUPS.items():
        manager.add_group(name)
        for host in members if name != "all" else ():
            manager.add_host(host, name)
    manager.add_host("fe80::1", "all")
    manager.reconcile_inventory()
    return lambda pattern: sorted(host.name for host in manager.get_hosts(pattern))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    terms=st.lists(st.tuples(st.sampled_from(["", "!", "&"]), st.sampled_from(TERMS)), min_size=1, max_size=4),
    comma=st.booleans(),
)
def test_any_pattern_chooses_what_ansible_chooses(theirs, terms, comma):
    pattern = (", " if comma else ":").join(sign + term for sign, term in terms)
    assert chosen(pattern) == theirs(pattern)
