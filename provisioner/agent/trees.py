"""Directories that go: what is in them, and how they are emptied without following a link or taking a mounted disk."""

from __future__ import annotations

import os
from typing import List

from ..words import some


def directories(folder: str) -> List[str]:
    """Paths of the directories right in a folder, links left out; sorted."""
    try:
        return sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def empty(path: str) -> None:
    """Remove everything in a directory, which itself may be a mounted disk."""
    import shutil

    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "lost+found":  # a file system's own
                shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def remove_rendered(path: str) -> None:
    """Remove the files right in a directory that a template of ours has made, such as an earlier version's."""
    for entry in list(os.scandir(path)):
        if entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb") as file:
                ours = b"Rendered from templates/" in file.read(200)
            if ours:
                os.unlink(entry.path)


def remove_directory(path: str) -> str:
    """Remove an empty directory. Why it stays ("it holds a, b"), "" when it is gone."""
    held = sorted(os.listdir(path))
    if held:
        return f"it holds {some(held, 4)}"
    try:
        os.rmdir(path)
    except OSError as error:  # a mounted disk
        return str(error.strerror)
    return ""
