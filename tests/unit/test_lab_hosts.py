"""Names and ports of labs."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab.hosts import BLOCK, BLOCKS, FIRST_PORT, HOSTS, base_name, check_lab_name, name_for_clone, port_blocks
from lab.state import all_ports
from provisioner.errors import UsageError

COMPOSE = Path(__file__).resolve().parents[2] / "lab" / "compose.yaml"
LAB_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True).filter(lambda name: name != "default")


def test_compose_file_alone_describes_the_default_lab():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert set(services) == set(HOSTS)
    for host, service in services.items():
        # ${LAB_X:-2221} -> 2221, as compose does when nothing is set
        plain = [re.sub(r"\$\{\w+:-(\w*)\}", r"\1", port) for port in service["ports"]]
        published = {int(port.split(":")[1]) for port in plain}
        assert published == set(HOSTS[host].values())
        assert all(port.startswith("127.0.0.1:") for port in plain)
        assert re.sub(r"\$\{\w+:-(\w*)\}", r"\1", service["container_name"]) == host


def test_each_lab_variable_of_the_compose_file_is_one_that_the_lab_sets():
    used = set(re.findall(r"\$\{(LAB_\w+)", COMPOSE.read_text()))
    ports = {f"LAB_{host}_{use}".upper() for host, uses in HOSTS.items() for use in uses}
    assert used == ports | {"LAB_NAME", "LAB_PREFIX", "LAB_IMAGE", "LAB_OS"}


@given(LAB_NAMES)
def test_first_block_follows_from_the_name(name):
    assert next(port_blocks(name)) == next(port_blocks(name))


@given(LAB_NAMES)
def test_every_host_of_a_block_has_ports_of_its_own_below_those_of_outgoing_connections(name):
    for block in itertools.islice(port_blocks(name), 3):
        numbers = [number for uses in block.values() for number in uses.values()]
        assert len(set(numbers)) == len(numbers)
        assert min(numbers) >= FIRST_PORT and max(numbers) < 32768
        assert {host: set(uses) for host, uses in block.items()} == {host: set(uses) for host, uses in HOSTS.items()}


def test_blocks_of_a_lab_do_not_overlap_and_cover_the_range():
    blocks = [all_ports(block) for block in port_blocks("any")]
    assert len(blocks) == BLOCKS
    assert len(set().union(*blocks)) == sum(map(len, blocks))
    assert len(blocks[0]) <= BLOCK


@pytest.mark.parametrize(
    ("lab", "host", "base"),
    [("default", "single1", "single1"), ("dev", "kafka2", "kafka2"), ("dev", "dev-kafka2", "kafka2")],
)
def test_short_and_full_host_names_mean_the_same(lab, host, base):
    assert base_name(lab, host) == base


def test_unknown_host_lists_the_valid_ones():
    with pytest.raises(UsageError, match="kafka9") as error:
        base_name("dev", "kafka9")
    assert all(host in str(error.value) for host in HOSTS)


@pytest.mark.parametrize("name", ["", "-a", "a-", "Upper", "a_b", "a b", "../x", "x" * 31])
def test_lab_names_that_cannot_be_in_a_host_name_are_refused(name):
    with pytest.raises(UsageError):
        check_lab_name(name)


def test_clones_have_test_labs_of_their_own():
    one, other = name_for_clone("/home/a/clone"), name_for_clone("/home/b/clone")
    assert one == name_for_clone("/home/a/clone") != other
    assert check_lab_name(one) not in ("default", "")
