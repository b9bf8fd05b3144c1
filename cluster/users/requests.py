"""Which versions of requests clients ask a broker in, as it logs them. Runs on the host of the broker.

A new Kafka may not take the oldest any more (KIP-896). No broker lists its clients, but at DEBUG its request log has a
line for each request, with the version of it and the client's software. See `overheard.lines`.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Mapping, Optional, Set, Tuple

from cluster.cluster import answering
from cluster.endpoint import Endpoint
from cluster.protocol import wire
from cluster.users import overheard

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

LOGGER, QUIET = "kafka.request.logger", "WARN"
MOST = 500  # different things that are returned

_DECODER = json.JSONDecoder()
_HEADER, _CONNECTION, _SOFTWARE = '"requestHeader":', '"connection":', '"clientInformation":'
# Before Kafka 2.8 (KIP-673): RequestHeader.toString, and what RequestChannel.updateRequestMetrics puts behind it.
_OLD = re.compile(r"Completed request:RequestHeader\(apiKey=(?P<request>\w+), apiVersion=(?P<version>\d+), clientId=")
_OLD_CLIENT = re.compile(r"(?P<client>.*?), correlationId=-?\d+\) -- ")
_OLD_END = re.compile(r" from connection (?P<connection>[^ ;]+);")
_OLD_SOFTWARE = re.compile(r"ClientInformation\(softwareName=(?P<name>[^,]*), softwareVersion=(?P<version>[^)]*)\)")
# local:port-remote:port-number, since 4.0 with another number behind it (SocketServer's connection id).
_ADDRESS = re.compile(r".+:\d+-(?P<address>.+):\d+-\d+(-\d+)?")

Heard = Tuple[str, str, str, str, str, int]  # client id, address, software, its version, request, version of it


def listen(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Who asks in old versions in the next seconds. args: bootstrap; broker: its id; log: the path of its request log;
    seconds; least {request: the lowest version that is new enough}.

    Returns heard (`Heard`, each once, sorted) and requests, the number of those that were heard in all. Raises Failure
    where the broker does not answer.
    """
    found: Set[Heard] = set()
    count = 0
    with answering("listen to its requests"), wire.Connection(Endpoint.parse(args["bootstrap"])) as broker:
        heard = overheard.lines(broker, str(args["broker"]), LOGGER, args["log"], float(args["seconds"]), QUIET)
        with closing(heard):
            for lines in heard:
                for one in parsed(lines):
                    count += 1
                    if one[-1] < args["least"].get(one[-2], 0):
                        found.add(one)
                if len(found) >= MOST:
                    break
    return {"heard": [list(one) for one in sorted(found)[:MOST]], "requests": count}


def parsed(lines: Iterable[str]) -> Iterator[Heard]:
    """The requests of these lines; lines of another kind say nothing. Our own are left out. Pure."""
    for line in lines:
        said = _of_json(line) if _HEADER in line else _of_text(line)
        if said and said[0] != wire.CLIENT_ID:
            yield said


def _of_json(line: str) -> Optional[Heard]:
    header = _after(line, line.find(_HEADER), _HEADER)
    # What a client sends stands between the header and these, so they are looked for from the end.
    connection = _after(line, line.rfind(_CONNECTION), _CONNECTION)
    software = _after(line, line.rfind(_SOFTWARE), _SOFTWARE)
    if not isinstance(header, dict) or not isinstance(connection, str):
        return None
    about: Mapping[str, Any] = software if isinstance(software, dict) else {}
    return (
        str(header.get("clientId") or ""),
        _address(connection),
        str(about.get("softwareName", "")),
        str(about.get("softwareVersion", "")),
        str(header.get("requestApiKeyName", "")),
        int(header.get("requestApiVersion", 0)),
    )


def _after(line: str, place: int, name: str) -> Any:
    """The JSON value behind a name; None where there is none."""
    if place < 0:
        return None
    try:
        return _DECODER.raw_decode(line, place + len(name))[0]
    except ValueError:
        return None


def _of_text(line: str) -> Optional[Heard]:
    head = _OLD.search(line)
    client = _OLD_CLIENT.match(line, head.end()) if head else None
    ends, software = list(_OLD_END.finditer(line)), list(_OLD_SOFTWARE.finditer(line))
    if not head or not client or not ends:
        return None
    about = (software[-1]["name"], software[-1]["version"]) if software else ("", "")
    address = _address(ends[-1]["connection"])
    return (client["client"], address, *about, head["request"], int(head["version"]))


def _address(connection: str) -> str:
    found = _ADDRESS.fullmatch(connection)
    return found["address"] if found else connection
