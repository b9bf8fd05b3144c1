"""Shared by all verbs: how an inventory is loaded, and how an expected failure ends the program."""

from __future__ import annotations

import functools
import gc
import inspect
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from invoke import Context, Exit, task

from cli.flags import Verb
from cli.project import INSTALLED, ROOT, project

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from provisioner.inventory.yaml_source import Decrypt

INTERRUPTED = 130  # as a shell reports a program that ended by Ctrl-C

# Flags whose default comes from invoke.yaml or an INVOKE_* variable when they are not given.
CONFIGURED = ("hosts", "accept_new_host_keys")
# Flags that may be given again; the verb gets a list.
REPEATABLE = (
    *("extra_vars", "vault_password_file", "vault_id", "config", "name", "set", "unset", "set_file", "ask"),
    "signed",
)

# Flags that are on unless they, or the configuration, say no.
ON = ("smoke",)

# Flags that many verbs have, with their help.
SOURCES = {
    "hosts": "the inventory: NAME for inventory/NAME.yml, or a path. Not needed with INVOKE_HOSTS, or with only one",
    "extra_vars": "set a variable: key=value, {JSON} or @FILE; may be given again",
    "vault_password_file": "the file that holds the password of ansible-vault, or a program that writes it",
    "vault_id": "the same with a label: LABEL@FILE or LABEL@prompt; may be given again",
    "ask_vault_pass": "ask for the password of ansible-vault",
}
COMMON = {
    **SOURCES,
    "limit": "only these hosts, by Ansible's patterns: a,b or 'kafka:!kafka3', 'kafka[0]', 'node*', @FILE",
    "ask_become_pass": "ask for the sudo password (or set PROVISIONER_BECOME_PASSWORD)",
    "accept_new_host_keys": "trust and remember the keys of hosts seen for the first time; a changed key stays refused",
}


@dataclass(frozen=True)
class Run:
    """What the flags say that verbs have in common. hosts: the inventory, as it was named; extra_vars: as they were
    typed; limit: which hosts of it, "" for all; check: show, and change nothing; vault_...: where passwords
    of ansible-vault are."""

    hosts: str
    extra_vars: list[str] = field(default_factory=list, repr=False)  # may hold passwords
    limit: str = ""
    check: bool = False
    ask_become_pass: bool = False
    accept_new_host_keys: bool = False
    vault_password_file: list[str] = field(default_factory=list)
    vault_id: list[str] = field(default_factory=list)
    ask_vault_pass: bool = False

    def inventory(self) -> Inventory:
        """Load the inventory (`load_inventory`), and open what is encrypted in it."""
        return load_inventory(self.hosts, self.extra_vars, self.decrypt())

    def decrypt(self) -> Decrypt | None:
        """What opens what ansible-vault has encrypted, the same for all of the run: nobody types a password twice. None
        where neither a flag nor the environment has one. Raises ConfigError for a file that is not there."""
        return self._decrypt

    @functools.cached_property
    def _decrypt(self) -> Decrypt | None:
        given = self.vault_password_file or self.vault_id or self.ask_vault_pass
        if not given and not any(name.startswith("ANSIBLE_VAULT_") for name in os.environ):
            return None
        from cli.asking import secret
        from provisioner.inventory.vault_keys import Keys, sources

        found = sources(self.vault_password_file, self.vault_id, self.ask_vault_pass)
        return Keys(found, secret).decrypt if found else None


def verb(name: str, help: dict[str, str]) -> Callable[[Callable[..., int | None]], Any]:
    """An Invoke task whose expected failures are one message and an exit code, never a traceback.

    The body answers with the exit code (None: 0). Positional arguments and short flags are off: with them
    `invoke deploy --help` would take "--help" for the value of a flag and deploy.
    """

    def decorate(body: Callable[..., int | None]) -> Any:
        @functools.wraps(body)
        def guarded(context: Context, **options: Any) -> None:
            from provisioner.errors import ProvisionerError

            _collect_little_garbage()
            _write_any_text()
            try:
                for option in CONFIGURED:
                    if option in options:
                        options[option] = options[option] or _default(context, option)
                code = body(context, **options)
            except ProvisionerError as error:
                from provisioner.calling import spoken
                from provisioner.report.lines import clean

                raise Exit("\n".join(clean(spoken(line)) for line in error.lines()), code=error.exit_code) from None
            except KeyboardInterrupt:
                advice = "What was done stays done; the same command goes on from there."
                raise Exit(f"\nInterrupted. {advice}", code=INTERRUPTED) from None
            except BrokenPipeError:
                sys.stderr.close()  # the reader of our output has gone; the interpreter must not complain about it
                raise Exit(code=1) from None
            finally:
                gc.freeze()  # the interpreter's last collection would take as long as asking a host
            if code:
                raise Exit(code=code)

        many = [option for option in help if option in REPEATABLE]
        return task(name=name, klass=Verb, positional=[], auto_shortflags=False, help=help, iterable=many)(guarded)

    return decorate


def on_hosts(
    name: str, help: Mapping[str, str] = MappingProxyType({}), common: Mapping[str, str] = MappingProxyType(COMMON)
) -> Callable[[Callable[..., int | None]], Any]:
    """A verb about the hosts of an inventory: its body declares only its own flags, and gets the others as a `Run`.

    help: of its own flags; `check`, which goes into the Run, is one of them where the verb can only show what it would
    do. common: the flags it shares with other verbs, with their help.
    """
    shared = [flag for flag in (*common, "check") if flag in {**common, **help}]

    def decorate(body: Callable[..., int | None]) -> Any:
        @functools.wraps(body)
        def with_run(context: Context, **flags: Any) -> int | None:
            from cli.configured import configured, dry

            given = {flag: flags.pop(flag) for flag in shared}
            given["hosts"] = given["hosts"] or _only()
            if "check" in given:
                given["check"] = given["check"] or dry(context.config, context.config._overrides)
            for flag in ON:
                if flag in flags:
                    flags[flag] = flags[flag] and configured(context.config, flag)
            return body(Run(**given), **flags)

        own = list(inspect.signature(body).parameters.values())[1:]
        keyword, first = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY)
        flags = [*((flag, DEFAULTS[flag]) for flag in shared), *((one.name, one.default) for one in own)]
        parameters = [first, *(inspect.Parameter(flag, keyword, default=default) for flag, default in flags)]
        with_run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return verb(name, {**common, **help})(with_run)

    return decorate


# What each of the common flags is when it is not given.
DEFAULTS: Mapping[str, Any] = {
    "hosts": "",
    "extra_vars": None,
    "vault_password_file": None,
    "vault_id": None,
    "ask_vault_pass": False,
    "limit": "",
    "check": False,
    "ask_become_pass": False,
    "accept_new_host_keys": False,
}


def _default(context: Context, option: str) -> Any:
    """What a flag is that was not given."""
    from cli.configured import configured

    return configured(context.config, option) if DEFAULTS[option] is False else context.config.get(option)


def _collect_little_garbage() -> None:
    """What has been imported stays, and a verb makes little that is not: searching it took a tenth of a short one."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


def _write_any_text() -> None:
    """What the locale's encoding lacks, such as the sign of what was cut, is written as an escape and ends no verb."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def names(text: str) -> tuple[str, ...]:
    """The entries of a list on the command line: "a, b"."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def for_machines(found: Any, indent: int | None = 2) -> str:
    """A document for machines, without what was decrypted in this run."""
    import json

    from provisioner.hidden import without

    return without(json.dumps(found, indent=indent))


def old_spelling(old: str, new: str, given: Sequence[str]) -> Sequence[str]:
    """What was given with a flag's old spelling, which works as the new one does; says so on standard error."""
    if given:
        print(f"note: --{old} is now spelled --{new}", file=sys.stderr)
    return given


def _only() -> str:
    """The inventory of a verb that names none: the only one there is, which is said; "" where it is not clear."""
    from provisioner.inventory import naming

    found = naming.only(project())
    if found:
        print(f"--hosts {found}: the only inventory here", file=sys.stderr)
    return found


def load_inventory(hosts: str, extra_vars: Sequence[str] = (), decrypt: Decrypt | None = None) -> Inventory:
    """The inventory that --hosts names, checked as a whole. decrypt: as of a `Run`. Raises UsageError listing the valid
    names without one."""
    from provisioner.errors import UsageError
    from provisioner.inventory import loading as inventory
    from provisioner.inventory import naming, variables
    from roles import site

    if not hosts:
        names = ", ".join(naming.names(project()))
        known = f"one of: {names}; or a path" if names else f"an inventory file; examples are in {ROOT / 'inventory'}"
        raise UsageError(
            "which hosts? --hosts is missing",
            details=[f"--hosts is {known}"],
            advice="for all commands: INVOKE_HOSTS=NAME in the environment, or `hosts: NAME` in invoke.yaml",
        )
    specs = variables.load_specs(site.default_files())
    return inventory.load(
        hosts,
        root=project(),
        extra_vars=extra_vars,
        specs=specs,
        served=site.SERVED,
        checks=site.CHECKS,
        decrypt=decrypt,
    )


def require_clone(task: str) -> None:
    """Raises UsageError where the verbs run from an installed package. task: the verb, as it is typed."""
    from provisioner.errors import UsageError

    if INSTALLED:
        raise UsageError(
            f"{task} works in a clone of the project, and this is an installed package",
            advice="clone the project and run it there",
        )
