"""Where a host's variables are written, the strongest place winning, in Ansible's order of precedence:

role defaults, the inventory's group vars, group_vars/all, group_vars/*, the inventory's host vars, host_vars/*,
--extra-vars. Values replace each other whole; maps are not merged. The files of hosts and groups that nobody asks about
are not read: a site's inventory may have thousands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from provisioner.errors import ConfigError, raise_all
from provisioner.inventory.layout import Layout
from provisioner.inventory.yaml_source import Decrypt, EncryptedFile, Raw, read

_LONGEST = 200  # bytes of a name, with an extension behind it; file systems have 255
_EXTENSIONS = ("", ".yml", ".yaml", ".json")


class Layers(Mapping[str, Mapping[str, Raw]]):
    """{host: {variable: what is written}}, put together when it is asked for.

    encrypted: files of variables that ansible-vault has encrypted, as far as they were asked for, when no password was
    given; what they set is not known. Asking for a host raises ConfigError, or Several, for what cannot be read of its
    files, unless `read` has said it already.
    """

    def __init__(
        self,
        layout: Layout,
        beside: Path,
        root: Path,
        defaults: Mapping[str, Raw],
        extra: Mapping[str, Raw],
        decrypt: Decrypt | None = None,
    ) -> None:
        """beside: the directory of group_vars and host_vars; root: places are named from there; decrypt: as for
        `yaml_source.read`."""
        self._decrypt = decrypt
        self._layout, self._beside, self._root, self._defaults, self._extra = layout, beside, root, defaults, extra
        self._groups = [layout.groups["all"], *layout.by_precedence()]
        self._of_group: dict[str, dict[str, Raw]] = {}
        self._of_host: dict[str, dict[str, Raw]] = {}
        self._unsaid: dict[str, list[ConfigError]] = {}
        self.encrypted: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout.hosts)

    def __len__(self) -> int:
        return len(self._layout.hosts)

    def __contains__(self, host: object) -> bool:
        return host in self._layout.hosts

    def __getitem__(self, host: str) -> Mapping[str, Raw]:
        raise_all(self._unsaid.get(host, ()) if host in self._of_host else self._load(host))
        return self._of_host[host]

    def read(self, host: str, problems: list[ConfigError]) -> Mapping[str, Raw]:
        """What is written about a host, as far as it can be read; what cannot is added to `problems`."""
        problems.extend(self._unsaid.pop(host, ()) if host in self._of_host else self._load(host))
        self._unsaid.pop(host, None)
        return self._of_host[host]

    def _load(self, host: str) -> list[ConfigError]:
        problems: list[ConfigError] = []
        self._of_host[host] = self._together(host, problems)
        self._unsaid[host] = problems
        return problems

    def _together(self, host: str, problems: list[ConfigError]) -> dict[str, Raw]:
        own = {*self._layout.groups_of(host), "all"}
        mine = [group for group in self._groups if group.name in own]
        layer = dict(self._defaults)
        for group in mine:
            layer.update({name: raw for name, raw in group.vars.items() if name != "ansible_group_priority"})
        for group in mine:
            if group.name not in self._of_group:
                self._of_group[group.name] = self._read("group_vars", group.name, problems)
            layer.update(self._of_group[group.name])
        layer.update(self._layout.hosts[host])
        layer.update(self._read("host_vars", host, problems))
        layer.update(self._extra)
        return layer

    def _read(self, folder: str, name: str, problems: list[ConfigError]) -> dict[str, Raw]:
        """The variables of the files of one group or host; a later file wins."""
        found: dict[str, Raw] = {}
        try:
            paths = vars_files(self._beside / folder, name)
        except OSError as error:
            where = label(Path(error.filename or self._beside / folder), self._root)
            problems.append(ConfigError(f"{where}: cannot be read: {error.strerror}"))
            return found
        for path in paths:
            try:
                document = read(path, label(path, self._root), self._decrypt)
            except EncryptedFile as error:
                self.encrypted.append(error.label)
            except ConfigError as error:
                problems.append(error)
            else:
                found.update(document.variables(document.root, problems))
        return found


def vars_files(directory: Path, name: str) -> list[Path]:
    """The files with variables of group or host `name`: NAME, NAME.yml, NAME.yaml, NAME.json or all files in NAME/.

    Raises OSError for a directory that cannot be read.
    """
    if name.strip(".") == "" or "/" in name or "\0" in name or len(name.encode(errors="replace")) > _LONGEST:
        return []  # no file is called so, or only by way of another directory
    for extension in _EXTENSIONS:
        path = directory / (name + extension)
        if path.is_dir():
            return _files_below(path)
        if path.exists():
            return [path]
    return []


def label(path: Path, root: Path) -> str:
    """How messages call a file: from the project's root where it is inside, else as given."""
    relative = os.path.relpath(path, root)
    return str(path) if relative.startswith("..") else relative


def _files_below(directory: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            found.extend(_files_below(path))
        elif path.is_file() and path.suffix in _EXTENSIONS:
            found.append(path)
    return found
