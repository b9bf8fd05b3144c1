"""What brokers go on with, where the inventory says nothing about it and only they know: the protocol that they speak
(`protocol.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.run.stages import Stage
from roles.kafka import metadata
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
    inventory says nothing about it. None where they speak that, or are new. Raises HostFailed.

    Whoever may still run with something older counts. A run that restarts nothing and finds nothing of it in the files
    asks no host."""
    brokers = [one for one in witnesses if kraft.COMBINED_UNIT in one.said and not metadata.own(one.target)]
    brokers = [one for one in brokers if _settings(one) and not _given(one.target.host)]
    if not any(PROPERTY in _settings(one) or _restarts(one) for one in brokers):
        return None
    spoken = [text for one in brokers if (text := _spoken(one, call))]
    if not spoken:
        return None
    now, version = min(spoken, key=number), release(brokers[0].target.host.vars).version
    if number(now) >= number(version):
        return None
    return Stage(f"brokers that run {version} go on speaking protocol {shown(now)}", {VARIABLE: shown(now)})


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
