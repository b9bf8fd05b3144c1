"""The smoke check of a whole cluster: its legs, the places from which each is tried, and the verdict.

Everything is tried on one broker host. A listener that is not reachable from there as a whole (its addresses belong to
the users' side of a network) is tried from this machine at the same time, with the very same code and a topic of its
own: most of a check is waiting for a topic to be created and copied. A listener that neither reaches is skipped, with
the reasons; a broker of which neither reaches any listener is a failure.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cluster import remote
from cluster.endpoint import PLAINTEXT, SASL_SSL, SSL
from cluster.smoke.leg import Leg
from provisioner import timing
from provisioner.connect.requests import Call
from provisioner.errors import HostFailed
from provisioner.resources import Request
from provisioner.words import counted
from roles.kafka import listeners, topology
from roles.kafka.release import NEW_OPTIONS, release
from roles.shared import security
from roles.shared.members import HostLike

HERE = "this machine"
UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"  # as OpenSSL says it
UNROLLED = "`invoke plan` shows whether brokers wait for a restart with another certificate"
LOG = "see the broker's log (/var/log/kafka/server.log, `journalctl -u kafka`)"


class TargetLike(Protocol):
    """The used part of `provisioner.run.target.Target`."""

    @property
    def name(self) -> str: ...
    def members(self, group: str) -> Sequence[HostLike]: ...
    def is_in(self, group: str) -> bool: ...
    @property
    def inventory(self) -> Any: ...
    @property
    def host(self) -> Any: ...


class ReporterLike(Protocol):
    """The used part of `provisioner.report.reporter.Reporter`."""

    def host(self, name: str, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...


class AdmittedLike(Protocol):
    """The used part of `visitor.Admitted`."""

    @property
    def login(self) -> tuple[str, ...]: ...
    @property
    def strangers(self) -> tuple[str, ...]: ...
    @property
    def client(self) -> str: ...


@dataclass(frozen=True)
class _Anybody:
    """What opens a listener in the clear."""

    login: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    client: str = ""


@dataclass(frozen=True)
class Plan:
    """What to check. driver: the host it runs on. skipped: listeners that cannot be checked at all, and why. whole:
    whether all brokers are in the run; given: whether clients are shown certificates that were given to the deploy."""

    driver: str
    hosts: Mapping[int, str]  # broker id -> host name
    legs: tuple[Leg, ...]
    skipped: tuple[tuple[Leg, str], ...] = ()
    whole: bool = True
    given: bool = False

    def label(self, broker: int) -> str:
        """A broker's name in messages."""
        return f"broker {broker} ({self.hosts[broker]})" if broker in self.hosts else f"broker {broker}"


@dataclass(frozen=True)
class Verdict:
    """How one leg ended: "ok", "failed" or "skipped", and where it was tried. why: reasons, one per place."""

    leg: Leg
    status: str
    where: tuple[str, ...]
    why: tuple[str, ...] = ()


def plan_smoke(targets: Sequence[TargetLike]) -> Plan | None:
    """The legs of all brokers of the cluster, whatever --limit says, driven from the first given broker host.

    None when no given host is a broker. Raises ConfigError for listeners that are none. Pure.
    """
    driver = next((target for target in targets if target.is_in("kafka")), None)
    if driver is None:
        return None
    members = driver.members("kafka")
    # The driver's own broker comes first: its cluster is the one to check.
    ordered = sorted(members, key=lambda host: host.name != driver.name)
    legs, skipped, hosts = [], [], {}
    for host in ordered:
        broker = topology.broker_id(host, members)
        hosts[broker] = host.name
        inner = listeners.inter_broker(host).name
        ours = {inner, *(one.name for one in (*listeners.secured(host), *listeners.with_certificates(host)))}
        for listener in sorted(listeners.of(host), key=lambda found: found.name != inner):
            place = (listener.advertised_host, listener.advertised_port, listener.protocol)
            leg = Leg(broker, listener.name, *place, certificate=listener.certificates)
            if listener.protocol == PLAINTEXT or listener.name in ours:
                legs.append(leg)
            else:
                skipped.append((leg, f"the smoke check has no credentials for {listener.protocol}"))
    whole = {*hosts.values()} <= {target.name for target in targets}
    return Plan(driver.name, hosts, tuple(legs), tuple(skipped), whole, security.given(driver.host))


def elsewhere(plan: Plan, answer: Mapping[str, Any]) -> list[Leg]:
    """The legs to be tried from another place: all of every listener that was not reached on all brokers. Pure."""
    missed = {leg["listener"] for leg in answer["legs"] if leg["status"] == "unreachable"}
    # This machine has no certificate of a node.
    return [leg for leg in plan.legs if leg.listener in missed and (leg.protocol != SSL or leg.certificate)]


def verdicts(plan: Plan, answers: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Verdict]:
    """Each leg's verdict from the answers of all places: failed anywhere is failed, else ok anywhere is ok. None is
    skipped for a certificate that was given and that cannot be verified: no client gets in. Pure."""
    found = []
    for leg in plan.legs:
        tried = [
            (where, result)
            for where, answer in answers
            for result in answer["legs"]
            if (result["broker"], result["listener"]) == (leg.broker, leg.listener)
        ]
        statuses = {result["status"] for _, result in tried}
        status = "failed" if "failed" in statuses else "ok" if "ok" in statuses else "skipped"
        why = tuple(f"from {where}: {result['why']}" for where, result in tried if result["status"] != "ok")
        found.append(Verdict(leg, status, tuple(where for where, _ in tried), why if status != "ok" else ()))
    if plan.given and plan.whole:
        found = [replace(one, status="failed") if _unverified(one) else one for one in found]
    return found + [Verdict(leg, "skipped", (), (why,)) for leg, why in plan.skipped]


def _unverified(one: Verdict) -> bool:
    """Whether a leg was not tried since the certificate there is not the one that clients are to trust."""
    return one.status != "ok" and any(UNVERIFIED in why for why in one.why)


def failures(plan: Plan, answers: Sequence[tuple[str, Mapping[str, Any]]], found: Sequence[Verdict]) -> list[str]:
    """Every failure in one line: broker, listener, step, error. Unreachable brokers are failures too. Pure."""
    lines: dict[tuple[Any, ...], str] = {}
    for where, answer in answers:
        for failure in answer["failures"]:
            text = (
                f"{plan.label(failure['broker'])}, listener {failure['listener']} ({failure['address']}), "
                f"{failure['step']}: {failure['error']}" + (f" (from {where})" if len(answers) > 1 else "")
            )
            # The same finding from a second place adds nothing.
            lines.setdefault(tuple(sorted(failure.items())), text)
    checkable = {leg.broker for leg in plan.legs}
    touched = {verdict.leg.broker for verdict in found if verdict.status != "skipped"}
    for broker in sorted(checkable - touched):
        reasons = [why for verdict in found if verdict.leg.broker == broker for why in verdict.why]
        text = f"{plan.label(broker)}: none of its listeners can be reached: {'; '.join(reasons)}"
        lines[(broker,)] = text
    for verdict in found:
        if verdict.status == "failed" and (not lines or _unverified(verdict)):
            lines[(verdict.leg,)] = f"{plan.label(verdict.leg.broker)}, {verdict.leg}: {'; '.join(verdict.why)}"
    return list(lines.values())


def verify(call: Call, targets: Sequence[TargetLike], reporter: ReporterLike, *, cli: bool = False) -> None:
    """The smoke check over all brokers of the targets' cluster, with the native client or the
    official console tools. targets: the hosts with a broker, if any. Raises HostFailed naming the failing leg."""
    if targets:
        run_smoke(call, targets, reporter, cli=cli)
    else:
        reporter.note("no broker among these hosts: nothing to produce to")


def run_smoke(
    call: Call, targets: Sequence[TargetLike], reporter: ReporterLike, *, cli: bool = False, join: str = "auto"
) -> list[Verdict]:
    """Check the cluster of the given hosts; every leg's verdict, [] when no host is a broker.

    cli: with the official console tools instead of the native client. join: "auto" or "always", see the on-host `run`.
    Skipped listeners become warnings. Raises HostFailed that names each failed leg.
    """
    plan = plan_smoke(targets)
    if plan is None:
        return []
    answers: list[tuple[str, Mapping[str, Any]]] = []
    if plan.legs:
        driver = next(target for target in targets if target.name == plan.driver)
        with _admitted(call, plan, driver) as admitted:
            plan = _with_logins(plan, admitted)
            legs = [leg.to_dict() for leg in plan.legs]
            if cli:
                new = release(driver.host.vars).number >= NEW_OPTIONS
                answers.append(
                    (plan.driver, call(plan.driver, remote.smoke_cli(legs, new).adding(client=admitted.client)))
                )
            else:
                request = remote.smoke(legs, join, admitted.strangers).adding(client=admitted.client)
                answers = _both_sides(call, plan, request, reporter)
    for _, answer in answers:
        for broker, listener, step, seconds in answer.get("took", ()):
            timing.add(f"smoke: {step} {listener}", seconds, plan.hosts[broker])
    found = verdicts(plan, answers)
    lines = failures(plan, answers, found)
    if lines:
        one = len(lines) == 1
        raise HostFailed(
            f"the smoke check failed: {lines[0]}" if one else f"the smoke check failed in {len(lines)} places",
            host=plan.driver,
            details=() if one else lines,
            advice=f"{UNROLLED if any(map(_unverified, found)) else LOG}; then `invoke smoke` again",
        )
    for verdict in found:
        if verdict.status == "skipped":
            reporter.warning(f"smoke check: {verdict.leg} was skipped: {'; '.join(verdict.why)}")
    reporter.note(summary(found, answers))
    return found


def _admitted(call: Call, plan: Plan, driver: TargetLike) -> AbstractContextManager[AdmittedLike]:
    """As `visitor.admitted`, which is loaded only where a listener is closed."""
    if all(leg.protocol == PLAINTEXT for leg in plan.legs):
        return nullcontext(_Anybody())
    from roles.kafka import visitor

    return visitor.admitted(call, driver, plan.whole)


def _with_logins(plan: Plan, admitted: AdmittedLike) -> Plan:
    """The plan with what each leg needs to get in; without those for which there is nothing."""
    login = tuple(admitted.login)
    legs = [replace(leg, login=login) if leg.protocol == SASL_SSL or leg.certificate else leg for leg in plan.legs]
    out = [leg for leg in legs if leg.certificate] if not admitted.client else []
    why = "the key that signs certificates of clients cannot be used here"
    left = tuple(leg for leg in legs if leg not in out)
    return replace(plan, legs=left, skipped=(*plan.skipped, *((leg, why) for leg in out)))


def _both_sides(
    call: Call, plan: Plan, request: Request, reporter: ReporterLike
) -> list[tuple[str, Mapping[str, Any]]]:
    """The answers of the host and, where it does not reach everything, of this machine."""
    if len({leg.listener for leg in plan.legs}) > 1:
        # One of them is probably meant for this side: import the client while the host finds out what it can reach.
        threading.Thread(target=_client, daemon=True).start()
    with ThreadPoolExecutor(1) as beside:
        begun: list[Future[Mapping[str, Any]]] = []

        def event(message: Mapping[str, Any]) -> None:
            if "text" in message:
                reporter.host(plan.driver, str(message["text"]))
            elif left := elsewhere(plan, message):
                legs = [leg.to_dict() for leg in left]
                more = request.adding(legs=legs, cluster_id=message["cluster_id"])
                begun.append(beside.submit(_here, more.args, plan.driver, reporter))

        # If this ends early, the other side finishes its steps first, so that its topic is deleted.
        answers = [(plan.driver, call(plan.driver, request, event))]
        return answers + [(HERE, future.result()) for future in begun]


def _client() -> Any:
    """The on-host check, whose import brings the Kafka client; most runs need neither."""
    from cluster.smoke import smoke

    return smoke


def _here(arguments: Mapping[str, Any], driver: str, reporter: ReporterLike) -> Mapping[str, Any]:
    def emit(event: Mapping[str, Any]) -> None:
        if "text" in event:
            reporter.host(driver, f"from {HERE}: {event['text']}")

    answer: Mapping[str, Any] = _client().run(dict(arguments), emit)
    return answer


def summary(found: Sequence[Verdict], answers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """A passed check in one line. Pure."""
    passed = [verdict.leg for verdict in found if verdict.status == "ok"]
    if not passed:
        return "Smoke check: nothing could be checked"
    brokers, listeners = len({leg.broker for leg in passed}), len({leg.listener for leg in passed})
    written = sum(answer["records"] for _, answer in answers)
    seconds = max(answer["seconds"] for _, answer in answers)
    return (
        f"Smoke check passed in {seconds:.1f} s: {written} records through "
        f"{counted(listeners, 'listener')} of {counted(brokers, 'broker')}, read back complete and in order"
    )
