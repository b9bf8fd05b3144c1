"""What holds for every test."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from tests.support.two_labs import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]  # pytest finds hooks by their names

# A shell that starts a job in the background lets it ignore Ctrl-C, and so would everything that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Colours where a test expects text: some CI systems ask for them.
os.environ.pop("FORCE_COLOR", None)

# A machine that is busy is no fault of an example: without this, hypothesis fails one that took 0.2 s.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Helpers that assert for many tests say as much as the tests do when they fail.
pytest.register_assert_rewrite("tests.lab.console", "tests.lab.hosts")
