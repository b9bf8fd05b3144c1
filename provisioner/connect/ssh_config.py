"""The files of OpenSSH's client, read where it need not or cannot be asked.

Two questions. `matters`: is there anything in them that could decide where a connection leads? Mostly there is not, and
then no process has to be started. `lookup`: what do they say about a host? Where there is no client, its files are
read here as far as they are simple; what is not simple is refused with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from provisioner.connect import ssh_options
from provisioner.errors import ConfigError

SYSTEM = Path("/etc/ssh/ssh_config")
DEEPEST = 16  # files that include each other, as in OpenSSH


class Files(NamedTuple):
    """Which files are read. user: the user's own, or that of -F; home: what ~ means in them."""

    user: Path | None
    system: Path | None
    home: Path

    @classmethod
    def of(cls, home: Path, config: str | None) -> Files:
        """config: the value of -F, which replaces both."""
        if config is None:
            return cls(home / ".ssh" / "config", SYSTEM, home)
        return cls(None if config == "none" else expand(config, home), None, home)

    def each(self) -> Iterator[tuple[Path, Path]]:
        """Each file, and the directory of its relative includes."""
        for file, beside in ((self.user, self.home / ".ssh"), (self.system, Path("/etc/ssh"))):
            if file is not None:
                yield file, beside


class Line(NamedTuple):
    """One line. keyword: in lower case; place: file:line."""

    place: str
    keyword: str
    value: str


def expand(path: str, home: Path) -> Path:
    """A path with its ~."""
    return home / path[2:] if path.startswith("~/") else Path(path).expanduser()


def lines(file: Path) -> list[Line]:
    """The lines of a file but comments and empty ones; none when it cannot be read, as for ssh."""
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return []
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        keyword, value = ssh_options.split(line)
        if keyword and not keyword.startswith("#"):
            found.append(Line(f"{file}:{number}", keyword.lower(), value))
    return found


def included(line: Line, beside: Path, home: Path) -> list[Path]:
    """The files that an Include names, in order. Raises ConfigError."""
    found: list[Path] = []
    for word in _words(line):
        pattern = beside / expand(word, home)  # an absolute one stays
        found += sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    return found


def matters(files: Files) -> bool:
    """Whether any line, wherever it applies, could change where a connection leads, as whom, or what is trusted."""
    todo = [(file, beside, 0) for file, beside in files.each()]
    while todo:
        file, beside, depth = todo.pop()
        for line in lines(file):
            if line.keyword == "include":
                if depth >= DEEPEST:
                    return True
                todo += [(path, beside, depth + 1) for path in included(line, beside, files.home)]
            elif line.keyword not in ssh_options.HARMLESS and line.keyword not in ("host", "match"):
                return True
    return False


def lookup(files: Files, host: str) -> Mapping[str, tuple[str, ...]]:
    """What the files say about a host: keyword -> values. Raises ConfigError for what only OpenSSH itself can read."""
    found: dict[str, tuple[str, ...]] = {}
    for file, beside in files.each():
        _read(file, beside, files.home, host, found, depth=0)
    if "hostname" in found:
        name = found["hostname"][0]
        found["hostname"] = (re.sub("%[h%]", lambda token: host if token[0] == "%h" else "%", name),)
    return found


def _read(file: Path, beside: Path, home: Path, host: str, found: dict[str, tuple[str, ...]], *, depth: int) -> None:
    active = True
    for line in lines(file):
        if line.keyword == "host":
            active = applies(_words(line), host)
        elif line.keyword == "match":
            if [word.lower() for word in _words(line)] != ["all"]:
                raise _unreadable(line, f"Match {line.value}")
            active = True
        elif line.keyword == "include" and depth < DEEPEST:
            for path in included(line, beside, home):
                if active:
                    _read(path, beside, home, host, found, depth=depth + 1)
        elif active and line.keyword not in ssh_options.HARMLESS:
            if line.keyword not in ssh_options.HONOURED:
                raise _unreadable(line, f"{line.keyword} {line.value}")
            value = line.value if line.keyword in ssh_options.WHOLE else " ".join(_words(line))
            if not value:
                raise ConfigError(f"{line.place}: {line.keyword} has no value", advice="correct the line")
            if line.keyword in ssh_options.SEVERAL:
                found[line.keyword] = (*found.get(line.keyword, ()), value)
            else:
                found.setdefault(line.keyword, (value,))


def applies(patterns: list[str], host: str) -> bool:
    """Whether a Host line is about this host."""
    matching = [pattern for pattern in patterns if _pattern(pattern.lstrip("!"), host)]
    return bool(matching) and not any(pattern.startswith("!") for pattern in matching)


def _pattern(pattern: str, host: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, host) is not None


def _words(line: Line) -> list[str]:
    try:
        return ssh_options.words(line.value)
    except ValueError as error:
        raise ConfigError(f"{line.place}: {error}", advice="correct the line") from None


def _unreadable(line: Line, what: str) -> ConfigError:
    return ConfigError(
        f"{line.place}: {what} can only be read by OpenSSH's client, which is not installed here",
        advice="install it (openssh-client), or name a simpler file: ansible_ssh_common_args: -F FILE",
    )
