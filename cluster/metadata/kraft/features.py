"""The features of a KRaft cluster: which levels are finalised, which ones a node supports, and finalising others.

All nodes of a cluster work by the finalised level of a feature, however new they are (KIP-584, KIP-778). So a new
version changes nothing of this by itself, and the old one can come back until somebody finalises what only the new one
knows. Asked by hand: the kafka package has neither the tagged fields of ApiVersions nor UpdateFeatures of Kafka 4.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

from cluster.endpoint import Endpoint
from cluster.metadata.kraft.quorum_api import UNSUPPORTED_VERSION
from cluster.protocol.flexible import API_VERSIONS, TAGS, Dialogue, Reader, array, text
from cluster.protocol.hello import CLIENT_ID, describe

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

Levels = Dict[str, int]  # {feature: level}; what is not finalised has level 0, and is left out

# ApiVersionsResponse.json: since version 3 with features; before 4 without those that may be at level 0 (KAFKA-17011).
OF_FEATURES = (4, 3)
SUPPORTED, FINALISED = 0, 2  # its tagged fields
UPDATE_FEATURES, UPDATE_HIGHEST = 57, 2
VALIDATES = 1  # the version from which UpdateFeatures can only validate
UPGRADE = 1  # FeatureUpdate.UpgradeType: never lowers a level
ANSWER_TIMEOUT, PATIENCE = 2.0, 10.0  # seconds: for what a node knows itself, and for what the controllers decide
KNOWN_SECONDS, PAUSE = 5.0, 0.02  # until the node that was asked works by the new levels


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What a broker or controller says. args: bootstrap.

    Returns serving, why (when it does not answer), finalised {feature: level}, supported {feature: the highest level}
    by this node. Both are empty with ZooKeeper. Never raises.
    """
    try:
        with Dialogue(Endpoint.parse(args["bootstrap"]), ANSWER_TIMEOUT) as node:
            finalised, supported = of(node)
    except OSError as failure:
        return {"serving": False, "why": describe(failure), "finalised": {}, "supported": {}}
    return {"serving": True, "why": "", "finalised": finalised, "supported": supported}


def update(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Finalise higher levels of features: all of them or, where the controllers refuse one, none. args: bootstrap (of a
    broker), levels {feature: level}, check (bool): only let the controllers validate it.

    Returns done, error (Kafka's code: 0 when done, None when there was no answer) and why. When there was none, it may
    have been done. It is done when the broker that was asked knows of it. Never raises.
    """
    levels: Levels = {name: int(level) for name, level in args["levels"].items()}
    try:
        with Dialogue(Endpoint.parse(args["bootstrap"]), PATIENCE + 5) as broker:
            version = broker.version(UPDATE_FEATURES, UPDATE_HIGHEST)
            if version is None or version < VALIDATES:
                return {"done": False, "error": UNSUPPORTED_VERSION, "why": "it does not know changes of features"}
            body = update_body(levels, check=bool(args["check"]))
            error, why = outcome_in(broker.ask(UPDATE_FEATURES, version, body), version)
            if not error and not args["check"]:
                _await(broker, levels)
    except OSError as failure:
        return {"done": False, "error": None, "why": describe(failure)}
    return {"done": error == 0, "error": error, "why": why}


def of(node: Dialogue) -> Tuple[Levels, Levels]:
    """(the finalised levels, the highest levels that this node supports). Raises OSError."""
    version = next((one for one in OF_FEATURES if node.version(API_VERSIONS, one) == one), None)
    if version is None:
        return {}, {}
    body = text(CLIENT_ID.decode()) + text("1") + TAGS
    return features_in(node.ask_plainly(API_VERSIONS, version, body))


def features_in(answer: Reader) -> Tuple[Levels, Levels]:
    """The same from the body of an ApiVersions answer with features. Raises OSError for what is none. Pure."""
    if error := answer.number("h"):
        raise OSError(None, f"the service there answers with error {error}")

    def request() -> None:
        for _ in range(3):
            answer.number("h")
        answer.tags()

    answer.array(request)
    answer.number("i")  # how long the answer was throttled
    fields = answer.fields()
    # Of a finalised feature the highest level comes first, of a supported one the lowest.
    finalised = {name: first for name, first, _ in _ranges(fields.get(FINALISED)) if first}
    return finalised, {name: second for name, _, second in _ranges(fields.get(SUPPORTED))}


def _ranges(field: Optional[Reader]) -> list[Tuple[str, int, int]]:
    if field is None:
        return []

    def feature() -> Tuple[str, int, int]:
        found = (field.text() or "", field.number("h"), field.number("h"))
        field.tags()
        return found

    return field.array(feature)


def update_body(levels: Mapping[str, int], *, check: bool) -> bytes:
    """An UpdateFeaturesRequest in version 1 or 2. check: only validate. Pure."""
    updates = [text(name) + struct.pack(">hb", level, UPGRADE) + TAGS for name, level in levels.items()]
    return struct.pack(">i", int(PATIENCE * 1000)) + array(updates) + (b"\1" if check else b"\0") + TAGS


def outcome_in(answer: Reader, version: int) -> Tuple[int, str]:
    """(error code, why: "" for none) of the body of an UpdateFeatures answer; before version 2 each feature has an
    error of its own. Raises OSError for what is none. Pure."""
    answer.number("i")  # how long the answer was throttled
    error, said = answer.number("h"), answer.text()

    def feature() -> Tuple[int, Optional[str]]:
        answer.text()
        found = answer.number("h"), answer.text()
        answer.tags()
        return found

    each = answer.array(feature) if version < 2 else []
    code, words = next((one for one in [(error, said), *each] if one[0]), (0, None))
    return code, "" if not code else words or f"error {code}"


def _await(broker: Dialogue, levels: Mapping[str, int]) -> None:
    """Wait until this broker has read the change, as what follows asks it. Raises OSError when it does not."""
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        finalised, _ = of(broker)
        if all(finalised.get(name, 0) >= level for name, level in levels.items()):
            return
        if time.monotonic() > deadline:
            raise OSError(None, "the controllers have finalised it, and the broker that was asked does not know yet")
        time.sleep(PAUSE)
