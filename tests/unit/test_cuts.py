"""Where `script/closing --each` cuts deploys off: each place once, whoever gets there."""

from __future__ import annotations

from tests.support.cuts import STARTS, STOPS, Cuts

ADDED, MOVED = "listeners with TLS are added", "nodes speak over them"
CONFIG = "  ~ {}: file:/etc/kafka/server.properties (differs)"
RESTART = "  ~ {}: restart service:kafka (runs with an older server.properties)"
SERVERS = (
    "  ~ {}: file:/etc/zookeeper/zoo.cfg (differs)",
    "  ~ {}: restart service:zookeeper (runs with an older zoo.cfg)",
)


def turn(host: str, *lines: str) -> list[str]:
    return [line.format(host) for line in lines or (CONFIG, RESTART)]


def deploys(cuts: Cuts, *lines: str) -> str:
    """What a deploy that writes these is cut off at; "" at its end."""
    cuts.begin()
    for line in lines:
        if place := cuts.place(line):
            return f"{place} ({place.host} {place.until})" if place.until else str(place)
    return ""


def test_each_place_of_a_step_is_there_once_in_the_order_of_the_way():
    cuts = Cuts()
    plan = ["--> Preflight", "--> Plan", "kafka_security: off -> open: 3 rolling restarts", f"  1. {ADDED}"]
    whole = [*plan, "--> Apply", "  + a: directory:/etc/kafka/tls", "--> Restart", *turn("a"), *turn("b"), *turn("c")]
    found = [deploys(cuts, *whole) for _ in range(4)]
    # Now the first host has files that it was not restarted with: it gets no line before its restart.
    left = [*plan, "--> Restart", *turn("a", RESTART), *turn("b"), *turn("c")]
    found += [deploys(cuts, *left) for _ in range(2)]
    found += [deploys(cuts, *plan, "--> Restart", *turn("c"))]
    then = [*plan[:-1], f"  1. {MOVED}"]
    assert deploys(cuts, *then) == f"{MOVED}: planned"
    assert found == [
        f"{ADDED}: planned",
        f"{ADDED}: files are written",
        f"{ADDED}: before the first restart",
        f"{ADDED}: between files and restart of kafka",
        f"{ADDED}: kafka comes up (a {STARTS})",
        f"{ADDED}: kafka goes down (b {STOPS})",
        f"{ADDED}: after the last restart of kafka",
    ]
    assert [str(one) for one in cuts.made][:-1] == [one.partition(" (")[0] for one in found]


def test_each_unit_has_its_places_and_a_later_step_of_the_same_deploy_too():
    cuts = Cuts()
    lines = [
        *("--> Plan", f"  1. {ADDED}", "--> Restart", *turn("a", *SERVERS), *turn("a")),
        *(f"--> Step 2 of 3: {MOVED}", "--> Restart", "  ~ a: zookeeper:/ (anybody may change what is there)"),
        *turn("a", *SERVERS),
    ]
    found = [deploys(cuts, *lines) for _ in range(9)]
    assert found == [
        *(f"{ADDED}: planned", f"{ADDED}: before the first restart"),
        f"{ADDED}: between files and restart of zookeeper",
        f"{ADDED}: zookeeper comes up (a {STARTS})",
        f"{ADDED}: between files and restart of kafka",
        f"{ADDED}: kafka comes up (a {STARTS})",
        *(f"{MOVED}: planned", f"{MOVED}: before the first restart", f"{MOVED}: ZooKeeper is anybody's again"),
    ]


def test_what_comes_at_the_end_has_places_too():
    cuts = Cuts()
    lines = [
        *("--> Plan", "--> Users", "  + alice: a password", "--> ZooKeeper", "  ~ a: zookeeper:/ (only nodes)"),
        *("--> Verify", "Smoke check passed"),
    ]
    found = [deploys(cuts, *lines) for _ in range(4)]
    assert found == ["the end: Users changes", "the end: ZooKeeper changes", "the end: in the smoke check", ""]


def test_lines_of_a_plan_are_no_places():
    lines = ("--> Plan", *turn("a"), *turn("b"), "--> Recap", "a : ok=1")
    assert not deploys(Cuts(), *lines)
