"""Whether this broker serves, and which brokers answer: every run asks that, so nothing heavy is imported for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from cluster.endpoint import Endpoint
from cluster.protocol.hello import describe, hello, ids
from cluster.state import session
from provisioner.agent.waiting import Unit, until

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

# The last message of a broker that dies because ZooKeeper still holds its id for the session of its killed predecessor.
OWN_SESSION = "node already exists and owner"
ANSWER_TIMEOUT = 5.0  # seconds; a broker in a longer pause counts as down


def ready(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Wait until this broker answers and is registered in its cluster under its own id.

    args: bootstrap ("127.0.0.1:9092"), broker_id;
    timeout and stall in seconds; unit and log_file, optional, for early ends and evidence; session, optional: how long
    the controllers hold that of a silent broker, seconds.
    Returns broker_id, cluster_id, controller, brokers {id as text: its endpoint} of all that are registered, seconds.
    Raises Failure when it does not serve in time.
    """
    endpoint = Endpoint.parse(args["bootstrap"])
    broker = int(args["broker_id"])
    unit = Unit(args["unit"], args.get("log_file", ""), OWN_SESSION) if args.get("unit") else None

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        try:
            view = hello(endpoint)
        except OSError as error:
            held = args.get("session") and unit and session.waits(unit.logged())
            return None, session.why(args["session"]) if held else describe(error)
        if broker not in view["brokers"]:
            # Metadata comes from the broker itself, so it answers, but the cluster does not know it (yet).
            return None, f"registered brokers: {ids(view['brokers'])}; missing: {broker}"
        if view["controller"] is None:
            return None, "registered, but the cluster has no controller"
        return {
            "broker_id": broker,
            "cluster_id": view["cluster_id"],
            "controller": view["controller"],
            "brokers": {str(id_): one.endpoint.to_wire() for id_, one in sorted(view["brokers"].items())},
        }, ""

    return until(
        attempt,
        what=f"broker {broker} at {args['bootstrap']}",
        timeout=float(args["timeout"]),
        stall=float(args["stall"]),
        emit=emit,
        unit=unit,
    )


def answering(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Which brokers answer at this moment, independent of the cluster's metadata. args: addresses.

    Returns {address: "" or why it does not answer}.
    """

    def ask(address: str) -> str:
        try:
            hello(Endpoint.parse(address), ANSWER_TIMEOUT)
        except OSError as error:
            return describe(error)
        return ""

    from concurrent.futures import ThreadPoolExecutor

    addresses = list(args["addresses"])
    with ThreadPoolExecutor(max_workers=min(len(addresses), 16) or 1) as pool:
        return dict(zip(addresses, pool.map(ask, addresses)))
