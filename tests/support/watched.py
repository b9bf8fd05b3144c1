"""A cluster that is watched, as documents of `status --watch --json`: recorded from three brokers, and made worse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).resolve().parents[2] / "docs" / "status-watch.json"


def document() -> dict[str, Any]:
    """What docs/status-watch.svg shows."""
    found: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


def korean() -> dict[str, Any]:
    """The same with names in Korean, a broker that is down, and a group of which little is known."""
    found = copy.deepcopy(document())
    found["brokers"] = dict(
        zip(("서울-카프카1", "서울-카프카2", "부산-카프카1"), found["brokers"].values(), strict=True)
    )
    found["brokers"]["부산-카프카1"] |= {
        "serving": False,
        "why": "Connection refused",
        "since_seconds": 12.0,
        **dict.fromkeys(
            ("records_per_second", "bytes_per_second", "leads", "cpu_percent", "heap_used_bytes", "heap_max_bytes")
        ),
        "uptime_seconds": None,
    }
    found["topics"]["주문-" + "x" * 100] = {"records_per_second": 0.4, "bytes_per_second": None}
    found["groups"]["정산"] = {
        "state": None,
        "lag": None,
        "partitions_without_lag": 3,
        "read_per_second": None,
        "error": None,
    }
    behind = {"count": 7, "first": [f"주문-{number}" for number in range(7)]}
    found["cluster"] |= {"controller_host": "서울-카프카2", "under_replicated": behind}
    return found


def crowd(topics: int, groups: int) -> dict[str, Any]:
    """The same with many topics and groups."""
    found = copy.deepcopy(document())
    idle = {"records_per_second": 1.0, "bytes_per_second": 100.0}
    found["topics"] |= {f"topic-{number:03}": idle for number in range(topics)}
    group = next(iter(found["groups"].values()))
    found["groups"] |= {f"group-{number:03}": {**group, "lag": number} for number in range(groups)}
    return found
