"""A cluster as a verb sees it, whose answers a test says: in place of `cli.cluster.opened`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from provisioner.report.plain import PlainReporter
from tests.support.fake_hosts import FakeHosts
from tests.support.tables import Entry


class FakeCluster:
    """As much of `cli.cluster.Cluster` as verbs about topics and groups use. answers: as for FakeHosts."""

    def __init__(self, answers: Mapping[Entry, Any]) -> None:
        self._shown = io.StringIO()
        self.hosts = FakeHosts(answers)
        self.show = PlainReporter(self._shown)
        self.driver = SimpleNamespace(name="kafka1")

    @property
    def said(self) -> list[str]:
        """The lines that were shown so far, but for a host's live one."""
        return self._shown.getvalue().splitlines()

    def call(self, request: Any) -> dict[str, Any]:
        return self.hosts(self.driver.name, request.at("127.0.0.1:9092"))

    def require_settings(self, section: str, given: Mapping[str, Any]) -> None:
        """A version without a catalogue: nothing is known before the cluster is asked."""

    def name(self, broker: int) -> str:
        return f"kafka{broker}"

    def opened(self, monkeypatch: pytest.MonkeyPatch, *verbs: ModuleType) -> FakeCluster:
        """Itself, which these modules now open whatever the inventory."""

        @contextmanager
        def opened(run: Any, **_: Any) -> Iterator[FakeCluster]:
            yield self

        for verb in verbs:
            monkeypatch.setattr(verb, "opened", opened)
        return self
