"""The end of a run: what was done on each host, in Ansible's words and as the plan counts it."""

from __future__ import annotations

import pytest

from provisioner.report.lines import recap_lines
from provisioner.report.reporter import End, Row


def said(end: End) -> list[str]:
    return ["".join(text for _, text in line) for line in recap_lines(end)]


def test_the_recap_is_in_ansibles_words():
    end = End({"single1": Row(ok=41, changed=3, restarted=1)}, 12.34, ["invoke smoke --hosts single"])
    assert said(end) == [
        "",
        "--> Recap",
        "single1 : ok=41 changed=3 restarted=1 unreachable=0 failed=0 skipped=0",
        "Finished in 12.3 seconds",
        "",
        "Next:",
        "  invoke smoke --hosts single",
    ]


def test_what_was_applied_at_run_time_is_said_of_all_hosts_where_it_was_on_one():
    assert said(End({"a": Row(ok=1, applied=1), "b": Row(ok=1)}, 1))[2:4] == [
        "a : ok=1 changed=0 applied=1 restarted=0 unreachable=0 failed=0 skipped=0",
        "b : ok=1 changed=0 applied=0 restarted=0 unreachable=0 failed=0 skipped=0",
    ]


ROWS = {"a": Row(ok=1), "long-name": Row(failed=1), "c": Row(unreachable=1)}


@pytest.mark.parametrize(
    ("rows", "unchanged", "expected"),
    [
        (
            ROWS,
            False,
            [
                "",
                "--> Recap",
                "a         : ok=1 changed=0 restarted=0 unreachable=0 failed=0 skipped=0",
                "long-name : ok=0 changed=0 restarted=0 unreachable=0 failed=1 skipped=0",
                "c         : ok=0 changed=0 restarted=0 unreachable=1 failed=0 skipped=0",
                "Failed on 2 of 3 hosts after 2 minutes 5 seconds",
            ],
        ),
        ({"c": ROWS["c"]}, True, [..., "Failed on 1 of 1 hosts after 2 minutes 5 seconds; nothing was changed"]),
        # No host has a share in it: what would be said of each is not true.
        ({"a": Row()}, True, ["", "Failed after 2 minutes 5 seconds; nothing was changed"]),
        ({"a": Row(changed=1)}, False, ["", "Failed after 2 minutes 5 seconds"]),
    ],
)
def test_the_recap_of_a_failure_counts_hosts_and_never_says_finished(rows, unchanged, expected):
    lines = said(End(rows, 125, failed=True, unchanged=unchanged))
    assert (lines[-1:] if expected[0] is ... else lines) == expected[expected[0] is ... :]
