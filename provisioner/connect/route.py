"""Where a connection leads, step by step: what `ssh` would do with an inventory's variables and its configuration.

OpenSSH itself is asked wherever its configuration or the arguments could matter. Where they cannot, no process is
started; where there is no client, the files are read here as far as they are simple.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioner.connect import ssh_config, ssh_options
from provisioner.connect.known_hosts import name_of
from provisioner.connect.settings import Settings
from provisioner.errors import ConfigError

if TYPE_CHECKING:
    from provisioner.connect import openssh

USUAL_KEYS = ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa")
USUAL_KEY_FILES = tuple(f"~/.ssh/id_{kind}" for kind in USUAL_KEYS)
USUAL_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
# What an inventory's arguments may contain without anything to be asked, if no file matters either.
SIMPLE = ssh_options.HARMLESS | {
    "identitiesonly",
    "identityfile",
    "port",
    "proxyjump",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
}
MOST_JUMPS = 8


class Hop(NamedTuple):
    """One connection of the way. keys: files in order; explicit: somebody has named them; only_these: IdentitiesOnly.
    agent: the path of its socket, "" for none, None for the usual one. known_as: its name in known_hosts. family: an
    address family, 0 for any. timeout: seconds."""

    host: str
    port: int
    user: str
    keys: tuple[Path, ...] = ()
    explicit: bool = False
    only_these: bool = False
    public_keys: bool = True
    agent: str | None = None
    known_as: str = ""
    known_hosts: tuple[Path, ...] = ()
    accept_new: bool = False
    proxy_command: str | None = None
    timeout: float = 10.0
    family: int = 0
    bind: str | None = None


class Routes:
    """Routes of one run. What was asked once is not asked again."""

    def __init__(self) -> None:
        self._asked: dict[tuple[object, ...], openssh.Answer] = {}
        self._asking: dict[tuple[object, ...], threading.Lock] = {}
        self._matters: dict[ssh_config.Files, bool] = {}

    def to(self, settings: Settings) -> tuple[Hop, ...]:
        """The way to a host: jump hosts first. Raises ConfigError for what cannot be done here."""
        first = [f"Port={settings.port}"] if settings.port else []
        first += [f'User="{settings.user}"'] if settings.user else []
        words = [word for option in first for word in ("-o", option)]
        given: dict[str, tuple[str, ...]] = dict(settings.arguments.options)
        if settings.port:
            given["port"] = (str(settings.port),)
        if settings.user:
            given["user"] = (settings.user,)
        answer = self._ask(settings, (*words, *settings.arguments.words), settings.address, given)
        target, jumps = hop(settings, settings.address, answer, Path.home(), target=True)
        if settings.proxy_command:
            target, jumps = _through(target, settings.proxy_command, settings.address), ()
        return (*self._before(settings, jumps, (_identity(target),)), target)

    def _before(
        self, settings: Settings, jumps: Sequence[str], seen: tuple[tuple[str, int, str], ...]
    ) -> tuple[Hop, ...]:
        """The way to the last of these jump hosts. As ssh starts itself for it: with the configuration and the jump
        hosts before it, and without the other arguments."""
        if not jumps:
            return ()
        user, host, port = jump(jumps[-1], settings.name)
        given: dict[str, tuple[str, ...]] = {}
        words: list[str] = []
        for flag, keyword, value in (
            ("-l", "user", user),
            ("-p", "port", port),
            ("-J", "proxyjump", ",".join(jumps[:-1])),
        ):
            if value:
                words += [flag, value]
                given[keyword] = (value,)
        answer = self._ask(settings, tuple(words), host, given)
        step, before = hop(settings, host, answer, Path.home(), target=False)
        if _identity(step) in seen or len(seen) > MOST_JUMPS:
            raise ConfigError(f"the jump host {host} leads to itself", host=settings.name, advice="correct ProxyJump")
        return (*self._before(settings, before, (*seen, _identity(step))), step)

    def _ask(
        self, settings: Settings, words: tuple[str, ...], host: str, given: Mapping[str, tuple[str, ...]]
    ) -> openssh.Answer:
        config = settings.arguments.config
        files = ssh_config.Files.of(Path.home(), config)
        if files.user is not None and config is not None and not files.user.is_file():
            raise ConfigError(f"{files.user}, the file of -F, does not exist", host=settings.name, advice="correct -F")
        if files not in self._matters:
            self._matters[files] = ssh_config.matters(files)
        if not self._matters[files] and set(given) <= SIMPLE and settings.ssh_executable is None:
            return _first(given)
        from provisioner.connect import openssh  # most runs ask nothing

        executable = openssh.client(settings.ssh_executable)
        if settings.ssh_executable and not executable:
            raise ConfigError(
                f"{settings.ssh_executable}, the ansible_ssh_executable, does not exist here",
                host=settings.name,
                advice="correct it, or remove it",
            )
        if executable is None:
            _readable(settings, given)
            return {**ssh_config.lookup(files, host), **_first(given)}
        key = (executable, words, host, config)
        with self._asking.setdefault(key, threading.Lock()):  # hosts behind one jump host ask about it at the same time
            if key not in self._asked:
                try:
                    self._asked[key] = openssh.ask(executable, words, host, files, config=config)
                except ConfigError as error:
                    error.host = settings.name
                    raise
            return self._asked[key]


def _readable(settings: Settings, given: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ConfigError for arguments that only OpenSSH itself can apply."""
    plain = ssh_options.HONOURED | ssh_options.HARMLESS | set(ssh_options.REFUSED)
    for keyword in set(given) - plain:
        raise ConfigError(
            f"ssh's option {keyword} needs OpenSSH's client, which is not installed here",
            host=settings.name,
            advice="install it (openssh-client), or remove the option",
        )


def _first(given: Mapping[str, tuple[str, ...]]) -> openssh.Answer:
    """Arguments as ssh takes them: the first value counts, but key files add up."""
    found = {}
    for keyword, values in given.items():
        plain = [value if keyword in ssh_options.WHOLE else " ".join(ssh_options.words(value)) for value in values]
        found[keyword] = tuple(plain) if keyword in ssh_options.SEVERAL else (plain[0],)
    return found


def hop(
    settings: Settings, original: str, answer: openssh.Answer, home: Path, *, target: bool
) -> tuple[Hop, tuple[str, ...]]:
    """A hop and the jump hosts before it, from what ssh says. original: the host as it was named; target: it is the
    inventory's host, whose other variables count. Raises ConfigError for what cannot be done here."""

    def one(keyword: str, default: str = "") -> str:
        return answer.get(keyword, (default,))[0]

    if refused := ssh_options.unsupported(answer):
        raise ConfigError(
            f"ssh's option {refused[0]} is not supported",
            host=settings.name,
            details=[f"for {original}, by ssh's configuration or the inventory's arguments"],
            advice="remove it for this host",
        )
    host, written = one("hostname", original), one("port", "22")
    if not written.isdecimal() or not 0 < int(written) < 65536:
        raise ConfigError(
            f"ssh's option Port is {written!r}, which is no port", host=settings.name, advice="correct it"
        )
    port = int(written)
    user = one("user") or getpass.getuser()
    tokens = {"%": "%", "h": host, "n": original, "p": str(port), "r": user}
    more = {**tokens, "d": str(home), "u": getpass.getuser(), "i": str(os.getuid()), "l": socket.gethostname()}

    def path(value: str) -> Path:
        return ssh_config.expand(_expanded(value, more, settings.name), home)

    named = [value for value in answer.get("identityfile", USUAL_KEY_FILES) if value != "none"]
    explicit = any(value not in USUAL_KEY_FILES for value in named)
    keys = [path(value) for value in named]
    if target and settings.key_files:
        keys = [*settings.key_files, *(keys if explicit else [])]
    for certificate in answer.get("certificatefile", ()):
        if certificate != "none" and str(path(certificate)).removesuffix("-cert.pub") not in map(str, keys):
            raise ConfigError(
                f"ssh's option CertificateFile {certificate} is not supported",
                host=settings.name,
                advice="put the certificate beside its key, as KEY-cert.pub",
            )
    known = [
        *paths(one("userknownhostsfile", USUAL_KNOWN_HOSTS)),
        *paths(one("globalknownhostsfile", SYSTEM_KNOWN_HOSTS)),
    ]
    if not target:  # ssh would not look there for a jump host; a key that is listed is one that somebody has checked
        known += paths(settings.arguments.options.get("userknownhostsfile", ("",))[0])
    strict = one("stricthostkeychecking", "ask").lower()
    lenient = strict in ("no", "off", "false", "accept-new") or (target and settings.lenient)
    seconds = one("connecttimeout", "none")
    agent = one("identityagent", "SSH_AUTH_SOCK")
    command = one("proxycommand", "none")
    made = Hop(
        host=host,
        port=port,
        user=user,
        keys=tuple(dict.fromkeys(keys)),
        explicit=explicit or bool(target and settings.key_files),
        only_these=one("identitiesonly").lower() in ("yes", "true"),
        public_keys=one("pubkeyauthentication", "yes").lower() not in ("no", "false"),
        agent={"SSH_AUTH_SOCK": None, "none": ""}.get(agent, _agent(agent, path)),
        known_as=name_of(host, port, None if one("hostkeyalias", "none") == "none" else one("hostkeyalias")),
        known_hosts=tuple(path(value) for value in known if value != "none"),
        accept_new=lenient or settings.accept_new,
        timeout=settings.timeout
        or float(seconds.removesuffix("s") if seconds.strip("0").rstrip("s").isdecimal() else 10),
        family={"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(one("addressfamily").lower(), 0),
        bind=None if one("bindaddress", "none") == "none" else one("bindaddress"),
    )
    if command != "none":
        return _through(made, command, original), ()
    jumps = one("proxyjump", "none")
    return made, () if jumps == "none" else tuple(jumps.split(","))


def _through(made: Hop, command: str, original: str) -> Hop:
    tokens = {"%": "%", "h": made.host, "n": original, "p": str(made.port), "r": made.user}
    return made._replace(proxy_command=_expanded(command, tokens, original, variables=False))


def _agent(value: str, path: Callable[[str], Path]) -> str:
    return os.environ.get(value[1:].strip("{}"), "") if value.startswith("$") else str(path(value))


def _identity(step: Hop) -> tuple[str, int, str]:
    return step.host, step.port, step.user


def _expanded(text: str, tokens: Mapping[str, str], host: str, *, variables: bool = True) -> str:
    """A text of ssh_config with its %-tokens, and ${VARIABLES} of the environment. Raises ConfigError."""

    def token(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        value = tokens.get(name) if found[1] else os.environ.get(name)
        if value is None:
            raise ConfigError(
                f"{found[0]} in {text!r} of ssh's configuration cannot be replaced",
                host=host,
                advice="write the value itself",
            )
        return value

    return re.sub(r"%(.?)|\$\{(\w+)\}" if variables else r"%(.?)()", token, text)


def paths(text: str) -> list[str]:
    """The files in a value that holds several, which `ssh -G` writes without quotation marks: a blank belongs to a path
    where that makes the path of a file."""
    words, found = text.split(), []
    while words:
        most = next((n for n in range(len(words), 1, -1) if Path(" ".join(words[:n])).expanduser().exists()), 1)
        found.append(" ".join(words[:most]))
        words = words[most:]
    return found


def jump(text: str, host: str) -> tuple[str, str, str]:
    """A jump host, [user@]host[:port] or ssh://..., as user, host and port. Raises ConfigError."""
    plain = text.strip().removeprefix("ssh://").rstrip("/")
    found = re.fullmatch(r"(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^@:\[\]\s]+))(?::(?P<port>\d+))?", plain)
    if not found or plain.startswith("-"):
        raise ConfigError(f"{text!r} is not a jump host", host=host, advice="write it as user@host:port")
    return found["user"] or "", found["v6"] or found["host"], found["port"] or ""
