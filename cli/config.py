"""config.list: the catalogue of a version, for people and machines. No host is asked."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

from cli.common import for_machines, names
from cli.tables import config as config_table
from provisioner.errors import UsageError
from provisioner.report.terminal import terminal
from provisioner.words import did_you_mean
from roles import site
from roles.shared import catalogue, releases, verdict
from roles.shared.catalogue import Catalogue, Property


def listing(product: str, version: str, search: str, as_json: bool) -> None:
    """Print the properties of a version, those that `search` names. Raises UsageError for one that there is not."""
    found = _catalogue(product or site.PRODUCTS[0], version)
    listed = matching(found, names(search))
    if not listed:
        known = [name for ones in found.sections.values() for name in ones]
        raise UsageError(
            f"{found.product} {found.version} has no property like {search}{did_you_mean(search, known)}",
            advice="--search takes a part of a name, or a pattern such as 'log.*'; without it all are listed",
        )
    if as_json:
        print(for_machines(document(found, listed)))
    else:
        print(config_table.page(found, listed, terminal()))


def _catalogue(product: str, version: str) -> Catalogue:
    if product not in site.PRODUCTS:
        raise UsageError(f"--product is {product}", details=[f"one of: {', '.join(site.PRODUCTS)}"])
    known = releases.known(product)
    chosen = version or releases.usable(product)[-1]
    found = catalogue.of(product, chosen) if chosen in known else None
    if found is None:
        why = "was locked without a catalogue" if chosen in known else "is not locked"
        raise UsageError(
            f"{product} {chosen} {why}",
            details=releases.listed(product),
            advice=f"choose one of these, or run `invoke artifacts.lock --product {product} --version {chosen}`",
        )
    return found


def matching(found: Catalogue, search: Sequence[str]) -> list[Property]:
    """The properties that one of the words is in the name of, or whose name fits one as a pattern; all without one."""
    every = [one for ones in found.sections.values() for one in ones.values()]
    if not search:
        return every
    wanted = [word.lower() if set("*?[") & set(word) else f"*{word.lower()}*" for word in search]
    return [one for one in every if any(fnmatch.fnmatchcase(one.name.lower(), word) for word in wanted)]


def document(found: Catalogue, listed: Sequence[Property]) -> dict[str, Any]:
    """As JSON: product, version and properties, each with what it takes in words and for machines."""
    return {
        "product": found.product,
        "version": found.version,
        "properties": [
            {
                "name": one.name,
                "where": list(one.where),
                "type": one.type.lower(),
                "takes": verdict.allowed(one),
                "least": one.least,
                "most": one.most,
                "values": list(one.values),
                "default": one.default,
                "update": one.update,
                "other": one.other or None,
                "note": one.note or None,
            }
            for one in listed
        ],
    }
