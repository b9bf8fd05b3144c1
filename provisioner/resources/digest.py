"""The digest by which content is compared and addressed everywhere."""

from __future__ import annotations

try:
    from _sha2 import sha256 as _small  # type: ignore[import-not-found]  # Python 3.12 and newer
except ImportError:
    try:
        from _sha256 import sha256 as _small  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256 as _small

# The interpreter's own implementation is there at once; OpenSSL's takes longer to load than small files to digest.
LARGE = 1 << 20  # bytes


def short(path: str) -> str:
    """A short name without slashes for a path, under which the host remembers something about it."""
    return sha256(path.encode())[:16]


def sha256(data: bytes) -> str:
    """The hex digest of some data."""
    if len(data) < LARGE:
        return str(_small(data).hexdigest())
    import hashlib

    return hashlib.sha256(data).hexdigest()
