"""What a broker lets its users do at this moment, as its authorizer says. Runs on the host of the broker.

Kafka lists neither clients nor what they may. But for each thing that a request asks for, its authorizer writes a line
to the log "kafka.authorizer.logger": at INFO what it denies, at DEBUG what it allows. So that is switched on for some
seconds, at this broker only (KIP-412), and then as it was.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Dict, Generator, Iterable, Iterator, List, Set, Tuple

from cluster.cluster import answering
from cluster.endpoint import Endpoint
from cluster.protocol import wire
from cluster.settings import configs
from provisioner.agent.growing import Growing

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

LOGGER = "kafka.authorizer.logger"
LOUD, QUIET = "DEBUG", "INFO"
# As both of Kafka's authorizers write it: StandardAuthorizerData.buildAuditMessage, AclAuthorizer.logAuditMessage.
LINE = re.compile(
    r"Principal = (?P<who>.+?) is Allowed [Oo]peration = (?P<operation>\w+) from host = (?P<address>\S+)"
    r" on resource = (?P<kind>\w+):LITERAL:(?P<name>.+?) for request = (?P<request>\w+) "
)
# Requests that nothing is refused of: a client that lists all topics, or all groups, is told of those that it may see.
NOTHING_REFUSED = frozenset({"metadata", "listgroups"})
# (request, operation, kind) that brokers ask about and can do without (KafkaApis, logIfDenied): a consumer whose
# partition has another leader asks for offsets as a follower would, and else needs what it needs to read (KIP-320); who
# makes a topic is shown its configuration.
DISPENSABLE = frozenset(
    {("offsetforleaderepoch", "cluster-action", "cluster"), ("createtopics", "describe-configs", "topic")}
)
MOST = 500  # different things that are returned

Heard = Tuple[str, str, str, str, str]  # who, operation, kind, name, address; as `Rule` has them


def listen(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What is allowed in the next seconds. args: bootstrap; broker: its id; log: the path of the authorizer's log;
    seconds; aside: principals that are of no interest.

    Returns heard (`Heard`, each once, sorted). Raises Failure where the broker does not answer.
    """
    found: Set[Heard] = set()
    aside = frozenset(args["aside"])
    with answering("listen to its authorizer"), wire.Connection(Endpoint.parse(args["bootstrap"])) as broker:
        heard = lines(broker, str(args["broker"]), LOGGER, args["log"], float(args["seconds"]), QUIET)
        with closing(heard):
            for some in heard:
                found.update(parsed(some, aside))
                if len(found) >= MOST:
                    break
    return {"heard": sorted(found)[:MOST]}


def lines(
    broker: wire.Connection, number: str, logger: str, log: str, seconds: float, quiet: str
) -> Generator[List[str], None, None]:
    """What a logger of a broker writes in the next seconds, some lines at a time, while it is at DEBUG: when this is
    closed, it is as it was. number: the broker's id; log: its file; quiet: its level where the broker lists none."""
    levels = configs.describe(broker, configs.LOGGERS, [number])[number]
    before = levels[logger].value if logger in levels else quiet
    file = Growing(log)
    configs.alter(broker, configs.LOGGERS, {number: {logger: LOUD}})
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.25)
            yield file.more()
    finally:
        configs.alter(broker, configs.LOGGERS, {number: {logger: before}})
    yield file.more()


def parsed(said: Iterable[str], aside: Iterable[str] = ()) -> Iterator[Heard]:
    """What these lines say that somebody may do, and needs; lines of another kind say nothing. Pure."""
    for line in said:
        one = LINE.search(line)
        if not one or one["who"] in aside:
            continue
        operation, kind = _dashed(one["operation"]), _dashed(one["kind"])
        request = one["request"].replace("_", "").lower()
        if request not in NOTHING_REFUSED and (request, operation, kind) not in DISPENSABLE:
            yield one["who"], operation, kind, one["name"], one["address"]


def _dashed(word: str) -> str:
    """DESCRIBE_CONFIGS and DescribeConfigs as the rules write it: describe-configs."""
    parts = word.split("_") if "_" in word or word.isupper() else re.findall("[A-Z][a-z]*", word)
    return "-".join(parts).lower()
