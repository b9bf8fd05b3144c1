"""What brokers go on with, where the inventory says nothing about it and only they know: the protocol that they speak
(`protocol.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.run.stages import Stage
from roles.kafka import metadata
from roles.kafka.features import VARIABLE as FEATURES
from roles.kafka.protocol import PROPERTY, VARIABLE, number, shown
from roles.kafka.release import LINK, release
from roles.kafka.service import STARTED
from roles.shared import kraft
from roles.shared.evidence import version_in

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host
    from provisioner.run.evidence import Witness


def kept(witnesses: Sequence[Witness], call: Call) -> Stage | None:
    """What the brokers go on speaking, where that is not the protocol of the version in the inventory, and the
    inventory says nothing about it; and where an upgrade stands with this run. None where they speak that, or are new.
    Raises HostFailed.

    Whoever may still run with something older counts. A run that restarts nothing and finds nothing of it in the files
    asks no host."""
    brokers = [one for one in witnesses if kraft.COMBINED_UNIT in one.said and _settings(one)]
    if not brokers:
        return None
    version = release(brokers[0].target.host.vars).version
    links = {version_in(one.said[kraft.COMBINED_UNIT]["link"]) for one in brokers if _restarts(one)}
    before = min((one for one in links if one and number(one) < number(version)), key=number, default=None)
    if metadata.own(brokers[0].target):
        return Stage(_first(version, before, FEATURES, "features stay as they are"), {}) if before else None
    given = [one for one in brokers if _given(one.target.host)]
    if given:
        return _last(given, call)
    if not any(PROPERTY in _settings(one) or _restarts(one) for one in brokers):
        return None
    spoken = [text for one in brokers if (text := _spoken(one, call))]
    if not spoken:
        return None
    now = min(spoken, key=number)
    if number(now) >= number(version):
        return None
    what = f"brokers that run {version} go on speaking protocol {shown(now)}"
    if before:
        what = _first(version, before, VARIABLE, f"go on speaking protocol {shown(now)}")
    return Stage(what, {VARIABLE: shown(now)})


def _first(version: str, before: str, variable: str, kept: str) -> str:
    """The first of the two deploys of an upgrade, as its plan says it."""
    return (
        f"upgrade, step 1 of 2: brokers run {version}, and {kept}; kafka_version: {before} with --accept-downgrade "
        f"goes back, until step 2 ({variable}: '{shown(version)}') makes that impossible"
    )


def _last(brokers: Sequence[Witness], call: Call) -> Stage | None:
    """The second one: brokers whose inventory says what they speak speak something older."""
    if not any(_restarts(one) and PROPERTY in _settings(one) for one in brokers):
        return None
    wanted = str(brokers[0].target[VARIABLE] or brokers[0].target["kafka_config"].get(PROPERTY))
    spoken = [text for one in brokers if (text := _spoken(one, call))]
    if not spoken or number(now := min(spoken, key=number)) >= number(wanted):
        return None
    what = f"upgrade, step 2 of 2: brokers speak protocol {shown(wanted)}, not {shown(now)}"
    return Stage(f"{what}; no version before {shown(wanted)} can come back then", {})


def _given(host: Host) -> bool:
    return bool(host.vars[VARIABLE]) or PROPERTY in host.vars["kafka_config"]


def _settings(one: Witness) -> Mapping[str, str]:
    found: Mapping[str, str] = one.said[kraft.COMBINED_UNIT]["settings"]
    return found


def _restarts(one: Witness) -> bool:
    return any(restart.service.unit == kraft.COMBINED_UNIT for restart in one.plan.restarts)


def _spoken(one: Witness, call: Call) -> str:
    """As its process speaks; of one that does not run, as it would by its files. "" where neither is known."""
    by_files = str(_settings(one).get(PROPERTY) or version_in(one.said[kraft.COMBINED_UNIT]["link"]) or "")
    if not _restarts(one):  # it runs with what is there
        return by_files
    running = call(one.name, remote.running_version(kraft.COMBINED_UNIT, STARTED, LINK))
    return str(running["protocol"] or running["version"] or by_files)
