"""What a broker says of its data directories and is asked to do with them, and what lies in one on the disk.

Runs on the broker's own host: only there are the folders that the broker has taken out of use and not deleted yet,
which it does not list, and the file systems that directories share.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka.protocol.admin import AlterReplicaLogDirsRequest, DescribeLogDirsRequest

from cluster.moving.directories import Directory
from cluster.protocol import wire

if TYPE_CHECKING:
    from cluster.moving.directories import Key

# A partition's folder: orders-0; beside it orders-0.<32 digits>-future, -delete or -stray (Log.scala, 2.5 to 3.9).
_FOLDER = re.compile(r".+-[0-9]+|.+\.[0-9a-f]{32}-(future|delete|stray)")
DELETED = "-delete"


def describe(connection: wire.Connection) -> list[Directory]:
    """The broker's data directories, by path. Raises OSError, KafkaError."""
    answer = connection.call(DescribeLogDirsRequest(topics=None))
    wire.raise_for(getattr(answer, "error_code", 0) or 0)  # since version 3
    return sorted((_directory(result) for result in answer.results), key=lambda one: one.path)


def _directory(result: Any) -> Directory:
    found: dict[bool, dict[Key, int]] = {False: {}, True: {}}
    for topic in result.topics or ():
        for one in topic.partitions:
            found[bool(one.is_future_key)][topic.name, one.partition_index] = one.partition_size
    device, free = _disk(result.log_dir)
    return Directory(result.log_dir, found[False], found[True], wire.name_of(result.error_code), device, free)


def _disk(path: str) -> tuple[int, int]:
    """(number of the file system, bytes that the broker may still write); an offline disk has none."""
    try:
        disk = os.statvfs(path)
        return os.stat(path).st_dev, disk.f_bavail * disk.f_frsize
    except OSError:
        return 0, 0


def place(connection: wire.Connection, goals: Mapping[Key, str]) -> dict[Key, int]:
    """Ask the broker to have partitions in these directories; {partition: error code or 0}. One that is there already
    stays there, and a move of it to elsewhere ends. Raises OSError, KafkaError."""
    directory_type = AlterReplicaLogDirsRequest.AlterReplicaLogDir
    by_path: dict[str, dict[str, list[int]]] = {}
    for (topic, number), path in sorted(goals.items()):
        by_path.setdefault(path, {}).setdefault(topic, []).append(number)
    dirs = [
        directory_type(
            path=path,
            topics=[
                directory_type.AlterReplicaLogDirTopic(name=name, partitions=numbers)
                for name, numbers in topics.items()
            ],
        )
        for path, topics in by_path.items()
    ]
    answer = connection.call(AlterReplicaLogDirsRequest(dirs=dirs))
    return {
        (topic.topic_name, found.partition_index): found.error_code
        for topic in answer.results
        for found in topic.partitions
    }


def folders(path: str) -> list[str]:
    """The names of the folders of partitions in a directory, those that are to be deleted included. Empty for a
    directory that cannot be read."""
    try:
        with os.scandir(path) as entries:
            return sorted(one.name for one in entries if _FOLDER.fullmatch(one.name) and one.is_dir())
    except OSError:
        return []
