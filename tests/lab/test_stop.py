"""A broker that does not end: what is waited for is said, Ctrl-C ends the run and not the stop, a kill is a warning.

A process that is stopped by a signal cannot end by itself. systemd wakes a unit that it stops (SIGCONT), so the signal
comes again and again.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from .hosts import LabHost, counts
from .serving import eventually, serves
from .test_interrupt import SENTENCE, running

LIMIT = 20  # seconds, instead of kafka_stop_timeout, which is at least 300
HOLD = """
pid=$(systemctl show -P MainPID kafka)
until [ "$(systemctl show -P ActiveState kafka)" = deactivating ]; do sleep 0.1; done
while kill -STOP "$pid" 2>/dev/null; do sleep 0.05; done
"""


@pytest.fixture
def short(single: LabHost) -> Iterator[LabHost]:
    """A host whose broker is killed LIMIT seconds after its stop began."""
    folder = "/run/systemd/system/kafka.service.d"
    single.sh(
        f"mkdir -p {folder}; printf '[Service]\\nTimeoutStopSec={LIMIT}\\n' > {folder}/short.conf;"
        "systemctl daemon-reload"
    )
    yield single
    single.sh(f"rm -r {folder}; systemctl daemon-reload")


def test_a_stop_that_hangs_is_shown_survives_ctrl_c_and_ends_with_a_warning(short: LabHost):
    before = short.pids()
    short.sh(f"setsid bash -c '{HOLD}' > /dev/null 2>&1 < /dev/null &")
    with running(short, "--no-smoke", "--extra-vars", "kafka_heap=600m") as run:
        run.says(rf"{short.name}: stopping kafka, at most {LIMIT} s \(for \d")
        began = time.monotonic()
        assert run.end(signal.SIGINT) == 130, run.output
        assert time.monotonic() - began < LIMIT / 2, "the run waited for the stop"
    assert SENTENCE in run.output and "Traceback" not in run.output
    goes_on = f"systemd goes on stopping kafka there (at most {LIMIT} s in all), and then starts it"
    assert f"warning: {short.name}: {goes_on}" in run.output
    assert short.sh("systemctl show -P ActiveState kafka") == "deactivating"

    # The same command again, while the stop still hangs: it is not locked out, and waits for its end.
    output = short.deploy("--no-smoke", "--extra-vars", "kafka_heap=600m")
    assert counts(output, short.name)["failed"] == 0
    eventually(lambda: serves(short.bootstrap), seconds=60, what="Kafka serves again")
    assert short.pids()["zookeeper"] == before["zookeeper"] and short.pids()["kafka"] != before["kafka"]

    # To the end, this time: systemd kills it.
    short.sh(f"setsid bash -c '{HOLD}' > /dev/null 2>&1 < /dev/null &")
    output = short.deploy("--no-smoke")
    warning = (
        f"warning: {short.name}: kafka did not end within {LIMIT} s and was killed by systemd: its next start first"
    )
    assert warning in output and counts(output, short.name)["failed"] == 0
    assert counts(short.deploy("--no-smoke"), short.name)["touched"] == 0 and serves(short.bootstrap)
