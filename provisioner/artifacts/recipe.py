"""What a lock file asks for (its hand-written part), and what that means for what the repository has; pure but for the
reading of the file."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from provisioner.artifacts.lockfile import MARKER, RESTORE, read_head, version_key, versions
from provisioner.errors import ConfigError


def model_of(folder: Path, version: str) -> str:
    """The version from whose lock file that of `version` is made: itself, or the nearest one that is usable. Raises
    ConfigError."""
    if version in versions(folder):
        return version
    known = [one for one in versions(folder) if _usable(folder / f"{one}.yml")]
    if not known:
        raise ConfigError(f"no lock file in {folder} to start from", advice="restore one from version control")
    return nearest_release(version, known)


def _usable(path: Path) -> bool:
    try:
        return bool(read_head(path))
    except ConfigError:
        return False


def head_of(folder: Path, version: str) -> str:
    """The hand-written part of the lock file, made from the nearest version's when there is none yet. Raises
    ConfigError."""
    like = model_of(folder, version)
    try:
        text = (folder / f"{like}.yml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{folder / like}.yml cannot be read: {error}", advice=RESTORE) from error
    head = text.partition(MARKER)[0].rstrip() + "\n"
    if like == version:
        return head
    first, _, rest = head.partition("\n")
    first = first.split(like)[0] + f"{version}: started as a copy of {like}; check it."
    return first + "\n" + re.sub(r"(?m)^version: .*$", f'version: "{version}"', rest, count=1)


def nearest_release(version: str, known: list[str]) -> str:
    """The known version with the most leading parts in common with `version`; of several, the closest after those."""

    def distance(other: str) -> tuple[int, int]:
        pairs = list(zip(version_key(version), version_key(other), strict=False))
        common = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), len(pairs))
        return -common, abs(pairs[common][0][1] - pairs[common][1][1]) if common < len(pairs) else 0

    return min(known, key=distance)


def parse(head: str, path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}", advice=RESTORE) from error
    if not isinstance(recipe, dict) or not recipe.get("roots") or str(recipe.get("version")) != path.stem:
        raise ConfigError(f"{path} needs the keys product, version (that of its name) and roots", advice=RESTORE)
    return recipe


def keys(recipe: Mapping[str, Any]) -> dict[str, str]:
    """What {version} and its like stand for in the coordinates of a recipe."""
    return {key: str(value) for key, value in recipe.items() if isinstance(value, (str, int, float))}


def apply_recipe(recipe: Mapping[str, Any], coordinates: list[str]) -> list[str]:
    """What is locked of a closure: without what is excluded ("group:artifact" patterns), with pinned versions, and with
    what stands beside it, which replaces other versions of the same artifacts; sorted, each artifact once.

    Raises ConfigError when two versions of one artifact remain, as the class path would hold whichever comes first, and
    when an artifact of the product's own group is of another version than the product: Maven's rules apply the table of
    versions of a root's parent to everything, and say nothing.
    """
    exclude, pins = recipe.get("exclude") or [], recipe.get("pins") or {}
    chosen: dict[str, set[str]] = defaultdict(set)
    for coordinate in coordinates:
        group, artifact, version, *classifier = coordinate.split(":")
        key = f"{group}:{artifact}"
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in exclude):
            continue
        version = next((pin for pattern, pin in pins.items() if fnmatch.fnmatchcase(key, pattern)), version)
        chosen[_artifact(coordinate)].add(":".join([key, version, *classifier]))
    beside = [template.format(**keys(recipe)) for template in recipe.get("beside") or []]
    chosen.update({_artifact(coordinate): {coordinate} for coordinate in beside})
    conflicts = [" and ".join(sorted(found)) for found in chosen.values() if len(found) > 1]
    if conflicts:
        raise ConfigError(
            "the closure holds two versions of one artifact", details=conflicts, advice="pin one of them under `pins`"
        )
    found = sorted(next(iter(found)) for found in chosen.values())
    if astray := _of_another_version(recipe, found):
        raise ConfigError(
            f"the closure of {recipe['product']} {recipe['version']} holds other versions of its own artifacts",
            details=astray[:8],
            advice="a root that is not the product's own brings its table of versions: name it under `beside` instead",
        )
    return found


def _artifact(coordinate: str) -> str:
    """A coordinate without its version."""
    group, artifact, _, *classifier = coordinate.split(":")
    return ":".join([group, artifact, *classifier])


def _of_another_version(recipe: Mapping[str, Any], coordinates: list[str]) -> list[str]:
    """The artifacts of the first root's group that have another version than that root."""
    group, _, version, *_ = recipe["roots"][0].format(**keys(recipe)).split(":")
    return [one for one in coordinates if one.split(":")[0] == group and one.split(":")[2] != version]


def fitted(
    head: str, recipe: Mapping[str, Any], classes: set[str], missing: Mapping[str, list[str]]
) -> tuple[str, list[str]]:
    """A hand-written part that was copied from another version, with the scripts that this one has, and what was
    changed, one line each: a class that has moved is followed, a tool whose class is gone is left out.

    classes, missing: as in `absent_scripts`. What cannot be told apart stays as it is, for a person to correct.
    """
    homes = defaultdict(list)
    for name in sorted(classes):
        homes[name.rpartition(".")[2]].append(name)
    unpublished = {script for scripts in missing.values() for script in scripts}
    changed = []
    tools = recipe.get("tools") or {}
    for script, entry in {**tools, **(recipe.get("scripts") or {})}.items():
        for old in script_classes(entry):
            now = homes[old.rpartition(".")[2]]
            if old in classes or script in unpublished:
                continue
            if len(now) == 1:
                head = re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", now[0], head)
                changed.append(f"{script} runs {now[0]} in this version, not {old}")
            elif not now and script in tools:
                head = re.sub(rf"(?m)^  {re.escape(script)}:.*\n(?:    .*\n)*", "", head)
                changed.append(f"{script} is left out: no jar of this version has {old}")
    return head, changed


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
