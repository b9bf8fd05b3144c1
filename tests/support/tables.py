"""The tables of what may be called on a host, entry by entry, as tests walk them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cluster import remote
from cluster.certificates import remote as certificates
from cluster.metadata import remote as nodes
from cluster.remote import ByBroker
from cluster.users import remote as users
from provisioner.connect import requests
from provisioner.resources import Request, Service

Entry = Callable[..., Any]  # of a table: makes a Request or a ByBroker
DOOR = "127.0.0.1:9092"
SAMPLES: Mapping[Any, Any] = {str: "text", int: 1, float: 1.0, bool: True, Service: Service("unit")}


def entries() -> Iterator[Entry]:
    """Every entry of all tables."""
    for table in (requests, remote, nodes, users, certificates):
        for name, entry in vars(table).items():
            if inspect.isfunction(entry) and entry.__module__ == table.__name__ and not name.startswith("_"):
                yield entry


def sample(entry: Entry) -> Request:
    """The request that an entry makes of arguments of the types that it declares."""
    types = typing.get_type_hints(entry)
    made = entry(**{name: _value(types[name]) for name in inspect.signature(entry).parameters})
    return made.at(DOOR) if isinstance(made, ByBroker) else made


def place(entry: Entry) -> tuple[str, str]:
    """(module, function) on the host of an entry."""
    request = sample(entry)
    return request.module, request.function


def _value(kind: Any) -> Any:
    if kind in SAMPLES:
        return SAMPLES[kind]
    origin, inner = typing.get_origin(kind), [one for one in typing.get_args(kind) if one is not type(None)]
    if origin is not None and origin.__name__ in ("Sequence", "Mapping"):
        return {} if origin.__name__ == "Mapping" else []
    return _value(inner[0])  # X | None
