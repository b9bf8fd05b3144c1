"""Every way a run can end badly, with the exit code and the sentence a person needs.

A message names the host, what was found and what to do next. A traceback is for our own bugs only.
Exit codes: 0 fine, 1 usage or configuration, 2 a host failed or something must not be done, 4 a host unreachable,
5 locked by another run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ProvisionerError(Exception):
    """Base of all expected failures.

    summary: one sentence, what is wrong. host: where, if one host. hosts: where, if several. details: lines of evidence
    (command, exit code, last lines of output, places in a file). advice: what to do next, one sentence.
    """

    exit_code = 1

    def __init__(
        self,
        summary: str,
        *,
        host: str | None = None,
        hosts: Iterable[str] = (),
        details: Iterable[str] = (),
        advice: str | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.host = host
        self._hosts = list(hosts)
        self.details = list(details)
        self.advice = advice

    @property
    def hosts(self) -> list[str]:
        """Every host that it is about."""
        return self._hosts or [*filter(None, [self.host])]

    def on(self, hosts: Sequence[str]) -> ProvisionerError:
        """The same error, which turned out to be about these hosts."""
        self.host, self._hosts = (hosts[0], []) if len(hosts) == 1 else (None, list(hosts))
        return self

    def lines(self) -> list[str]:
        """The message as plain lines: first the summary, then evidence indented, then the advice."""
        head = f"{self.host}: {self.summary}" if self.host else self.summary
        out = [head, *(f"    {line}" for line in self.details)]
        if len(self.hosts) > 1:
            out.append(f"    hosts: {', '.join(self.hosts)}")
        if self.advice:
            out.append(f"  -> {self.advice}")
        return out

    def __str__(self) -> str:
        return "\n".join(self.lines())


class UsageError(ProvisionerError):
    """A wrong flag or argument on the command line."""


class ConfigError(ProvisionerError):
    """A wrong inventory, variable, template or lock file; found before any connection."""


class ArtifactError(ProvisionerError):
    """A download that failed or does not match its locked digest."""


class HostFailed(ProvisionerError):
    """A host was reached and something on it failed, or must not be done."""

    exit_code = 2


class Refused(ProvisionerError):
    """What was asked for must not be done as things are: clients would notice, or records would be lost. Nothing was
    changed, and the advice says how to go on or how to have it all the same."""

    exit_code = 2


class Unreachable(ProvisionerError):
    """No session could be opened on a host: network, host key, authentication."""

    exit_code = 4


class Locked(ProvisionerError):
    """Another run holds a host's lock."""

    exit_code = 5


class Several(ProvisionerError):
    """All problems at once. Its exit code is the gravest of its members'."""

    def __init__(self, errors: list[ProvisionerError]) -> None:
        super().__init__(f"{len(errors)} problems")
        self.errors = errors
        self.exit_code = max((e.exit_code for e in errors), default=1)

    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines()]


def raise_all(errors: Iterable[ProvisionerError]) -> None:
    """Raises the errors: nothing when there are none, the one itself, or all of them as `Several`."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise Several(found)
