"""Asks OpenSSH's client where a connection leads: `ssh -G` evaluates its configuration exactly as `ssh` would."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from provisioner.connect import ssh_config, ssh_options
from provisioner.errors import ConfigError

SECONDS = 30.0  # `Match exec` may ask a directory server, CanonicalizeHostname asks DNS
NOISE = "Pseudo-terminal will not be allocated"

Answer = Mapping[str, tuple[str, ...]]


def client(executable: str | None) -> str | None:
    """The path of the client; None when there is none. executable: of ansible_ssh_executable."""
    return shutil.which(executable or "ssh")


def ask(executable: str, words: Sequence[str], host: str, files: ssh_config.Files, *, config: str | None) -> Answer:
    """What ssh would do with these arguments for this host: keyword -> values. config: the value of -F.

    Raises ConfigError with what it complains about, which names file and line, and for options that cannot be judged.
    """
    with ExitStack() as stack:
        real: dict[str, str] = {}
        if config is not None:
            words = ["-F", str(files.user) if files.user else "none", *words]
        elif files.home != Path(pwd.getpwuid(os.getuid()).pw_dir):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ssh-config-")))
            words = ["-F", str(_with_home(files, directory, real)), *words]
        answer = _run([executable, "-G", *words, "--", host], host, real)
        unknown = sorted(set(answer) - ssh_options.KNOWN)
        usual = _run([executable, "-G", "-F", "none", "--", host], host, real) if unknown else {}
    if real and "userknownhostsfile" in answer:  # the usual ones are below the other home
        other = f"{pwd.getpwuid(os.getuid()).pw_dir}/.ssh/known_hosts"
        usual_files = tuple(
            value.replace(other, str(files.home / ".ssh/known_hosts")) for value in answer["userknownhostsfile"]
        )
        answer = {**answer, "userknownhostsfile": usual_files}
    for keyword in unknown:
        if answer[keyword] != usual.get(keyword):
            raise ConfigError(
                f"ssh's option {keyword} {' '.join(answer[keyword])} is not known here",
                host=host,
                advice="remove it for this host, or update this toolkit",
            )
    return answer


def _run(command: Sequence[str], host: str, real: Mapping[str, str]) -> Answer:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"ssh -G {host} does not answer within {SECONDS:.0f} seconds",
            host=host,
            advice="look at Match exec and CanonicalizeHostname in ssh's configuration",
        ) from None
    except OSError as error:
        raise ConfigError(f"{command[0]} cannot be started: {error.strerror}", host=host) from None
    answer = parse(done.stdout.decode("utf-8", "surrogateescape"))
    if done.returncode or not {"hostname", "port", "user"} <= set(answer):
        said = done.stderr.decode("utf-8", "replace")
        for copy, original in real.items():
            said = said.replace(copy, original)
        lines = [line.strip() for line in said.splitlines() if line.strip() and NOISE not in line]
        raise ConfigError(
            f"ssh does not accept its configuration or arguments for {host}",
            host=host,
            details=lines[:5] or [f"exit code {done.returncode}"],
            advice="correct what it names",
        )
    return answer


def parse(text: str) -> Answer:
    """The answer of `ssh -G`: a line per value."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        found[keyword.lower()] = (*found.get(keyword.lower(), ()), value)
    return found


def _with_home(files: ssh_config.Files, directory: Path, real: dict[str, str]) -> Path:
    """The user's configuration where $HOME is another directory than that of the passwd database, which ssh goes by:
    copies in which ~ and relative includes mean $HOME; line numbers stay. real: copy -> original, for messages."""
    main = _copy(files.user, files, directory, real, 0) if files.user else directory / "none"
    with main.open("ab") as file:  # -F replaces the system's file, too
        file.write(f"\nHost *\nInclude {files.system}\n".encode())
    return main


def _copy(file: Path, files: ssh_config.Files, directory: Path, real: dict[str, str], depth: int) -> Path:
    copy = directory / f"{len(real)}.conf"
    real[str(copy)] = str(file)
    out = []
    for line in file.read_bytes().decode("utf-8", "surrogateescape").split("\n") if file.is_file() else []:
        keyword, value = ssh_options.split(line)
        if keyword.lower() == "include" and depth < ssh_config.DEEPEST:
            named = ssh_config.included(ssh_config.Line(str(file), "include", value), files.home / ".ssh", files.home)
            copies = [_copy(each, files, directory, real, depth + 1) for each in named]
            out.append("Include " + " ".join(f'"{each}"' for each in copies) if copies else "")
        else:
            out.append(re.sub(r'(^|[\s="])~/', lambda found: f"{found[1]}{files.home}/", line))
    copy.write_bytes("\n".join(out).encode("utf-8", "surrogateescape"))
    return copy
