"""A file that grows, and is renamed and begun anew now and then: a log."""

from __future__ import annotations

import os
from typing import List, Optional, Tuple

from . import walk
from .loglines import MOST_BYTES


class Growing:
    """What is added to such a file from now on."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._rest = b""
        self._inode, self._offset = _stat(path) or (0, 0)

    def more(self) -> List[str]:
        """The whole lines that were added since the last time; none where it cannot be read. The end of a file that was
        renamed meanwhile is missed."""
        found = _stat(self.path)
        if found is None:
            return []
        inode, size = found
        if inode != self._inode or size < self._offset:
            self._inode, self._offset, self._rest = inode, 0, b""
        if size == self._offset:
            return []
        try:
            with os.fdopen(walk.opened(self.path), "rb") as file:
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]


def _stat(path: str) -> "Optional[Tuple[int, int]]":
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size
