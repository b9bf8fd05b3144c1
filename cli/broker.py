"""broker.config, broker.set and broker.unset: the brokers' settings as they are in force, and those of run time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from cli.cluster import Cluster, opened
from cli.common import Run, for_machines
from cli.tables import broker as broker_table
from cluster import remote
from cluster.model import Setting
from cluster.settings import rules as settings
from cluster.settings.properties import parse
from cluster.settings.rules import ByBroker, Difference
from cluster.settings.sources import DYNAMIC_BROKER, DYNAMIC_CLUSTER
from provisioner.errors import HostFailed, ProvisionerError, UsageError
from provisioner.report.lines import clean
from provisioner.report.terminal import terminal
from roles.kafka.service import CONFIG

INCOMPLETE = 2
NOT_REGISTERED = "not registered"  # why a broker was not asked


def config(run: Run, names: list[str], broker: str, everything: bool, diff: bool, as_json: bool) -> int:
    """Print the settings in force; with `diff` also where the file on a broker's disk says something else. The exit
    code is 2 when a broker could not be asked."""
    asked = settings.patterns(names)
    with opened(run) as cluster:
        only = _broker(cluster, broker)
        if diff:
            _reach(cluster, only)
        answer = cluster.call(remote.broker_settings(asked, defaults=everything or bool(asked)))
        found, silent = _by_broker(answer["settings"], only), _silent(cluster, answer, only)
        if not found:
            raise _unanswered(cluster, silent)
        settings.require_known(asked, answer["known"], patterns=True)
        for id_, why in silent.items():
            cluster.show.warning(f"{cluster.name(id_)} (broker {id_}) does not answer: {why}")
        different = _differences(cluster, found, asked) if diff else None
        brokers = {id_: cluster.name(id_) for id_ in found}
    if as_json:
        print(for_machines(_document(brokers, found, silent, different)))
    else:
        print(broker_table.page(brokers, found, len(answer["known"]), different, terminal()))
    return INCOMPLETE if silent else 0


def change(run: Run, given: Mapping[str, str | None], broker: str) -> int:
    """Set settings at run time, or with None take them back, for one broker or for all; say first what changes, and
    afterwards whether every broker has it. Raises what is refused, with nothing changed."""
    if not given:
        raise UsageError(
            "nothing to change", advice="name a setting: --set log.retention.ms=2d, or --unset log.retention.ms"
        )
    with opened(run) as cluster:
        only = _broker(cluster, broker)
        cluster.require_settings("broker", given)
        if not run.check:
            _reach(cluster, only)
        answer = cluster.call(remote.broker_settings([*given, *map(settings.base, given)], defaults=True))
        settings.require_known(given, answer["known"], patterns=False)
        found, silent = _by_broker(answer["settings"], only), _silent(cluster, answer, only)
        if not found:
            raise _unanswered(cluster, silent)
        source = DYNAMIC_CLUSTER if only is None else DYNAMIC_BROKER
        settings.refuse(found, given, source)
        for id_, why in silent.items():
            cluster.show.warning(
                f"{cluster.name(id_)} (broker {id_}) does not answer: {why}; it takes the change when it starts"
            )
        if not settings.due(found, given, source):
            where = "every broker" if only is None else cluster.name(only)
            print(f"No changes: {', '.join(given)} on {where} as wanted already")
            for id_, name in settings.overriding(found, given) if only is None else ():
                print(f"  {cluster.name(id_)} has its own {name}: --broker {id_} changes that one")
            return 0
        for one in settings.planned(found, given, source):
            note = f"; {one.note}" if one.note else ""
            print(clean(f"  ~ {cluster.name(one.broker)}: {one.name} {one.before} -> {one.after}{note}"))
        if not run.check:
            cluster.fleet.lock(cluster.driver.name)
        began = time.monotonic()
        done = cluster.call(remote.alter_broker_settings(given, broker=only, check=run.check))
        if run.check:
            print("The brokers would take this; nothing was changed (--check)")
            return 0
        after = _by_broker(done["settings"], only)
        if done["late"]:
            raise HostFailed(
                f"done, but broker {settings.listed(done['late'])} still works with the old value",
                advice="see its server.log; old versions remove some settings only at a restart: `invoke restart`",
            )
        where = f" on {len(after)} of {len(after) + len(silent)} brokers" if only is None else ""
        print(f"In force{where} after {time.monotonic() - began:.1f} s")
        _warn_of_files(cluster, after)
    return 0


def _broker(cluster: Cluster, given: str) -> int | None:
    """The id that --broker names, by itself or by its host; None for all. Raises UsageError."""
    if not given:
        return None
    by_name = {host.name: broker for broker, host in cluster.brokers.items()}
    if given not in by_name and not given.isdigit():
        raise _unknown(cluster, given)
    return by_name[given] if given in by_name else int(given)


def _unknown(cluster: Cluster, given: str) -> UsageError:
    known = ", ".join(f"{broker} ({host.name})" for broker, host in cluster.brokers.items())
    return UsageError(f"--broker {given}: no such broker", details=[f"brokers are: {known}"])


def _by_broker(answered: Mapping[str, Any], only: int | None) -> dict[int, dict[str, Setting]]:
    ids = sorted(map(int, answered))
    return {
        broker: {name: Setting.from_wire(one) for name, one in answered[str(broker)].items()}
        for broker in ids
        if only in (None, broker)
    }


def _silent(cluster: Cluster, answer: Mapping[str, Any], only: int | None) -> dict[int, str]:
    """{broker: why it was not asked}: those that do not answer, and those of the inventory that are not registered."""
    silent = {int(broker): str(why) for broker, why in answer["silent"].items()}
    there = {*silent, *map(int, answer["settings"])}
    silent |= dict.fromkeys(sorted({*cluster.brokers, *([only] if only is not None else [])} - there), NOT_REGISTERED)
    return {broker: why for broker, why in silent.items() if only in (None, broker)}


def _unanswered(cluster: Cluster, silent: Mapping[int, str]) -> ProvisionerError:
    if not set(silent) & set(cluster.brokers) and set(silent.values()) == {NOT_REGISTERED}:
        return _unknown(cluster, ", ".join(map(str, silent)))
    listed = ", ".join(f"{cluster.name(broker)}: {why}" for broker, why in silent.items())
    return HostFailed(f"no answer from {listed}", advice="`invoke status` shows how it is; deploy starts it")


def _differences(cluster: Cluster, found: ByBroker, asked: Iterable[str]) -> dict[int, list[Difference]]:
    """What each broker's file on disk says otherwise than the broker runs with."""
    return {
        broker: [one for one in settings.differences(found[broker], parse(text)) if settings.matches(one.name, asked)]
        for broker, text in _files(cluster, found).items()
    }


def _reach(cluster: Cluster, only: int | None) -> None:
    """Connect with the hosts whose files will be read, at the same time as with the one that is asked first."""
    cluster.reach(*(host for broker, host in cluster.brokers.items() if only in (None, broker)))


def _files(cluster: Cluster, brokers: Iterable[int]) -> dict[int, str]:
    """{broker: the server.properties on its host's disk}. A host that cannot be read is named and left out."""
    wanted = {cluster.brokers[broker].name: broker for broker in brokers if broker in cluster.brokers}
    cluster.reach(*(cluster.brokers[broker] for broker in wanted.values()))
    lost = {name: error for name, error in cluster.lost.items() if name in wanted}

    def read(name: str) -> str:
        answer = cluster.fleet.request(name, "read", resources=[], wants={"files": [CONFIG]})
        text: str | None = answer["files"][CONFIG]
        if text is None:
            raise HostFailed(f"there is no {CONFIG}", host=name)
        return text

    texts = cluster.fleet.each([name for name in wanted if name not in lost], read)
    for error in [*lost.values(), *texts.errors.values()]:
        cluster.show.warning(f"its file is not compared: {error.lines()[0]}")
    return {wanted[name]: text for name, text in texts.items()}


def _warn_of_files(cluster: Cluster, after: ByBroker) -> None:
    """Warn of files whose value differs from the one in force: their reader would be misled."""
    said: dict[str, list[str]] = {}
    for broker, text in _files(cluster, after).items():
        file = parse(text)
        for name, one in after[broker].items():
            if name in file and not one.sensitive and file[name] != one.value:
                said.setdefault(f"{name}={settings.human(name, file[name])}", []).append(cluster.name(broker))
    for line, names in said.items():
        cluster.show.warning(
            f"server.properties of {', '.join(names)} says {line}: what is set at run time beats it, also after a "
            "restart. To keep the new value, set it in the inventory as well (kafka_config)"
        )


def _document(
    brokers: Mapping[int, str],
    found: ByBroker,
    silent: Mapping[int, str],
    different: Mapping[int, list[Difference]] | None,
) -> dict[str, Any]:
    """As JSON. settings: {name: {update_mode, disagree, brokers: {id: {value, source, sensitive, synonyms}}}}."""
    disagreeing = settings.disagreeing(found)
    names = sorted({name for one in found.values() for name in one})
    keys = ("value", "source", "sensitive", "synonyms")
    out: dict[str, Any] = {
        "brokers": {str(broker): name for broker, name in brokers.items()},
        "silent": {str(broker): why for broker, why in silent.items()},
        "settings": {
            name: {
                "update_mode": next(one[name].update_mode for one in found.values() if name in one),
                "disagree": name in disagreeing,
                "brokers": {
                    str(broker): {key: one[name].to_wire()[key] for key in keys}
                    for broker, one in found.items()
                    if name in one
                },
            }
            for name in names
        },
    }
    if different is not None:
        out["differences"] = {str(broker): [asdict(one) for one in listed] for broker, listed in different.items()}
    return out
