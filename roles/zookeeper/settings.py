"""What zookeeper_config may say: the names that ZooKeeper knows beside those of its catalogue, and the properties that
limit each other (QuorumPeerConfig.parseProperties). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from roles.shared import catalogue, checks, settings
from roles.shared.catalogue import Catalogue, Property
from roles.zookeeper.release import release

if TYPE_CHECKING:
    from provisioner.inventory.model import Host

VARIABLE = "zookeeper_config"

# Names of which a part is free (QuorumPeerConfig, PrometheusMetricsProvider, ProviderRegistry).
_FREE = re.compile(r"(group|weight)\.\d+|metricsProvider\.(?!className)[\w.]+|authProvider\.\w+|ssl\.authProvider")

Owner = Callable[[str], "str | None"]


def problems(hosts: Sequence[Host], servers: int, owner: Owner, variables: Mapping[str, str]) -> list[ConfigError]:
    """What is wrong with the properties of these servers, each mistake once. servers: how many there are; owner: the
    variable of a property that has one; variables: {variable: the property that it is written as}."""
    found = [(host.name, error) for host in hosts for error in _of(host, owner, variables)]
    return once(found, servers)


def _of(host: Host, owner: Owner, variables: Mapping[str, str]) -> Iterator[ConfigError]:
    known, own = _known(host), host.vars[VARIABLE]
    if known is None:
        return
    theirs = Rules(host, known, lambda name: None)
    for one in settings.findings(known, "server", checks.given(host, variables), (), theirs):
        variable = next(variable for variable, name in variables.items() if name == one.keys[0])
        yield from settings.errors(host, variable, [one])
    prefixes, rules = host.vars["zookeeper_custom_prefixes"], Rules(host, known, owner)
    yield from settings.errors(host, VARIABLE, settings.findings(known, "server", own, prefixes, rules))


def written(host: Host, owner: Owner) -> tuple[Mapping[str, Any], Sequence[str]]:
    """zookeeper_config as zoo.cfg has it; and the names whose values are no secrets, as far as is known."""
    known, own = _known(host), host.vars[VARIABLE]
    return settings.texts(known, "server", own, Rules(host, known, owner)) if known else (own, ())


def _known(host: Host) -> Catalogue | None:
    try:
        return catalogue.of("zookeeper", release(host.vars).version)
    except ConfigError:  # the check of versions says so
        return None


class Rules:
    """The rules of one server: `roles.shared.settings.Rules`."""

    ignored = True

    def __init__(self, host: Host, found: Catalogue, owner: Owner) -> None:
        self._host = host
        self._found = found
        self.owner = owner

    def free(self, name: str) -> Property | bool | None:
        """See `roles.shared.settings.Rules`."""
        return True if _FREE.fullmatch(name) else None

    def unknown(self, name: str) -> tuple[str, str] | None:
        """See `roles.shared.settings.Rules`."""
        if name in self._found.elsewhere:
            what = f"ZooKeeper reads {name} as an option of the JVM only, and ignores it in zoo.cfg"
            return what, f"set zookeeper_jvm_opts: [-D{name}=...]"
        short = name.removeprefix("zookeeper.")
        if short != name and self._found.find("server", short):
            return f"{name} is called {short} in zoo.cfg: ZooKeeper adds the prefix itself", f"write {short}"
        return None

    def classes(self) -> frozenset[str] | None:
        """See `roles.shared.settings.Rules`: a release archive, an option of the JVM or a plugin may bring others."""
        options = " ".join(map(str, self._host.vars["zookeeper_jvm_opts"]))
        if (
            self._host.vars["zookeeper_archive"]
            or self._host.vars["zookeeper_custom_prefixes"]
            or "classpath" in options
        ):
            return None
        return self._found.classes

    def together(self, own: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """See `roles.shared.settings.Rules`."""
        yield from _sessions(own, int(self._host.vars["zookeeper_tick"]))
        for name in ("quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl"):
            if own.get(name, "").lower() == "true" and own.get("quorum.auth.enableSasl", "").lower() != "true":
                yield name, f"{name} needs quorum.auth.enableSasl", "set quorum.auth.enableSasl: true, too"
        if "secureClientPortAddress" in own and "secureClientPort" not in own:
            yield "secureClientPortAddress", "secureClientPortAddress needs secureClientPort", "set both"


def _sessions(own: Mapping[str, str], tick: int) -> Iterator[tuple[str, str, str]]:
    """The shortest session is not longer than the longest; -1 is 2 and 20 ticks. tick: milliseconds."""
    least, most = (_number(own.get(f"{which}SessionTimeout")) for which in ("min", "max"))
    least = 2 * tick if least in (None, -1) else least
    most = 20 * tick if most in (None, -1) else most
    name = next((one for one in ("minSessionTimeout", "maxSessionTimeout") if one in own), None)
    if name and least is not None and most is not None and least > most:
        yield name, f"{name}: the shortest session would be {least} ms, longer than the longest, {most} ms", ""


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[-+]?[0-9]+", text.strip()) else None
