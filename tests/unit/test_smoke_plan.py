"""Which legs the smoke check has, where they are tried, and what their answers mean."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from cluster import remote
from cluster.endpoint import Endpoint
from cluster.model import Broker
from cluster.smoke import reach
from cluster.smoke.check import replicas
from cluster.smoke.leg import Leg, LegFailure
from cluster.smoke.reach import unregistered
from provisioner.errors import HostFailed
from roles.kafka import verify as smoke
from tests.support.fake_hosts import FakeHosts


class FakeTarget:
    def __init__(self, host, brokers, groups=("kafka",)):
        self.name, self._brokers, self._groups = host.name, brokers, groups
        self.host, self.inventory = host, None  # of the cluster, which no open listener needs

    def members(self, group):
        return self._brokers if group == "kafka" else ()

    def is_in(self, group):
        return group in self._groups


class FakeReporter:
    def __init__(self):
        self.notes, self.warnings = [], []

    def host(self, name, text):
        pass  # progress, which is not kept

    def note(self, text):
        self.notes.append(text)

    def warning(self, text):
        self.warnings.append(text)


def broker(number, listeners=()):
    variables = {
        "kafka_broker_id": number,
        "kafka_port": 9092,
        "kafka_advertised_host": f"kafka{number}",
        "kafka_listeners": list(listeners),
        "kafka_inter_broker_listener": "",
        "kafka_security": None,
        "kafka_secure_port": None,
    }
    return SimpleNamespace(name=f"kafka{number}", vars=variables)


def two_sided(number):
    outside = {"name": "EXTERNAL", "port": 19092, "advertised_host": "example.com", "advertised_port": 19090 + number}
    return broker(number, [{"name": "INTERNAL", "port": 9092}, outside])


def targets(hosts):
    return [FakeTarget(host, hosts) for host in hosts]


def answer(legs, failures=(), cluster="c1"):
    """What the on-host check answers: legs as (Leg, status)."""
    rows = [{**leg.to_dict(), "status": status, "why": "refused"} for leg, status in legs]
    return {"cluster_id": cluster, "legs": rows, "failures": list(failures), "records": 100, "seconds": 0.5}


def test_one_broker_with_defaults_is_one_leg():
    plan = smoke.plan_smoke(targets([broker(1)]))
    assert plan.driver == "kafka1"
    assert plan.legs == (Leg(1, "PLAINTEXT", "kafka1", 9092),)


def test_every_listener_of_every_broker_is_a_leg_even_when_the_run_is_limited_to_one_host():
    hosts = [two_sided(1), two_sided(2), two_sided(3)]
    plan = smoke.plan_smoke([FakeTarget(hosts[1], hosts)])
    assert plan.driver == "kafka2"
    assert plan.legs[0] == Leg(2, "INTERNAL", "kafka2", 9092), "the driver's own cluster is the one that is meant"
    assert sorted((leg.broker, leg.listener) for leg in plan.legs) == [
        (number, name) for number in (1, 2, 3) for name in ("EXTERNAL", "INTERNAL")
    ]
    assert Leg(3, "EXTERNAL", "example.com", 19093) in plan.legs


def test_hosts_that_are_no_brokers_have_nothing_to_check():
    assert smoke.plan_smoke([FakeTarget(broker(1), [], groups=("zookeeper",))]) is None
    assert smoke.run_smoke(None, [FakeTarget(broker(1), [], groups=("zookeeper",))], FakeReporter()) == []


def test_a_listener_that_asks_for_credentials_is_skipped_with_the_reason():
    listeners = [{"name": "INTERNAL", "port": 9092}, {"name": "CLIENTS", "port": 9093, "protocol": "SASL_SSL"}]
    plan = smoke.plan_smoke(targets([broker(1, listeners)]))
    assert [leg.listener for leg in plan.legs] == ["INTERNAL"]
    assert [(leg.listener, why) for leg, why in plan.skipped] == [
        ("CLIENTS", "the smoke check has no credentials for SASL_SSL")
    ]


def test_a_listener_missed_on_one_broker_is_tried_elsewhere_on_all():
    plan = smoke.plan_smoke(targets([two_sided(1), two_sided(2)]))
    states = {(1, "EXTERNAL"): "ok", (2, "EXTERNAL"): "unreachable"}
    found = answer([(leg, states.get((leg.broker, leg.listener), "ok")) for leg in plan.legs])
    assert {(leg.broker, leg.listener) for leg in smoke.elsewhere(plan, found)} == {(1, "EXTERNAL"), (2, "EXTERNAL")}


@pytest.mark.parametrize(
    ("there", "here", "verdict"),
    [
        ("ok", None, "ok"),
        ("unreachable", "ok", "ok"),
        ("ok", "unreachable", "ok"),
        ("unreachable", "unreachable", "skipped"),
        ("unreachable", "failed", "failed"),
        ("failed", "ok", "failed"),
    ],
)
def test_the_verdict_of_a_leg_from_both_sides(there, here, verdict):
    plan = smoke.plan_smoke(targets([broker(1)]))
    answers = [("kafka1", answer([(plan.legs[0], there)]))]
    if here:
        answers.append((smoke.HERE, answer([(plan.legs[0], here)])))
    assert [found.status for found in smoke.verdicts(plan, answers)] == [verdict]


def run(hosts, on_host, here=None, monkeypatch=None):
    """run_smoke with an on-host answer made from the legs, and one from this machine."""
    reporter = FakeReporter()

    def smoke_run(host, arguments, event):
        found = on_host([Leg(**leg) for leg in arguments["legs"]])
        event({"cluster_id": found["cluster_id"], "legs": found["legs"]})
        event({"text": "at work"})
        return found

    def from_here(arguments, *_):
        return here([Leg(**leg) for leg in arguments["legs"]], arguments["cluster_id"])

    if here:
        monkeypatch.setattr(smoke, "_here", from_here)
    fake = FakeHosts({remote.smoke: smoke_run})
    found = smoke.run_smoke(fake, targets(hosts), reporter)
    return found, reporter, [(host, request.module, request.function) for host, request in fake.asked]


def test_a_passed_check_is_one_exec_on_one_host_and_one_line():
    found, reporter, calls = run([broker(1)], lambda legs: answer([(leg, "ok") for leg in legs]))
    assert [verdict.status for verdict in found] == ["ok"]
    assert calls == [("kafka1", "cluster.smoke.smoke", "run")]
    assert reporter.notes == [
        "Smoke check passed in 0.5 s: 100 records through 1 listener of 1 broker, read back complete and in order"
    ]


def test_this_machine_is_at_work_while_the_host_is(monkeypatch):
    here_begun, host_done = threading.Event(), threading.Event()

    def here(arguments, *_):
        here_begun.set()
        assert host_done.wait(20)
        return answer([(Leg(**leg), "ok") for leg in arguments["legs"]])

    def smoke_run(host, arguments, event):
        legs = [Leg(**leg) for leg in arguments["legs"]]
        found = answer([(leg, "ok" if leg.listener == "INTERNAL" else "unreachable") for leg in legs])
        event({"cluster_id": "c1", "legs": found["legs"]})
        assert here_begun.wait(20), "the host's part was over before this machine's began"
        host_done.set()
        return found

    monkeypatch.setattr(smoke, "_here", here)
    verdicts = smoke.run_smoke(FakeHosts({remote.smoke: smoke_run}), targets([two_sided(1)]), FakeReporter())
    assert [verdict.status for verdict in verdicts] == ["ok", "ok"]


def test_a_failure_names_host_broker_listener_step_and_error():
    def on_host(legs):
        failure = LegFailure(legs[1], "produce", "NotEnoughReplicasError").to_dict()
        return answer([(legs[0], "ok"), (legs[1], "failed")], [failure])

    with pytest.raises(HostFailed) as caught:
        run([broker(1), broker(2)], on_host)
    message = str(caught.value)
    assert "broker 2 (kafka2), listener PLAINTEXT (kafka2:9092), produce: NotEnoughReplicasError" in message
    assert caught.value.exit_code == 2


def test_a_leg_that_failed_without_a_word_fails_the_check_too():
    with pytest.raises(HostFailed, match="broker 1"):
        run([broker(1)], lambda legs: answer([(leg, "failed") for leg in legs]))


def test_a_broker_that_nobody_reaches_is_a_failure_with_both_reasons(monkeypatch):
    def on_host(legs):
        return answer([(leg, "ok" if leg.broker == 1 else "unreachable") for leg in legs])

    def here(legs, cluster_id):
        assert cluster_id == "c1", "this machine must not check another cluster"
        return answer([(leg, "unreachable") for leg in legs])

    with pytest.raises(HostFailed) as caught:
        run([broker(1), broker(2)], on_host, here, monkeypatch)
    message = str(caught.value)
    assert "broker 2 (kafka2): none of its listeners can be reached" in message
    assert "from kafka1: refused; from this machine: refused" in message
    assert "broker 1" not in message


def test_a_listener_that_nobody_reaches_is_skipped_with_a_warning_when_another_one_works(monkeypatch):
    def on_host(legs):
        return answer([(leg, "ok" if leg.listener == "INTERNAL" else "unreachable") for leg in legs])

    found, reporter, _ = run(
        [two_sided(1)], on_host, lambda legs, _: answer([(leg, "unreachable") for leg in legs]), monkeypatch
    )
    assert sorted(verdict.status for verdict in found) == ["ok", "skipped"]
    assert len(reporter.warnings) == 1
    assert "broker 1, listener EXTERNAL (example.com:19091) was skipped" in reporter.warnings[0]


def test_the_same_finding_from_two_places_is_told_once(monkeypatch):
    def both(legs, _=None):
        failures = [failure.to_dict() for failure in unregistered([Leg(2, "INTERNAL", "kafka2", 9092)], [1])]
        return answer([(leg, "ok" if leg.broker == 1 else "unreachable") for leg in legs], failures)

    with pytest.raises(HostFailed) as caught:
        run([two_sided(1)], lambda legs: both([*legs, Leg(1, "EXTERNAL", "x", 1)]), both, monkeypatch)
    assert str(caught.value).count("broker 2 is not registered in the cluster (it has 1)") == 1


@pytest.mark.parametrize(
    ("leaders", "brokers", "factor", "expected"),
    [
        ([1], [1], 3, {0: [1]}),
        ([1, 2, 3], [1, 2, 3], 3, {0: [1, 2, 3], 1: [2, 3, 1], 2: [3, 1, 2]}),
        ([7], [5, 7, 9, 11], 3, {0: [7, 9, 11]}),
        ([11], [5, 7, 9, 11], 2, {0: [11, 5]}),
    ],
)
def test_each_partition_is_led_by_its_broker(leaders, brokers, factor, expected):
    assert replicas(leaders, brokers, factor) == expected


def test_a_leg_is_named_by_broker_listener_and_address():
    assert str(Leg(3, "EXTERNAL", "example.com", 9093)) == "broker 3, listener EXTERNAL (example.com:9093)"
    assert Leg(1, "A", "::1", 9092).address == "[::1]:9092"
    assert str(LegFailure(Leg(3, "E", "h", 1), "compare", "1 lost")) == "broker 3, listener E (h:1), compare: 1 lost"


def test_brokers_that_lack_a_listener_are_known_by_another_one(monkeypatch):
    """As while a listener gets another name, broker by broker."""
    there = {1: Broker(1, Endpoint("a", 1)), 2: Broker(2, Endpoint("b", 2))}
    views = {"a:9": {"brokers": {1: Broker(1, Endpoint("a", 9))}}, "a:1": {"brokers": there}, "b:2": {"brokers": there}}
    monkeypatch.setattr(reach, "hello", lambda endpoint, timeout: {**views[str(endpoint)], "cluster_id": "x"})
    legs = [Leg(1, "NEW", "a", 9), Leg(1, "OLD", "a", 1), Leg(2, "OLD", "b", 2)]
    reached, reasons, view = reach.reach(legs)
    assert (reached, reasons) == (legs, {})
    assert sorted(view["brokers"]) == [1, 2] and view["cluster_id"] == "x"


def test_a_missing_broker_is_told_once_whatever_its_listeners():
    legs = [Leg(1, "A", "a", 1), Leg(2, "A", "b", 1), Leg(2, "B", "b", 2)]
    assert [str(failure) for failure in unregistered(legs, [1, 3])] == [
        "broker 2, listener A (b:1), create: broker 2 is not registered in the cluster (it has 1, 3)"
    ]
