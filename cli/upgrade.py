"""upgrade.check: what stands in the way of another version of Kafka, from the inventory, the cluster and its hosts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cli.cluster import Cluster, opened
from cli.common import Run, for_machines, load_inventory
from cluster import remote
from cluster.metadata import remote as of_metadata
from cluster.model import Setting, Topic
from cluster.settings.properties import parse
from cluster.users import remote as of_users
from provisioner.errors import ProvisionerError, Several, UsageError
from provisioner.inventory.model import Inventory
from provisioner.quantities import format_duration, parse_duration
from provisioner.report.reporter import Reporter
from provisioner.run import preflight
from provisioner.run.target import Target
from provisioner.words import counted
from roles.kafka import listeners, logs, metadata
from roles.kafka import upgrade as rules
from roles.kafka import upgrade_hosts as of_hosts
from roles.kafka.release import LINK, release
from roles.kafka.service import CONFIG, STARTED
from roles.kafka.upgrade import CHANGES, NOTE, PRODUCT, STOPS, Finding
from roles.shared import catalogue, kraft, releases
from roles.shared.catalogue import Catalogue
from roles.shared.releases import Release

SECONDS, MOST_SECONDS = 4.0, 300.0  # a consumer asks at least every half a second (Kafka's default)
HEADS = {STOPS: "Stops", CHANGES: "Changes", NOTE: "Worth knowing"}


def check(run: Run, to: str, listen: str, as_json: bool) -> int:
    """Print every finding; exit code 2 when one of them would stop something, or a host could not be asked."""
    seconds = _seconds(listen)
    wanted, known = _wanted(to)
    with opened(run, stream=None if as_json else sys.stdout) as cluster:
        found = Check(run, cluster, wanted, known)
        found.look(seconds)
        document = found.document()
        if not as_json:
            _show(cluster.show, document)
    if as_json:
        print(for_machines(document))
    grave = any(one["level"] == STOPS for one in document["findings"])
    return max(2 if grave else 0, *(error.exit_code for error in found.lost), 0)


class Check:
    """One look. wanted: the version to go to, known: its properties. findings: everything that was found; lost: why
    hosts could not be asked; changed: (property, default now, default then); requests: how many were heard, None where
    nobody listened."""

    def __init__(self, run: Run, cluster: Cluster, wanted: Release, known: Catalogue) -> None:
        self.run, self.cluster, self.wanted, self.known = run, cluster, wanted, known
        self.to = wanted.version
        self.findings: list[Finding] = []
        self.lost: list[ProvisionerError] = []
        self.changed: list[tuple[str, str, str]] = []
        self.requests: int | None = None
        self.running = ""
        self.kraft = metadata.kept_itself(cluster.inventory)

    def look(self, seconds: float) -> None:
        """Ask everything. seconds: how long to listen. Raises UsageError where the version is no newer one."""
        targets = self._targets()
        brokers = {name: one for name, one in targets.items() if one.is_in(kraft.BROKERS)}
        versions = self.cluster.fleet.each(
            brokers, lambda name: self.cluster.fleet.call(name, remote.running_version(PRODUCT, STARTED, LINK))
        )
        self.lost += versions.errors.values()
        self.running = self._from(dict(versions))
        self.findings += self._of_inventory()
        self.findings += rules.of_brokers(self.to, dict(versions))
        self._of_hosts(targets)
        self._of_cluster(brokers)
        if lowest := rules.least(self.running, self.to) if seconds else {}:
            self._of_clients(brokers, lowest, seconds)

    def document(self) -> dict[str, Any]:
        """For machines; docs/operations.md describes the keys."""
        return {
            "from": self.running,
            "to": self.to,
            "findings": [asdict(one) for one in rules.together(self.findings)],
            "defaults": {name: {"before": before, "after": after} for name, before, after in self.changed},
            "requests": self.requests,
            "unreachable": [line for error in self.lost for line in error.lines()],
        }

    def _targets(self) -> dict[str, Target]:
        """The hosts of the run that run Kafka, connected to."""
        hosts = [one for one in self.cluster.hosts.members if {kraft.BROKERS, kraft.CONTROLLERS} & set(one.groups)]
        found = self.cluster.hosts.connect(hosts)
        if not found:
            found.check()
        for name in found:
            self.cluster.show.host(name, "")
        self.lost += found.errors.values()
        self.cluster.lost |= found.errors
        return dict(found)

    def _from(self, versions: Mapping[str, Mapping[str, Any]]) -> str:
        """The oldest version that runs; that of the inventory, where none does."""
        running = [str(one["version"]) for one in versions.values() if one["version"]]
        host = next(iter(self.cluster.brokers.values()))
        oldest = min(running or [release(host.vars).version], key=_number)
        if _number(self.to) <= _number(oldest):
            raise UsageError(
                f"--to {self.to} is not newer than what runs, {oldest}",
                advice="an older version comes back by `invoke deploy --accept-downgrade`"
                if _number(self.to) < _number(oldest)
                else "name the version that you want to go to",
            )
        return oldest

    def _of_inventory(self) -> list[Finding]:
        """What a deploy of that version would refuse before it connects to anybody."""
        last = "" if self.kraft else metadata.last_before(self.wanted)
        errors: Sequence[ProvisionerError] = ()
        try:
            wanted: Inventory | None = load_inventory(
                self.run.hosts, [*self.run.extra_vars, f"{PRODUCT}_version={self.to}"], self.run.decrypt()
            )
        except ProvisionerError as error:
            wanted, errors = None, error.errors if isinstance(error, Several) else [error]
        found = [] if not last else [rules.of_keeper(self.to, last)]
        found += rules.of_inventory(one for one in errors if not (last and metadata.left_behind(one)))
        if wanted is not None:
            found += of_hosts.of_warnings(self.cluster.inventory, wanted)
        return found

    def _of_hosts(self, targets: Mapping[str, Target]) -> None:
        def ask(name: str) -> dict[str, Any]:
            wants = {**preflight.wants(of_hosts.needs(targets[name], self.wanted)), "files": [CONFIG]}
            return self.cluster.fleet.read(name, lock=False, resources=[], wants=wants)

        answers = self.cluster.fleet.each(targets, ask)
        self.lost += answers.errors.values()
        for name, answer in answers.items():
            needs = of_hosts.needs(targets[name], self.wanted)
            self.findings += rules.of_host(name, preflight.details(needs, answer))
            text = answer["files"].get(CONFIG)
            if text and targets[name].is_in(kraft.BROKERS):
                ours = of_hosts.written(targets[name])
                self.findings += rules.of_file(self.known, name, parse(text), ours)

    def _of_cluster(self, brokers: Mapping[str, Target]) -> None:
        call = self.cluster.call
        seen = call(remote.cluster_status())
        if seen["serving"]:
            ours = {id_: host.name for id_, host in self.cluster.brokers.items()}
            self.findings += rules.of_health(seen, ours)
        answer = call(remote.broker_settings((), defaults=False))
        self.findings += rules.of_silent({self.cluster.name(int(id_)): why for id_, why in answer["silent"].items()})
        settings = {
            self.cluster.name(int(broker)): {name: Setting.from_wire(one) for name, one in found.items()}
            for broker, found in answer["settings"].items()
        }
        self.findings += rules.of_settings(self.known, settings)
        topics = call(remote.topics_look(internal=True, keys=()))["topics"]
        own = {name: Topic.from_wire(name, one).settings for name, one in topics.items()}
        self.findings += rules.of_topics(
            self.known, {name: {key: one.value for key, one in of.items()} for name, of in own.items()}
        )
        if self.kraft:
            features = call(of_metadata.features())
            self.findings += rules.of_features(self.running, self.to, features["finalised"])
        now = catalogue.of(PRODUCT, self.running) if self.running in releases.known(PRODUCT) else None
        if now is not None:
            given = {name for one in settings.values() for name in one}
            given |= {name for target in brokers.values() for name in of_hosts.written(target)}
            self.changed = rules.defaults(now, self.known, given, self.kraft)

    def _of_clients(self, brokers: Mapping[str, Target], lowest: Mapping[str, int], seconds: float) -> None:
        ids = {host.name: id_ for id_, host in self.cluster.brokers.items()}

        def hear(name: str) -> dict[str, Any]:
            self.cluster.show.host(name, f"listening to clients for {seconds:g} s")
            asked = of_users.requests(ids[name], log=f"{logs.folder()}/{rules.REQUESTS}", seconds=seconds, least=lowest)
            return self.cluster.fleet.call(name, asked.at(listeners.door(self.cluster.inventory.hosts[name])))

        heard = self.cluster.fleet.each(brokers, hear)
        self.lost += heard.errors.values()
        for name in brokers:
            self.cluster.show.host(name, "")
        self.requests = sum(one["requests"] for one in heard.values())
        self.findings += rules.of_clients(self.to, (each for one in heard.values() for each in one["heard"]), lowest)


def _show(show: Reporter, document: Mapping[str, Any]) -> None:
    """Everything found, for people."""
    to = document["to"]
    show.phase(f"Kafka {document['from']} -> {to}")
    findings = document["findings"]
    for level, head in HEADS.items():
        listed = [one for one in findings if one["level"] == level]
        if listed:
            show.phase(head)
        for one in listed:
            show.note(f"  {', '.join(one['where'])}: {one['what']}" if one["where"] else f"  {one['what']}")
            for line in one["details"]:
                show.note(f"      {line}")
            if one["fix"]:
                show.note(f"    -> {one['fix']}")
    if document["defaults"]:
        show.phase("Defaults that change, and that nobody has set here")
    for name, one in document["defaults"].items():
        show.note(f"  {name}: {one['before']} -> {one['after']}")
    for line in document["unreachable"]:
        show.warning(line)
    if document["requests"] is not None:
        show.note(f"{counted(document['requests'], 'request')} of clients heard; who was silent is not judged")
    counts = {level: sum(one["level"] == level for one in findings) for level in HEADS}
    if counts[STOPS]:
        show.phase(f"{counted(counts[STOPS], 'thing')} to fix before an upgrade to {to}")
    else:
        left = counted(counts[CHANGES] + counts[NOTE], "thing")
        show.phase(f"Nothing stops an upgrade to {to}" + (f", {left} to know" if len(findings) else ""))


def _wanted(to: str) -> tuple[Release, Catalogue]:
    """The version to go to, and its properties. Raises UsageError."""
    if not to:
        raise UsageError("which version? --to is missing", details=releases.listed(PRODUCT))
    if to not in releases.usable(PRODUCT):
        advice = f"choose one of these, or add it: `invoke artifacts.lock --product {PRODUCT} --version {to}`"
        raise UsageError(f"--to {to} is not locked", details=releases.listed(PRODUCT), advice=advice)
    known = catalogue.of(PRODUCT, to)
    if known is None:
        raise UsageError(f"--to {to} was locked without a catalogue", advice=f"lock it again: {PRODUCT} {to}")
    return releases.release(PRODUCT, to), known


def _seconds(listen: str) -> float:
    """How long to listen, seconds. Raises UsageError."""
    if not listen:
        return SECONDS
    try:
        found = parse_duration(listen) / 1000
    except ValueError as error:
        raise UsageError(f"--listen: {error}", advice="as in --listen 10s") from None
    if not 0 <= found <= MOST_SECONDS:
        longest = format_duration(int(MOST_SECONDS * 1000))
        raise UsageError(f"--listen {listen} is not between 0 and {longest}", advice="as in --listen 10s")
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
