"""Why the agent did not start: the first cause, from what sudo, the shell and Python say. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from provisioner.connect import become
from provisioner.connect.settings import Settings
from provisioner.errors import HostFailed

ANSWERS = ({"python"}, {"need"}, {"installed"}, {"error", "advice"})  # of the bootstrap
GRANT = "let an administrator grant it, or connect as another user"
NO_FILE = "no such file or directory"


def answer_in(line: bytes) -> dict[str, Any] | None:
    """The bootstrap's answer in a line of output; None for what a login shell's start-up files print before it, with or
    without a line break."""
    at = line.find(b'{"')
    while at >= 0:
        try:
            found = json.loads(line[at:])
        except ValueError:
            found = None
        if isinstance(found, dict) and set(found) in ANSWERS:
            return found
        at = line.find(b'{"', at + 1)
    return None


def silence(host: str, seconds: float, said: Sequence[str]) -> HostFailed:
    """The message for a host that lets us in and then says nothing."""
    return HostFailed(
        f"the agent does not answer within {seconds:.0f} seconds of the login",
        host=host,
        details=said[-5:],
        advice="does .bashrc or .profile there read standard input, or wait for something?",
    )


def start_failure(
    host: str, code: int, stderr: str, settings: Settings, said: Sequence[str] | None = None
) -> HostFailed:
    """The message for an agent that ended, from exit code and stderr. said: what came on stdout, where it had not yet
    begun."""
    stderr = stderr.replace(become.PROMPT, "")
    lines = [line for line in stderr.splitlines() if line.strip()][-5:]
    summary, advice = _sudo(stderr, settings) or _python(code, stderr, settings) or ("", "")
    if summary:
        return HostFailed(summary, host=host, details=lines, advice=advice)
    if said is not None and not lines:  # sudo and Python say why they end: neither was run
        return HostFailed(
            f"the login shell of {settings.user} ended before it ran a command (exit code {code})",
            host=host,
            details=said[-5:],
            advice="correct .bashrc or .profile there, which must not end the shell, or give the user a shell",
        )
    return HostFailed(
        f"the agent ended with exit code {code}",
        host=host,
        details=lines,
        advice="run the same command again; if it stays, look at the lines above",
    )


def _sudo(stderr: str, settings: Settings) -> tuple[str, str] | None:
    """What sudo complains about, and what to do."""
    text, user, sudo = stderr.lower(), settings.user, settings.become.executable
    missing = (f"there is no {sudo}", "install sudo, or log in as root (ansible_user: root)")
    if sudo != "sudo":
        missing = (f"there is no {sudo}", "correct ansible_become_exe")
    wrong = (f"sudo does not accept the password given for {user}", "check the password")
    known = (
        (
            "must have a tty",
            f"sudo refuses {user} without a terminal (requiretty)",
            f"let an administrator add this line to sudoers: Defaults:{user} !requiretty",
        ),
        (
            "password is required",
            f"sudo asks for {user}'s password",
            "give it: --ask-become-pass, or ansible_become_password in the inventory; a user that may not use sudo "
            "needs an administrator to grant it",
        ),
        ("incorrect password", *wrong),
        ("try again", *wrong),
        ("incorrect authentication", *wrong),
        ("not in the sudoers", f"{user} may not use sudo", GRANT),
        ("may not run sudo", f"{user} may not use sudo", GRANT),
        ("not allowed to run sudo", f"{user} may not use sudo", GRANT),
        (
            "not allowed to preserve the environment",
            f"sudo does not let {user} keep the environment",
            "remove -E from ansible_become_flags",
        ),
        ("not allowed to execute", f"{user} may not run python3 with sudo", "let an administrator grant it"),
        (f"{sudo}: not found", *missing),
        (f"{sudo}: command not found", *missing),
        (f"{sudo}': {NO_FILE}", *missing),  # env says it, in quotation marks or without
        (f"{sudo}: {NO_FILE}", *missing),
        (f"{sudo}\u2019: {NO_FILE}", *missing),
        (f"{sudo}': permission denied", f"{user} may not start {sudo}", GRANT),
    )
    return next(((summary, advice) for sign, summary, advice in known if sign in text), None)


def _python(code: int, stderr: str, settings: Settings) -> tuple[str, str] | None:
    """What the shell, sudo or Python say of the interpreter, and what to do."""
    text, python = stderr.lower(), settings.interpreter
    if "unknown option: -i" in text or "unknown option -i" in text:
        return (
            f"{python} is too old: Python 3.8 or newer is needed",
            "install a newer one, or name it in ansible_python_interpreter",
        )
    if code == 127 or "not found" in text or NO_FILE in text:
        return f"there is no {python}", "install python3 (>= 3.8), or set ansible_python_interpreter"
    if code == 126 or "permission denied" in text:
        return f"{python} cannot be started", "look at what it is, and set ansible_python_interpreter"
    if said := [line for line in stderr.splitlines() if line.startswith("sudo: ") and "unable to resolve" not in line]:
        return f"sudo fails: {said[-1].removeprefix('sudo: ')}", "correct that on the host, or connect as another user"
    return None
