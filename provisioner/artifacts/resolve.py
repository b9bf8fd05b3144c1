"""Lock a version: resolve what its lock file asks for through Maven, and write down exactly which files that is."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import requests

from provisioner.artifacts.cache import cache_directory, maven_repository
from provisioner.artifacts.download import reason
from provisioner.artifacts.lockfile import MARKER, Jar, nearest, read
from provisioner.artifacts.recipe import absent_scripts, apply_recipe, fitted, head_of, keys, model_of, parse
from provisioner.errors import ArtifactError, ConfigError


def lock_version(
    folder: Path,
    version: str,
    say: Callable[[str], None] = lambda _: None,
    look: Callable[[list[Path]], None] = lambda _: None,
) -> Path:
    """Resolve `version` and write its jars below the marker of `folder/<version>.yml`; returns that file.

    A version without a file starts as a copy of the hand-written part of the nearest locked one. Only success writes
    anything: a file without jars would be one more version that cannot be installed. `say` gets a line per step, `look`
    the jars before the file is written. Raises ConfigError when the version does not exist or the hand-written part
    does not fit it, ArtifactError when the repository cannot be used.
    """
    path = folder / f"{version}.yml"
    head = head_of(folder, version)
    recipe = parse(head, path)
    maven = _Maven(recipe)
    maven.require_version(version)
    say(f"resolving {recipe['product']} {version}")
    roots, missing = maven.published(recipe)
    try:
        coordinates = apply_recipe(recipe, maven.resolve(roots))
        say(f"downloading {len(coordinates)} jars")
        files = maven.download(coordinates)
        classes = class_names(files)
        if not path.exists():
            head, changed = fitted(head, recipe, classes, missing)
            recipe = parse(head, path)
            for line in changed:
                say(line)
        absent = absent_scripts(recipe, classes, missing)
    except ConfigError as error:
        if not path.exists():
            like = f"copy {model_of(folder, version)}.yml to {path.name} without what is below its marker"
            error.advice = "; ".join(filter(None, [f"{like}, and set its version there", error.advice]))
        raise
    jars = [_jar(coordinate, file) for coordinate, file in zip(coordinates, files, strict=True)]
    look(files)
    part = path.with_suffix(".part")
    try:
        part.write_text(head + render(jars, absent), encoding="utf-8")
        read(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    say(f"{path.name}: {len(jars)} jars, {sum(jar.size for jar in jars) >> 20} MiB, {len(absent)} scripts left out")
    return path


def class_names(jars: list[Path]) -> set[str]:
    """The names of all classes in the jars, as Java writes them."""
    found: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            found.update(name[:-6].replace("/", ".") for name in archive.namelist() if name.endswith(".class"))
    return found


def render(jars: list[Jar], absent: Mapping[str, str]) -> str:
    """The part of a lock file that is below the marker."""
    quoted = json.dumps  # a double-quoted YAML string is a JSON string
    lines = [f"\n{MARKER}\n", "absent:\n" if absent else "absent: {}\n"]
    lines += [f"  {name}: {quoted(reason)}\n" for name, reason in absent.items()]
    lines.append("jars:\n")
    lines += [
        f"  - {{jar: {quoted(jar.coordinate)}, size: {jar.size}, sha256: {quoted(jar.sha256)}}}\n"
        for jar in sorted(jars)
    ]
    return "".join(lines)


def _jar(coordinate: str, file: Path) -> Jar:
    content = file.read_bytes()
    return Jar(coordinate, len(content), hashlib.sha256(content).hexdigest())


class _Maven:
    """The resolver, with its errors in our words."""

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        from jgo.maven import MavenContext

        self._context = MavenContext(
            repo_cache=cache_directory() / "maven", remote_repos={"central": maven_repository()}, timeout=30
        )
        self._keys = keys(recipe)
        self._first = recipe["roots"][0].format(**self._keys)
        self._product = recipe["product"]

    def require_version(self, version: str) -> None:
        """Raise ConfigError with the nearest versions unless the first root exists in this version."""
        group, artifact = self._first.split(":")[:2]
        # Asked first, because the resolver takes a repository that it cannot reach for an empty one.
        known: list[str] = []
        if self._exists(f"{group.replace('.', '/')}/{artifact}/maven-metadata.xml"):
            with _network(f"{group}:{artifact}"):
                project = self._context.project(group, artifact)
                project.update(max_age=0)
                known = [component.version for component in project.versions()]
        if version not in known:
            raise ConfigError(
                f"there is no {self._product} {version} ({group}:{artifact})",
                details=[f"nearest: {', '.join(nearest(version, known)) or 'none, nothing is published there'}"],
                advice="choose a version that exists",
            )

    def published(self, recipe: Mapping[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
        """The roots with those optional ones that exist, and the others with the scripts that need them."""
        roots = [root.format(**self._keys) for root in recipe["roots"]]
        missing = {}
        for template, scripts in (recipe.get("optional") or {}).items():
            root = template.format(**self._keys)
            lacking = self._lacking(root)
            if not lacking:
                roots.append(root)
            else:
                _, artifact, version = lacking.split(":")
                missing[f"{artifact} {version}"] = scripts
        return roots, missing

    def _lacking(self, root: str) -> str:
        """What a repository lacks of an artifact and of what that needs of its own product; "" for nothing."""
        path = _path(root)
        if not self._exists(f"{path}.pom") or not self._exists(f"{path}.jar"):
            return root
        with _network(root):
            pom = requests.get(f"{maven_repository()}/{path}.pom", timeout=30).content
        return next((one for one in siblings(pom, root.split(":")[0]) if not self._exists(f"{_path(one)}.jar")), "")

    def _exists(self, path: str) -> bool:
        url = f"{maven_repository()}/{path}"
        with _network(path.rsplit("/", 1)[-1]):
            status = requests.head(url, timeout=30, allow_redirects=True).status_code
        if status not in (200, 404):
            raise ArtifactError(f"the repository answers HTTP {status}", details=[f"asked for {url}"])
        return status == 200

    def resolve(self, roots: list[str]) -> list[str]:
        """group:artifact:version[:classifier] of everything the roots need at run time. Raises ConfigError for a root
        of which nothing says the version."""
        try:
            with _network("the closure"):
                wanted = [self._context.create_dependency(root) for root in roots]
                inputs, others = self._context.resolver.resolve(wanted)
        except ValueError as error:
            raise ConfigError(
                f"the roots of {self._product} {self._keys['version']} cannot be resolved",
                details=[str(error)],
                advice="correct `roots` in the lock file for this version, and lock again",
            ) from error
        return [
            ":".join(part for part in (d.groupId, d.artifactId, d.version, d.classifier) if part)
            for d in (*inputs, *others)
            if d.type == "jar" and d.scope not in ("test", "provided", "system")
        ]

    def download(self, coordinates: list[str]) -> list[Path]:
        """The jars on this machine, in the order asked for."""

        def one(coordinate: str) -> Path:
            with _network(coordinate):
                return Path(self._context.create_dependency(coordinate).artifact.resolve())

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, coordinates))


def _path(coordinate: str) -> str:
    """Where a repository keeps the files of an artifact, without their ending."""
    group, artifact, version = coordinate.split(":")
    return f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}"


def siblings(pom: bytes, group: str) -> list[str]:
    """group:artifact:version of what a POM needs at run time of this group, where it says which version."""
    found = []
    for one in ElementTree.fromstring(pom).findall(".//{*}dependency"):
        named = [one.findtext(f"{{*}}{key}") or "" for key in ("groupId", "artifactId", "version")]
        if named[0] == group and named[2] and one.findtext("{*}scope") in (None, "compile", "runtime"):
            found.append(":".join(named))
    return found


@contextmanager
def _network(what: str) -> Iterator[None]:
    """Turns the resolver's errors into ArtifactError; it raises RuntimeError for what a repository lacks."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        text = reason(error) if isinstance(error, requests.RequestException) else " ".join(str(error).split())
        raise ArtifactError(
            f"{what} could not be resolved",
            details=[text[:300]],
            advice="check the network and the proxy; a mirror may lack files: set PROVISIONER_MAVEN_URL to another",
        ) from error
