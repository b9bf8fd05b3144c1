"""Our verdict on a property is Kafka's own: pairs of a property and a value, judged by both. No host is needed, but the
jars of each version and a JDK."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.artifacts import ClosureSource
from roles.shared import catalogue, releases
from tests.support import agreement
from tests.support import roles as support

PAIRS = 1000  # a version; the whole set is up to five times as large
# Of the pairs, how many we may refuse although Kafka takes them: a class that is no plugin, for one.
STRICTER = 0.01


@pytest.fixture(params=[(one, version) for one in agreement.PROGRAMS for version in releases.known(one)], ids="-".join)
def version(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture
def jars(version: tuple[str, str], tmp_path: Path) -> Iterator[list[Path]]:
    source = ClosureSource(releases.release(*version).lock_file)
    with tarfile.open(source.obtain(lambda *_: None).path) as archive:
        archive.extractall(tmp_path, filter="data")
    yield sorted(tmp_path.rglob("*.jar"))
    shutil.rmtree(tmp_path)


def silent(one: agreement.Judged, known: catalogue.Catalogue) -> bool:
    """To ZooKeeper 3.5, whatever is not true is false: we refuse what was hardly meant so."""
    found = known.find(one.pair.section, one.pair.name)
    return known.product == "zookeeper" and bool(found) and found.type == "BOOLEAN"


def test_our_verdict_is_the_products_own(version, jars, tmp_path):
    product, number = version
    known = catalogue.of(*version)
    assert known
    hosts = ("kafka1", "kafka2", "kafka3")
    site = (
        support.of_version(tmp_path, number, *hosts)
        if product == "kafka"
        else support.three(tmp_path, zookeeper_version=number)
    )
    judged = agreement.judged(known, site, jars, tmp_path, PAIRS)
    missed = [one for one in judged if one.theirs and not one.ours]
    stricter = [one for one in judged if one.ours and not one.theirs and not silent(one, known)]
    print(f"{product} {number}: {len(judged)} pairs, {len(stricter)} refused by us alone:")
    print("\n".join(f"  {one.pair.name}={one.pair.value!r}: {one.ours}" for one in stricter))
    assert len(judged) >= (500 if product == "kafka" else 100) and not missed, missed[:5]
    assert len(stricter) <= STRICTER * len(judged), stricter
    assert sum(bool(one.theirs) for one in judged) > len(judged) / 10, "hardly any value was wrong"
