"""Add a voter to the quorum and remove one: the requests AddRaftVoter and RemoveRaftVoter (KIP-853), built by hand.

A voter is an id and the directory of its disk. Whoever lost the disk is another voter with the same id: the old one is
removed before the new one is added, since Kafka refuses a second voter with an id (AddVoterHandler). One that was
removed has not forgotten anything and may still vote in the log of the others, so its old directory is never given to
another disk.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple

from cluster.endpoint import Endpoint
from cluster.metadata.kraft.quorum_api import NOT_LEADER, UNSUPPORTED_VERSION
from cluster.protocol.flexible import TAGS, Dialogue, Reader, array, text, uuid
from cluster.protocol.hello import describe

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ADD_VOTER, REMOVE_VOTER = 80, 81  # in version 0
DUPLICATE, NOT_FOUND = 126, 127  # the change was made already, by an earlier request of which the answer was lost
TIMED_OUT, INVALID = 7, 42  # have many causes, of which the leader names one
# Seconds. Kafka lets a change wait until a majority has it: as long as the request says (add), or as
# controller.quorum.request.timeout.ms (remove), 2 s by default.
PATIENCE = 10.0
MEANINGS = {  # of Errors.java
    NOT_LEADER: "the controller asked does not lead",
    TIMED_OUT: "not possible now",
    31: "not allowed by the cluster's authorizer",
    UNSUPPORTED_VERSION: "the voters of this quorum are fixed in its configuration (kraft.version 0)",
    INVALID: "refused",
    104: "the controllers belong to another cluster",
    125: "the id and directory are not a voter's",
    DUPLICATE: "a voter with this id exists already",
    NOT_FOUND: "there is no voter with this id and directory",
}


def add_voter(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Make an observer a voter; it has to be up and level with the leader. args: bootstrap (of the leader or of a
    broker), cluster (its id), voter (id), directory (its id), listeners [[name, host, port]]: where the others reach
    it, the first of controller.listener.names among them.

    Returns done, error (Kafka's code: 0 when done, None when there was no answer) and why. When there was none it may
    have been done; it is safe to ask again, since the answer is then DUPLICATE. Never raises.
    """
    body = add_body(args["cluster"], int(args["voter"]), args["directory"], args["listeners"])
    return _change(Endpoint.parse(args["bootstrap"]), ADD_VOTER, body)


def remove_voter(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Remove a voter, whether it is up or not; a leader resigns afterwards. args: bootstrap, cluster, voter, directory,
    as for `add_voter`. Returns what that returns; of a request made again the answer is NOT_FOUND. Never raises."""
    body = remove_body(args["cluster"], int(args["voter"]), args["directory"])
    return _change(Endpoint.parse(args["bootstrap"]), REMOVE_VOTER, body)


def _change(endpoint: Endpoint, key: int, body: bytes) -> Dict[str, Any]:
    try:
        with Dialogue(endpoint, PATIENCE + 5) as other:
            if other.version(key, 0) is None:
                return {"done": False, "error": UNSUPPORTED_VERSION, "why": "it does not know changes of the quorum"}
            error, said = outcome_in(other.ask(key, 0, body))
    except OSError as failure:
        return {"done": False, "error": None, "why": describe(failure)}
    return {"done": error == 0, "error": error, "why": meaning(error, said)}


def add_body(cluster: str, voter: int, directory: str, listeners: Sequence[Tuple[str, str, int]]) -> bytes:
    """An AddRaftVoterRequest; arguments as for `add_voter`. Pure. Raises ValueError for no directory id."""
    places = [text(name) + text(host) + struct.pack(">H", int(port)) + TAGS for name, host, port in listeners]
    timeout = struct.pack(">i", int(PATIENCE * 1000))
    return text(cluster) + timeout + struct.pack(">i", voter) + uuid(directory) + array(places) + TAGS


def remove_body(cluster: str, voter: int, directory: str) -> bytes:
    """A RemoveRaftVoterRequest; arguments as for `remove_voter`. Pure. Raises ValueError for no directory id."""
    return text(cluster) + struct.pack(">i", voter) + uuid(directory) + TAGS


def outcome_in(answer: Reader) -> Tuple[int, Optional[str]]:
    """(error code, what the leader says about it) of the body of an answer to either. Raises OSError for what is
    none."""
    answer.number("i")  # how long the answer was throttled
    return answer.number("h"), answer.text()


def meaning(error: int, said: Optional[str]) -> str:
    """An error in words; "" for none. said: what the leader says, for errors that leave open what it is. Pure."""
    if error == 0:
        return ""
    words = MEANINGS.get(error, f"error {error}")
    open_ = error in (TIMED_OUT, INVALID) or error not in MEANINGS
    return f"{words}: {said}" if said and open_ else words
