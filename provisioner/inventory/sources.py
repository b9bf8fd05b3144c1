"""Where an inventory comes from: which file `--hosts` means, and which format it has. What only Ansible can run, such
as plugins and scripts that ask a cloud, is refused by name."""

from __future__ import annotations

from pathlib import Path

import yaml

from provisioner.errors import ConfigError
from provisioner.inventory import file as yaml_file
from provisioner.inventory.layers import label
from provisioner.inventory.layout import Layout
from provisioner.inventory.naming import EXTENSIONS, FOLDER, YAML, entries, names
from provisioner.inventory.yaml_source import Decrypt, Document, text_of
from provisioner.words import did_you_mean

_AS_YAML = "`ansible-inventory -i {} --list --yaml > inventory/NAME.yml` writes down what it answers"


def find(name_or_path: str, root: Path) -> Path:
    """The file that --hosts means. Raises ConfigError, with the names there are, when there is none."""
    given, beside = Path(name_or_path), root / FOLDER
    extensions = () if "/" in name_or_path else EXTENSIONS
    named = [path for extension in extensions if (path := beside / f"{name_or_path}{extension}").is_file()]
    if len(named) > 1:
        raise ConfigError(
            f"--hosts {name_or_path} may be {' or '.join(label(path, root) for path in named)}",
            advice="give the file with its extension",
        )
    places = [given, root / given, beside / given] if name_or_path else []
    for path in [*named, *places]:
        if path.is_file():
            return path
    for path in places:
        if path.is_dir():
            return _only_file(path, label(path, root))
    known = names(root)
    said = "is a list of hosts" if "," in name_or_path else f"does not exist{did_you_mean(name_or_path, known)}"
    raise ConfigError(
        f"the inventory {name_or_path or '(no name)'} {said}",
        advice=f"--hosts takes a file, or one of: {', '.join(known)}" if known else "--hosts takes an inventory file",
    )


def _only_file(directory: Path, shown: str) -> Path:
    """The inventory in a directory that has one, with its group_vars; to merge several is left to Ansible."""
    try:
        found = entries(directory)
    except OSError as error:
        raise ConfigError(f"the directory {shown} cannot be read: {error.strerror}") from None
    if len(found) == 1 and found[0].is_file():
        return found[0]
    listed = ", ".join(path.name + "/" * path.is_dir() for path in found)
    raise ConfigError(
        f"the inventory {shown} is a directory with {'several inventories: ' + listed if found else 'no inventory'}",
        advice=f"--hosts takes one of them; {_AS_YAML.format(shown)}" if found else "--hosts takes an inventory file",
    )


def layout_of(path: Path, root: Path, problems: list[ConfigError], decrypt: Decrypt | None = None) -> Layout:
    """What an inventory file describes, still to be completed; what is wrong with it is added to `problems`. decrypt:
    as for `yaml_source.read`. Raises ConfigError for a file that is no inventory which can be read here."""
    shown = label(path, root)
    text, decrypted = text_of(path, shown, decrypt)
    if text.startswith("#!"):
        raise ConfigError(f"{shown} is a program ({text.splitlines()[0]})", advice=_only_ansible(shown))
    if path.suffix == ".toml":
        raise ConfigError(f"{shown}: inventories in TOML are not supported", advice=_AS_YAML.format(shown))
    if path.suffix not in YAML:
        from provisioner.inventory import ini  # most are YAML

        if path.suffix == ".ini" or ini.looks_like_ini(text):
            return ini.parse(text, shown, problems)
    document = Document(text, shown, decrypted=decrypted)
    _refuse_what_only_ansible_runs(document)
    return yaml_file.parse(document, problems)


def _only_ansible(shown: str) -> str:
    return f"only Ansible can run it: {_AS_YAML.format(shown)}"


def _refuse_what_only_ansible_runs(document: Document) -> None:
    for key, value in document.root.value if isinstance(document.root, yaml.MappingNode) else ():
        if key.value == "plugin" and isinstance(value, yaml.ScalarNode):
            said = f"this configures the inventory plugin {value.value}"
        elif key.value == "_meta" and isinstance(value, yaml.MappingNode):
            said = "this is the answer of a script (`--list`), which has another shape than a file"
        else:
            continue
        raise document.error(said, key, _only_ansible(document.label))
