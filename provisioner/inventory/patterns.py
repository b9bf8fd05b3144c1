"""Ansible's patterns of hosts (`--limit`): `kafka:!broker-3`, `a,b`, `group:&other`, `kafka[0]`, `kafka[0:1]`, `node*`,
`~regex`, `@file`. A pattern chooses the same hosts here and there, so that nobody restarts another one by mistake; what
Ansible only warns about, a name that means nothing, is an error.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from provisioner.errors import ConfigError
from provisioner.words import counted, did_you_mean

_SUBSCRIPT = re.compile(r"(?P<base>.+)\[(?:(?P<index>-?\d+)|(?P<first>\d+)[:-](?P<last>\d*))\]")
_TERM = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")  # between colons, but not between those in brackets
_MAGIC = (".", "?", "*", "[")  # with one of these a pattern may mean hosts although a group matches, too


class Patterns:
    """Which hosts a pattern means. hosts: their names; groups: name -> its hosts, in Ansible's order, with "all"."""

    def __init__(self, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> None:
        self._hosts, self._groups = hosts, groups

    def chosen(self, pattern: str) -> set[str]:
        """The names of all hosts that are meant. Raises ConfigError for a term that means nothing, a number that is too
        high, a regular expression that is none and a file that cannot be read."""
        terms = list(self._terms(pattern))
        plain = [term for term in terms if term[0] not in "!&"] or ["all"]
        # A name that is both means the host here, and the group after ! and &: so it is with Ansible.
        found = {host for term in plain for host in ([term] if term in self._hosts else self._meant(term))}
        for term in terms:
            if term[0] == "&":
                found &= set(self._meant(term[1:]))
        for term in terms:
            if term[0] == "!":
                found -= set(self._meant(term[1:]))
        return found

    def _terms(self, pattern: str) -> Iterator[str]:
        for part in re.split(r"\s*,\s*", pattern.strip()):
            if part.startswith("@"):
                for line in _lines(part[1:]):
                    yield from self._terms(line)
                continue
            for word in part.split():
                if word.lstrip("!&") in self._hosts:
                    yield word  # an IPv6 address, for one
                elif "," in pattern and word.lstrip("!&").startswith("~"):
                    yield word  # a regular expression may hold colons, too
                else:
                    terms = _TERM.findall(word)  # finds less in an expression whose brackets do not match
                    yield from terms if ":".join(terms) == re.sub(":+", ":", word.strip(":")) else [word]

    def _meant(self, term: str) -> Sequence[str]:
        if not term:
            raise ConfigError("--limit: ! and & stand before a name", advice=self.choice())
        if term in self._hosts and term not in self._groups:
            return [term]
        if term.startswith("~"):
            return self._matching(term, self._regex(term[1:]))
        subscript = _SUBSCRIPT.fullmatch(term)
        if subscript and (hosts := self._named(subscript["base"])):
            return self._subscripted(term, hosts, subscript)
        return self._named(term) or self._unknown(term)

    def _named(self, name: str) -> Sequence[str]:
        return self._matching(name, re.compile(fnmatch.translate(name)))

    def _matching(self, name: str, pattern: re.Pattern[str]) -> Sequence[str]:
        groups = [group for group in self._groups if pattern.match(group)]
        found = [host for group in groups for host in self._groups[group]]
        if not groups or name.startswith("~") or any(sign in name for sign in _MAGIC):
            found += [host for host in self._hosts if pattern.match(host)]
        if not found and not groups and name.startswith("~"):
            self._unknown(name)
        return list(dict.fromkeys(found))

    def _subscripted(self, term: str, hosts: Sequence[str], given: re.Match[str]) -> Sequence[str]:
        if given["index"] is None:
            last = int(given["last"]) + 1 if given["last"] else None  # both ends are meant
            return hosts[int(given["first"]) : last]
        index = int(given["index"])
        if not -len(hosts) <= index < len(hosts):
            raise ConfigError(f"--limit {term}: {given['base']} has {counted(len(hosts), 'host')}, counted from 0")
        return [hosts[index]]

    def _regex(self, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text)
        except re.error as error:
            raise ConfigError(f"--limit: {text} is not a regular expression: {error}") from None

    def _unknown(self, term: str) -> Sequence[str]:
        if term in self._groups:
            return []
        name = term.split("[")[0]
        # app9 is a host that is not there, and no misspelt group: app would be all of its hosts.
        near = did_you_mean(name, [*(group for group in self._groups if not name.startswith(group)), *self._hosts])
        raise ConfigError(f"--limit: no host or group is called {term}{near}", advice=self.choice())

    def choice(self) -> str:
        """What there is to choose from."""
        return f"hosts: {', '.join(self._hosts)}; groups: {', '.join(self._groups)}"


def _lines(name: str) -> list[str]:
    """The patterns in a file, one in each line; Ansible writes such files after a run that failed (NAME.retry)."""
    try:
        text = Path(name).expanduser().read_text()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"--limit: the file {name} cannot be read: {reason}") from None
    lines = [line.strip() for line in text.splitlines()]
    if nested := [line for line in lines if line.startswith("@")]:
        raise ConfigError(f"--limit: {name} names a further file, {nested[0]}")
    return [line for line in lines if line and not line.startswith("#")]
