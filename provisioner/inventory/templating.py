"""Values of variables that hold Jinja2, rendered when they are asked for, each once, with loops found.

A value may name any other variable of its host, another host's (`hostvars['node2'].app_port`) and the group
members (`groups['servers']`), in any order of definition. What it names is typed by then: `{{ app_heap }}` is
a number of bytes. As in Ansible, "{{ x }}" alone keeps the type of x; with text around it, it becomes a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from provisioner import hidden
from provisioner.errors import ConfigError
from provisioner.inventory.value_types import Type, convert
from provisioner.inventory.variables import is_template
from provisioner.inventory.yaml_source import NO_VAULT, Decrypt, Encrypted, Raw, Unsafe, encrypted
from provisioner.secrets import MASK, is_secret, mask
from provisioner.words import nearest, some

_ONE_NAME = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


class _Refused(Exception):
    """What a template asked for and cannot have: a sentence, and advice."""


class _Omitted:
    """What `omit` is in a template: the variable counts as not written, an entry of a list or map is left out."""

    def __str__(self) -> str:
        raise _Refused("omit leaves a whole value out, and cannot be a part of one", None)


OMITTED = _Omitted()

# Names that only a playbook has; every other one that begins like a fact is a fact, and facts are read from hosts.
_OF_A_PLAY = {"playbook_dir", "role_path", "role_name", "play_hosts", "item", "environment"}


class Renderer:
    """The values of all variables of all hosts.

    layers: host -> variable -> what is written; magic: gives a host's variables that Ansible provides by itself;
    defaults: what applies where a variable is omitted; encrypted_files: files whose variables are missing; decrypt:
    opens values that ansible-vault has encrypted, None without a password.
    """

    def __init__(
        self,
        layers: Mapping[str, Mapping[str, Raw]],
        types: Mapping[str, Type],
        magic: Callable[[str], Mapping[str, Any]],
        groups: Mapping[str, Sequence[str]],
        defaults: Mapping[str, Raw],
        encrypted_files: Sequence[str],
        decrypt: Decrypt | None = None,
    ) -> None:
        self._layers = layers
        self._types = types
        self._shared = {"groups": {name: list(hosts) for name, hosts in groups.items()}, "hostvars": _HostVars(self)}
        self._defaults, self._encrypted_files, self._decrypt = defaults, encrypted_files, decrypt
        self._make_magic = magic
        self._magic: dict[str, Mapping[str, Any]] = {}
        self._values: dict[tuple[str, str], Any] = {}
        self._failures: dict[tuple[str, str], ConfigError] = {}
        self._asked: dict[tuple[str, str], None] = {}
        self._compiled: dict[str, Any] = {}
        self._environment: Any = None

    def magic(self, host: str) -> Mapping[str, Any]:
        """The variables of a host that Ansible provides by itself."""
        if host not in self._magic:
            self._magic[host] = self._make_magic(host)
        return self._magic[host]

    def scope(self, host: str) -> Mapping[str, Any]:
        """Every variable of a host by name, rendered on access."""
        if host not in self._layers:
            raise _Refused(f"hostvars has no host {host!r}", f"hosts: {', '.join(self._layers)}")
        return _Scope(self, host)

    def names(self, host: str) -> list[str]:
        return [*self._layers[host], *self.magic(host), *self._shared, "vars"]

    def has(self, host: str, name: object) -> bool:
        """Whether a host has a variable of this name."""
        return name in self._layers[host] or name in self.magic(host) or name in self._shared or name == "vars"

    def value(self, host: str, name: str) -> Any:
        """The rendered, typed value. Raises KeyError for an unknown name, ConfigError for a value that has none."""
        if name in self.magic(host):
            return self.magic(host)[name]
        if name in self._shared:
            return self._shared[name]
        if name == "vars":
            return self.scope(host)
        key = (host, name)
        if key in self._failures:
            raise self._failures[key]
        if key not in self._values:
            raw = self._layers[host][name]
            if key in self._asked:
                raise self._loop(key, raw)
            self._asked[key] = None
            try:
                self._values[key] = self._evaluate(host, name, raw)
            except ConfigError as error:
                self._failures[key] = error
                raise
            finally:
                del self._asked[key]
        return self._values[key]

    def _evaluate(self, host: str, name: str, raw: Raw) -> Any:
        kind = self._types.get(name)
        if self._decrypt and encrypted(raw.value):
            raw = self._decrypted(self._decrypt, name, raw)
        if is_template(raw.value):
            raw = Raw(self._rendered(host, name, raw.value, raw), None, raw.place)
        if raw.value is OMITTED:
            default = self._defaults.get(name)
            if default is None and (kind is None or not kind.optional):
                raise ConfigError(f"{name} is omitted here", details=[f"in: {raw.place}"])
            return None if default is None else self._evaluate(host, name, default)
        if isinstance(raw.value, Encrypted) or (kind is not None and encrypted(raw.value)):
            # An entry of the user's own map may stay what it is: another entry is what a template asks for.
            raise ConfigError(f"{name} is encrypted by ansible-vault", details=[f"in: {raw.place}"], advice=NO_VAULT)
        return raw.value if kind is None else convert(name, kind, raw)

    def _decrypted(self, decrypt: Decrypt, name: str, raw: Raw) -> Raw:
        """The same with its encrypted values as text, which is never a template, as in Ansible. Raises ConfigError for
        one that no password opens; an entry of a map of the user's own stays what it is then."""
        needed = name in self._types or isinstance(raw.value, Encrypted)

        def walk(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: walk(member) for key, member in value.items()}
            if isinstance(value, list):
                return [walk(member) for member in value]
            if not isinstance(value, Encrypted):
                return value
            try:
                text = decrypt(value.text, name)
            except ConfigError as error:
                if needed:
                    error.details += [f"in: {raw.place}"]
                    raise
                return value
            hidden.add(text)
            return Unsafe(text)

        found = walk(raw.value)
        return Raw(found, found if isinstance(found, str) else None, raw.place, raw.inner)

    def _rendered(self, host: str, name: str, value: Any, raw: Raw, secret: bool = False) -> Any:
        if isinstance(value, dict):
            entries = {
                self._rendered(host, name, k, raw): self._rendered(host, name, v, raw, secret or is_secret(str(k)))
                for k, v in value.items()
            }
            return {key: entry for key, entry in entries.items() if entry is not OMITTED}
        if isinstance(value, list):
            members = [self._rendered(host, name, member, raw, secret) for member in value]
            return [member for member in members if member is not OMITTED]
        if not isinstance(value, str) or isinstance(value, Unsafe) or not is_template(value):
            return value
        alone = _ONE_NAME.fullmatch(value.strip())
        if alone and alone[1] in self.scope(host):
            return self.value(host, alone[1])  # the commonest template by far, without importing Jinja2
        return self._render(host, name, value, raw, secret or self._is_secret(name))

    def _is_secret(self, name: str) -> bool:
        return is_secret(name) or (name in self._types and self._types[name].secret)

    def _render(self, host: str, name: str, template: str, raw: Raw, secret: bool) -> Any:
        from provisioner.inventory.jinja import Environment, Unset, problem

        if self._environment is None:
            self._environment = Environment({"omit": OMITTED})
        try:
            if template not in self._compiled:
                self._compiled[template] = self._environment.from_string(template)
            found = self._compiled[template].evaluate(self.scope(host))
            if secret and found == "" and "default" not in template:  # as a build sets secrets that it does not have
                raise _Refused("it is empty", "set what it is read from, or say default('') where it may be empty")
            return found
        except ConfigError:
            raise
        except Exception as error:  # a template may divide by zero or index a number: any exception is its author's
            if isinstance(error, _Refused):
                sentence, advice = error.args
            else:
                sentence, missing = problem(error, secret)
                advice = Unset.ADVICE if isinstance(error, Unset) else missing and self._advice(host, missing)
            text = f"template: {MASK if secret else _short(mask(template))}"
            raise ConfigError(
                f"{name} cannot be rendered: {self._redacted(sentence)}",
                details=[text, f"in:       {raw.place}"],
                advice=advice,
            ) from None

    def _redacted(self, sentence: str) -> str:
        """A sentence of an exception without the secrets that the template had at hand."""
        values = [str(value) for (_, name), value in self._values.items() if value and self._is_secret(name)]
        for value in sorted(values, key=len, reverse=True):
            sentence = sentence.replace(value, MASK)
        return sentence

    def _advice(self, host: str, missing: str) -> str:
        if self._encrypted_files:
            files = some(self._encrypted_files)
            return f"{files}, which may set {missing}, is encrypted by ansible-vault: {NO_VAULT}"
        if missing in _OF_A_PLAY or missing.startswith("ansible_play") or missing == "ansible_facts":
            return f"only a playbook of Ansible's has {missing}: set it, or use {missing} | default(...)"
        near = nearest(missing, self.names(host))
        return f"did you mean {near}?" if near else f"define {missing}, or use {missing} | default(...)"

    def _loop(self, key: tuple[str, str], raw: Raw) -> ConfigError:
        asked = list(self._asked)
        steps = [*asked[asked.index(key) :], key]
        one_host = len({host for host, _ in steps}) == 1
        way = " -> ".join(name if one_host else f"{host}.{name}" for host, name in steps)
        return ConfigError(f"{key[1]} refers to itself: {way}", details=[f"in: {raw.place}"], advice="break the circle")


class _Scope(Mapping[str, Any]):
    def __init__(self, renderer: Renderer, host: str) -> None:
        self._renderer = renderer
        self.host_name = host

    def __getitem__(self, name: str) -> Any:
        return self._renderer.value(self.host_name, name)

    def __contains__(self, name: object) -> bool:
        return self._renderer.has(self.host_name, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._renderer.names(self.host_name))

    def __len__(self) -> int:
        return len(self._renderer.names(self.host_name))


class _HostVars(Mapping[str, Mapping[str, Any]]):
    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        return self._renderer.scope(host)

    def __iter__(self) -> Iterator[str]:
        return iter(self._renderer._layers)

    def __len__(self) -> int:
        return len(self._renderer._layers)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else text[:97] + "..."
