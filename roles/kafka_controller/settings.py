"""What kafka_controller_config may say: controllers read what brokers read, and are told less. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from roles.kafka import settings as kafka
from roles.shared import catalogue, settings
from roles.shared.catalogue import Catalogue
from roles.shared.kraft import LISTENER

if TYPE_CHECKING:
    from provisioner.inventory.model import Host

VARIABLE = "kafka_controller_config"


def problems(hosts: Sequence[Host], owner: kafka.Owner) -> list[ConfigError]:
    """What is wrong with the properties of these controllers, each mistake once. owner: the variable of a property that
    has one."""
    found: list[tuple[str, ConfigError]] = []
    for host in hosts:
        if host.vars[VARIABLE] and (known := catalogue.of("kafka", str(host.vars["kafka_version"]))):
            prefixes, rules = host.vars["kafka_custom_prefixes"], Rules(host, known, owner)
            findings = settings.findings(known, "broker", host.vars[VARIABLE], prefixes, rules)
            found += [(host.name, error) for error in settings.errors(host, VARIABLE, findings)]
    return once(found, len(hosts))


def written(host: Host, owner: kafka.Owner) -> tuple[Mapping[str, Any], Sequence[str]]:
    """kafka_controller_config as controller.properties has it: 2d as milliseconds; and the names whose values are no
    secrets, as far as is known."""
    own = host.vars[VARIABLE]
    known = catalogue.of("kafka", str(host.vars["kafka_version"])) if own else None
    return settings.texts(known, "broker", own, Rules(host, known, owner)) if known else (own, ())


class Rules(kafka.Rules):
    """The rules of one controller: `roles.shared.settings.Rules`."""

    def __init__(self, host: Host, found: Catalogue, owner: kafka.Owner) -> None:
        super().__init__(host, found, (), owner, kraft=True)
        self._own, self._options = host.vars[VARIABLE], host.vars["kafka_controller_jvm_opts"]

    def _doors(self) -> tuple[list[str], str]:
        return [LISTENER], LISTENER

    def _rendered(self) -> dict[str, str]:
        """Of controller.properties, what the limits need."""
        return {"log.dirs": str(self._host.vars["kafka_controller_data_dir"])}
