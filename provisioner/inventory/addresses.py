"""Names and addresses of hosts as people write them: which are ones, and what else stands in their place; pure.

Ports, schemes and users are parts of longer forms (host:port, NAME://host:port, user@host). Where a host alone is
meant, such a form would be taken for a strange name: Kafka would get "a:9092:9092", SSH a host that does not exist.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

_LONG = re.compile(
    r"(?:(?P<scheme>[A-Za-z][\w+.-]*)://)?(?:(?P<user>[^@\s]*)@)?(?P<host>\[[^\]]*\]|[^\s:/@]*)(?::(?P<port>\d*))?/?"
)
_LOOPBACK = re.compile(r"(localhost\d?(\.localdomain\d?)?|.*\.localhost|ip6-loopback|ip6-localhost)\.?", re.IGNORECASE)


@lru_cache(1024)
def host(text: str) -> str:
    """The host name or address that `text` is, an IPv6 address in its shortest form and without brackets.

    Raises ValueError, with the reason as the rest of a sentence, for what is none, and for an address that stands for
    all addresses of a host.
    """
    found = _one(text)
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        _require_name(found)
        return found
    if address.is_unspecified:
        raise ValueError(f"{found} is every address of a host, and none that clients can connect to")
    if address.is_multicast:
        raise ValueError(f"{found} is a multicast address")
    return str(address)


def ssh_host(text: str) -> str:
    """The same for a host that SSH connects to, which may also be a name of the SSH configuration alone."""
    found = _one(text, ("ansible_user", "ansible_port"))
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        if strange := re.search(r"[^\w.+~%=-]", found):
            raise ValueError(f"it has {strange[0]!r} in it") from None
        return found


def bind(text: str) -> str:
    """The address that a listener binds to; "" and the addresses that stand for all of a host's are fine."""
    if text.strip("[]") in ("", "0.0.0.0", "::"):
        return text.strip("[]")
    return host(text)


def is_loopback(text: str) -> bool:
    """Whether a host that connects to this name or address reaches itself."""
    if _LOOPBACK.fullmatch(text):
        return True
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return text.startswith("127.")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_ipv6(text: str) -> bool:
    """Whether this is an IPv6 address, without brackets."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _one(text: str, variables: Sequence[str] = ()) -> str:
    """`text` without the brackets of an IPv6 address, if it is one host and nothing else. variables: for what else may
    be in it, a user and a port."""
    if not text:
        raise ValueError("it is empty")
    if re.search(r"\s", text):
        raise ValueError("it has a blank in it")
    if not text.isprintable():
        raise ValueError("it has a character in it that is not printed")
    if is_ipv6(text) or (text[0] == "[" and text[-1] == "]" and is_ipv6(text[1:-1])):
        return text.strip("[]")
    parts = _LONG.fullmatch(text)
    if parts and (parts["scheme"] or parts["user"] is not None or parts["port"] is not None):
        user, port = variables or ("", "")
        apart = [f"{parts['host']} here"]
        apart += [f"{parts['user']} as {user}"] if user and parts["user"] else []
        apart += [f"{parts['port']} as {port}"] if port and parts["port"] else []
        what = ["a scheme"] if parts["scheme"] else []
        what += ["a user"] if parts["user"] is not None else []
        what += ["a port"] if parts["port"] is not None else []
        raise ValueError(f"it has {' and '.join(what)} in it: write {' and '.join(apart)}")
    if "," in text:
        raise ValueError("it has a comma in it, and can be one host only")
    if text.startswith("-"):
        raise ValueError("it begins with -")
    return text


def _require_name(text: str) -> None:
    """Raises ValueError for what is no host name. The characters are those that Kafka takes (EndPoint's pattern)."""
    if not text.isascii():
        foreign = next(sign for sign in text if not sign.isascii())
        raise ValueError(f"it has {foreign!r} in it; write the name as the DNS has it, with xn--")
    if strange := re.search(r"[^A-Za-z0-9._-]", text):
        raise ValueError(f"it has {strange[0]!r} in it")
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError("it looks like an IPv4 address, and is none")
    parts = text.removesuffix(".").split(".")
    if not all(parts):
        raise ValueError("it has an empty part between dots")
    if len(text) > 253 or any(len(part) > 63 for part in parts):
        raise ValueError("it is too long for a host name")
