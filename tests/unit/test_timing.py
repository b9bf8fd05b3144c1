"""`--timings`: where the time went, part by part and host by host."""

from __future__ import annotations

import threading
import time

import pytest

from provisioner.timing import Timings, since_start


class Clock:
    """Advances by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_parts_keep_their_order_and_add_up_by_host():
    timings = Timings()
    timings.add("load", 0.25)
    timings.add("read", 0.5, "a")
    timings.add("read", 0.125, "b")
    timings.add("read", 0.5, "a")
    assert timings.table() == [
        "seconds    all      a      b",
        "load     0.250",
        "read            1.000  0.125",
    ]


def test_a_block_that_raises_is_timed_and_comes_where_it_began():
    clock = Clock()
    timings = Timings(clock)
    with pytest.raises(KeyError), timings.timed("outer", "a"):
        with timings.timed("inner", "a"):
            clock.now += 2
        clock.now += 1
        raise KeyError
    assert [line.split() for line in timings.table()[1:]] == [["outer", "3.000"], ["inner", "2.000"]]


def test_many_hosts_are_told_by_the_middle_and_the_slowest():
    timings = Timings()
    for number in range(30):
        timings.add("read", 1 + number / 10, f"node{number}")
    timings.add("smoke", 2.0)
    header, read, smoke = timings.table()
    assert header.split() == ["seconds", "all", "median", "slowest", "which"]
    assert read.split() == ["read", "2.450", "3.900", "node29"]
    assert smoke.split() == ["smoke", "2.000"]


def test_threads_do_not_lose_time():
    timings = Timings()

    def work() -> None:
        for _ in range(1000):
            timings.add("read", 0.5, "a")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timings.table()[1].split() == ["read", "2000.000"]


def test_the_time_since_the_process_began_goes_on():
    first = since_start()
    time.sleep(0.05)
    assert 0.03 < since_start() - first < 30 and first > 0
