"""Questions at a terminal: what counts as a yes, and what the end of input means."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "from cli.asking import ask; print('agreed' if ask('Delete it?') else 'refused')"
PASSWORD = """
from cli.asking import secret
from provisioner.errors import UsageError
try:
    print('typed', secret('sudo password: '))
except UsageError as error:
    print(error)
"""


def answered(program: str, typed: bytes) -> str:
    """What is on the screen of somebody who types this."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ) as process:
        os.close(slave)
        screen, sent = b"", False
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # Linux's way to say that the other side is closed
                break
            screen += chunk
            if not sent and (b"[y/N]" in screen or b"password:" in screen):
                os.write(master, typed)
                sent = True
        process.wait(20)
    os.close(master)
    return screen.decode("utf-8", "replace")


@pytest.mark.parametrize("typed", ["y", "YES", " yes ", "ㅛ", "ㅛㄷㄴ", "네", "예", unicodedata.normalize("NFD", "네")])
def test_a_yes_counts_in_english_in_korean_and_on_a_korean_keyboard(typed: str):
    assert "agreed" in answered(QUESTION, f"{typed}\n".encode())


@pytest.mark.parametrize(
    "typed",
    ["\n", "n\n", "no\n", "아니요\n", "ㅜ\n", "yep\n", "\x04"],
    ids=["", "n", "no", "아니요", "ㅜ", "yep", "Ctrl-D"],
)
def test_anything_else_is_a_no_and_so_is_the_end_of_input(typed: str):
    screen = answered(QUESTION, typed.encode())
    assert "Traceback" not in screen and screen.endswith("refused\r\n")


def test_bytes_that_are_no_text_are_a_no():
    screen = answered(QUESTION, b"\xff\n")
    assert "Traceback" not in screen and screen.endswith("refused\r\n")


def test_the_end_of_input_at_a_password_is_said_in_words():
    screen = answered(PASSWORD, b"\x04")
    assert "Traceback" not in screen and screen.endswith("sudo password: nothing was typed\r\n")
    assert answered(PASSWORD, b"hunter2\n").endswith("typed hunter2\r\n")
