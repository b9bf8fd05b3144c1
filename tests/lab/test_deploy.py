"""A deployed host: nothing to do the second time, one change at a time, and back by itself after accidents."""

from __future__ import annotations

from .conftest import LabHost, counts


def test_a_second_deploy_changes_nothing_and_restarts_nothing(single: LabHost):
    before = single.pids()
    output = single.deploy()
    assert counts(output, single.name)["changed"] == 0 and "Smoke check passed" in output
    assert single.pids() == before
