"""What a disk of metadata says before anything runs: has there been a leader, and whom was a controller told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.state import evidence

LOG = "__cluster_metadata-0"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def look(directory: Path) -> dict[str, Any]:
    args = {"config": "/nope", "started": "/nope", "link": "/nope", "dirs": [], "metadata": str(directory)}
    return evidence.look(args, print)


@pytest.mark.parametrize(
    ("files", "led"),
    [
        ({}, False),
        ({f"{'0' * 20}-{'0' * 10}.checkpoint": "voters"}, False),  # of the format
        # Of a controller of 3.9 that is alone: it stands for election again and again.
        ({f"{'0' * 20}.log": "", "quorum-state": '{"leaderId":-1,"leaderEpoch":7,"data_version":1}'}, False),
        ({f"{'0' * 20}.log": "a record", "quorum-state": '{"leaderId":-1,"leaderEpoch":1}'}, True),
        ({f"{'0' * 17}500-{'0' * 9}2.checkpoint": "x", f"{'0' * 17}500.log": ""}, True),
        ({f"{'0' * 17}500-{'0' * 9}2.checkpoint.part": "x"}, False),
    ],
)
def test_there_has_been_a_leader_when_it_has_written_something(tmp_path: Path, files: dict[str, str], led: bool):
    for name, text in files.items():
        write(tmp_path / LOG / name, text)
    assert look(tmp_path)["led"] is led


# What StorageTool 4.3.1 wrote for three voters; 3.9.2 writes the same.
FIRST_VOTERS = bytes.fromhex(
    "0000000000000000000000fb0000000002f1898523002000000002000001a2177601be000001a2177601beffffffffffffffffffffffffffff"
    "000000032a0000000800000003160000000001a2177601a700001e00000208000000050a000000010000c4020000040800000006ae02000004"
    "0000006500000000000000000000000000000001020b434f4e54524f4c4c45520a3132372e302e302e3171ad00000000010000000000660000"
    "0000000000000000000000000002020b434f4e54524f4c4c4552076b61666b613271ae00000000010000000000670000000000000000000000"
    "0000000003020b434f4e54524f4c4c4552076b61666b613371af00000000010000000000000000000000030000003f0000000002575abada00"
    "2000000000000001a2177601c6000001a2177601c6ffffffffffffffffffffffffffff000000011a00000008000000040600000000"
)


def test_a_controller_that_has_seen_no_leader_says_whom_it_was_told_of(tmp_path: Path):
    snapshot = tmp_path / LOG / f"{'0' * 20}-{'0' * 10}.checkpoint"
    snapshot.parent.mkdir()
    snapshot.write_bytes(FIRST_VOTERS)

    def voters() -> list[str]:
        return [f"{one['id']}@{one['place']}" for one in look(tmp_path)["voters"]]

    assert voters() == [], "a format that was cut off is made again"
    write(tmp_path / "meta.properties", "version=1\ncluster.id=abc\n")
    assert voters() == ["101@127.0.0.1:29101", "102@kafka2:29102", "103@kafka3:29103"]
    for damaged in (b"", FIRST_VOTERS[:7], FIRST_VOTERS[:200], bytes(400)):
        snapshot.write_bytes(damaged)
        assert voters() == []
    snapshot.write_bytes(FIRST_VOTERS)
    write(snapshot.parent / f"{'0' * 20}.log", "a record of a leader")
    assert voters() == [], "now the quorum says who its voters are"
