"""The properties that an inventory sets (kafka_config, zookeeper_config), judged by their version's catalogue; pure.

What is particular to a product (names of which a part is free, properties that limit each other) is in its role's part
`settings`: here is what holds for any.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cluster.settings.values import flat
from provisioner.errors import ConfigError
from provisioner.secrets import is_secret
from provisioner.words import nearest
from roles.shared import catalogue, values, verdict
from roles.shared.catalogue import Catalogue, Property
from roles.shared.verdict import Wrong

if TYPE_CHECKING:
    from provisioner.inventory.model import Host

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Finding:
    """What is wrong with one property: a sentence that begins with its name, and what to do. keys: where it is written,
    below the variable."""

    keys: tuple[str, ...]
    sentence: str
    advice: str = ""
    details: tuple[str, ...] = field(default=())


class Rules(Protocol):
    """What is particular to a product, for one host."""

    @property
    def ignored(self) -> bool:
        """Whether the product ignores names that it does not know; some may be a plugin's then."""

    def owner(self, name: str) -> str | None:
        """The variable of a property that has one: judged elsewhere."""

    def free(self, name: str) -> Property | bool | None:
        """Of a name that no definition has: the property that it stands for, True where any value goes, None where it
        is unknown."""

    def unknown(self, name: str) -> tuple[str, str] | None:
        """(what is to say about a name that the version does not know, what to do); None for nothing in particular."""

    def classes(self) -> frozenset[str] | None:
        """The classes that a property may name; None where any may be there."""

    def together(self, own: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
        """(property, what is wrong with it beside the others, what to do). own: the values, as they are written."""


def findings(
    found: Catalogue, section: str, own: Mapping[Any, Any], prefixes: Iterable[str], rules: Rules
) -> list[Finding]:
    """Everything that the product would refuse or ignore of `own`. prefixes: how names of plugins' properties begin."""
    out: list[Finding] = []
    taken: dict[str, str] = {}
    beginnings = tuple(str(one) for one in prefixes if str(one))
    for name, value in own.items():
        if not _is_name(name) or rules.owner(name) or values.wrong(name, value):  # said elsewhere
            continue
        known = found.find(section, name) or (True if name.startswith(beginnings) else rules.free(name))
        if isinstance(value, Mapping) or _holds_map(value):
            out.append(_nested(name, value, known))
        elif known is None:
            out.append(_unknown(found, section, name, rules))
        elif value is not None and isinstance(known, Property):
            try:
                text = verdict.plain(known, value)
                verdict.judge(known, text, rules.classes())
                taken[name] = text
            except Wrong as wrong:
                advice = _plugin(found, known, rules) or _unit(name, value, found, section)
                out.append(Finding((name,), f"{name} {wrong}; found: {shown(name, value)}", advice))
    bad = {one.keys[0] for one in out}
    out += [Finding((name,), what, advice) for name, what, advice in rules.together(taken) if name not in bad]
    return out


def texts(found: Catalogue, section: str, own: Mapping[Any, Any], rules: Rules) -> tuple[dict[Any, Any], list[str]]:
    """The properties as they are written to the product's file: 2d as the number that it reads. What has been refused,
    and what the catalogue does not know, stays as it is. And the names whose values are no secrets, as far as the
    catalogue says so; a plugin's own properties are not among them."""
    out: dict[Any, Any] = {}
    kinds = dict(found.sections.get(section, {}))
    for name, value in own.items():
        known = (found.find(section, name) or rules.free(name)) if _is_name(name) else None
        out[name] = value
        if isinstance(known, Property):
            kinds[name] = known
            if value is not None:
                with contextlib.suppress(ValueError):
                    out[name] = verdict.plain(known, value)
    return out, [name for name, one in kinds.items() if one.type != "PASSWORD"]


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def shown(name: str, value: Any) -> str:
    """A value for a message: without a secret, and not endless."""
    text = (
        "(hidden)"
        if is_secret(name)
        else repr(value)
        if isinstance(value, (str, list))
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= 80 else text[:77] + "..."


def _holds_map(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(one, (Mapping, list, tuple)) for one in value)


def _nested(name: str, value: Any, known: Property | bool | None) -> Finding:
    if isinstance(known, Property):
        pairs = value.items() if isinstance(value, Mapping) else ()
        written = ",".join(f"{key}:{member}" for key, member in pairs if not isinstance(member, (Mapping, list, tuple)))
        example = f": {name}: '{written}'" if written and not is_secret(name) else ""
        return Finding((name,), f"{name} takes one value, not a map", f"write it as one text{example}")
    lines = [
        line if not is_secret(line.partition(":")[0]) else f"{line.partition(':')[0]}: ..."
        for line in flat(name, value)
    ]
    return Finding(
        (name,), f"{name} is a map, and names of properties are flat", "write it flat: " + "; ".join(lines[:5])
    )


def _unknown(found: Catalogue, section: str, name: str, rules: Rules) -> Finding:
    title = f"{found.product.capitalize().replace('keeper', 'Keeper')} {found.version}"
    said = rules.unknown(name)
    if said:
        return Finding((name,), *said)
    elsewhere = [one.version for one in catalogue.versions(found.product) if one.find(section, name)]
    near = similar(name, found.sections[section])
    meant = f"; did you mean {near}?" if near else ""
    if elsewhere:
        return Finding(
            (name,), f"{name} is a property of {', '.join(elsewhere)} and not of {title}{meant}", "remove it"
        )
    search = f"invoke config.list --product {found.product} --search {_word(name)}"
    advice = f"`{search}` shows what there is"
    if rules.ignored:
        prefixes = f"what a plugin reads passes with its prefix in {found.product}_custom_prefixes"
        advice = f"{title.split()[0]} would ignore it: {advice}; {prefixes}"
    return Finding((name,), f"{name} is no property of {title}{meant}", advice)


def _word(name: str) -> str:
    return max(name.replace("_", ".").split("."), key=len)


def similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant: in other capitals, with _ for ., as an image's variable, or the nearest."""
    names = list(known)
    plain = {one.lower(): one for one in names}
    lower = name.lower()
    for form in (
        lower,
        lower.replace("_", "."),
        lower.replace("-", "."),
        lower.removeprefix("kafka_").replace("_", "."),
    ):
        if form in plain:
            return plain[form]
    return nearest(name, names)


def _plugin(found: Catalogue, known: Property, rules: Rules) -> str:
    """What to do for a class of a plugin, which cannot be told from a mistyped one."""
    if rules.classes() is None or "class" not in (known.type.lower(), known.check):
        return ""
    return f"where a plugin brings it, name how its properties begin: {found.product}_custom_prefixes: [my.plugin.]"


def _unit(name: str, value: Any, found: Catalogue, section: str) -> str:
    """What to write instead, where the value has a unit and a property of the same kind counts in the smaller one."""
    stem, _, last = name.rpartition(".")
    fine = f"{stem}.ms"
    if last in ("hours", "minutes", "seconds") and found.find(section, fine) and str(value)[-1:].isalpha():
        return f"{fine} takes durations: {fine}: {value}"
    return ""


def errors(host: Host, variable: str, found: Iterable[Finding]) -> Iterator[ConfigError]:
    """The findings of a host as messages that name where each is written."""
    for one in found:
        place = host.place(variable, *one.keys)
        details = [*one.details, *([f"in: {place}"] if place else [])]
        yield ConfigError(f"{variable}: {one.sentence}", details=details, advice=one.advice or None)
