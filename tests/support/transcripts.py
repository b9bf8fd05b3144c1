"""Pages as people see them, on terminals of three widths and in a pipe: the golden transcripts of the tables.

`.venv/bin/python -m tests.support.transcripts` writes them anew, after a change that is meant to be seen; look at the
difference (`git diff tests/unit/golden`) before you commit it. Everything in them is made up here: no host, no clock.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from cli.doctor import _show
from cli.tables import broker, config, groups, status, topics
from provisioner.errors import HostFailed, Unreachable
from provisioner.options import Options
from provisioner.report.plain import PlainReporter
from provisioner.report.reporter import Reporter
from provisioner.report.terminal import Terminal
from provisioner.resources import Directory, File, Service
from provisioner.run import plan
from provisioner.run.deploy import Deploy
from roles import doctor
from roles.shared.catalogue import of as catalogue
from roles.status import document
from tests.support.quorum import FakeQuorum
from tests.support.settings import setting
from tests.unit import test_groups, test_kraft_status, test_topics_shown
from tests.unit.test_status import answer
from tests.unit.test_status import broker as broker_says

GOLDEN = Path(__file__).parents[1] / "unit" / "golden"
WIDTHS = (60, 80, 120, None)  # None: a pipe
HOSTS = {1: "서울-카프카1", 2: "서울-카프카2", 3: "부산-카프카1"}
LONG = "payments." + "x" * 230 + ".retries"  # 247 characters; Kafka allows 249


def name(number: int) -> str:
    """A broker's host."""
    return HOSTS.get(number, f"broker {number}")


# -- status


def _status(**said: Any) -> dict[str, Any]:
    answers = {
        host: answer(number, "leader" if number == 2 else "follower", broker_says(number, **said))
        for number, host in HOSTS.items()
    }
    numbers = {host: number for number, host in HOSTS.items()}
    return document(answers, {}, {"zookeeper": numbers, "kafka": numbers})


def healthy(terminal: Terminal) -> str:
    """A cluster with ZooKeeper in which all is well."""
    return status.page(_status(), terminal)


def unhealthy(terminal: Terminal) -> str:
    """A broker is down, another host unreachable, a third waits for a restart; and what to do about it."""
    behind = {"count": 62, "first": [f"{LONG[:60]}-{n}" for n in range(5)]}
    numbers = {host: number for number, host in HOSTS.items()}
    first, second, third = HOSTS.values()
    waits = answer(
        1, "leader", broker_says(1, under_replicated=behind, brokers=[1]), disk={"/etc/kafka/server.properties": "b"}
    )
    down = answer(2, "follower", {"serving": False, "why": "Connection refused"}, active=False, sub="failed")
    lost = {third: (False, "cannot connect to 10.0.0.23:22 as deploy: Connection timed out")}
    found = document({first: waits, second: down}, lost, {"zookeeper": numbers, "kafka": numbers})
    found["advice"] = [
        "to bring it back:",
        "  1. `invoke logs --hosts prod3 --service kafka`",
        "  2. `invoke deploy --hosts prod3`",
    ]
    return status.page(found, terminal)


def quorum(terminal: Terminal) -> str:
    """A cluster without ZooKeeper, with a controller that is behind."""
    fake = FakeQuorum(101, 102, 103)
    fake.voters[103, "disk103"].update(end_offset=60, behind_ms=12_000)
    return status.page(test_kraft_status.status(fake), terminal)


# -- topics


def _topics() -> dict[str, Any]:
    part, setting_, topic = test_topics_shown.partition, test_topics_shown.setting, test_topics_shown.topic
    week = test_topics_shown.WEEK
    own = {"compression_type": setting_("zstd", "producer"), "max_message_bytes": setting_("2097152", "1048588")}
    found = test_topics_shown.found(
        orders=topic(part(0, records=1_204_331), part(1, isr=[1, 3]), part(2, leader=-1, isr=[])),
        clicks=topic(part(0), retention_ms=setting_("172800000", week), **own),
        audit=topic({**part(0, records=None), "sizes": {"1": 1024}}),
    )
    found["topics"][LONG] = topic(part(0, records=12))
    return found


def topics_list(terminal: Terminal) -> str:
    """Topics, one of them with partitions that are behind and without a leader, one with the longest of names."""
    return topics.listing(_topics(), name, terminal)


def topics_describe(terminal: Terminal) -> str:
    """The same, partition by partition."""
    return topics.descriptions(_topics(), name, terminal)


# -- broker.config and config.list


def broker_config(terminal: Terminal) -> str:
    """Settings of three brokers that disagree, with a value that is longer than any line."""
    shared = [
        setting(static="172800000"),
        setting(
            "advertised.listeners",
            read_only=True,
            static=",".join(f"LISTENER{n}://kafka.example.com:909{n}" for n in range(4)),
        ),
        setting("ssl.keystore.password", sensitive=True, static=None),
    ]
    of_each = [
        [*shared, setting("num.io.threads", static="8"), setting("broker.rack", read_only=True, static=f"서울-{n}")]
        for n in (1, 2)
    ]
    of_each.append(
        [
            *shared,
            setting("num.io.threads", broker="16", static="8"),
            setting("broker.rack", read_only=True, static="부산"),
        ]
    )
    found = {number: {one.name: one for one in listed} for number, listed in enumerate(of_each, 1)}
    return broker.page(HOSTS, found, 312, None, terminal)


def config_list(terminal: Terminal) -> str:
    """Some properties of a version."""
    known = catalogue("kafka", "3.9.2")
    assert known is not None
    wanted = ("log.retention.ms", "advertised.listeners", "log.cleaner.min.cleanable.ratio", "compression.type")
    return config.page(
        known, [one for ones in known.sections.values() for one in ones.values() if one.name in wanted], terminal
    )


# -- groups


def _group() -> dict[str, Any]:
    row = test_groups.row
    rows = [
        row("orders", 0, 319296, 0, 319297, 1, "m1"),
        row("orders", 1, 366112, 0, 366116, 4, "m1"),
        row(LONG, 0, 409, 0, 10, None, "m2", "beyond_end"),
        row("gone", 0, 5, None, None, None, problem="no_topic"),
    ]
    members = [
        {
            "id": one,
            "client": client,
            "host": "10.0.0.21",
            "partitions": [["orders", 0]] if one != "m3" else [],
            "unreadable": False,
        }
        for one, client in (("m1", "정산-소비자"), ("m2", "billing-service-5d8f9c7b6d-x2x7q"), ("m3", "예비"))
    ]
    return {**test_groups.GROUP, "group": "정산", "members": members, "partitions": rows}


def groups_list(terminal: Terminal) -> str:
    """Groups with Korean names, one of which points to nothing."""
    empty = {**_group(), "group": "billing", "state": "Empty", "members": [], "partitions": _group()["partitions"][:2]}
    return groups.listing([_group(), empty], name, terminal)


def groups_describe(terminal: Terminal) -> str:
    """One group, its members, and what is wrong with its offsets."""
    return groups.description(_group(), name, terminal)


# -- plan and doctor: lines of a run


def _said(terminal: Terminal, say: Callable[[Reporter], object]) -> str:
    """What a run writes, to standard output and standard error, which a terminal shows on one screen."""
    stream = io.StringIO()
    stream.isatty = lambda: terminal.width is not None  # type: ignore[method-assign]
    environment = {"NO_COLOR": "1", "FORCE_COLOR": "", "COLUMNS": str(terminal.width or "")}
    with mock.patch.dict(os.environ, environment):
        say(PlainReporter(stream, stream))
    return stream.getvalue().rstrip("\n")


def planned(terminal: Terminal) -> str:
    """A change of one file on all hosts, one of another on one, and what they restart."""
    path = "/etc/kafka/server.properties"
    listeners = ",".join(f"LISTENER{n}://0.0.0.0:909{n}" for n in range(6))

    def text(heading: str, retention: int) -> str:
        kept = [
            f"# {heading}",
            "# 이 파일은 kafka-provisioner가 씁니다.",
            f"listeners={listeners}",
            f"log.retention.hours={retention}",
        ]
        return "".join(f"{line}\n" for line in [*kept, "num.io.threads=8"])

    def of_host(host: str) -> plan.HostPlan:
        properties = File(path, text("모든 브로커", 48), mode=0o640, template="kafka/server.properties.j2")
        others = [File("/etc/cron.d/kafka-logs", "0 3 * * * root find /var/log/kafka\n")] if host == HOSTS[3] else []
        service = Service("kafka", (path,))
        before = text("모든 브로커", 168)
        states = {
            properties.key: {**properties.expected(), "digest": "other", "content": before},
            service.key: {"enabled": True, "active": True, "started": {path: "old"}, "disk": {path: "old"}},
        }
        return plan.make(host, [properties, *others, Directory("/srv/카프카-데이터"), service], states)

    def say(show: Reporter) -> None:
        hosts = tuple(SimpleNamespace(name=host) for host in HOSTS.values())
        inventory: Any = SimpleNamespace(limit=lambda _: hosts)
        only = f"{HOSTS[1]} is the only Kafka broker: while it restarts, Kafka is down"
        costs: Any = SimpleNamespace(downtime=lambda *_: [only])
        run = Deploy(costs, inventory, Options(root=GOLDEN, cache=GOLDEN, check=True, diff=True), show, None)
        run.plans = {host: of_host(host) for host in HOSTS.values()}
        fleet: Any = SimpleNamespace(call=None, reporter=show)
        run._show_plan(fleet)

    return _said(terminal, say)


def diagnosed(terminal: Terminal) -> str:
    """What is wrong, and what will be."""
    disk = {"path": "/srv/카프카-데이터", "used_bytes": 90, "total_bytes": 100}
    service = {
        "disks": [disk],
        "heap_used_bytes": 480 << 20,
        "heap_max_bytes": 512 << 20,
        "open_files": 1,
        "open_files_max": 9,
    }
    machine = {
        "swap": ["/dev/sda2"],
        "swappiness": 60,
        "huge_pages": "always",
        "journal_kept": True,
        "inodes": {},
        "open_secrets": {},
    }
    found = [replace(one, host=HOSTS[1]) for one in (*doctor.soon("kafka", service), *doctor.machine(machine))]
    wrong = [
        HostFailed(
            "port 9092 is in use by nginx (pid 812)",
            host=HOSTS[2],
            details=["tcp 0.0.0.0:9092", "started by systemd as nginx.service, 주문 시스템의 프록시"],
            advice="stop it (`systemctl disable --now nginx`), or set kafka_port",
        ),
        Unreachable("cannot connect to 10.0.0.23:22: Connection timed out", host=HOSTS[3]),
    ]
    return _said(terminal, lambda show: _show(show, wrong, found, ["start one of them first:", "`invoke deploy`"]))


PAGES: dict[str, Callable[[Terminal], str]] = {
    "status": healthy,
    "status-unhealthy": unhealthy,
    "status-quorum": quorum,
    "topics.list": topics_list,
    "topics.describe": topics_describe,
    "broker.config": broker_config,
    "config.list": config_list,
    "groups.list": groups_list,
    "groups.describe": groups_describe,
    "plan": planned,
    "doctor": diagnosed,
}


def transcript(page: str) -> str:
    """A page at every width."""
    parts = []
    for width in WIDTHS:
        head = f"{width} columns" if width else "a pipe"
        parts.append(f"=== {head} ===\n{PAGES[page](Terminal(width))}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.txt"):
        old.unlink()
    for page in PAGES:
        (GOLDEN / f"{page}.txt").write_text(transcript(page), encoding="utf-8")
