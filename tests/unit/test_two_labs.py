"""One run with two labs: its second half runs in another process, and nothing of it is lost on the way home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.early import FILE

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = "from tests.support.two_labs import pytest_addoption, pytest_configure\n"
INI = "[pytest]\nmarkers =\n    second_lab: beside\n    own_hosts: either\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own that uses the plugin."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(INI)
    return tmp_path


def run(project: Path, tests: str, *arguments: str, expect: int) -> str:
    """pytest on these tests with two labs; what it says."""
    (project / "test_it.py").write_text(f"import os, signal, time\nimport pytest\n{tests}")
    # Without the plugins of other packages it starts in a fraction of the time.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LAB": "mine", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--two-labs", *arguments],
        cwd=project,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


HERE = """
def test_here(): assert os.environ["LAB"] == "mine"
"""
AWAY = """
@pytest.mark.second_lab
@pytest.mark.parametrize("number", range(3))
def test_away(number): assert os.environ["LAB"] == "mine-2" and number < LIMIT
"""


def test_both_halves_are_counted_once_in_one_summary(project: Path):
    said = run(project, "LIMIT = 3" + HERE + AWAY, "--durations=0", "-vv", expect=0)
    assert "4 passed" in said and said.count("PASSED") == 4
    assert said.count("setup    test_it.py::test_away[1]") == 1, "its time is in the list of durations"


def test_they_run_at_the_same_time(project: Path):
    meeting = """
def meet(mine, other):
    open(mine, "w").close()
    deadline = time.monotonic() + 20
    while not os.path.exists(other):
        assert time.monotonic() < deadline
        time.sleep(0.01)

def test_here(): meet("here", "away")

@pytest.mark.second_lab
def test_away(): meet("away", "here")
"""
    assert "2 passed" in run(project, meeting, expect=0)


def test_a_failure_of_the_second_half_is_shown_and_is_the_end_of_the_run(project: Path):
    said = run(project, "LIMIT = 2" + HERE + AWAY, expect=1)
    assert "1 failed, 3 passed" in said and "FAILED test_it.py::test_away[2]" in said and "2 < 2" in said


def test_a_failure_of_either_half_can_be_read_while_the_others_run(project: Path):
    tests = f"""
def test_fails_here(): assert "here" == "there"

def test_waits_here():
    deadline = time.monotonic() + 20
    while "test_away" not in open({str(FILE)!r}).read():
        assert time.monotonic() < deadline
        time.sleep(0.01)

@pytest.mark.second_lab
def test_away(): assert "away" == "there"
"""
    assert "2 failed, 1 passed" in run(project, tests, expect=1)
    written = (project / FILE).read_text()
    assert written.count("test_it.py::test_away (call)") == 1 and "'away' == 'there'" in written
    assert written.count("test_it.py::test_fails_here (call)") == 1 and "'here' == 'there'" in written


def test_the_first_failure_of_each_module_is_said_at_the_very_end_in_short(project: Path):
    tests = """
@pytest.mark.second_lab
def test_first():
    assert False, "\\n".join(f"line {number}" for number in range(100))

@pytest.mark.second_lab
def test_because_of_it(): assert False, "why not"
"""
    said = run(project, HERE + tests, expect=1)
    end = said.partition("short test summary info")[2].partition("the first failure of each module")[2]
    assert "test_it.py::test_first (call, after 0 s)" in end and "test_it.py:8" in end and "2 failed" in end
    assert "line 0" in end and "line 99" in end and "line 50" not in end and "why not" not in end
    assert "first failure" not in run(project, HERE, expect=0)


def test_a_test_that_never_reports_has_failed(project: Path):
    dying = """
@pytest.mark.second_lab
def test_dies(): os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.second_lab
def test_after_it(): pass
"""
    said = run(project, HERE + dying, expect=1)
    assert "2 failed, 1 passed" in said and "(exit code -9) without this test" in said


def test_the_first_failure_stops_both_when_asked_to(project: Path):
    waiting = """
def test_here(): assert not "right"

@pytest.mark.second_lab
def test_away(): time.sleep(300)
"""
    assert "1 failed" in run(project, waiting, "-x", expect=1)


def test_arguments_choose_from_both_halves(project: Path):
    assert "1 passed" in run(project, "LIMIT = 3" + HERE + AWAY, "-k", "test_away and 2", expect=0)
    assert "1 passed" in run(project, "LIMIT = 3" + HERE + AWAY, "-k", "test_here", expect=0)


EITHER = """
import os, time, pytest
pytestmark = [{marks}]
@pytest.mark.parametrize("number", range(2))
def test_it(number):
    with open("ran", "a") as file:
        print({name!r}, number, os.environ["LAB"], file=file)
    assert number < {limit}
"""
LONG = """
def wait(count):
    deadline = time.monotonic() + 30
    while len(open("ran").readlines()) < count if os.path.exists("ran") else True:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


def either(project: Path, name: str, *marks: str, limit: int = 2) -> None:
    """A module of two tests that either process may run; they note where they ran."""
    listed = ", ".join(f"pytest.mark.{mark}" for mark in ("own_hosts", *marks))
    (project / f"test_{name}.py").write_text(EITHER.format(marks=listed, name=name, limit=limit))


@pytest.mark.parametrize(("busy", "lab"), [("", "mine-2"), ("@pytest.mark.second_lab", "mine")])
def test_who_is_through_takes_modules_of_the_other_and_each_runs_once(project: Path, busy: str, lab: str):
    marks = ("second_lab",) if busy else ()
    for name in ("one", "two"):
        either(project, name, *marks)
    idle = "" if busy else "@pytest.mark.second_lab"
    said = run(project, LONG + f"{busy}\ndef test_long(): wait(4)\n{idle}\ndef test_short(): pass", expect=0)
    assert "6 passed" in said
    ran = [line.split() for line in (project / "ran").read_text().splitlines()]
    assert ran == [[name, number, lab] for name in ("two", "one") for number in "01"], "the last one first"


@pytest.mark.parametrize("busy", ["", "@pytest.mark.second_lab"])
def test_a_failure_in_a_module_that_moved_is_one_and_can_be_read(project: Path, busy: str):
    either(project, "one", *(("second_lab",) if busy else ()), limit=1)
    idle = "" if busy else "@pytest.mark.second_lab"
    said = run(project, LONG + f"{busy}\ndef test_long(): wait(2)\n{idle}\ndef test_short(): pass", expect=1)
    assert "1 failed, 3 passed" in said
    assert (project / FILE).read_text().count("test_one.py::test_it[1] (call)") == 1


def test_what_the_second_has_taken_and_not_ended_has_failed(project: Path):
    either(project, "one")
    text = (project / "test_one.py").read_text()
    (project / "test_one.py").write_text(text.replace("    assert", "    os.kill(os.getpid(), 9)\n    assert"))
    said = run(project, LONG + "def test_long(): wait(1)\n@pytest.mark.second_lab\ndef test_short(): pass", expect=1)
    assert "2 failed, 2 passed" in said and "(exit code -9) without this test" in said
