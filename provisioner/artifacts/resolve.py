"""Lock a version: resolve what its lock file asks for through Maven, and write down exactly which files that is."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from provisioner.artifacts.cache import cache_directory, maven_repository
from provisioner.artifacts.download import reason
from provisioner.artifacts.lockfile import MARKER, Jar, nearest, read, version_key, versions
from provisioner.errors import ArtifactError, ConfigError


def lock_version(
    folder: Path,
    version: str,
    say: Callable[[str], None] = lambda _: None,
    look: Callable[[list[Path]], None] = lambda _: None,
) -> Path:
    """Resolve `version` and write its jars below the marker of `folder/<version>.yml`; returns that file.

    A version without a file starts as a copy of the hand-written part of the nearest locked one. An existing file
    changes only on success. `say` gets a line per step, `look` the jars before the file is written. Raises ConfigError
    when the version does not exist or the hand-written part does not fit it, ArtifactError when the repository cannot
    be used.
    """
    path = folder / f"{version}.yml"
    head = _head(folder, version)
    recipe = _parse(head, path)
    maven = _Maven(recipe)
    maven.require_version(version)
    say(f"resolving {recipe['product']} {version}")
    roots, missing = maven.published(recipe)
    try:
        coordinates = apply_recipe(maven.resolve(roots), recipe.get("exclude") or [], recipe.get("pins") or {})
        say(f"downloading {len(coordinates)} jars")
        files = maven.download(coordinates)
        absent = absent_scripts(recipe, class_names(files), missing)
    except ConfigError:
        if not path.exists():
            path.write_text(head, encoding="utf-8")  # something to correct; without jars it is no lock yet
        raise
    jars = [_jar(coordinate, file) for coordinate, file in zip(coordinates, files, strict=True)]
    look(files)
    part = path.with_suffix(".part")
    part.write_text(head + render(jars, absent), encoding="utf-8")
    part.replace(path)
    read(path)
    say(f"{path.name}: {len(jars)} jars, {sum(jar.size for jar in jars) >> 20} MiB, {len(absent)} scripts left out")
    return path


def _head(folder: Path, version: str) -> str:
    """The hand-written part of the lock file, made from the nearest version's when there is none yet."""
    known = versions(folder)
    if not known:
        raise ConfigError(f"no lock file in {folder} to start from", advice="restore one from version control")
    like = version if version in known else _nearest_release(version, known)
    head = (folder / f"{like}.yml").read_text(encoding="utf-8").partition(MARKER)[0].rstrip() + "\n"
    if like == version:
        return head
    first, _, rest = head.partition("\n")
    first = first.split(like)[0] + f"{version}: started as a copy of {like}; check it."
    return first + "\n" + re.sub(r"(?m)^version: .*$", f'version: "{version}"', rest, count=1)


def _nearest_release(version: str, known: list[str]) -> str:
    """The known version with the most leading parts in common with `version`; of several, the closest after those."""

    def distance(other: str) -> tuple[int, int]:
        pairs = list(zip(version_key(version), version_key(other), strict=False))
        common = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), len(pairs))
        return -common, abs(pairs[common][0][1] - pairs[common][1][1]) if common < len(pairs) else 0

    return min(known, key=distance)


def _parse(head: str, path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(recipe, dict) or not recipe.get("roots") or str(recipe.get("version")) != path.stem:
        raise ConfigError(f"{path} needs the keys product, version (that of its name) and roots")
    return recipe


def apply_recipe(coordinates: list[str], exclude: list[str], pins: Mapping[str, str]) -> list[str]:
    """Drop what is excluded ("group:artifact" patterns), set pinned versions; sorted, each artifact once.

    Raises ConfigError when two versions of one artifact remain: the class path would hold whichever comes first.
    """
    chosen: dict[str, set[str]] = defaultdict(set)
    for coordinate in coordinates:
        group, artifact, version, *classifier = coordinate.split(":")
        key = f"{group}:{artifact}"
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in exclude):
            continue
        version = next((pin for pattern, pin in pins.items() if fnmatch.fnmatchcase(key, pattern)), version)
        chosen[":".join([key, *classifier])].add(":".join([key, version, *classifier]))
    conflicts = [" and ".join(sorted(found)) for found in chosen.values() if len(found) > 1]
    if conflicts:
        raise ConfigError(
            "the closure holds two versions of one artifact", details=conflicts, advice="pin one of them under `pins`"
        )
    return sorted(next(iter(found)) for found in chosen.values())


def class_names(jars: list[Path]) -> set[str]:
    """The names of all classes in the jars, as Java writes them."""
    found: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            found.update(name[:-6].replace("/", ".") for name in archive.namelist() if name.endswith(".class"))
    return found


def script_classes(entry: Mapping[str, Any]) -> list[str]:
    """The classes that an entry of `tools` or `scripts` starts."""
    return [*([entry["class"]] if "class" in entry else []), *(entry.get("actions") or {}).values()]


def absent_scripts(recipe: Mapping[str, Any], classes: set[str], missing: Mapping[str, list[str]]) -> dict[str, str]:
    """Scripts that have nothing to run, with the reason: `missing` maps unpublished artifacts to their scripts.

    Any other script whose class is in no jar is a mistake in the recipe. Raises ConfigError.
    """
    absent = {
        name: f"{artifact} was not in the repository when this was locked"
        for artifact, names in missing.items()
        for name in names
    }
    scripts = {**(recipe.get("tools") or {}), **(recipe.get("scripts") or {})}
    lacking = {name: [c for c in script_classes(entry) if c not in classes] for name, entry in scripts.items()}
    wrong = [f"{name}: {', '.join(found)}" for name, found in lacking.items() if found and name not in absent]
    if wrong:
        raise ConfigError(
            f"{recipe['product']} {recipe['version']} lacks classes that its scripts run",
            details=wrong,
            advice="correct `tools` and `scripts` in the lock file for this version, and lock again",
        )
    return dict(sorted(absent.items()))


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
        self._keys = {key: str(value) for key, value in recipe.items() if isinstance(value, (str, int, float))}
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
            group, artifact, version = template.format(**self._keys).split(":")
            stem = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}"
            if self._exists(f"{stem}.pom") and self._exists(f"{stem}.jar"):
                roots.append(f"{group}:{artifact}:{version}")
            else:
                missing[f"{artifact} {version}"] = scripts
        return roots, missing

    def _exists(self, path: str) -> bool:
        url = f"{maven_repository()}/{path}"
        with _network(path.rsplit("/", 1)[-1]):
            status = requests.head(url, timeout=30, allow_redirects=True).status_code
        if status not in (200, 404):
            raise ArtifactError(f"the repository answers HTTP {status}", details=[f"asked for {url}"])
        return status == 200

    def resolve(self, roots: list[str]) -> list[str]:
        """group:artifact:version[:classifier] of everything the roots need at run time."""
        with _network("the closure"):
            inputs, others = self._context.resolver.resolve([self._context.create_dependency(root) for root in roots])
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
