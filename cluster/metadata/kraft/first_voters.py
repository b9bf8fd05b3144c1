"""Which controllers a new one was told of when its directory was formatted: they elect the first leader.

Each is told the same, or two sets of them could each elect a leader of their own. Until there is one, only the disks
know what they were told: it is in the snapshot that the format writes (KIP-853).
"""

from __future__ import annotations

import os
from typing import Any, Dict, List

from cluster.endpoint import joined
from cluster.protocol.flexible import Reader
from provisioner.agent import walk

LOG = "__cluster_metadata-0"
FIRST = f"{'0' * 20}-{'0' * 10}.checkpoint"  # Kafka's Snapshots.BOOTSTRAP_SNAPSHOT_ID, which only a format writes

# Of a batch of records, version 2 (DefaultRecordBatch), and of a control record's key (ControlRecordType).
_HEAD, _CONTROL, _VOTERS = 12, 0x20, 6


def of(directory: str) -> List[Dict[str, Any]]:
    """What the directory of a controller says: [{id, directory (its id), place: "host:port"}], in the order of ids.
    Empty where it was told of none, and once newer snapshots have replaced the first. Never raises."""
    try:
        return voters_in(walk.read(os.path.join(directory, LOG, FIRST)))
    except OSError:
        return []


def voters_in(data: bytes) -> List[Dict[str, Any]]:
    """The same from the content of a snapshot (its VotersRecord, KIP-853). Pure. Raises OSError for what is none."""
    batches = Reader(data)
    left = len(data)
    found: List[Dict[str, Any]] = []
    while left >= _HEAD and not found:
        batches.raw(8)  # the offset of its first record
        size = batches.number("i")
        found = _voters_in_batch(Reader(batches.raw(size)))
        left -= _HEAD + size
    return sorted(found, key=lambda one: int(one["id"]))


def _voters_in_batch(batch: Reader) -> List[Dict[str, Any]]:
    batch.raw(4 + 1 + 4)  # the leader's epoch, the version, the checksum
    control = batch.number("h") & _CONTROL
    batch.raw(4 + 8 + 8 + 8 + 2 + 4)  # offsets, times, and the producer
    count = batch.number("i")
    for _ in range(count if control else 0):
        record = Reader(batch.raw(_length(batch)))
        record.raw(1)
        _skip(record)  # the time and the offset, as differences
        _skip(record)
        key, value = record.raw(_length(record)), record.raw(_length(record))
        if int.from_bytes(key[2:4], "big") == _VOTERS:
            return _voters(Reader(value))
    return []


def _voters(record: Reader) -> List[Dict[str, Any]]:
    def voter() -> Dict[str, Any]:
        number, directory = record.number("i"), record.uuid()
        places = record.array(place)
        record.raw(4)  # the levels of kraft.version that it supports
        record.tags()
        record.tags()
        return {"id": number, "directory": directory, "place": next(iter(places), "")}

    def place() -> str:
        record.text()
        host, port = record.text(), record.number("H")
        record.tags()
        return joined(host or "", port)

    record.raw(2)
    return record.array(voter)


def _length(reader: Reader) -> int:
    """A length, as records have it: zigzag; 0 for none (-1)."""
    value = reader.varint()
    return max(0, (value >> 1) ^ -(value & 1))


def _skip(reader: Reader) -> None:
    """A number of up to 64 bits."""
    while reader.raw(1)[0] >= 0x80:
        pass
