"""Settings that a KRaft cluster keeps for all brokers at once, whatever their files say.

With eligible leader replicas (KIP-966) the controllers decide by min.insync.replicas who may lead. So Kafka reads it
from a file once, when that feature is finalised; from then on a value for all brokers holds it, which nobody can delete
and no broker can have for itself (ConfigurationControlManager). A restart does not change it. Standard library only:
every deploy of such a cluster asks this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Dict, FrozenSet, Mapping, Optional

from cluster.endpoint import Endpoint
from cluster.metadata.kraft import features
from cluster.protocol.flexible import TAGS, Dialogue, Reader, array, text
from cluster.protocol.hello import describe
from cluster.settings.properties import parse

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ELIGIBLE_LEADERS = "eligible.leader.replicas.version"  # the feature
MIN_IN_SYNC = "min.insync.replicas"
DESCRIBE_CONFIGS, DESCRIBE_VERSION = 32, 4
BROKER = b"\x04"  # ConfigResource.Type; the resource without a name stands for all brokers
_ALL_BROKERS = array([BROKER + text("") + array([text(MIN_IN_SYNC)]) + TAGS]) + b"\0\0" + TAGS


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Whether the cluster holds min.insync.replicas for all brokers. args: bootstrap, of a broker or a controller.

    Returns serving, why (when it does not answer), held (bool), and value, of all brokers (None where it is not held).
    Never raises.
    """
    try:
        with Dialogue(Endpoint.parse(args["bootstrap"]), features.ANSWER_TIMEOUT) as node:
            held = _holds(node)
            value = _value(node) if held else None
    except OSError as failure:
        return {"serving": False, "why": describe(failure), "held": False, "value": None}
    return {"serving": True, "why": "", "held": held, "value": value}


def adopt(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Decide whether a running controller has all of a changed file that a restart could give it: the judge of
    `resources.Live`, which sets nothing. args: bootstrap, its own address; started and wanted: texts of the file.

    Returns changes, none, and refused: why a restart is needed, as texts.
    """
    changed = differing(parse(args["started"]), parse(args["wanted"]))
    others = [name for name in changed if name != MIN_IN_SYNC]
    if not others and changed and not look(args, emit)["held"]:
        others = changed
    return {"changes": [], "refused": [f"{name} is read at the start" for name in others]}


def by_cluster(endpoint: Endpoint, names: Collection[str]) -> FrozenSet[str]:
    """Those of these settings that the cluster of this node holds for all brokers. Raises OSError."""
    if MIN_IN_SYNC not in names:
        return frozenset()
    with Dialogue(endpoint, features.ANSWER_TIMEOUT) as node:
        return frozenset([MIN_IN_SYNC] if _holds(node) else [])


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The names of the settings in which two files differ, sorted. Pure."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def value_in(answer: Reader) -> Optional[str]:
    """The value in the body of a DescribeConfigs answer (version 4) about one setting. Raises OSError for what is
    none. Pure."""
    answer.number("i")  # how long the answer was throttled
    found: Dict[str, Optional[str]] = {}

    def synonym() -> None:
        answer.text()
        answer.text()
        answer.number("b")
        answer.tags()

    def setting() -> None:
        name, value = answer.text() or "", answer.text()
        for _ in ("read only", "source", "sensitive"):
            answer.number("b")
        answer.array(synonym)
        answer.number("b")  # its type
        answer.text()  # its documentation
        answer.tags()
        found[name] = value

    def resource() -> None:
        error, why = answer.number("h"), answer.text()
        if error:
            raise OSError(None, why or f"error {error}")
        answer.number("b")
        answer.text()
        answer.array(setting)
        answer.tags()

    answer.array(resource)
    return found.get(MIN_IN_SYNC)


def _holds(node: Dialogue) -> bool:
    finalised, _ = features.of(node)
    return ELIGIBLE_LEADERS in finalised


def _value(node: Dialogue) -> Optional[str]:
    if node.version(DESCRIBE_CONFIGS, DESCRIBE_VERSION) != DESCRIBE_VERSION:
        return None
    return value_in(node.ask(DESCRIBE_CONFIGS, DESCRIBE_VERSION, _ALL_BROKERS))
