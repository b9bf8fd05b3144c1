"""What a Java properties file says: read as `java.util.Properties` reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
BLANKS = "".join(map(chr, range(33)))  # what Java's String.trim cuts off
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_KEY = re.compile(r"((?:\\.|[^\\ \t\f=:])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)


def parse(text: str) -> dict[str, str]:
    """{key: value}; of a key that is there twice, the last. Values without the blanks at their ends, which Kafka and
    ZooKeeper cut off as well (ConfigDef.parseType, QuorumPeerConfig.parseProperties)."""
    return {key: value.strip(BLANKS) for key, value in load(text).items()}


def load(text: str) -> dict[str, str]:
    """The same with every blank that `Properties.load` keeps."""
    pairs = (_KEY.fullmatch(line) for line in _logical(text))
    return {_plain(pair[1]): _plain(pair[2]) for pair in pairs if pair}


def _logical(text: str) -> Iterator[str]:
    """The lines that say something, each put together from those that end in a backslash and the next."""
    line = ""
    for part in re.split(r"\r\n|\n|\r", text):
        part = part.lstrip(" \t\f")
        if not line and (not part or part[0] in "#!"):
            continue
        line += part
        if (len(line) - len(line.rstrip("\\"))) % 2:
            line = line[:-1]
            continue
        yield line
        line = ""
    if line:
        yield line


def _plain(text: str) -> str:
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2]), text)
    # Java's text is UTF-16: two escapes may be one character.
    return plain if plain.isascii() else plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
