"""Which steps from version to version brokers can take one by one."""

from __future__ import annotations

import pytest

from cluster.state.running import version_in
from roles.kafka.objections import objection


@pytest.mark.parametrize(
    ("running", "spoken", "wanted", "soon", "expected"),
    [
        ("3.9.1", None, "3.9.2", None, None),
        ("3.9.2", "2.5", "3.9.2", "3.9", None),
        ("3.9.2", "2.5", "3.9.2", None, None),
        ("3.9.2", "2.5", "3.9.2", "2.5", None),
        ("3.9.2", None, "3.9.2", "2.5", "speak protocol 3.9 already"),
        ("3.9.2", "3.0", "3.9.2", "2.5", "speak protocol 3.0 already"),
        (None, None, "3.9.2", None, None),
        ("2.5.0", None, "3.9.2", None, "would speak protocol 3.9, which brokers that still run 2.5.0"),
        ("2.5.0", None, "3.9.2", "3.0", "would speak protocol 3.0,"),
        ("2.5.0", None, "3.9.2", "2.5", None),
        ("2.5.0", None, "3.9.2", "2.5-IV0", None),
        ("2.5.0", "2.4", "3.9.2", "2.4", None),
        ("2.10.0", None, "3.9.2", "2.9", None),
        ("3.9.2", "2.5", "2.5.0", None, None),
        ("3.9.2", None, "2.5.0", None, "speak protocol 3.9, which 2.5.0 does not understand"),
        ("3.9.2", "3.9-IV0", "2.5.0", "2.5", "speak protocol 3.9,"),
    ],
)
def test_a_step_that_the_other_brokers_would_not_understand_is_refused(running, spoken, wanted, soon, expected):
    found = objection(running, spoken, wanted, soon)
    assert found is None if expected is None else expected in found[0]


def test_the_way_in_two_steps_is_said():
    found = objection("2.5.0", None, "3.9.2", None)
    assert found and "leave kafka_protocol out" in found[1] and "set it to '3.9'" in found[1]


@pytest.mark.parametrize(
    ("classpath", "version"),
    [("/opt/kafka_2.13-3.9.2/libs/*", "3.9.2"), ("/opt/kafka_2.12-2.5.0/libs/*", "2.5.0"), ("/srv/kafka/libs/*", None)],
)
def test_the_version_is_the_one_that_the_process_was_started_from(classpath, version):
    assert version_in(classpath) == version
