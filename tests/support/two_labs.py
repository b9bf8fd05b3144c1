"""Two labs at work at once: the tests marked `second_lab` run in a process of their own, on a lab of their own, beside
all others. Half of what lab tests do is waiting for services to start, so two of them need little more time than one.

`pytest --two-labs` starts that process, which makes the same collection from the same arguments, runs its share, and
sends its reports home. They are replayed here as they come, so that one run has one summary, one list of durations and
one exit code. A test of which no report comes has failed.

Modules marked `own_hosts` share no hosts with others, so either process may run them: they come last, and whoever is
through with its own takes those of the other, from the end. A file in a folder that both know says who has a module.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.early import Early

MARKER = "second_lab"
MOVABLE = "own_hosts"


def second_name(lab: str) -> str:
    """What the second lab is called; script/test removes it by this name, too."""
    return f"{lab}-2"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("labs")
    group.addoption("--two-labs", action="store_true", help=f"run the tests marked {MARKER} beside the others")
    group.addoption("--reports-to", type=int, metavar="FD", help="for the process that --two-labs starts")
    group.addoption("--claims", metavar="FOLDER", help="for the process that --two-labs starts")


def pytest_configure(config: pytest.Config) -> None:
    reports_to = config.getoption("reports_to")
    if reports_to is not None:
        config.pluginmanager.register(Away(config, reports_to), "two_labs")
        config.pluginmanager.register(Early(config.rootpath), "early")
    elif config.getoption("two_labs") and not config.getoption("usepdb"):
        home = Home(config)
        config.pluginmanager.register(home, "two_labs")
        config.pluginmanager.register(Early(config.rootpath, lambda: home.replaying), "early")


def shares(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """What each of the two runs, in order: its own, those that may move last; then what it may take of the other's."""
    halves: tuple[list[pytest.Item], list[pytest.Item]] = ([], [])
    for item in sorted(items, key=lambda item: item.get_closest_marker(MOVABLE) is not None):
        halves[item.get_closest_marker(MARKER) is not None].append(item)
    here, away = halves
    return [*here, *_from_the_end(away)], [*away, *_from_the_end(here)]


def _from_the_end(items: list[pytest.Item]) -> list[pytest.Item]:
    """The modules that may move, the last one first."""
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker(MOVABLE):
            modules.setdefault(item.path, []).append(item)
    return [item for module in reversed(modules.values()) for item in module]


class Claims:
    """Who runs a module that either may run: the first one that is about to."""

    def __init__(self, folder: str) -> None:
        self.folder, self._known = folder, dict[Path, bool]()

    def ours(self, item: pytest.Item) -> bool:
        """Whether this process runs the item."""
        if not item.get_closest_marker(MOVABLE):
            return True
        if item.path not in self._known:
            self._known[item.path] = self._claim(item.path)
        return self._known[item.path]

    def _claim(self, module: Path) -> bool:
        try:
            Path(self.folder, hashlib.sha256(str(module).encode()).hexdigest()).open("x").close()
        except FileExistsError:
            return False
        return True


class Away:
    """In the second process: runs its share only, and writes each report as one line of JSON."""

    def __init__(self, config: pytest.Config, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # it closes with this process, whatever a test leaves running
        self.config, self.reports = config, os.fdopen(descriptor, "w")
        self.claims = Claims(config.getoption("claims"))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = shares(items)[1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        return None if self.claims.ours(item) else True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.reports.write(json.dumps(data) + "\n")
        self.reports.flush()


class Home:
    """In the process that was asked for: runs all others, and takes the reports of the second."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.arrived: queue.Queue[str | None] = queue.Queue()  # None: no more will come
        self.missing: dict[str, pytest.Item] = {}  # tests of which the second process has to report the end
        self.reported: set[str] = set()
        self.claims: Claims | None = None
        self.replaying = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        away = [item for item in session.items if item.get_closest_marker(MARKER)]
        if not away or session.testsfailed or self.config.option.collectonly:
            return (yield)
        self.missing = {item.nodeid: item for item in away}
        session.items[:] = shares(session.items)[0]
        with (
            tempfile.TemporaryDirectory() as claims,
            tempfile.TemporaryFile("w+") as output,
            self._second(output, claims) as process,
        ):
            self.claims = Claims(claims)
            try:
                result = yield
                while self._replay(self.arrived.get()):
                    if session.shouldfail:
                        raise session.Failed(session.shouldfail)
            finally:
                _end(process)
            self._report_missing(process.returncode, output)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if self.claims is None or self.claims.ours(item):
            self.missing.pop(item.nodeid, None)
            return None
        if item.nodeid not in self.reported:
            self.missing[item.nodeid] = item
        return True

    def pytest_runtest_logfinish(self) -> None:
        """Between two tests of this process: what has come meanwhile."""
        while not self.replaying and not self.arrived.empty() and self._replay(self.arrived.get()):
            pass

    def _second(self, output: Any, claims: str) -> subprocess.Popen[bytes]:
        from lab.hosts import name_for_clone

        here, there = os.pipe()
        arguments = [one for one in self.config.invocation_params.args if one != "--two-labs"]
        command = [sys.executable, "-m", "pytest", *arguments, f"--reports-to={there}", f"--claims={claims}"]
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
            self.reported.add(report.nodeid)
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
