"""The two READMEs have the same commands, transcripts, verbs and variables; and what they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.inventory.variables import load_specs
from roles import site

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")}


def blocks(name: str) -> list[str]:
    """The code blocks, without the comments behind commands: these are in the reader's language."""
    return [re.sub(r"(?m) +# .*$", "", block) for block in re.findall(r"^```.*?^```", TEXTS[name], re.S | re.M)]


def first_cells(name: str) -> list[str]:
    """The first column of every table, as code only: headings are in the reader's language."""
    rows = [line.split("|")[1].strip() for line in TEXTS[name].splitlines() if line.startswith("|")]
    return [cell for cell in rows if cell.startswith("`")]


def test_command_blocks_are_equal():
    assert blocks("README.md") == blocks("README.ko.md") and len(blocks("README.md")) >= 5


def test_tables_list_the_same():
    assert first_cells("README.md") == first_cells("README.ko.md") and len(first_cells("README.md")) > 20


@pytest.mark.parametrize("name", TEXTS)
def test_every_variable_in_the_table_exists(name: str):
    known = set(load_specs(site.default_files()))
    named = {variable for cell in first_cells(name) for variable in re.findall(r"`(\w+)`", cell)}
    assert named and named <= known


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        path, _, place = target.partition("#")
        assert (ROOT / path).exists(), target
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(), re.MULTILINE) if place else []
        assert not place or place in [heading.lower().replace(" ", "-") for heading in headings], target


def test_every_verb_is_named():
    import tasks

    for verb in tasks.namespace.task_names:
        if not verb.startswith("lab."):
            assert f"`invoke {verb} " in TEXTS["README.md"], verb
