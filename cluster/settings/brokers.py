"""The settings of all brokers: read from each broker itself, and changed at run time (KIP-226).

A broker answers, and with ZooKeeper also takes changes, for itself only; a value for all brokers may be
sent to any.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional, Union

from kafka.errors import KafkaError

from cluster.cluster import CONNECTION_TIMEOUT, Cluster, answering
from cluster.endpoint import Endpoint
from cluster.model import Setting
from cluster.protocol import wire
from cluster.settings import configs
from cluster.settings.configs import BROKER, CLUSTER_WIDE
from cluster.settings.sources import DEFAULT, DYNAMIC_BROKER, DYNAMIC_CLUSTER

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

PAUSE = 0.02
# Brokers receive a change through ZooKeeper, normally within milliseconds.
TAKEN_SECONDS = 10.0


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The settings in force on each broker. args: bootstrap; names: patterns (`log.*`) or names, [] for every setting;
    defaults (bool): also those that are at their default on every broker.

    Returns settings {broker id as text: {name: Setting}}, silent {id as text: why it does
    not answer} and known (all names).
    """
    with answering("read the brokers' settings"):
        view = Cluster(args["bootstrap"]).view(())
    found, silent = read({id_: broker.endpoint for id_, broker in view["brokers"].items()})
    patterns = list(args["names"])
    known = {name for settings in found.values() for name in settings}
    wanted = {name for name in known if not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)}
    if not args["defaults"]:
        own = {name for settings in found.values() for name, one in settings.items() if one.source != DEFAULT}
        wanted &= own
    return {
        "settings": {
            str(broker): {name: one.to_wire() for name, one in sorted(settings.items()) if name in wanted}
            for broker, settings in sorted(found.items())
        },
        "silent": {str(broker): why for broker, why in sorted(silent.items())},
        "known": sorted(known),
    }


def alter(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Set settings at run time, or with None remove them. args: bootstrap; broker: id, or None for all brokers at
    once; settings {name: value or None}; check (bool): only let the brokers validate the change.

    Every broker that answers is asked to validate the change before the first one makes it. Returns settings as `look`
    does, of these names after the change, and late: ids of the brokers that had not taken it after TAKEN_SECONDS.
    Raises Failure with the broker's own reason.
    """
    settings = {str(name): value for name, value in args["settings"].items()}
    broker: Optional[int] = args["broker"]
    with answering("change settings"):
        brokers = Cluster(args["bootstrap"]).view(())["brokers"]
    concerned = {id_: found.endpoint for id_, found in brokers.items() if broker in (None, id_)}
    resource = CLUSTER_WIDE if broker is None else str(broker)
    _, silent = read(concerned, settings)
    asked = [(id_, endpoint) for id_, endpoint in concerned.items() if id_ not in silent]

    def judge(one: tuple[int, Endpoint]) -> None:
        with answering(f"change {', '.join(settings)} on broker {one[0]}"):
            change(one[1], resource, settings, validate_only=True)

    with ThreadPoolExecutor(max_workers=min(len(asked), 16) or 1) as pool:
        list(pool.map(judge, asked))
    if args["check"] or not asked:
        return {"settings": {}, "late": []}
    source = DYNAMIC_CLUSTER if broker is None else DYNAMIC_BROKER
    reached = dict(asked)
    late = make(reached, resource, settings, source, f"change {', '.join(settings)}")
    found, _ = read(reached, settings)
    return {"settings": {str(i): {n: s.to_wire() for n, s in seen.items()} for i, seen in found.items()}, "late": late}


def make(
    brokers: Mapping[int, Endpoint], resource: str, settings: Mapping[str, Optional[str]], source: str, what: str
) -> list[int]:
    """Change settings through the first of these brokers, and wait until all of them have it; the ids of those that
    still have not after TAKEN_SECONDS. source: where it is set; what: for the message. Raises Failure with the
    reason."""
    found, _ = read(brokers, settings)
    first = {
        name: default
        for name, value in settings.items()
        if value is None
        if (default := back_to(found.values(), name, source)) is not None
    }
    if first and (late := _make(brokers, resource, first, source, what)):
        return late
    return _make(brokers, resource, settings, source, what)


def back_to(found: Iterable[Mapping[str, Setting]], name: str, source: str) -> Optional[str]:
    """The default that applies on all brokers when a setting is removed at this source; None if it is not a
    default that would apply. Pure.

    Kafka 2.5.0 does not return to a default, and uses the old value until it restarts. So the default is
    set before the setting is removed.
    """
    ones = [settings[name] for settings in found if name in settings and settings[name].has(source)]
    defaults = {one.default_without(source) for one in ones}
    return defaults.pop() if len(defaults) == 1 else None


def _make(
    brokers: Mapping[int, Endpoint], resource: str, settings: Mapping[str, Optional[str]], source: str, what: str
) -> list[int]:
    with answering(what):
        change(next(iter(brokers.values())), resource, settings)
    deadline = time.monotonic() + TAKEN_SECONDS
    while True:
        found, _ = read(brokers, settings)
        late = [broker for broker, seen in found.items() if not taken(seen, settings, source)]
        if not late or time.monotonic() > deadline:
            return late
        time.sleep(PAUSE)


def taken(seen: Mapping[str, Setting], settings: Mapping[str, Optional[str]], source: str) -> bool:
    """Whether a broker has these settings at this source (None: no longer), and uses them. Pure."""
    for name, value in settings.items():
        one = seen.get(name)
        there = one is not None and one.has(source)
        if there != (value is not None) or (one is not None and not one.settled):
            return False
        # The value of a secret cannot be compared; that one is set must be enough.
        if one is not None and there and not one.sensitive and one.at(source) != value:
            return False
    return True


def change(
    endpoint: Endpoint, resource: str, settings: Mapping[str, Optional[str]], validate_only: bool = False
) -> None:
    """Alter one broker's settings there, or all brokers' (CLUSTER_WIDE). Raises KafkaError, OSError."""
    with wire.Connection(endpoint, CONNECTION_TIMEOUT) as connection:
        configs.alter(connection, BROKER, {resource: settings}, validate_only)


def read(
    brokers: Mapping[int, Endpoint], keys: Optional[Iterable[str]] = None
) -> tuple[dict[int, dict[str, Setting]], dict[int, str]]:
    """({broker: {name: Setting}}, {broker: why it does not answer}), asked all at once. keys: None for all settings."""
    wanted = None if keys is None else list(keys)

    def ask(broker: int) -> Union[dict[str, Setting], str]:
        try:
            with wire.Connection(brokers[broker]) as connection:
                return configs.describe(connection, BROKER, [str(broker)], wanted)[str(broker)]
        except (OSError, KafkaError) as error:
            return wire.describe(error)

    with ThreadPoolExecutor(max_workers=min(len(brokers), 16) or 1) as pool:
        answers = dict(zip(brokers, pool.map(ask, brokers)))
    return (
        {broker: answer for broker, answer in answers.items() if not isinstance(answer, str)},
        {broker: answer for broker, answer in answers.items() if isinstance(answer, str)},
    )
