"""A reader that has gone is noticed without a write: by a pipe, by nothing else."""

from __future__ import annotations

import os
import threading

from cli.reader import watched


def test_a_reader_that_goes_while_nothing_is_written_is_noticed():
    source, sink = os.pipe()
    gone = threading.Event()
    watched(gone.set, sink)
    os.write(sink, b"a line\n")
    assert not gone.wait(0.2), "the reader is still there"
    os.close(source)
    assert gone.wait(5)
    os.close(sink)


def test_a_file_has_no_reader_that_could_go(tmp_path):
    before = threading.active_count()
    with (tmp_path / "records").open("wb") as file:
        watched(lambda: None, file.fileno())
        assert threading.active_count() == before, "nothing has to be waited for"
