"""The bench's own arithmetic and texts: a figure in docs/performance.md is only as good as these."""

from __future__ import annotations

import itertools
import socket
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from bench import page, peers, plot, process, tools
from bench.__main__ import arguments
from bench.delay import Delay
from bench.ground import moved, moved_keys
from bench.results import Run, Store, pick, ratio, summary
from cli.common import load_inventory
from cli.project import ROOT
from provisioner.artifacts import ClosureSource, Payload
from provisioner.errors import ConfigError, ProvisionerError


def a_run(measure: str, tool: str, seconds: float, hosts: int = 3, **values: float) -> Run:
    return Run(measure, tool, hosts, seconds, seconds / 2, 40.0, "2026-01-02 03:04", "abc1234", "1.0", "2 CPUs", values)


def test_a_summary_is_median_least_and_greatest():
    assert summary([3.0, 1.0, 2.0]) == (found := summary([1.0, 2.0, 3.0]))
    assert (found.runs, found.median, found.low, found.high) == (3, 2.0, 1.0, 3.0)
    assert summary([1.0, 2.0]).median == 1.5
    assert ratio(summary([6.0]), summary([1.0, 2.0, 3.0])) == 3.0
    with pytest.raises(ValueError, match="nothing was measured"):
        summary([])


def test_results_outlive_a_bench_and_only_what_is_measured_anew_is_dropped(tmp_path: Path):
    store = Store(tmp_path / "deep" / "results.jsonl")
    assert store.runs() == []
    runs = [a_run("noop", "ours", 1.0), a_run("noop", "pyinfra", 6.0, sent_bytes=5), a_run("first", "ours", 20.0)]
    for run in runs:
        store.add(run)
    assert Store(store.path).runs() == runs
    store.forget(["noop"], ["ours", "ansible"])
    assert store.runs() == runs[1:]
    assert pick(runs, "noop", "pyinfra") == [runs[1]] and pick(runs, "noop", "ours", hosts=30) == []


def test_a_table_compares_every_measured_tool_with_ours():
    runs = [a_run("noop", "ours", seconds) for seconds in (0.4, 0.5, 0.9)] + [a_run("noop", "pyinfra", 6.0)]
    assert page.times(runs, "noop") == [
        ["this toolkit", "3", "0.50 s", "0.40 s", "0.90 s", ""],
        ["pyinfra", "1", "6.00 s", "6.00 s", "6.00 s", "12.0"],
    ]
    assert page.times(runs[3:], "noop")[0][-1] == "", "without ours there is nothing to compare with"
    assert page.table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"
    assert page.table(["a"], []) == "Not measured yet."


def test_growth_has_a_column_for_each_number_of_hosts():
    runs = [a_run("growth", "ours", 0.5, hosts=1), a_run("growth", "ours", 2.0, 30), a_run("growth", "pyinfra", 4.0, 1)]
    assert page.sizes(runs, "growth") == [
        ["", "1 host", "30 hosts"],
        ["this toolkit", "0.50 s (1)", "2.00 s (1)"],
        ["pyinfra", "4.00 s (1)", "not measured"],
    ]


@pytest.mark.parametrize(
    ("runs", "what", "reached", "kept"),
    [
        ([], "no-op, three hosts, no smoke", "not measured", ""),
        ([("noop", "ours", 0.61)], "no-op, three hosts, no smoke", "0.61 s", "**no**"),
        ([("noop", "ours", 0.6)], "no-op, three hosts, no smoke", "0.60 s", "yes"),
        ([("noop", "ours", 0.5), ("noop", "pyinfra", 3.9)], "the same against pyinfra", "7.80 times faster", "**no**"),
        ([("noop", "ours", 0.5), ("noop", "pyinfra", 4.0)], "the same against pyinfra", "8.00 times faster", "yes"),
        ([("noop", "ours", 0.5)], "the same against pyinfra", "not measured", ""),
    ],
)
def test_a_promise_is_kept_or_not(runs: list[tuple[str, str, float]], what: str, reached: str, kept: str):
    row = next(row for row in page.targets([a_run(*run) for run in runs]) if row[0] == what)
    assert row[2:] == [reached, kept]


def test_a_stall_and_growth_are_read_off_their_own_values():
    runs = [a_run("roll", "ours", 30.0, stall_seconds=stall) for stall in (0.7, 0.8, 1.9)]
    runs += [a_run("growth", "ours", 0.5, hosts=3), a_run("growth", "ours", 3.0, hosts=30)]
    rows = {row[0]: row[2:] for row in page.targets(runs)}
    assert rows["config change with restarts, longest producer stall"] == ["0.80 s", "yes"]
    assert rows["no-op on 30 hosts against 3"] == ["6.00 times", "**no**"]


def test_both_kinds_of_cluster_stand_side_by_side():
    runs = [a_run("first", "ours", seconds) for seconds in (20.0, 21.0, 25.0)]
    runs += [a_run("first", "ansible", 70.0), a_run("noop", "ours", 0.5), a_run("kraft-first", "ours", 19.0)]
    runs += [a_run("kraft-controllers", "ours", 16.0, stall_seconds=0.18)]
    assert page.kinds(runs) == [
        ["first run", "21.00 s (20.00 to 25.00 s, 3 runs)", "19.00 s (19.00 to 19.00 s, 1 run)"],
        ["restart of all controllers", "-", "16.00 s (16.00 to 16.00 s, 1 run)"],
        ["restart of all controllers: longest stall", "-", "0.18 s (0.18 to 0.18 s, 1 run)"],
    ]
    rows = {row[0]: row[2:] for row in page.targets(runs)}
    assert rows["without ZooKeeper: restart of all controllers, longest producer stall"] == ["0.18 s", "yes"]
    assert rows["without ZooKeeper: its longest producer stall"] == ["not measured", ""]


def test_the_page_holds_what_was_measured_and_says_what_was_not():
    text = page.render([a_run("noop", "ours", 0.45), a_run("noop", "ansible", 31.5)])
    assert "| Ansible, pipelining | 1 | 31.50 s | 31.50 s | 31.50 s | 70.0 |" in text
    assert "Measured 2026-01-02 03:04 UTC, commit abc1234." in text
    assert "performance/noop.svg" in text and "performance/first.svg" not in text
    assert text.count("Not measured yet.") >= 5


def test_the_page_says_how_busy_the_machine_was():
    runs = [
        a_run("noop", "ours", 0.45, load=0.31),
        a_run("noop", "ours", 0.45, load=12.0),
        a_run("first", "ours", 20.0),
    ]
    assert page.when(runs, "noop").endswith("abc1234; load of the machine before each run 0.3 to 12.0.")
    assert page.when(runs[:1], "noop").endswith("before each run 0.3.")
    assert page.when(runs, "first").endswith("abc1234.") and page.when(runs, "roll") == ""


def test_bars_are_as_long_as_their_values():
    svg = ElementTree.fromstring(
        plot.bars("A & B", [("ours", "this toolkit", 0.5), ("ansible", "Ansible <2.20", 30.0)])
    )
    rects = [float(one.get("width", "")) for one in svg if one.tag.endswith("rect")]
    assert rects[1] / rects[0] == pytest.approx(60, rel=0.01) and rects[1] < plot.WIDTH
    assert "A & B" in [one.text for one in svg] and "0.50 s" in [one.text for one in svg]


def test_lines_of_slope_one_mean_time_that_grows_with_the_hosts():
    svg = ElementTree.fromstring(plot.lines("t", {"ours": ("this toolkit", [(1, 0.1), (10, 1.0), (100, 10.0)])}))
    (line,) = [one for one in svg if one.tag.endswith("polyline")]
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    steps = [(b[0] - a[0], a[1] - b[1]) for a, b in itertools.pairwise(points)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2) and steps[0][0] > 0 and steps[0][1] > 0


@pytest.mark.parametrize("points", [[(3, 2.0)], [(1, 1.0), (3, 1.0)]])
def test_lines_can_be_drawn_from_little(points: list[tuple[int, float]]):
    ElementTree.fromstring(plot.lines("t", {"ours": ("this toolkit", points)}))


@pytest.mark.parametrize(("value", "text"), [(0.444, "0.44 s"), (6.14, "6.1 s"), (33.3, "33 s"), (0.001, "0.00 s")])
def test_seconds_have_the_digits_worth_reading(value: float, text: str):
    assert plot.seconds(value) == text


def test_changes_are_read_off_a_recap():
    recap = "kafka1 : ok=56 changed=2 unreachable=0\nkafka2 : ok=56    changed=0    unreachable=0"
    assert tools.recap_changes(recap) == 2
    assert tools.recap_changes("kafka1 : ok=56 changed=2 applied=1 restarted=1 unreachable=0") == 4
    with pytest.raises(ValueError, match="no recap"):
        tools.recap_changes("fatal: everything")


def test_a_changed_line_reaches_ours_as_what_it_is():
    job = tools.Job(Path("hosts.yml"), Path("peers.yml"), settings={"kafka_config": {"queued.max.requests": 501}})
    argv = list(tools.TOOLS["ours"].command(Path("bin"), job).argv)
    assert argv[argv.index("--extra-vars") + 1] == '{"kafka_config": {"queued.max.requests": 501}}'


def test_a_command_costs_the_time_of_itself_and_of_its_children(tmp_path: Path):
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'for _ in range(10**7): pass'])"
    cost = process.run(process.Command([sys.executable, "-c", script], {}), tmp_path / "log")
    assert cost.cpu_seconds > 0 and cost.peak_mib > 5
    idle = process.run(process.Command([sys.executable, "-c", "pass"], {}), tmp_path / "log")
    assert cost.cpu_seconds > 2 * idle.cpu_seconds, "what a child worked counts"


def test_a_command_has_a_directory_of_its_own_for_as_long_as_it_runs(tmp_path: Path):
    command = process.Command(["sh", "-c", 'ls -d "$HERE"'], {"HERE": process.SCRATCH})
    first, second = (process.run(command, tmp_path / "log").output.strip() for _ in range(2))
    assert first != second and not Path(first).exists()


def test_a_command_that_fails_is_not_timed(tmp_path: Path):
    with pytest.raises(ProvisionerError) as failed:
        process.run(process.Command(["sh", "-c", "echo why; exit 3"], {}), tmp_path / "deep" / "log")
    assert "exit code 3" in failed.value.summary and list(failed.value.details) == ["why"]


@pytest.mark.parametrize(
    ("words", "shown"), [(["--tools", "puppet"], "puppet is not one of"), (["--runs", "x"], "--runs")]
)
def test_what_the_bench_does_not_know_is_a_usage_error(
    words: list[str], shown: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        arguments(words)
    assert ended.value.code == 2 and shown in capsys.readouterr().err


def test_a_bench_can_be_limited():
    chosen = arguments(["--tools", "ours,pyinfra", "--runs", "5", "--measures", "noop"])
    assert (chosen.tools, chosen.runs, chosen.measures) == (["ours", "pyinfra"], 5, ["noop"])


@pytest.mark.parametrize(
    ("total", "changes"), [("171     -         -       171", 0), ("171     12        -       159", 12)]
)
def test_changes_are_read_off_pyinfras_table(total: str, changes: int):
    head = "    Operation      Hosts   Success   Error   No Change\n    Service kafka  3       3         -       -\n"
    assert tools.pyinfra_changes(f"{head}    \x1b[1mGrand total\x1b[0m    {total}\n") == changes
    with pytest.raises(ValueError, match="no grand total"):
        tools.pyinfra_changes(head)


def test_hosts_behind_a_proxy_are_reached_by_its_ports_and_known_by_them():
    ports = {2231: 40001}
    inventory = {
        "all": {"vars": {"kafka_port": 2231}, "hosts": {"a": {"ansible_port": 2231}, "b": {"ansible_port": 5}}}
    }
    assert moved(inventory, ports)["all"]["hosts"] == {"a": {"ansible_port": 40001}, "b": {"ansible_port": 5}}
    assert moved(inventory, ports)["all"]["vars"] == {"kafka_port": 2231}, "only how SSH gets there"
    assert moved_keys("[127.0.0.1]:2231 k x\nkafka1 k y\n[127.0.0.1]:5 k z\n", ports) == (
        "[127.0.0.1]:40001 k x\nkafka1 k y\n[127.0.0.1]:5 k z\n"
    )


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives without a download."""
    monkeypatch.setattr(ClosureSource, "obtain", lambda *_: Payload(Path("/cache/it.tar"), "0", 1, "tar"))


@pytest.mark.usefixtures("archives")
def test_peers_are_told_everything_that_our_roles_put_on_a_host():
    found = peers.inventory(load_inventory("prod3"))
    assert list(found["all"]["children"]) == ["zookeeper", "kafka"]
    host = found["all"]["hosts"]["kafka2"]
    kafka, zookeeper = host["kafka_role"], host["zookeeper_role"]
    assert [one["name"] for one in host["os_role"]["users"]] == ["zookeeper", "kafka"]
    assert kafka["services"] == [{"name": "kafka", "port": 9092}] and kafka["archives"][0]["source"] == "/cache/it.tar"
    (myid,) = zookeeper["contents"]
    assert (myid["path"], myid["mode"], myid["content"]) == ("/var/lib/zookeeper/data/myid", "0640", "2\n")
    assert host["kafka_heap"] == 512 << 20
    config = next(one for one in kafka["templates"] if one["path"] == "/etc/kafka/server.properties")
    assert (config["owner"], config["group"], config["mode"]) == ("root", "kafka", "0640")
    assert config["extra"]["broker_id"] == 2 and config["template"] == "kafka/server.properties.j2"
    assert len(kafka["links"]) + len(zookeeper["links"]) > 90


@pytest.mark.usefixtures("archives")
def test_the_playbook_hands_templates_every_value_that_our_roles_give_them():
    tasks = yaml.safe_load((ROOT / "bench/ansible/roles/service/tasks/main.yml").read_text())
    (handed,) = (set(task["vars"]) for task in tasks if "template" in task.get("vars", {}))
    host = peers.inventory(load_inventory("prod3"))["all"]["hosts"]["kafka1"]
    entries = [entry for role in ("zookeeper_role", "kafka_role") for entry in host[role]["templates"]]
    assert handed == {"template"}.union(*(entry["extra"] for entry in entries))


@pytest.mark.usefixtures("archives")
def test_what_a_peer_could_not_render_is_an_error():
    with pytest.raises(ConfigError, match=r"server\.properties"):
        peers.inventory(load_inventory("prod3", ['kafka_config={"log.retention.hours": 48}']))


def test_a_proxy_delays_by_the_latency_in_order_and_counts():
    """An echo server behind 0.1 s: handshake and one exchange are two round trips, a hundred lines at once no more."""
    latency = 0.1
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)

        threading.Thread(target=echo, daemon=True).start()
        port = server.getsockname()[1]
        said = b"".join(b"line %d\n" % number for number in range(100))
        began = time.monotonic()
        with Delay([port], latency) as delay, socket.create_connection(("127.0.0.1", delay.ports[port])) as client:
            client.sendall(said)
            heard = b""
            while len(heard) < len(said):
                heard += client.recv(1 << 16)
            first = time.monotonic() - began
            began = time.monotonic()
            client.sendall(b"again")
            assert client.recv(10) == b"again"
            second = time.monotonic() - began
            assert heard == said and first >= 2 * latency and second >= latency
            client.shutdown(socket.SHUT_WR)
            assert client.recv(10) == b"", "the end is passed on"
            # A byte may be here before it is counted; what came before the end is.
            assert (delay.sent, delay.received) == (len(said) + 5, len(said) + 5)


def test_a_proxy_says_by_hanging_up_that_nobody_is_behind_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Delay([port], 0.01) as delay, socket.create_connection(("127.0.0.1", delay.ports[port]), timeout=10) as client:
        assert client.recv(10) == b""
