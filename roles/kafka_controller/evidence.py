"""What is known of the controllers that are there, against what an inventory says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.run.evidence import GIVE_UP_DATA, Consent, Objection
from roles.kafka.release import LINK, release
from roles.kafka_controller import service
from roles.shared import evidence as shared
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.resources import Request
    from provisioner.run.evidence import Agreed, Witness
    from provisioner.run.target import Target


def ask(target: Target) -> Request:
    """The question to each host."""
    return remote.broker_evidence(
        config=service.CONFIG,
        started=service.STARTED,
        link=LINK,
        dirs=service.data_dirs(target),
        metadata=target["kafka_controller_data_dir"],
    )


def judge(witnesses: Sequence[Witness], call: Call, agreed: Agreed) -> list[Objection]:
    """Nodes of different clusters, metadata that would be left behind, disks of another kind of node, an older
    version, and voters that the inventory lacks."""
    versions = {
        one.name: (version, release(one.target.host.vars).version)
        for one in witnesses
        # A broker beside it says the same of the program that both run.
        if not one.target.is_in(kraft.BROKERS) and (version := shared.version_in(one.said[service.NAME]["link"]))
    }
    return [
        *shared.clusters(place for one in witnesses for place in _clusters(one)),
        *(found for one in witnesses for found in _moved(one)),
        *(found for one in witnesses for found in _reused(one)),
        *shared.older("Kafka", versions),
        *_lacking(witnesses, call),
    ]


def _lacking(witnesses: Sequence[Witness], call: Call) -> list[Objection]:
    """Voters that the inventory lacks; where a broker beside a controller serves, its role asks for these."""
    if all(one.plan.nothing or kraft.COMBINED_UNIT in one.serving for one in witnesses):
        return []  # and what asks is not loaded
    from roles.kafka import quorum_evidence

    return quorum_evidence.judge(witnesses, call)


def _clusters(witness: Witness) -> Iterator[tuple[str, str, str]]:
    """(cluster, host, directory) of all that is formatted on a host: a broker's data, too."""
    for said in witness.said.values():
        for path, found in said.get("dirs", {}).items():
            if found["cluster"]:
                yield found["cluster"], witness.name, path


def _reused(witness: Witness) -> list[Objection]:
    dirs = witness.said[service.NAME]["dirs"]
    return [
        shared.reused(path, witness.name)
        for path in map(normpath, service.data_dirs(witness.target))
        if path in dirs and dirs[path].get("old_format")
    ]


def _moved(witness: Witness) -> list[Objection]:
    said = witness.said[service.NAME]
    wanted = normpath(service.data_dirs(witness.target)[0])
    left = [path for path in said["present"] if path != wanted and said["dirs"][path]["cluster"]]
    return [
        Objection(
            f"the metadata of the cluster is in {path}, and the controller would start with an empty {wanted}",
            witness.name,
            way=f"stop kafka-controller, move {path} to {wanted}, and deploy again; or set kafka_controller_data_dir "
            f"to {path}",
            consent=Consent(GIVE_UP_DATA, ((path,),)),
        )
        for path in left
    ]
