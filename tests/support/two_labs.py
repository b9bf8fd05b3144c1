"""Two labs at work at once: the tests marked `second_lab` run in a process of their own, on a lab of their own, beside
all others. Half of what lab tests do is waiting for services to start, so two of them need little more time than one.

`pytest --two-labs` starts that process, which makes the same collection from the same arguments, runs its share, and
sends its reports home. They are replayed here as they come, so that one run has one summary, one list of durations and
one exit code. A test of which no report comes has failed.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.early import Early

MARKER = "second_lab"


def second_name(lab: str) -> str:
    """What the second lab is called; script/test removes it by this name, too."""
    return f"{lab}-2"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("labs")
    group.addoption("--two-labs", action="store_true", help=f"run the tests marked {MARKER} beside the others")
    group.addoption("--reports-to", type=int, metavar="FD", help="for the process that --two-labs starts")


def pytest_configure(config: pytest.Config) -> None:
    reports_to = config.getoption("reports_to")
    if reports_to is not None:
        config.pluginmanager.register(Away(config, reports_to), "two_labs")
        config.pluginmanager.register(Early(config.rootpath, None), "early")
    elif config.getoption("two_labs") and not config.getoption("usepdb"):
        config.pluginmanager.register(Home(config), "two_labs")
        config.pluginmanager.register(Early(config.rootpath, MARKER), "early")


class Away:
    """In the second process: runs the marked tests only, and writes each report as one line of JSON."""

    def __init__(self, config: pytest.Config, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # it closes with this process, whatever a test leaves running
        self.config, self.reports = config, os.fdopen(descriptor, "w")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.get_closest_marker(MARKER)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.reports.write(json.dumps(data) + "\n")
        self.reports.flush()


class Home:
    """In the process that was asked for: runs all others, and takes the reports of the second."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.arrived: queue.Queue[str | None] = queue.Queue()  # None: no more will come
        self.missing: dict[str, pytest.Item] = {}
        self.replaying = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        away = [item for item in session.items if item.get_closest_marker(MARKER)]
        if not away or session.testsfailed or self.config.option.collectonly:
            return (yield)
        self.missing = {item.nodeid: item for item in away}
        session.items[:] = [item for item in session.items if item.nodeid not in self.missing]
        with tempfile.TemporaryFile("w+") as output, self._second(output) as process:
            try:
                result = yield
                while self._replay(self.arrived.get()):
                    if session.shouldfail:
                        raise session.Failed(session.shouldfail)
            finally:
                _end(process)
            self._report_missing(process.returncode, output)
        return result

    def pytest_runtest_logfinish(self) -> None:
        """Between two tests of this process: what has come meanwhile."""
        while not self.replaying and not self.arrived.empty() and self._replay(self.arrived.get()):
            pass

    def _second(self, output: Any) -> subprocess.Popen[bytes]:
        from lab.hosts import name_for_clone

        here, there = os.pipe()
        arguments = [one for one in self.config.invocation_params.args if one != "--two-labs"]
        command = [sys.executable, "-m", "pytest", *arguments, f"--reports-to={there}"]
        lab = os.environ.get("LAB") or name_for_clone(str(self.config.rootpath))
        process = subprocess.Popen(
            command,
            cwd=self.config.invocation_params.dir,
            env={**os.environ, "LAB": second_name(lab)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[there],
            start_new_session=True,  # Ctrl-C is for this process, which passes it on once
        )
        os.close(there)
        threading.Thread(target=self._listen, args=(here,), daemon=True).start()
        return process

    def _listen(self, descriptor: int) -> None:
        with os.fdopen(descriptor) as reports:
            for line in reports:
                self.arrived.put(line)
        self.arrived.put(None)

    def _replay(self, line: str | None) -> bool:
        """Take one report as if its test had run here; False: there was none, and no more will come."""
        if line is None:
            self.arrived.put(None)
            return False
        report = self.config.hook.pytest_report_from_serializable(config=self.config, data=json.loads(line))
        self._take(report)
        return True

    def _take(self, report: pytest.TestReport) -> None:
        self.replaying = True
        self.config.hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            self.missing.pop(report.nodeid, None)
            self.config.hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
        self.replaying = False

    def _report_missing(self, code: int, output: Any) -> None:
        """A failure for every test of which the second process has said nothing to its end."""
        output.seek(0)
        last = "\n".join(output.read().splitlines()[-40:])
        for nodeid, item in list(self.missing.items()):
            why = f"the process of the second lab ended (exit code {code}) without this test; its last lines:\n{last}"
            self._take(pytest.TestReport(nodeid, item.location, {}, "failed", why, "call"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended; one that still runs tests is interrupted and removes its hosts."""
    try:
        process.wait(timeout=120 if sys.exc_info()[0] is None else 0)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
