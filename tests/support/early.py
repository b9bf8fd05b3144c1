"""Failures as they come: pytest tells them when everything has ended, which may be half an hour later.

And once more at the very end, in short, of each module the first one: tests of a module share a cluster, so what fails
after it often fails because of it, and what all of them say is too long to be found in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

FILE = Path(".pytest_cache", "failures.txt")
LINES, WIDTH = 12, 200  # of a failure, at the end


class Early:
    """Writes each failure to a file as soon as it is known. replayed: whether a report is that of a test in another
    process, which has written it itself; None: this is that process."""

    def __init__(self, root: Path, replayed: Callable[[], bool] | None = None) -> None:
        self.path, self.replayed = root / FILE, replayed
        self.first: dict[str, pytest.TestReport] = {}  # module -> its first failure
        self.path.parent.mkdir(exist_ok=True)
        if replayed:
            self.path.write_text("")

    def pytest_report_header(self) -> str:
        return f"failures as they come: {FILE}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        self.first.setdefault(report.nodeid.partition("::")[0], report)
        if not (self.replayed and self.replayed()):
            with self.path.open("a") as file:
                file.write(f"{'=' * 20} {report.nodeid} ({report.when})\n{report.longreprtext}\n\n")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        yield
        if self.first:
            terminalreporter.section("the first failure of each module")
        for report in self.first.values():
            terminalreporter.write_line(f"{report.nodeid} ({report.when}, after {report.duration:.0f} s)")
            for line in in_short(report):
                terminalreporter.write_line(f"    {line}")


def in_short(report: pytest.TestReport) -> list[str]:
    """Where it failed, and the first and last lines of why."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    if len(lines) > LINES:
        lines[LINES // 2 : -LINES // 2] = ["..."]
    return [line[:WIDTH] for line in ([f"{crash.path}:{crash.lineno}"] if crash else []) + lines]
