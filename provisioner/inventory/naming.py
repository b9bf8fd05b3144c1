"""Which inventories a directory has, by their file names. Nothing is read and nothing heavy is imported: the command
line asks this before it knows what is to be done, and for every press of Tab."""

from __future__ import annotations

from pathlib import Path

FOLDER = "inventory"
YAML = (".yml", ".yaml", ".json")
EXTENSIONS = (*YAML, ".ini")
EXAMPLE = "example-"  # begins the names of those that are there to be copied
_BESIDE = ("group_vars", "host_vars", "vars_plugins")  # what a directory holds beside inventories
# What Ansible passes over in a directory, too.
_NO_INVENTORY = (*(".pyc", ".pyo", ".swp", ".bak", ".rpm", ".md", ".txt", ".rst"), *(".orig", ".cfg", ".retry"))


def names(root: Path) -> list[str]:
    """What --hosts may be: the inventory files below `root`, sorted."""
    return sorted({path.stem for extension in EXTENSIONS for path in (root / FOLDER).glob(f"*{extension}")})


def only(root: Path) -> str:
    """The inventory that is meant when none is named: the only one below `root` that is no example; "" where there is
    none, or a choice."""
    try:
        own = [path for path in entries(root / FOLDER) if not path.name.startswith(EXAMPLE)]
    except OSError:
        return ""
    if len(own) != 1:
        return ""
    return own[0].stem if own[0].suffix in EXTENSIONS else own[0].name


def entries(directory: Path) -> list[Path]:
    """What may be an inventory in a directory: files and directories, sorted. Raises OSError."""
    found = [path for path in sorted(directory.iterdir()) if not path.name.startswith(".") and path.name not in _BESIDE]
    return [path for path in found if path.suffix not in _NO_INVENTORY and not path.name.endswith("~")]
