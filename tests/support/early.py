"""Failures as they come: pytest tells them when everything has ended, which may be half an hour later."""

from __future__ import annotations

from pathlib import Path

import pytest

FILE = Path(".pytest_cache", "failures.txt")


class Early:
    """Writes each failure to a file as soon as it is known. elsewhere: the marker of tests that another process runs,
    which adds its failures itself; None: this is that process."""

    def __init__(self, root: Path, elsewhere: str | None) -> None:
        self.path, self.elsewhere = root / FILE, elsewhere
        self.path.parent.mkdir(exist_ok=True)
        if elsewhere:
            self.path.write_text("")

    def pytest_report_header(self) -> str:
        return f"failures as they come: {FILE}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and (self.elsewhere is None or self.elsewhere not in report.keywords):
            with self.path.open("a") as file:
                file.write(f"{'=' * 20} {report.nodeid} ({report.when})\n{report.longreprtext}\n\n")
