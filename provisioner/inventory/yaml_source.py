"""YAML files read so that every value still knows where it came from and how it was written.

PyYAML's `load` forgets both. Here files are kept as nodes: an error can name file, line and column, a key given
twice is an error instead of a silent loss, and what is written as 3.10 stays "3.10" wherever it is used as text,
however deep in a list or map and through however many templates (`written.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from provisioner import hidden
from provisioner.errors import ConfigError
from provisioner.inventory import vault
from provisioner.inventory.written import written
from provisioner.secrets import MASK, mask

# libyaml's scanner is ten times faster than the Python one; some builds of PyYAML come without it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NO_VAULT = (
    "give its password: --vault-password-file FILE, --vault-id LABEL@FILE or --ask-vault-pass "
    "(ANSIBLE_VAULT_PASSWORD_FILE is read, too)"
)

# (what ansible-vault wrote, what it is, for messages) -> the text; raises ConfigError. `vault_keys.py` has the one.
Decrypt = Callable[[str, str], str]

_KEPT = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))
_UNCLOSED = ("unexpected end of stream", "expected ',' or")


class Unsafe(str):
    """A string tagged `!unsafe`: never rendered as a template, whatever it holds."""

    __slots__ = ()


@dataclass(frozen=True)
class Encrypted:
    """A value tagged `!vault`, as long as it is not decrypted: without its password, only whoever needs it has to say
    so. text: as ansible-vault wrote it."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        """Raises EncryptedValue: a template has used it."""
        raise EncryptedValue("a value that it uses is encrypted by ansible-vault")


class EncryptedValue(Exception):
    """A template needs an encrypted value."""


class EncryptedFile(ConfigError):
    """A file that ansible-vault has encrypted as a whole, and no password was given. label: the file."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label} is encrypted by ansible-vault", advice=NO_VAULT)
        self.label = label


@dataclass(frozen=True)
class Raw:
    """A value as a file holds it. text: how a scalar was written, None for lists, maps and computed values.
    inner: of a map or list, {keys and indexes on the way: where that entry is written}, for messages about one."""

    value: Any = field(repr=False)  # may be secret
    text: str | None = field(repr=False)
    place: str
    inner: Mapping[tuple[str, ...], str] = field(default_factory=dict)


class _StrictLoader(_Loader):  # type: ignore[misc]  # one of the two, so Any
    """YAML as Ansible reads it, without the silent parts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag in _KEPT and not re.fullmatch("0|[1-9][0-9]{0,17}", key.value):
                key.tag = "tag:yaml.org,2002:str"  # a name, as it was typed: `on`, 0123, 1.10
        refuse_duplicate_keys(node)
        return dict(super().construct_mapping(node, deep=deep))


def _encrypted(loader: Any, node: yaml.Node) -> Encrypted:
    return Encrypted(str(loader.construct_scalar(node)))


_StrictLoader.add_constructor("!vault", _encrypted)
_StrictLoader.add_constructor("!vault-encrypted", _encrypted)
_StrictLoader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))


def _date(loader: Any, node: Any) -> str:
    """A date is text to everything that is deployed; as a date it would be written in another way than it was typed."""
    loader.construct_yaml_timestamp(node)  # ValueError for what only looks like one
    return str(node.value)


_StrictLoader.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: written(loader.construct_yaml_int(node), node.value)
)
_StrictLoader.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: written(loader.construct_yaml_float(node), node.value)
)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _date)
for _tag in ("value", "merge"):  # `=` and `<<`, where they are values
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda loader, node: loader.construct_scalar(node))


def refuse_duplicate_keys(node: yaml.MappingNode) -> None:
    """Raises a YAML error naming both lines when a key is given twice. Keys merged in by `<<` may be overridden."""
    if getattr(node, "without_duplicates", False):
        return  # `<<` may have been merged in since, and an anchor may bring us here again
    seen: dict[tuple[str, str], yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        first = seen.setdefault((key.tag, key.value), key)
        if first is not key:
            problem = f"{key.value!r} is given twice, first in line {first.start_mark.line + 1}"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
    node.without_duplicates = True  # type: ignore[attr-defined]


class Document:
    """One YAML file: `root` is its top node, None when the file is empty. `label` names it in messages."""

    def __init__(self, text: str, label: str, secret: bool = False, decrypted: bool = False) -> None:
        """secret: no message may show a line of it; decrypted: nor any text of its values, wherever that is used.
        Raises ConfigError when `text` is not one YAML document."""
        self.label = label
        self._secret, self._decrypted = secret or decrypted, decrypted
        self.lines = text.splitlines()
        self._anchored = "&" in text
        try:
            self._loader = _StrictLoader(text)
            self.root: yaml.Node | None = self._loader.get_single_node()
        except yaml.YAMLError as error:
            raise self._explained(error) from None
        except RecursionError:
            raise self._too_deep(0) from None
        except UnicodeEncodeError:  # of a command line that is not UTF-8
            raise ConfigError(f"{label}: not UTF-8 text", advice="use a terminal and a locale with UTF-8") from None

    def _too_deep(self, line: int) -> ConfigError:
        return ConfigError(f"{self.label}:{line + 1}: brackets are nested too deeply", advice="write the value flat")

    def place(self, node: yaml.Node) -> str:
        return f"{self.label}:{node.start_mark.line + 1}"

    def error(self, summary: str, node: yaml.Node, advice: str | None = None) -> ConfigError:
        """A ConfigError that shows the line of `node`."""
        mark = node.start_mark
        return ConfigError(
            f"{self.place(node)}: {summary}", details=self._excerpt(mark.line, mark.column), advice=advice
        )

    def is_null(self, node: yaml.Node) -> bool:
        return node.tag == "tag:yaml.org,2002:null"

    def items(self, node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
        """Key and value nodes of a map, in file order, `<<` merged in. Raises ConfigError for a key given twice."""
        try:
            refuse_duplicate_keys(node)
            self._loader.flatten_mapping(node)
        except yaml.YAMLError as error:
            raise self._explained(error) from None
        return list(node.value)

    def raw(self, node: yaml.Node) -> Raw:
        """The value of `node`. Raises ConfigError for what Ansible's YAML does not allow or we do not support."""
        if self._anchored and _contains_itself(node):
            raise self.error("a value that contains itself", node, "write the value out, without & and *")
        try:
            value, inner = self._loader.construct_document(node), dict(self._inner(node, ()))
        except yaml.YAMLError as error:
            raise self._explained(error) from None
        except RecursionError:
            raise self._too_deep(node.start_mark.line) from None
        except ValueError as error:  # a date or number that only looks like one, such as 2024-13-01
            why = str(error).split("; ")[0]
            raise self.error(f"not a valid value: {why}", node, "put it in quotes") from None
        except (AttributeError, KeyError, TypeError):  # how PyYAML fails at `!!bool 3`, `!!timestamp x`
            raise self.error(
                "not a valid value for its tag", node, "remove the tag, or put the value in quotes"
            ) from None
        for secret in strings(value, keys=False) if self._decrypted else ():
            hidden.add(secret)
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        return Raw(value, text, self.place(node), inner)

    def _inner(self, node: yaml.Node, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    yield (*above, key.value), self.place(key)
                    yield from self._inner(value, (*above, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, member in enumerate(node.value):
                yield (*above, str(index)), self.place(member)
                yield from self._inner(member, (*above, str(index)))

    def resolve_plain(self, node: yaml.Node) -> None:
        """Replaces a tag of our own (`!size 512m`) by the one YAML would have found without it."""
        if isinstance(node, yaml.ScalarNode):
            node.tag = self._loader.resolve(yaml.ScalarNode, node.value, (not node.style, bool(node.style)))
        else:
            node.tag = self._loader.resolve(type(node), None, (True, False))

    def variables(self, node: yaml.Node | None, problems: list[ConfigError]) -> dict[str, Raw]:
        """The variables of a map; values that cannot be read are added to `problems` and left out."""
        if node is None or self.is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            problems.append(self.error("expected variables, `name: value` in each line", node))
            return {}
        found: dict[str, Raw] = {}
        try:
            for key, value in self.items(node):
                if key.tag != "tag:yaml.org,2002:str" or not isinstance(key, yaml.ScalarNode):
                    written = key.value if isinstance(key, yaml.ScalarNode) else "this key"
                    problems.append(self.error(f"{written} is not a variable name", key, "names start with a letter"))
                    continue
                try:
                    found[key.value] = self.raw(value)
                except ConfigError as error:
                    problems.append(error)
        except ConfigError as error:
            problems.append(error)
        return found

    def _explained(self, error: yaml.YAMLError) -> ConfigError:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        if mark is None or any(sign in problem for sign in _UNCLOSED):  # where it began says more than where it stopped
            mark = getattr(error, "context_mark", None) or mark
        if mark is None:  # the reader's errors (control characters) have only a sentence
            return ConfigError(f"{self.label}: not readable as YAML", details=[str(error).splitlines()[0]])
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        sentence, advice = _explain(problem, line, mark.column)
        if sentence.startswith("unknown tag") and self._without_secrets(mark.line) != line:  # a password begins with !
            sentence = f"unknown tag {MASK}"
        return ConfigError(
            f"{self.label}: line {mark.line + 1}, column {mark.column + 1}: {sentence}",
            details=self._excerpt(mark.line, mark.column),
            advice=self.ini_advice() or advice,
        )

    def ini_advice(self) -> str | None:
        """What to do with a file that begins as Ansible's other format does."""
        if self.lines and re.fullmatch(r"\s*\[[\w:.-]+\]\s*", self.lines[0]):
            return "this looks like INI; `ansible-inventory -i FILE --list --yaml` writes an INI inventory as YAML"
        return None

    def _excerpt(self, line: int, column: int) -> list[str]:
        if line >= len(self.lines):
            return []
        number = str(line + 1)
        text = self._without_secrets(line).replace("\t", "→")
        return [f"{number} | {text}", f"{' ' * len(number)} | {' ' * column}^"]

    def _without_secrets(self, line: int) -> str:
        """A line for a message. It may belong to a value that began above it: one without a closing quote, for one."""
        text = self.lines[line]
        if self._secret or any(mask(above) != above for above in self._around(line)):
            return text[: len(text) - len(text.lstrip())] + MASK
        return mask(text)

    def _around(self, line: int) -> Iterator[str]:
        """The lines whose value a line can be part of: each that is indented less, and a quote opened right before."""
        indent = len(self.lines[line]) - len(self.lines[line].lstrip())
        before = True
        for above in filter(str.strip, reversed(self.lines[:line])):
            here = len(above) - len(above.lstrip())
            if here < indent or (before and any(above.count(quote) % 2 for quote in "\"'")):
                # What opens a block, `ssl.keystore.key:`, has its value only below.
                yield f"{above} ..." if above.rstrip().endswith(":") else above
            indent, before = min(indent, here), False


def read(path: Path, label: str, decrypt: Decrypt | None = None) -> Document:
    """The YAML file `path`, called `label` in messages. decrypt: for one that ansible-vault has encrypted. Raises
    ConfigError when it cannot be read, EncryptedFile without a password for it."""
    text, decrypted = text_of(path, label, decrypt)
    return Document(text, label, decrypted=decrypted)


def text_of(path: Path, label: str, decrypt: Decrypt | None = None) -> tuple[str, bool]:
    """The text of a file, and whether it had to be decrypted. Raises as `read` does."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{label}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{label}: line {line}: not UTF-8 text", advice="save the file as UTF-8") from None
    if not text.startswith(vault.HEADER):
        return text, False
    if decrypt is None:
        raise EncryptedFile(label)
    return decrypt(text, label), True


def _contains_itself(node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return False
    if any(node is each for each in above):
        return True
    members = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
    return any(_contains_itself(member, (*above, node)) for member in members)


def encrypted(value: Any) -> bool:
    """Is a value, or one inside it, encrypted by ansible-vault?"""
    if isinstance(value, dict):
        return any(map(encrypted, value.values()))
    return any(map(encrypted, value)) if isinstance(value, list) else isinstance(value, Encrypted)


def strings(value: Any, keys: bool = True) -> Iterator[str]:
    """Every string inside a value. keys: those of maps included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from strings(key) if keys else ()
            yield from strings(member, keys)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from strings(member, keys)


def _explain(problem: str, line: str, column: int) -> tuple[str, str | None]:
    """What a YAML parser's sentence means to the author of the file, and what to do about it."""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[column : column + 1] == "\t":
        return "a tab; YAML is indented with spaces", "replace the tab by spaces"
    if re.search(r":\s*\{[{%]", line):
        return "a value starts with {{ and is not in quotes", 'quote it: name: "{{ ... }}"'
    if "cannot start any token" in problem:
        return f"a value cannot start with {line[column : column + 1]!r}", "put the value in quotes"
    if "mapping values are not allowed" in problem:
        return "a ':' that does not belong here", (
            "quote a value that holds ': ', indent the line as its neighbours, or add the ':' that the line above lacks"
        )
    if "could not find expected ':'" in problem:
        return "a line without ':' where `name: value` is expected", "add the ':' and a space, or indent the line"
    if "unexpected end of stream" in problem:
        return "a quote is opened and never closed", None
    if any(sign in problem for sign in _UNCLOSED):
        return "a bracket is opened and not closed, or a ',' is missing in it", None
    if "did not find expected" in problem or "expected <block end>" in problem or "not allowed in this" in problem:
        return "not indented like its neighbours", "compare with the lines above"
    if "could not determine a constructor" in problem:
        return f"unknown tag {problem.rsplit(' ', 1)[-1]}", "remove the tag, or quote a value that starts with '!'"
    if "found undefined alias" in problem:
        return "a value starts with * and is not in quotes", "put the value in quotes"
    if "another document" in problem:
        return "a second document starts here ('---')", "keep one document per file"
    if "is given twice" in problem:
        return problem, "keep one of them"
    return problem, None
