"""The memory of a service's JVM, and the options that follow; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from provisioner.errors import ConfigError
from provisioner.resources import File
from provisioner.run.target import Target
from provisioner.secrets import MASK, is_secret, shown

MIB = 1024 * 1024
GIB = 1024 * MIB


def share(memory: int, part: int, least: int, most: int) -> int:
    """One `part`-th of a host's `memory`, between `least` and `most`, in whole MiB; all in bytes."""
    return min(max(memory // part, least), most) // MIB * MIB


def jvm_size(size: int) -> str:
    """Bytes as the JVM takes them, in the largest unit that is exact: 512m, 6g."""
    for unit, suffix in ((GIB, "g"), (MIB, "m"), (1024, "k")):
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)


def heap_options(size: int) -> list[str]:
    """A heap of fixed size: growing it later would stop the service while it touches new memory."""
    return [f"-Xms{jvm_size(size)}", f"-Xmx{jvm_size(size)}"]


def gc_log_options(path: str, size: int, files: int) -> list[str]:
    """A garbage-collection log that the JVM itself rotates: `files` old ones of `size` bytes (Java 9 or newer)."""
    return [f"-Xlog:gc*:file={path}:time,uptime,tags:filecount={files},filesize={jvm_size(size)}"]


# What systemd, or a file that it reads, would take otherwise.
_UNLIKE = re.compile(r"""[^!-~]|["'\\$]""")


def one_line(options: Sequence[Any], *, variable: str) -> str:
    """Options as one line of an environment file. systemd splits it at blanks, so no option may contain one."""
    for option in options:
        if not isinstance(option, str) or not option.startswith("-") or _UNLIKE.search(option):
            raise ConfigError(
                f"{variable} has an item that is not a single JVM option: {_shown(option)}",
                advice="give a list with one option per item, each starting with '-', without blanks, quotes or '$'",
            )
    return " ".join(options)


def secrets(options: Sequence[str]) -> list[str]:
    """The options that hold a secret, by their names."""
    return [option for option in options if is_secret(option.partition("=")[0].removeprefix("-D")) and "=" in option]


def without_secrets(options: Sequence[Any], file: str, *, variable: str) -> str:
    """As `one_line`; Java reads those that hold secrets from a file (its @argfiles, Java 9 or newer), since everybody
    on a host can read the command line of a process."""
    one_line(options, variable=variable)
    hidden = secrets(options)
    return " ".join([option for option in options if option not in hidden] + ([f"@{file}"] if hidden else []))


def secret_file(target: Target, path: str, group: str, options: Sequence[str]) -> File:
    """The file of `without_secrets`, for the service's group only; it is there without such options, too."""
    hidden = secrets(options)
    return target.file(path, "os/secret.options.j2", group=group, mode=0o640, secret=bool(hidden), options=hidden)


def _shown(option: Any) -> str:
    name, separator, _ = option.partition("=") if isinstance(option, str) else ("", "", "")
    return f"{name}={MASK}" if separator and is_secret(name[2:]) else repr(shown(option))
