"""Processes that take another certificate as they run: what they show proves it, not what they say. Runs on the host.

A broker reads its key and what it trusts again for every listener, and for its connections to brokers, when a setting
of a listener is removed that is not set. Its connections to controllers go on with what it was started with (`bound`).
A ZooKeeper server sees by itself that a file was replaced. It has a thread for the key and one for what it trusts, and
where both were replaced, the slower of them may put back the older key that it has read before. What it trusts is not
at risk, as that is written first. So the key is touched until it shows.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Dict, List

from kafka.errors import KafkaError

from cluster.certificates import onhost
from cluster.endpoint import Endpoint
from cluster.protocol import wire
from cluster.settings import brokers
from provisioner.agent.failure import Failure
from provisioner.agent.files import text_of
from provisioner.agent.waiting import Unit, errors_in
from provisioner.resources.credential import above

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

UNSET = "listener.name.{listener}.ssl.keystore.certificate.chain"  # keys are in files
SAME = ("subject", "authority", "also_trusts")  # of what a process was started with, as long as part of it goes on so
SECONDS = 10.0  # a broker of a KRaft cluster hears of the change by the metadata, within a second
PAUSE, LONGEST_PAUSE = 0.05, 1.0
OTHERS = (
    "`invoke certs.renew` makes another one; where this one is right, `invoke restart --service {unit}` starts with it"
)


def broker(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Whether the broker shows the certificate on disk, and with `apply` let it. args: bootstrap, its own address;
    broker, its id; unit; log_file; path, of the key with the certificate; doors {listener: where it is asked}; said:
    where the unit keeps what stood above the key when the process was started, "" where nothing of it goes on; lasting:
    for how long that must still be good, seconds; apply.

    Returns changes and refused, as `Reload` takes them; started: the end of what it was started with, seconds since
    1970, where part of it goes on with that. Raises Failure where the broker does not show the new one after all."""
    more: Dict[str, Any] = {}
    if args["said"]:
        started = above(text_of(args["said"]))[0]
        more = {"started": onhost.end(started)}
        if why := bound(above(text_of(args["path"]))[0], started, args["lasting"]):
            return {"changes": [], "refused": [why], **more}
    older = _older(args)
    if not older:
        return {"changes": [], "refused": [], **more}
    endpoint = Endpoint.parse(args["bootstrap"])
    try:
        endpoint.connect().close()
    except OSError as error:
        return {"changes": [], "refused": [f"its broker does not answer: {wire.describe(error)}"], **more}
    if args["apply"]:
        unit, why = Unit(args["unit"], args["log_file"]), ""
        try:
            listener = next(iter(older)).lower()
            brokers.change(endpoint, str(args["broker"]), {UNSET.format(listener=listener): None})
        except (KafkaError, OSError) as error:
            why = wire.describe(error)
        if left := _wait(args, 0.0 if why else SECONDS):
            raise _refused(args, left, [why] if why else errors_in(unit.logged()))
    return {"changes": [_behind(args, older)], "refused": [], **more}


def server(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The same of a ZooKeeper server. args: unit, log_file, path, doors, apply."""
    older = _older(args)
    if args["apply"] and (left := _wait(args, SECONDS, touch=args["path"], looks=2)):
        raise _refused(args, left, errors_in(Unit(args["unit"], args["log_file"]).logged()))
    return {"changes": [_behind(args, older)] if older else [], "refused": []}


def bound(there: Dict[str, str], started: Dict[str, str], lasting: int) -> str:
    """Why a process must be started with what is on disk, "" where it need not, though part of its connections go on
    with what it was started with. there, started: what stands above the key, and stood there then; lasting: as for
    `broker`. Pure but for the time."""
    if not started:
        return "it is not known what it was started with"
    if any(there.get(name, "") != started.get(name, "") for name in SAME):
        return "its connections to controllers go on with another name or authority"
    if onhost.end(started) - time.time() <= lasting:
        return "its connections to controllers go on with a certificate that ends soon"
    return ""


def _older(args: Dict[str, Any]) -> List[str]:
    """The listeners that show another certificate than is on disk, or none."""
    one = onhost.node({"trust": "", "path": args["path"], "doors": args["doors"]})
    there = one["certificate"]
    return [name for name, door in one["doors"].items() if not there or door["shown"] != there]


def _wait(args: Dict[str, Any], seconds: float, touch: str = "", looks: int = 1) -> List[str]:
    """The listeners that have not come to it. touch: a path, while they have not; looks: how often they must be seen
    with it, one after the other."""
    deadline, pause, seen = time.monotonic() + seconds, PAUSE, 0
    while True:
        older = _older(args)
        seen = 0 if older else seen + 1
        if seen == looks or time.monotonic() > deadline:
            return older
        time.sleep(LONGEST_PAUSE / 2 if seen else pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        if touch and older and pause > 4 * PAUSE:
            os.utime(touch)


def _behind(args: Dict[str, Any], older: List[str]) -> str:
    return f"the new {args['path']} at {', '.join(older)}"


def _refused(args: Dict[str, Any], left: List[str], said: List[str]) -> Failure:
    return Failure(
        f"{args['unit']} does not take {args['path']}, and still shows the old certificate at {', '.join(left)}",
        details=said,
        advice=f"the next deploy tries it again; {OTHERS.format(unit=args['unit'])}",
    )
