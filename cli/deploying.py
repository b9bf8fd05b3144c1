"""deploy, plan and smoke."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from cli.common import ROOT, load_inventory
from provisioner.artifacts import cache_directory
from provisioner.deploy import Deploy, Options
from provisioner.errors import UsageError
from provisioner.report import reporter
from roles import site


def _ask(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def options(**flags: Any) -> Options:
    """The command line's flags as the engine's options; asks for the sudo password when told to."""
    tags = tuple(tag for tag in (flags.pop("tags", None) or "").split(",") if tag)
    known = [role.name for role in site.ROLES]
    if unknown := [tag for tag in tags if tag not in known]:
        raise UsageError(f"unknown tag {unknown[0]}", details=[f"tags are: {', '.join(known)}"])
    password = os.environ.get("PROVISIONER_BECOME_PASSWORD")
    if flags.pop("ask_become_pass", False):
        password = getpass.getpass("sudo password: ")
    return Options(
        root=ROOT, cache=cache_directory().parent, tags=tags, become_password=password,
        **{name: value for name, value in flags.items() if value is not None},
    )  # fmt: skip


def deploy(hosts: str, extra_vars: list[str], **flags: Any) -> int:
    """Run a deploy (or its check) and answer with its exit code."""
    chosen = options(**flags)
    found = load_inventory(hosts, extra_vars)
    ask = _ask if sys.stdin.isatty() and sys.stdout.isatty() else None
    return Deploy(site, found, chosen, reporter(), ask).run()
