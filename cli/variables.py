"""docs/variables.md: every variable of every role on one page, made from the roles' defaults.yml files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from provisioner.inventory.value_types import TYPES
from provisioner.inventory.variables import Variable, load_specs
from roles import site

HEAD = """# Variables

Made by `script/variables` from the roles' `defaults.yml` files; change those. A variable is set in an inventory, in
`group_vars/` or `host_vars/` beside it, or with `--extra-vars`. Where no default is shown, the variable is not set, and
its description says what applies then.
"""

_SECTION = re.compile(r"# --- (.*?) -+")


def page(files: Iterable[Path]) -> str:
    """The page for these defaults.yml files, in their order."""
    files = list(files)
    specs = load_specs(files)
    parts = [HEAD, _types(specs)]
    for file in files:
        own = [variable for variable in specs.values() if variable.role == file.parent.name]
        parts.append(f"## {file.parent.name}\n")
        lines = file.read_text(encoding="utf-8").splitlines()
        for title, variables in _sections(own, lines).items():
            rows = "".join(_row(variable) for variable in variables)
            heading = f"### {title}\n\n" if title else ""
            parts.append(heading + _table("variable", "type", "default", "what it is") + rows)
    return "\n".join(parts)


def _types(specs: Mapping[str, Variable]) -> str:
    used = {variable.type.name for variable in specs.values()}
    rows = [f"| {kind.name} | {kind.expected} | `{kind.example}` |\n" for kind in TYPES.values() if kind.name in used]
    return _table("type", "what it is", "example") + "".join(rows)


def _sections(variables: Iterable[Variable], lines: list[str]) -> dict[str, list[Variable]]:
    """The variables by the heading that stands above them in their file; "" where there is none."""
    found: dict[str, list[Variable]] = {}
    for variable in variables:
        titles = (match[1] for line in reversed(lines[: variable.line]) if (match := _SECTION.match(line)))
        found.setdefault(next(titles, ""), []).append(variable)
    return found


def _row(variable: Variable) -> str:
    cells = [f"`{variable.name}`", variable.type.name, _default(variable), " ".join(variable.doc.split())]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(variable: Variable) -> str:
    if variable.type.name in ("list", "map", "paths"):
        shown = yaml.safe_dump(variable.default, default_flow_style=True, sort_keys=False, width=1000).strip()
    else:
        shown = variable.written
    return f"`{shown}`" if shown else ""


def _table(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"


if __name__ == "__main__":
    print(page(site.default_files()), end="")
