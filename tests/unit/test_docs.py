"""What the pages name in the project exists: files and folders in backticks, and the tree of the architecture page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# Folders of the project, and those whose first part pages leave out: `run/plan.py` is provisioner/run/plan.py.
FOLDERS = (
    "bench",
    "cli",
    "cluster",
    "docs",
    "inventory",
    "lab",
    "provisioner",
    "roles",
    "script",
    "templates",
    "tests",
)
ROOMS = ("", "provisioner/")
PLACEHOLDER = re.compile(r"<\w+>|NAME|\*")  # `roles/<role>/defaults.yml`, `inventory/NAME.yml`


def named(text: str) -> list[str]:
    """The paths of the project that a text has in backticks: below one of its folders, or a Python file. Pure."""
    words = re.findall(r"`([\w.*<>/-]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    return [word for word in words if word.startswith(tuple(f"{folder}/" for folder in FOLDERS)) or _is_python(word)]


def _is_python(word: str) -> bool:
    return word.endswith(".py") and not word.startswith("/")


def missing(words: list[str]) -> list[str]:
    """Those of these paths that are nowhere in the project. A bare file name may be in any folder."""
    return [word for word in words if not any(_found(room + PLACEHOLDER.sub("*", word)) for room in ROOMS)]


def _found(pattern: str) -> bool:
    anywhere = "/" not in pattern
    places = [ROOT, *(ROOT / folder for folder in FOLDERS)] if anywhere else [ROOT]
    return any(next(place.glob(f"**/{pattern}" if place != ROOT else pattern), None) for place in places)


def tree(text: str) -> list[str]:
    """The paths in the first code block of a page: each line begins with one, below the less indented one. Pure."""
    paths, folder = [], ""
    for line in text.split("```")[1].strip("\n").splitlines():
        word = line.split()[0]
        paths.append(folder + word if line.startswith(" ") else word)
        folder = folder if line.startswith(" ") else word
    return paths


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path):
    assert missing(named(page.read_text(encoding="utf-8"))) == []


def test_the_tree_of_the_architecture_page_exists():
    paths = tree((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert len(paths) > 40 and missing(paths) == []


def test_the_tree_has_every_folder_with_code():
    paths = tree((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    packages = [*ROOT.glob("*/__init__.py"), *(ROOT / "cluster").glob("*/__init__.py")]
    packages += (ROOT / "provisioner").glob("*/__init__.py")
    folders = {f"{package.parent.relative_to(ROOT)}/" for package in packages}
    assert len(folders) > 15 and folders <= set(paths)


def test_a_path_that_is_nowhere_is_found():
    text = "`roles/gates.py`, `run/plan.py`, `no_such.py`, `rolling.py`, `roles/<role>/no.yml`, `server.properties`"
    assert named(f"{text}\n```\n`cli/x.py`\n```") == [
        "roles/gates.py",
        "run/plan.py",
        "no_such.py",
        "rolling.py",
        "roles/<role>/no.yml",
    ]
    assert missing(named(text)) == ["roles/gates.py", "no_such.py", "roles/<role>/no.yml"]


def test_a_tree_is_read_by_its_indentation():
    assert tree("```\na/   x\n  b.py  y\nc.py z\n```") == ["a/", "a/b.py", "c.py"]
