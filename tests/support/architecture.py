"""The rules of the house as pure functions over the project's source: what may import what, what is named where.

Every rule takes the modules, as `read` or `Module` makes them, and answers with its findings. test_architecture.py
holds the real tree to them and proves of each that it reports a violation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

# Arrows point to the right, never to the left.
LAYERS = ("tasks", "cli", "roles", "cluster", "provisioner")
# These use the layers; no layer uses them.
OUTSIDE = ("bench", "lab", "kafka_provisioner")
# What each room of provisioner/ may import of the others. Every room may import the files beside the rooms.
ROOMS = {
    "agent": {"resources"},
    "resources": {"agent"},
    "inventory": set(),
    "artifacts": set(),
    "report": set(),
    "connect": {"agent", "inventory", "report", "resources"},
    "run": {"agent", "artifacts", "connect", "inventory", "report", "resources"},
}
# The typed tables of what may be called on a host: the only places where a function there is addressed by its name.
TABLES = (
    *("cluster/remote.py", "cluster/metadata/remote.py", "cluster/users/remote.py", "cluster/certificates/remote.py"),
    "provisioner/connect/requests.py",
)
ON_HOST = ("cluster.", "provisioner.agent.")
KAFKA_WORDS = re.compile("kafka|zookeeper|broker|topic", re.IGNORECASE)
LONGEST, SKIPS = 400, 20  # lines of a file; formatter exceptions in all files together


class Finding(NamedTuple):
    """Where a rule is broken, and by what."""

    path: str
    what: str


@dataclass(frozen=True)
class Module:
    """One Python file: its path below the root, as in "cli/status.py", and its text."""

    path: str
    source: str

    @property
    def name(self) -> str:
        """As it is imported: "cli.status"; a package by its own name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def top(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.source)))

    @cached_property
    def imports(self) -> list[str]:
        """Dotted names, of imports inside functions and for type checkers as well: `from a import b` gives "a.b"."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                levels = node.level - self.path.endswith("/__init__.py")  # a package's own level is itself
                package = self.name.split(".")[: -levels or None] if node.level else []
                found += [".".join([*package, *filter(None, [node.module]), alias.name]) for alias in node.names]
        return found

    @cached_property
    def strings(self) -> list[str]:
        """The string literals that are not docstrings, parts of f-strings included."""
        documents = {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}
        constants = [node for node in self.nodes if isinstance(node, ast.Constant) and id(node) not in documents]
        return [node.value for node in constants if isinstance(node.value, str)]

    @cached_property
    def identifiers(self) -> set[str]:
        """Every name that the code gives or uses: of variables, attributes, parameters, functions, classes, imports."""
        found: set[str] = set()
        for node in self.nodes:
            for field in ("id", "attr", "arg", "name", "asname"):
                value = getattr(node, field, None)
                if isinstance(value, str):
                    found.add(value)
        return found


Modules = Mapping[str, Module]  # by path
Rule = Callable[[Modules], "list[Finding]"]


def read(root: Path, tops: Iterable[str] = (*LAYERS, *OUTSIDE)) -> dict[str, Module]:
    """The modules below these folders, and of these single files."""
    files = [root / f"{top}.py" for top in tops] + [path for top in tops for path in (root / top).rglob("*.py")]
    found = [Module(str(path.relative_to(root)), path.read_text("utf-8")) for path in files if path.is_file()]
    return {module.path: module for module in found}


def edges(modules: Modules) -> Iterator[tuple[Module, Module]]:
    """(importer, imported) among the modules themselves, each pair once."""
    by_name = {module.name: module for module in modules.values()}
    for module in modules.values():
        for name in dict.fromkeys(module.imports):
            imported = by_name.get(name) or by_name.get(name.rpartition(".")[0])
            if imported is not None:
                yield module, imported


# -- what may import what


def arrows(modules: Modules) -> list[Finding]:
    """tasks -> cli -> roles -> cluster -> provisioner, and nothing of these imports lab, bench or the packaging."""
    found = []
    for importer, imported in edges(modules):
        if importer.top in LAYERS:
            allowed = LAYERS[LAYERS.index(importer.top) :]
            if imported.top not in allowed:
                found.append(Finding(importer.path, f"imports {imported.name}"))
    return found


def rooms(modules: Modules) -> list[Finding]:
    """Inside provisioner/: the rooms import as ROOMS says, and the files beside the rooms import no room."""
    found = []
    for importer, imported in edges(modules):
        if importer.top == imported.top == "provisioner":
            from_room, to_room = _room(importer), _room(imported)
            if to_room and from_room != to_room and to_room not in ROOMS.get(from_room, ()):
                found.append(Finding(importer.path, f"imports {imported.name}"))
    return found


def _room(module: Module) -> str:
    """ "run" for provisioner/run/plan.py; "" for a file beside the rooms."""
    parts = module.path.split("/")
    return parts[1] if len(parts) > 2 else ""


def circles(modules: Modules) -> list[Finding]:
    """No module imports itself by way of others; imports inside functions and for type checkers count."""
    targets: dict[str, list[str]] = {}
    for importer, imported in edges(modules):
        targets.setdefault(importer.path, []).append(imported.path)
    reached = {path: _reachable(path, targets) for path in targets}
    loops = {frozenset(other for other in reached[path] if path in reached.get(other, ())) for path in targets}
    return [Finding(min(loop), f"imports in a circle: {', '.join(sorted(loop))}") for loop in loops if loop]


def _reachable(path: str, targets: Mapping[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(targets.get(path, ()))
    while ahead:
        here = ahead.pop()
        if here not in seen:
            seen.add(here)
            ahead += targets.get(here, ())
    return seen


def on_host(modules: Modules) -> list[str]:
    """The paths of what runs on a host: of the modules whose functions are called there, which strings name, and of all
    that these import."""
    by_name = {module.name: module.path for module in modules.values()}
    named = {text for module in modules.values() if module.top in LAYERS for text in module.strings}
    called = [path for name, path in by_name.items() if name in named and name.startswith(ON_HOST)]
    targets: dict[str, list[str]] = {}
    for importer, imported in edges(modules):
        targets.setdefault(importer.path, []).append(imported.path)
    return sorted({path for entry in called for path in [entry, *_reachable(entry, targets)]})


def travelling(packages: Iterable[str]) -> Rule:
    """What runs on a host imports only what is sent there: these packages."""
    sent = tuple(f"{package}." for package in packages)

    def rule(modules: Modules) -> list[Finding]:
        there = set(on_host(modules))
        return [
            Finding(importer.path, f"imports {imported.name}")
            for importer, imported in edges(modules)
            if importer.path in there and not f"{imported.name}.".startswith(sent)
        ]

    return rule


# -- what may be named where


def kafka_words(modules: Modules) -> list[Finding]:
    """The engine knows no Kafka: no identifier and no string of provisioner/ speaks of it. Docstrings may."""
    return [
        Finding(module.path, word)
        for module in modules.values()
        if module.top == "provisioner"
        for word in sorted({*module.identifiers, *module.strings})
        if KAFKA_WORDS.search(word)
    ]


def role_names(roles: Iterable[str]) -> Rule:
    """A role is named in its own room, and on its line in roles/site.py: elsewhere in roles/, cli/ and provisioner/
    nothing imports from its room, no string is its name, and nothing is called by it. Of `os`, which is a module of
    Python and a fact of hosts as well, only imports count."""
    names = tuple(roles)

    def rule(modules: Modules) -> list[Finding]:
        found = []
        for module in modules.values():
            if module.top not in ("roles", "cli", "provisioner") or module.path == "roles/site.py":
                continue
            rooms = {name.split(".")[1] for name in module.imports if name.startswith("roles.")}
            called = {*module.strings, *(module.identifiers - rooms)} - {"os"}
            for name in names:
                room = name.replace("-", "_")
                if not module.path.startswith(f"roles/{room}/"):
                    found += [Finding(module.path, f"imports roles.{room}")] if room in rooms else []
                    found += [Finding(module.path, f"says {name}")] if name in called else []
        return found

    return rule


def sockets(modules: Modules) -> list[Finding]:
    """Only cluster/endpoint.py opens a connection; a client of the kafka package gets what the endpoint says."""
    found = []
    for module in modules.values():
        if module.top not in ("tasks", "cli", "roles", "cluster") or module.path == "cluster/endpoint.py":
            continue
        for node in module.nodes:
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                opens = called in ("socket.socket", "socket.create_connection", "create_connection")
                client = re.fullmatch(r"(kafka\.)?Kafka(\w*Client|Producer|Consumer)", called)
                if opens or (client and not any(_from_endpoint(word) for word in node.keywords)):
                    found.append(Finding(module.path, called))
    return found


def _from_endpoint(keyword: ast.keyword) -> bool:
    return keyword.arg is None and ".client_config(" in ast.unparse(keyword.value)


def addressing(modules: Modules) -> list[Finding]:
    """What runs on a host is addressed in the tables, not at call sites by a module's name in a string."""
    by_name = {module.name for module in modules.values()}
    return [
        Finding(module.path, text)
        for module in modules.values()
        if module.top in LAYERS and module.path not in TABLES
        for text in module.strings
        if text in by_name and text.startswith(ON_HOST)
    ]


# -- how much of it


def long_files(modules: Modules) -> list[Finding]:
    """A file can be read in one sitting."""
    return [
        Finding(module.path, f"{lines} lines")
        for module in modules.values()
        if (lines := len(module.source.splitlines())) > LONGEST
    ]


def skips(modules: Modules) -> list[Finding]:
    """The formatter's layout, with few exceptions: all of them are findings once there are more than SKIPS."""
    found = [
        Finding(module.path, line.strip())
        for module in modules.values()
        for line in module.source.splitlines()
        if "# fmt: " + "skip" in line
    ]
    return found if len(found) > SKIPS else []
