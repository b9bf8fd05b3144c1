"""Whether a directory that a deploy is to make, or to take for a service's data, may be that. Asked on the host before
anything changes; not imported once the first deploy has it.
"""

from __future__ import annotations

import os
from typing import Any, Sequence

from ..resources.places import why_not, within
from ..words import some
from . import trees
from .failure import Failure


def require_ground(path: str) -> None:
    """Raise Failure when what is above a directory that is missing is none itself."""
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        what = f"a link to {os.readlink(above)}, which is not there" if os.path.islink(above) else "a file"
        raise Failure(
            f"{above} is {what}, and {path} needs a directory in its place",
            advice="move it away, or use another path; it is not removed for you because it is not known what it holds",
        )


def against(real: str, user: str, services: Sequence[str], apart: Sequence[str]) -> str:
    """The rule against a real path as a data directory of `user`, as the rest of a sentence; "" when there is none.

    services: all services of the toolkit; apart: other data directories of this host.
    """
    for other in apart:
        if real == os.path.realpath(other):
            return f"is {other} as well"
        if within(real, os.path.realpath(other)):
            return f"is inside {other}"
        if within(os.path.realpath(other), real):
            return f"has {other} in it"
    return why_not(real, user, services)


def require_own(system: Any, directory: Any) -> None:
    """Raise Failure unless the service may have a `Directory` for its data: a path of its own behind all links, within
    reach of its user, and with nothing in it but what the service puts there (an earlier installation's data)."""
    path, user = directory.path, directory.owner
    real = os.path.realpath(path)
    wrong = against(real, user, directory.services, directory.apart) if real != path else ""
    if wrong:
        raise Failure(f"{path} is really {real}, which {wrong}", advice="use a directory that holds nothing else")
    _require_way(system, real, user, directory.group)
    others = trees.strangers(real, directory.holds) if os.path.isdir(real) else []
    if trees.FILE_SYSTEMS in others:
        raise Failure(
            f"{path} is the root of a file system: the service does not start over the lost+found in it",
            advice=f"use a directory below it, such as {path}/{user}",
        )
    if others:
        raise Failure(
            f"{path} holds what is not {directory.once}: {some(others, 4)}",
            advice=f"use a directory that holds nothing else, such as {path}/{user}, or move that away",
        )
    if os.path.isdir(real):
        _require_owner(system, path, real, user, directory.group)


def require_unused(directory: Any, owner: str) -> None:
    """Raise Failure when a directory that is to become a service's is another user's (`owner`), and in use."""
    others = trees.strangers(directory.path, directory.holds)
    if others:
        raise Failure(
            f"{directory.path} belongs to the user {owner} and holds what no deploy has put there: {some(others, 4)}",
            advice=f"stop what uses it and move it away, or give it to {directory.owner} with chown; then deploy again",
        )


def _require_owner(system: Any, path: str, real: str, user: str, group: str) -> None:
    """Raise Failure when an earlier installation's data is another user's: the service could not go on with it."""
    for name in sorted(set(os.listdir(real)) - {trees.FILE_SYSTEMS}):
        state = system.path_state(os.path.join(real, name))
        # A file that only root may write, such as an identity, is read by way of the group.
        if state is not None and state["owner"] != user and (state["owner"], state["group"]) != ("root", group):
            raise Failure(
                f"{path} holds data of the user {state['owner']}: {name}; here the service runs as {user}",
                advice=f"stop what uses it, make the user ({user}, unless it is there), "
                f"`chown -R {user}:{group} {path}` on the host, and deploy again",
            )


def _require_way(system: Any, path: str, user: str, group: str) -> None:
    """Raise Failure when a directory above cannot be entered by the service's user. A deploy gives it its home."""
    above = os.path.dirname(path)
    while above != "/":
        state = system.path_state(above)
        if state is not None and above != f"/var/lib/{user}":
            bit = 0o100 if state["owner"] == user else 0o010 if state["group"] == group else 0o001
            if not state["mode"] & bit:
                rights = f"{state['owner']}:{state['group']} {state['mode']:04o}"
                raise Failure(
                    f"the user {user} cannot reach {path}: {above} is {rights}",
                    advice=f"`chmod o+x {above}` on the host, or use another directory",
                )
        above = os.path.dirname(above)
