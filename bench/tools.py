"""The command that deploys with each tool, and how to read from its output whether anything changed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import SCRATCH, Command

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Job:
    """One deployment. inventory: ours, a YAML file; peers: the same for the other tools, made by peers.py.

    first: only so many hosts, from the top of the inventory; None: all. settings: variables set on the command line.
    """

    inventory: Path
    peers: Path
    first: tuple[str, ...] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    restart: bool = True
    smoke: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool under test. environment: the directory of its Python environment, below the bench's cache ("" is ours)."""

    name: str
    title: str
    environment: str
    packages: tuple[str, ...]
    command: Callable[[Path, Job], Command]
    changes: Callable[[str], int]  # how many changes its output reports


def _ours(scripts: Path, job: Job) -> Command:
    argv = [str(scripts / "invoke"), "deploy", "--hosts", str(job.inventory)]
    argv += [] if job.smoke else ["--no-smoke"]
    argv += [] if job.restart else ["--no-restart"]
    argv += ["--limit", ",".join(job.first)] if job.first else []
    argv += ["--extra-vars", json.dumps(dict(job.settings))] if job.settings else []
    return Command(argv, {}, HERE.parent)


def _ansible(scripts: Path, job: Job) -> Command:
    argv = [str(scripts / "ansible-playbook"), "-i", str(job.peers), "site.yml"]
    argv += [] if job.restart else ["--skip-tags", "restart"]
    argv += ["--limit", ",".join(job.first)] if job.first else []
    # As JSON, so that a number stays one.
    argv += ["--extra-vars", json.dumps(dict(job.settings))] if job.settings else []
    environment = {
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_FORKS": "30",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",  # spares it looking for one
        "ANSIBLE_NOCOLOR": "true",
        # Of its own for each run: every tool begins without open connections.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": SCRATCH,
    }
    return Command(argv, environment, HERE / "ansible")


def _mitogen(scripts: Path, job: Job) -> Command:
    plain = _ansible(scripts, job)
    (strategies,) = scripts.parent.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy")
    wanted = {"ANSIBLE_STRATEGY_PLUGINS": str(strategies), "ANSIBLE_STRATEGY": "mitogen_linear"}
    return Command(plain.argv, {**plain.environment, **wanted}, plain.directory)


def _pyinfra(scripts: Path, job: Job) -> Command:
    environment = {
        "BENCH_INVENTORY": str(job.peers),
        "BENCH_LIMIT": str(len(job.first or ())),
        "BENCH_SET": json.dumps({**job.settings, "bench_restart": job.restart}),
    }
    return Command([str(scripts / "pyinfra"), "inventory.py", "deploy.py", "-y"], environment, HERE / "pyinfra")


def recap_changes(output: str) -> int:
    """The sum of what was done in a recap, Ansible's or ours, which counts restarts by themselves. ValueError when
    there is none."""
    found = re.findall(r"\b(?:changed|applied|reloaded|restarted)=(\d+)", output)
    if not found:
        raise ValueError("the output has no recap")
    return sum(int(number) for number in found)


def pyinfra_changes(output: str) -> int:
    """The total of the column Success, which counts what changed, in pyinfra's results. ValueError without a total."""
    found = re.search(r"Grand total[|\s]+\d+[|\s]+(\d+|-)", re.sub(r"\x1b\[[0-9;]*m", "", output))
    if not found:
        raise ValueError("the output has no grand total")
    return 0 if found[1] == "-" else int(found[1])


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("ours", "this toolkit", "", ("fabric", "paramiko", "invoke"), _ours, recap_changes),
        Tool("ansible", "Ansible, pipelining", "ansible", ("ansible-core",), _ansible, recap_changes),
        Tool("mitogen", "Ansible, mitogen", "ansible", ("ansible-core", "mitogen"), _mitogen, recap_changes),
        Tool("pyinfra", "pyinfra", "pyinfra", ("pyinfra",), _pyinfra, pyinfra_changes),
    )
}


def scripts(tool: Tool, environments: Path) -> Path:
    """The directory with a tool's commands. environments: where script/bench made one per file of requirements."""
    return environments / tool.environment / "bin" if tool.environment else Path(sys.executable).parent


def version(tool: Tool, environments: Path) -> str:
    """The versions of what the tool is made of, from its installed packages: "ansible-core 2.19.14, mitogen 0.3.54"."""
    (site,) = scripts(tool, environments).parent.glob("lib/python3*/site-packages")
    found = {}
    for info in site.glob("*.dist-info"):
        name, _, number = info.name.removesuffix(".dist-info").rpartition("-")
        found[name.replace("_", "-").lower()] = number
    return ", ".join(f"{package} {found[package]}" for package in tool.packages)
