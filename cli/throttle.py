"""--throttle, of the verbs that move copies."""

from __future__ import annotations

from cluster.moving.carrying import THROTTLE
from provisioner.errors import UsageError
from provisioner.quantities import parse_size


def rate_of(throttle: str) -> int | None:
    """Bytes per second and broker of --throttle, None for no limit. Raises UsageError."""
    if not throttle:
        return THROTTLE
    if throttle in ("none", "0"):
        return None
    try:
        return parse_size(throttle)
    except ValueError as error:
        raise UsageError(
            f"--throttle {throttle}: {error}", advice="bytes per second and broker, as in 50m; `none` for no limit"
        ) from None
