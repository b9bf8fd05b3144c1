"""A reporter that only remembers, for steps that show what they change."""

from __future__ import annotations

from typing import Any


class Shown:
    """What a reporter was told: changes, each as it was given, and notes."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, ...]] = []
        self.notes: list[str] = []

    def change(self, *change: str) -> None:
        self.changes.append(change)

    def note(self, text: str) -> None:
        self.notes.append(text)


QUIET: Any = Shown()  # where nobody looks at what it was told
