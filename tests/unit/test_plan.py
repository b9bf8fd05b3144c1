"""The plan: from expected and actual states to changes and restarts; no host involved."""

from __future__ import annotations

import pytest

from provisioner.resources import (
    Archive,
    Derived,
    Directory,
    Earlier,
    File,
    Gone,
    Link,
    Links,
    Package,
    Service,
    Sysctl,
    sha256,
)
from provisioner.resources.service import outdated, parse_record
from provisioner.run import plan
from provisioner.secrets import mask

PROPERTIES = "/etc/kafka/server.properties"


class Source:
    """A stand-in for an archive's source: an identity and a label are all that a plan looks at."""

    def __init__(self, identity: str) -> None:
        self.id, self.label = identity, f"archive {identity}"


def as_read(resource, **changed):
    """The state that a host answers with when it is as expected, but for `changed`."""
    return {**resource.expected(), **changed}


FILE = File(PROPERTIES, "a=1\n", mode=0o640, template="kafka/server.properties.j2")
SYSCTL = Sysctl("k", {"vm.swappiness": 1})
CASES = [
    (FILE, None, "+", ""),
    (FILE, as_read(FILE, digest="other", content="a=2\n"), "~", "content"),
    (FILE, as_read(FILE, mode=0o644), "~", "mode 0644 -> 0640"),
    (FILE, as_read(FILE, owner="kafka", group="kafka"), "~", "owner kafka -> root, group kafka -> root"),
    (FILE, as_read(FILE, type="link"), "~", "type link -> file"),
    (Package("jre"), None, "+", ""),
    (Link("/opt/kafka", "/opt/b"), {"type": "link", "target": "/opt/a"}, "~", "target /opt/a -> /opt/b"),
    (Links("/bin", {"a": "x", "b": "y"}), {"links": {"a": "x"}}, "~", "b (none) -> y"),
    (SYSCTL, as_read(SYSCTL, running={"vm.swappiness": "60"}), "~", "vm.swappiness 60 -> 1"),
    (Directory("/data", once="data"), as_read(Directory("/data"), guarded=False), "~", "guarded"),
    (
        Archive("/opt/k", Source("new")),
        as_read(Archive("/opt/k", Source("new")), altered=["libs/a.jar"]),
        "~",
        "1 altered: libs/a.jar",
    ),
    (Service("kafka"), as_read(Service("kafka"), active=False), "~", "active"),
    (Gone("/etc/kafka/old.pem", PROPERTIES), {"there": True}, "~", "not there"),
    (Earlier("/opt/k-3"), {"no longer needed": ["/opt/k-2"]}, "~", "1 no longer needed: /opt/k-2"),
]


@pytest.mark.parametrize(("resource", "actual", "action", "note"), CASES)
def test_a_difference_becomes_one_change_that_says_what_differs(resource, actual, action, note):
    (change,) = plan.make("h", [resource], {resource.key: actual}).changes
    assert (change.action, change.note) == (action, note)


@pytest.mark.parametrize("resource", [case[0] for case in CASES])
def test_no_difference_is_no_change(resource):
    assert plan.make("h", [resource], {resource.key: as_read(resource)}).nothing


def running(**digests):
    """A service's state: started with `started`, `disk` there now."""
    return {"enabled": True, "active": True, "started": digests["started"], "disk": digests["disk"]}


@pytest.mark.parametrize(
    ("started", "disk", "soon", "expected"),
    [
        ({"/a": "1"}, {"/a": "1"}, {}, []),
        ({"/a": "1"}, {"/a": "1"}, {"/a": "2"}, ["/a"]),  # planned change
        ({"/a": "1"}, {"/a": "2"}, {"/a": "2"}, ["/a"]),  # an earlier run was killed before its restart
        ({"/a": "1"}, {"/a": "2"}, {"/a": "1"}, []),  # ... and its change is taken back by this one
        ({}, {"/a": "1"}, {}, ["/a"]),  # started before the unit recorded anything
        ({"/a": "1"}, {"/a": None}, {}, ["/a"]),  # an input has vanished
    ],
)
def test_restart_is_needed_when_the_process_read_something_else(started, disk, soon, expected):
    assert outdated(("/a",), running(started=started, disk=disk), soon) == expected


ZOOKEEPER = Service("zookeeper", ("/etc/zoo.cfg", "/jdk/release"))
KAFKA = Service("kafka", (PROPERTIES, "/opt/kafka-2/.provisioned", "/jdk/release"))


def planned(resources, *services, present=(), **states):
    """The plan of resources that differ from the disk (present: by their names) or are not there, and of services that
    run with other inputs than these. Returns {unit, or "" for what no restart waits with: the names of the changes}."""
    old = dict.fromkeys((path for service in services for path in service.inputs), "old")
    found = {service.key: {**running(started=old, disk=old), **states} for service in services}
    found |= {one.key: {} for one in resources if one.name in present}
    made = plan.make("h", [*resources, *services], found)
    waiting = {restart.service.unit: restart.changes for restart in made.restarts}
    assert sorted([*made.at_once, *sum(waiting.values(), ())], key=made.changes.index) == list(made.changes)
    return {unit: [one.resource.name for one in of] for unit, of in {"": made.at_once, **waiting}.items()}


OTHER = File("/etc/other", "x")
JAVA = File("/jdk/release", "x")
CFG = File("/etc/zoo.cfg", "x")
OLD = Gone("/etc/old.pem", PROPERTIES)
UNPACKED = Archive("/opt/kafka-2", Source("two"))
WITHIN = File("/opt/kafka-2/bin/tool", "x")
CURRENT = Link("/opt/kafka", "/opt/kafka-2")


@pytest.mark.parametrize(
    ("resources", "services", "present", "expected"),
    [
        # Each service's own files in its own turn, the rest at once, in the order of the plan.
        (
            [OTHER, CFG, FILE, Directory("/data")],
            [ZOOKEEPER, KAFKA],
            (),
            {"": ["/etc/other", "/data"], "zookeeper": ["/etc/zoo.cfg"], "kafka": [PROPERTIES]},
        ),
        # What both read is written in the turn of the first.
        ([JAVA, FILE], [ZOOKEEPER, KAFKA], (), {"": [], "zookeeper": ["/jdk/release"], "kafka": [PROPERTIES]}),
        # A new version goes beside what runs, with all that is in it; only what leads to it waits.
        (
            [UNPACKED, WITHIN, CURRENT, FILE],
            [KAFKA],
            (),
            {"": ["/opt/kafka-2", "/opt/kafka-2/bin/tool"], "kafka": ["/opt/kafka", PROPERTIES]},
        ),
        # One that replaces what runs waits, and so does what is laid into it.
        (
            [UNPACKED, WITHIN, OTHER],
            [KAFKA],
            ("/opt/kafka-2",),
            {"": ["/etc/other"], "kafka": ["/opt/kafka-2", "/opt/kafka-2/bin/tool"]},
        ),
        # A link that is on the way to an input.
        (
            [CURRENT],
            [Service("kafka", ("/opt/kafka/.provisioned", PROPERTIES))],
            ("/opt/kafka",),
            {"": ["/opt/kafka"]},  # nothing else differs: no restart, so nothing waits
        ),
        (
            [CURRENT, FILE],
            [Service("kafka", ("/opt/kafka/.provisioned", PROPERTIES))],
            ("/opt/kafka",),
            {"": [], "kafka": ["/opt/kafka", PROPERTIES]},
        ),
        # What a file has named so far is there until the process starts with another one.
        ([OTHER, FILE, OLD], [KAFKA], ("/etc/old.pem",), {"": ["/etc/other"], "kafka": [PROPERTIES, "/etc/old.pem"]}),
        ([OLD], [KAFKA], ("/etc/old.pem",), {"": ["/etc/old.pem"]}),
    ],
)
def test_what_a_running_service_reads_at_its_start_waits_for_its_restart(resources, services, present, expected):
    assert planned(resources, *services, present=present) == expected


def test_a_service_that_is_down_or_new_gets_everything_at_once():
    assert planned([FILE, CFG], KAFKA, active=False) == {"": [PROPERTIES, "/etc/zoo.cfg", "kafka"]}
    made = plan.make("h", [FILE, KAFKA], {})
    assert made.at_once == made.changes and len(made.changes) == 2


def test_a_change_that_needs_no_restart_waits_for_none():
    digests = {PROPERTIES: FILE.digest}
    service = Service("kafka", (PROPERTIES,))
    states = {FILE.key: as_read(FILE, mode=0o600), service.key: running(started=digests, disk=digests)}
    made = plan.make("h", [FILE, service], states)
    assert made.at_once == made.changes and len(made.changes) == 1 and not made.restarts


def test_a_stopped_service_needs_a_start_and_no_restart():
    state = {"enabled": True, "active": False, "started": None, "disk": {"/a": "1"}}
    made = plan.make("h", [Service("kafka", ("/a",))], {"service:kafka": state})
    assert made.changes and not made.restarts


def test_restart_follows_an_archive_through_the_link_that_leads_to_it():
    new = Archive("/opt/kafka-2", Source("two"))
    resources = [new, Link("/opt/kafka", "/opt/kafka-2"), Service("kafka", ("/opt/kafka/.provisioned",))]
    old = sha256(b"one\n")
    state = running(started={"/opt/kafka/.provisioned": old}, disk={"/opt/kafka/.provisioned": old})
    (restart,) = plan.make("h", resources, {"service:kafka": state}).restarts
    assert restart.reasons == ("/opt/kafka/.provisioned",)


def test_record_is_read_as_sha256sum_writes_it():
    assert parse_record("ab12  /etc/a b\ncd34  /etc/c\n") == {"/etc/a b": "ab12", "/etc/c": "cd34"}
    assert parse_record(None) is None


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("ssl.key.password=x1", True),
        ("sasl.jaas.config=x1", True),
        ("listener.name.a.plain.sasl.jaas.config=x1", True),
        ("log.retention.ms=x1", False),
        ("# password=x1 in a comment", True),
        ("password.encoder.secret=x1", True),
    ],
)
def test_mask(line, hidden):
    assert ("x1" not in mask(line)) == hidden


def test_every_resource_survives_the_wire():
    from provisioner.resources import from_wire

    for resource, *_ in CASES:
        assert from_wire(resource.wire(content=True)).expected() == resource.expected()
        assert from_wire(resource.wire(content=False)).expected() == resource.expected()


def test_content_does_not_travel_for_reading():
    assert FILE.wire(content=False)["content"] is None


def test_what_only_saves_time_is_begun_when_all_else_is_done():
    service = Service("kafka", inputs=(PROPERTIES, "/fast"))
    derived = Derived("/fast", "make-fast", (PROPERTIES,))
    old = {PROPERTIES: sha256(b"a=0\n"), "/fast": ""}
    states = {FILE.key: as_read(FILE, digest="x"), service.key: running(started=old, disk=old)}
    made = plan.make("h", [FILE, service, derived], states)
    assert [change.resource for change in made.restarts[0].changes] == [FILE]
    assert [one.resource for one in made.in_background] == [derived] and not made.nothing
    assert derived not in [one.resource for one in made.at_once]
    assert derived not in [one.resource for restart in made.restarts for one in restart.changes]
