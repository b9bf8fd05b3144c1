"""One run at a time on a host: a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any, Callable, Dict, Optional

PATH = "/run/provisioner.lock"
# How long to wait for a run whose control machine is gone and which is only finishing its current resource.
ORPHAN_SECONDS = 180.0


class Held(Exception):
    """Another run holds the lock; `holder` says who and since when."""

    def __init__(self, holder: Dict[str, Any]) -> None:
        super().__init__("locked")
        self.holder = holder


class Lock:
    """flock on a file under /run: the kernel frees it when the agent ends, however it ends."""

    def __init__(self, path: str = PATH) -> None:
        self.path = path
        self._file: Optional[int] = None
        self._holder: Dict[str, Any] = {}

    @property
    def taken(self) -> bool:
        """Whether this process has it."""
        return self._file is not None

    def acquire(self, holder: Dict[str, Any], emit: Callable[[Dict[str, Any]], None], patient: bool = True) -> None:
        """Take the lock. Raises Held at once for a live holder; waits for one that is only finishing its last step,
        unless not patient."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                current = self._read(descriptor)
                if not patient or not current.get("orphaned") or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise Held(current) from None
                emit({"text": f"waiting for an interrupted run to finish: {current.get('doing', 'its last step')}"})
                time.sleep(0.2)
        self._file = descriptor
        self._holder = {**holder, "since": time.time(), "pid": os.getpid()}
        self._write(self._holder)

    def orphan(self, doing: str) -> None:
        """Say in the lock that the control machine is gone and the agent is on its last step."""
        if self._file is not None:
            self._write({**self._holder, "orphaned": True, "doing": doing})

    def _write(self, data: Dict[str, Any]) -> None:
        assert self._file is not None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(data).encode(), 0)

    @staticmethod
    def _read(descriptor: int) -> Dict[str, Any]:
        try:
            return dict(json.loads(os.pread(descriptor, 4096, 0) or b"{}"))
        except ValueError:
            return {}
