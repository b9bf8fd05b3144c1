"""The verbs about single rights."""

from __future__ import annotations

from cli.common import Run, on_hosts


@on_hosts("list", {"json": "as JSON, for machines"})
def list_(run: Run, json=False):
    """Show every rule of a closed cluster: for whom it is, what it says, and whether the inventory lists it."""
    from cli import acls

    acls.listing(run, json)


CHECK = {
    "user": "whose right: a user's name",
    "topic": "may the user do it with these topics; names, by commas",
    "group": "with these consumer groups",
    "transactional_id": "with these transactional ids",
    "cluster": "with the cluster itself",
    "operation": "what: read, write, describe, ...; names, by commas. Without it, all that are asked of such a thing",
    "address": "the address that the user comes from. Without it, one that no rule names",
    "json": "as JSON, for machines",
}


@on_hosts("check", CHECK)
def check(
    run: Run, user="", topic="", group="", transactional_id="", cluster=False, operation="", address="", json=False
) -> int:
    """Show whether a user may do something, and by which rule. Ends with 1 if anything asked is not allowed."""
    from cli import acls

    resources = {"topic": topic, "group": group, "transactional-id": transactional_id}
    return acls.check(run, user, resources, cluster, operation, address, json)
