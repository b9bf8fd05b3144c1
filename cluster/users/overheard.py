"""What a broker lets its users do at this moment, as its authorizer says. Runs on the host of the broker.

Kafka lists neither clients nor what they may. But for each thing that a request asks for, its authorizer writes a line
to the log "kafka.authorizer.logger": at INFO what it denies, at DEBUG what it allows. So that is switched on for some
seconds, at this broker only (KIP-412), and then as it was.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Set, Tuple

from cluster.cluster import answering
from cluster.endpoint import Endpoint
from cluster.protocol import wire
from cluster.settings import configs
from provisioner.agent.growing import Growing

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

LOGGER = "kafka.authorizer.logger"
LOUD = "DEBUG"
# As both of Kafka's authorizers write it: StandardAuthorizerData.buildAuditMessage, AclAuthorizer.logAuditMessage.
LINE = re.compile(
    r"Principal = (?P<who>.+?) is Allowed [Oo]peration = (?P<operation>\w+) from host = (?P<address>\S+)"
    r" on resource = (?P<kind>\w+):LITERAL:(?P<name>.+?) for request = (?P<request>\w+) "
)
# A client that lists all topics asks whether it may see each of them, and needs none.
ASKED_IN_PASSING = "metadata"
MOST = 500  # different things that are returned

Heard = Tuple[str, str, str, str, str]  # who, operation, kind, name, address; as `Rule` has them


def listen(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What is allowed in the next seconds. args: bootstrap; broker: its id; log: the path of the authorizer's log;
    seconds; aside: principals that are of no interest.

    Returns heard (`Heard`, each once, sorted). Raises Failure where the broker does not answer.
    """
    found: Set[Heard] = set()
    resource, aside = str(args["broker"]), frozenset(args["aside"])
    with answering("listen to its authorizer"), wire.Connection(Endpoint.parse(args["bootstrap"])) as broker:
        levels = configs.describe(broker, configs.LOGGERS, [resource])[resource]
        before = levels[LOGGER].value if LOGGER in levels else "INFO"
        log = Growing(args["log"])
        configs.alter(broker, configs.LOGGERS, {resource: {LOGGER: LOUD}})
        try:
            deadline = time.monotonic() + float(args["seconds"])
            while time.monotonic() < deadline and len(found) < MOST:
                time.sleep(0.25)
                found.update(parsed(log.more(), aside))
        finally:
            configs.alter(broker, configs.LOGGERS, {resource: {LOGGER: before}})
        found.update(parsed(log.more(), aside))
    return {"heard": sorted(found)[:MOST]}


def parsed(lines: Iterable[str], aside: Iterable[str] = ()) -> Iterator[Heard]:
    """What these lines say that somebody may do; lines of another kind say nothing. Pure."""
    for line in lines:
        said = LINE.search(line)
        if said and said["who"] not in aside and said["request"].lower() != ASKED_IN_PASSING:
            yield (
                said["who"],
                _dashed(said["operation"]),
                _dashed(said["kind"]),
                said["name"],
                said["address"],
            )


def _dashed(word: str) -> str:
    """DESCRIBE_CONFIGS and DescribeConfigs as the rules write it: describe-configs."""
    parts = word.split("_") if "_" in word or word.isupper() else re.findall("[A-Z][a-z]*", word)
    return "-".join(parts).lower()
