"""The driver: the host by way of which a cluster is asked, the first one whose broker answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster import remote
from provisioner.connect.requests import Call
from provisioner.errors import ConfigError, HostFailed, ProvisionerError


class Silent(HostFailed):
    """A host that can be asked, whose broker does not answer."""


def find(
    call: Call, hosts: Iterable[str], door: Callable[[str], str], prepare: Callable[[str], None] = lambda host: None
) -> tuple[str | None, dict[str, ProvisionerError]]:
    """The first host whose broker answers, None when none does; and why those before it were passed over.

    hosts: in order. door: the address at which a host reaches its own broker. prepare: what is done before a host is
    asked, like opening its session. Raises ConfigError of these two; for other errors a host is passed over.
    """
    passed: dict[str, ProvisionerError] = {}
    for host in hosts:
        try:
            prepare(host)
            address = door(host)
            why = call(host, remote.answering([address]))[address]
        except ConfigError:
            raise
        except ProvisionerError as error:
            passed[host] = error
            continue
        if not why:
            return host, passed
        passed[host] = Silent(f"its broker does not answer: {why}", host=host)
    return None, passed
