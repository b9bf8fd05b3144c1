"""What was unpacked, as one lstat a file sees it, and which files were touched since. Read on every run, so apart from
the unpacking, whose imports cost more than the reading.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, List, Optional

Record = Dict[str, List[Any]]


def seen(path: str) -> Optional[List[Any]]:
    """What changes when a file is touched: size, content and metadata times, inode, mode, owner. None when absent."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    times = [] if stat.S_ISDIR(found.st_mode) else [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    return [stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, *times]


def altered(directory: str, record: Record) -> List[str]:
    """Relative paths of recorded files that were changed, replaced or removed since they were unpacked."""
    return sorted(name for name, was in record.items() if seen(os.path.join(directory, name)) != was)
