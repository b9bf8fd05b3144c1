"""Whether a ZooKeeper server serves, and in which mode, by its four-letter commands (`srvr`, `mntr`), a millisecond
each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

from cluster.endpoint import Endpoint
from cluster.metadata.zookeeper.evidence import servers
from cluster.state.evidence import read
from provisioner.agent.failure import Failure
from provisioner.agent.waiting import Unit, until

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ANSWER_TIMEOUT = 2.0  # seconds
# Of kafka1:2888:3888; an IPv6 address is in brackets.
_ADDRESS = r"\[[^\]]+\]|[^:\s]+"


def ready(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Wait until this server serves clients: alone, or as a member of a quorum.

    args: server (where it is asked); timeout and stall in seconds; unit and log_file, optional, for early ends and
    evidence.
    Returns what `status` returns without the numbers, and "seconds". Raises Failure when it does not serve in time.
    """
    server = Endpoint.parse(args["server"])

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        state = look(server, numbers=False)
        return (state, "") if state["serving"] else (None, state["why"])

    return until(
        attempt,
        what=f"ZooKeeper at {server}",
        timeout=float(args["timeout"]),
        stall=float(args["stall"]),
        emit=emit,
        unit=Unit(args["unit"], args.get("log_file", "")) if args.get("unit") else None,
    )


def status(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """This server now. args: server (where it is asked), config (the path of its zoo.cfg).

    Returns serving (bool), why (when it does not), mode ("standalone", "leader", "follower"), version, zxid, znodes
    (how many there are at that zxid), connections; for a leader also followers and synced_followers; named: as
    `parse_servers` reads its configuration, None where that cannot be read. Never waits, never raises for a dead
    server.
    """
    try:
        with open(args["config"], encoding="utf-8") as file:
            named: Optional[dict[str, str]] = parse_servers(file.read())
    except (OSError, ValueError):
        named = None
    return {**look(Endpoint.parse(args["server"])), "named": named}


def ensemble(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """All servers in parallel, as `status` answers for one. args: servers {name: where it is asked}. Returns {name:
    status}."""
    from concurrent.futures import ThreadPoolExecutor

    servers = {name: Endpoint.parse(server) for name, server in args["servers"].items()}
    with ThreadPoolExecutor(max_workers=min(len(servers), 16) or 1) as pool:
        return dict(zip(servers, pool.map(look, servers.values())))


def listening(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Which addresses accept a connection. args: addresses ("host:port"). Returns {address: bool}."""
    from concurrent.futures import ThreadPoolExecutor

    addresses = list(args["addresses"])
    with ThreadPoolExecutor(max_workers=min(len(addresses), 16) or 1) as pool:
        return dict(zip(addresses, pool.map(_listens, addresses)))


def _listens(address: str) -> bool:
    try:
        Endpoint.parse(address).connect(ANSWER_TIMEOUT).close()
    except (OSError, ValueError):
        return False
    return True


def look(server: Endpoint, numbers: bool = True) -> dict[str, Any]:
    """`status` as a plain function. numbers: also those of `mntr`, which a server takes some time to gather."""
    try:
        answer = command(server, "srvr")
        state = parse_srvr(answer)
        if state["serving"] and numbers:
            state.update(parse_mntr(command(server, "mntr")))
        return state
    except OSError as error:
        return {"serving": False, "why": error.strerror or str(error) or type(error).__name__}


def command(server: Endpoint, word: str) -> str:
    """Send a four-letter command and read the whole answer. Raises OSError."""
    with server.connect(ANSWER_TIMEOUT) as connection:
        connection.sendall(word.encode("ascii"))
        parts: list[bytes] = []
        while True:
            part = connection.recv(65536)
            if not part:
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(part)


def parse_srvr(text: str) -> dict[str, Any]:
    """The answer to `srvr` as `status` reports it. Pure. Raises Failure when the command is not allowed."""
    if "not in the whitelist" in text:
        raise Failure(
            "ZooKeeper does not allow the command srvr",
            details=text.strip().splitlines()[:1],
            advice="add srvr, mntr and ruok to 4lw.commands.whitelist",
        )
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    mode = fields.get("Mode", "")
    if not mode:
        # "This ZooKeeper instance is not currently serving requests": up, and looking for a quorum.
        return {"serving": False, "why": text.strip().splitlines()[0] if text.strip() else "no answer"}
    version = fields.get("Zookeeper version", "")
    return {
        "serving": True,
        "mode": mode,
        "version": version.split("-")[0],
        "zxid": fields.get("Zxid", ""),
        "znodes": int(fields["Node count"]) if fields.get("Node count", "").isdigit() else None,
    }


def parse_servers(config: str) -> dict[str, str]:
    """{id: address} of the servers that a zoo.cfg names; none for a server that runs alone. Pure."""
    found = {number: re.match(_ADDRESS, server) for number, server in servers(read(config)).items()}
    return {number: address[0].strip("[]") for number, address in found.items() if address}


def parse_mntr(text: str) -> dict[str, Any]:
    """The numbers of `mntr` that say how this server is; {} when the command is not allowed. Pure."""
    fields = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    found = {}
    for ours, theirs in (
        ("connections", "zk_num_alive_connections"),
        ("followers", "zk_followers"),
        ("synced_followers", "zk_synced_followers"),
    ):
        if theirs in fields:
            found[ours] = int(float(fields[theirs]))
    return found
