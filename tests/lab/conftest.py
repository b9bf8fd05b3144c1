"""Real hosts for the tests: one lab of this clone's own, its hosts made when a test first asks for them.

`script/test` names the lab in $LAB and removes it at the end. Hosts stay between tests of a session: `single` and
`prod3` are deployed once, and every module leaves them so that a deploy would change nothing. A test that needs an
empty host asks for `bare`. Modules about several hosts are marked `second_lab`: they may run beside the others, on
hosts of their own (tests/support/two_labs.py).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator

import pytest
import yaml

from lab.lab import Lab

from .cluster import TOPICS, Cluster, bare_cluster
from .hosts import QUICK_START, ROOT, LabHost, counts, lab_name

SPOILED = pytest.StashKey[bool]()  # of the session: whether a test has failed since `made3` was made

# These share the cluster `prod3`, in this order: the others take its hosts for something else.
SHARING = (
    "test_topics",
    "test_rolling",
    "test_evidence",
    "test_careless",
    "test_growth",
    "test_broker_config",
    "test_split",
    "test_molecule_three",
)
# These make hosts of their own and leave none, so that either lab may run them; the longest first.
OF_THEIR_OWN = (
    "test_kraft_faults",
    "test_closing",
    "test_kraft_growth",
    "test_migration",
    "test_molecule",
    "test_verbs",
    "test_closed",
    "test_kraft_five",
    "test_kraft",
    "test_kraft_single",
    "test_closed_single",
    "test_closed_zookeeper",
    "test_closed_old",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a lab test; what shares a cluster comes first, what either lab may run last."""
    places = [place for place, item in enumerate(items) if "tests/lab" in item.path.as_posix()]
    order = {name: number for number, name in enumerate((*SHARING, "", *OF_THEIR_OWN))}
    here = sorted((items[place] for place in places), key=lambda item: order.get(item.path.stem, order[""]))
    for place, item in zip(places, here, strict=True):
        item.add_marker(pytest.mark.lab)
        if item.path.stem in OF_THEIR_OWN:
            item.add_marker(pytest.mark.own_hosts)
        items[place] = item


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Its new hosts have Java: to install that is half of what a first deploy costs. What `bare` and `deployed` make
    has none."""
    return Lab(lab_name(), root=ROOT, java=True)


@pytest.fixture(scope="session")
def bare_lab() -> Lab:
    """The same lab; its new hosts are as a fresh server install."""
    return Lab(lab_name(), root=ROOT)


@pytest.fixture(scope="session")
def host(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LabHost]:
    """host("kafka1"): a lab host with an inventory of its own, made after inventory/single.yml, or another for one
    host. With `archive=False` it makes no class archive, which takes it 15 s of CPU in the background."""

    def make(base: str, inventory: str = "single", *, archive: bool = True) -> LabHost:
        folder = tmp_path_factory.mktemp(base)
        content = yaml.safe_load(lab.inventory(inventory).read_text())
        text = json.dumps(content).replace(lab.host("single1"), lab.host(base))
        content = yaml.safe_load(text)
        content["all"]["vars"] |= {**QUICK_START, "kafka_class_archive": archive}
        (entry,) = content["all"]["children"]["kafka"]["hosts"].values()
        entry["ansible_port"], entry["kafka_port"] = lab.ports(base)["ssh"], lab.ports(base)["kafka"]
        path = folder / f"{inventory}.yml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return LabHost(lab, base, path)

    return make


@pytest.fixture
def bare(bare_lab: Lab, host: Callable[[str], LabHost]) -> Iterator[Callable[..., LabHost]]:
    """bare(image="trixie"): an empty host, wiped whatever was on it before. It goes with the test: services that nobody
    asks anything take a twentieth of a processor all the same."""
    made = []

    def make(image: str = "bookworm", base: str = "kafka1") -> LabHost:
        made.append(base)
        bare_lab.recreate(base, image)
        return host(base)

    yield make
    bare_lab.down(made)


@pytest.fixture(scope="session")
def deployed(bare_lab: Lab, host: Callable[[str], LabHost]) -> LabHost:
    """single1, deployed once in the session."""
    bare_lab.up(["single1"])
    found = host("single1")
    found.deploy("--no-smoke")
    return found


def interrupted(request: pytest.FixtureRequest) -> bool:
    """Has Ctrl-C ended the run? Then a test was cut off in the middle, and what it left is no finding."""
    return request.session.exitstatus == pytest.ExitCode.INTERRUPTED


@pytest.fixture(scope="module")
def _left_as_found(request: pytest.FixtureRequest, deployed: LabHost) -> Iterator[None]:
    yield
    if interrupted(request):
        return
    output = deployed.deploy("--no-smoke")
    assert counts(output, deployed.name)["touched"] == 0, f"a test of this module left the host changed:\n{output}"


@pytest.fixture
def single(deployed: LabHost, _left_as_found: None) -> LabHost:
    """The deployed single1; a test must leave it so that a deploy changes nothing, which is asked after each module."""
    deployed.wait_for_class_archive()
    return deployed


@pytest.fixture(scope="session")
def _shared3(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Cluster]]:
    """What `made3` gives: the cluster of the module before, or a new one."""
    clusters = list[Cluster]()
    with contextlib.ExitStack() as stack:

        def made() -> Cluster:
            if request.session.stash.get(SPOILED, False):
                clusters.clear()
                stack.close()
                request.session.stash[SPOILED] = False
            if not clusters:
                cluster = stack.enter_context(bare_cluster(lab, tmp_path_factory.mktemp("prod3")))
                cluster.set({"topics": TOPICS})
                cluster.made = cluster.invoke("deploy")
                clusters.append(cluster)
            return clusters[0]

        yield made


@pytest.fixture(scope="module")
def made3(_shared3: Callable[[], Cluster]) -> Cluster:
    """kafka1 to kafka3: empty, then deployed with the inventory prod3 and topics in it; once in a session, and once
    more for the module after one of which a test failed, so that what it left is no failure of others."""
    return _shared3()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "made3" in getattr(item, "fixturenames", ()):
        item.session.stash[SPOILED] = True
    return report


@pytest.fixture(scope="module")
def prod3(request: pytest.FixtureRequest, made3: Cluster) -> Iterator[Cluster]:
    """These three as the shipped inventory wants them; a module must leave them so that a deploy changes nothing."""
    made3.set()
    made3.invoke("deploy", "--no-smoke")
    yield made3
    if not interrupted(request):
        made3.require_unchanged()
