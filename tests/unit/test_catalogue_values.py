"""Whatever is set, by a variable or as a property, is taken or refused where it is written, never a traceback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from provisioner.errors import ProvisionerError
from roles.kafka import settings as kafka
from roles.kafka.checks import OWNED
from roles.shared import catalogue, settings, verdict
from tests.support import roles as support

KNOWN = catalogue.of("kafka", "3.9.2")
assert KNOWN
NAMES = [(section, name) for section, ones in KNOWN.sections.items() for name in ones]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
VALUES = st.recursive(
    PLAIN | st.sampled_from(["2d", "1g", "-1", "true", "a,b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return next(iter(support.single(tmp_path_factory.mktemp("site")).hosts.values()))


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"kafka_log_segment": 1}, ["kafka_log_segment: log.segment.bytes takes a whole number, 14 or more"]),
        ({"kafka_io_threads": 0}, ["kafka_io_threads: num.io.threads takes a whole number, 1 or more"]),
        ({"kafka_log_retention": 0}, ["kafka_log_retention: log.retention.ms: 0 is no time to keep records"]),
        ({"kafka_message_max": "9g"}, ["kafka_message_max: message.max.bytes", "2147483647 at most"]),
        ({"zookeeper_init_limit": 0}, ["zookeeper_init_limit: initLimit takes a whole number, 1 or more"]),
    ],
)
def test_a_variable_that_is_a_property_is_judged_as_well(tmp_path, variables, parts):
    with pytest.raises(ProvisionerError) as refused:
        support.three(tmp_path, **variables)
    assert all(part in str(refused.value) for part in [*parts, "site.yml:"]), str(refused.value)


@examples(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), VALUES)
def test_any_value_of_any_property_is_one_that_it_takes_or_refused_with_its_name(host, one, value):
    section, name = one
    own = {name: value}
    asked: Any = SimpleNamespace(name=host.name, vars={**host.vars, "kafka_config": own})
    rules: Any = kafka.TopicRules(KNOWN) if section == "topic" else kafka.Rules(asked, KNOWN, [asked], OWNED.get, False)
    found = settings.findings(KNOWN, section, own, (), rules)
    assert all(each.keys == (name,) and each.sentence.startswith(name) for each in found)
    if rules.owner(name) or found or value is None or settings.values.wrong(name, value):
        return
    verdict.judge(KNOWN.find(section, name), settings.texts(KNOWN, section, own, rules)[0][name], KNOWN.classes)
