"""Failures as they come: pytest tells them when everything has ended, which may be half an hour later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FILE = Path(".pytest_cache", "failures.txt")


class Early:
    """Writes each failure to a file as soon as it is known. replayed: whether a report is that of a test in another
    process, which has written it itself; None: this is that process."""

    def __init__(self, root: Path, replayed: Callable[[], bool] | None = None) -> None:
        self.path, self.replayed = root / FILE, replayed
        self.path.parent.mkdir(exist_ok=True)
        if replayed:
            self.path.write_text("")

    def pytest_report_header(self) -> str:
        return f"failures as they come: {FILE}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not (self.replayed and self.replayed()):
            with self.path.open("a") as file:
                file.write(f"{'=' * 20} {report.nodeid} ({report.when})\n{report.longreprtext}\n\n")
