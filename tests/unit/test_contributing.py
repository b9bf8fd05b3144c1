"""What the pages for contributors name exists: files, verbs, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tasks
from cli import completing

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/style.md", "docs/architecture.md"]
# Made when it is needed, so that a clone lacks it.
MADE = {".venv/bin/python"}


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    for target in re.findall(r"\]\(([^)#]+)", text(page)):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/style.md"])
def test_files_that_are_named_exist(page: str):
    words = [word for code in re.findall(r"`([^`\n]+)`", text(page)) for word in code.split()]
    words += [word for block in re.findall(r"```\n(.*?)```", text(page), re.S) for word in block.split()]
    tops = {path.name for path in ROOT.iterdir()}
    named = {word.rstrip(",;:") for word in words if "/" in word and word.split("/")[0] in tops}
    real = {path for path in named if not re.search(r"[<*{]", path)} - MADE
    assert len(real) > 3
    assert not [path for path in real if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_verbs_that_are_named_exist(page: str):
    named = re.findall(r"`(?:invoke|kafka-provisioner) ([a-z.]+)[ `]", text(page))
    assert not set(named) - {*tasks.namespace.task_names, *completing.HERE}


def test_each_walk_is_half_a_page():
    walks = re.split(r"^## ", text("CONTRIBUTING.md"), flags=re.MULTILINE)[2:]
    assert [walk.splitlines()[0].split()[0] for walk in walks] == ["Add"] * 4
    assert all(len(walk.split()) < 350 for walk in walks), [len(walk.split()) for walk in walks]
