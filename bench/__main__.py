"""`script/bench`: chooses what is measured, runs it, and writes docs/performance.md from all stored results."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from bench import page
from bench.ground import Ground
from bench.growth import Crowd
from bench.measures import MEASURES, SIZES, Bench
from bench.results import Store
from bench.tools import TOOLS, version
from cli.project import ROOT
from lab.lab import Lab
from provisioner.errors import ProvisionerError

CACHE = Path("~/.cache/kafka-provisioner/bench").expanduser()  # script/bench puts the peers there
LAB = os.environ.get("LAB", "bench")


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Exits with code 2 and a usage line for an unknown word."""
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="measures:\n" + "\n".join(f"  {name:19}{(do.__doc__ or '').strip()}" for name, do in MEASURES.items()),
    )
    parser.add_argument(
        "--measures",
        type=_names(MEASURES),
        default=list(MEASURES),
        help="which to run, separated by commas (default: all)",
    )
    parser.add_argument(
        "--tools", type=_names(TOOLS), default=list(TOOLS), help=f"any of {', '.join(TOOLS)} (default: all)"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each tool in each measure (default: 3)")
    parser.add_argument("--hosts", type=int, default=SIZES[-1], help="largest number of hosts in growth (default: 30)")
    parser.add_argument(
        "--add", action="store_true", help="keep earlier runs of the same measures (default: replace them)"
    )
    parser.add_argument("--page", action="store_true", help="write the page from the stored results, measure nothing")
    parser.add_argument("--keep-hosts", action="store_true", help="do not remove the lab hosts at the end")
    return parser.parse_args(argv)


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of {', '.join(known)}")
        return wanted

    return names


def commit() -> str:
    """The short commit of this clone, with a + when files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def machine() -> str:
    """This machine in a few words, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} processors, {memory:.0f} GiB of memory, {platform.system()} {platform.machine()}"


def main(argv: Sequence[str]) -> int:
    chosen = arguments(argv)
    store = Store(CACHE / "results.jsonl")
    if not chosen.page:
        _measure(chosen, store)
    page.write(store.runs(), ROOT / "docs")
    print("docs/performance.md is written")
    return 0


def _measure(chosen: argparse.Namespace, store: Store) -> None:
    lab = Lab(LAB, say=_say)
    ground, kraft = (Ground(lab, CACHE / shipped, shipped) for shipped in ("prod3", "prod3-kraft"))
    crowd = Crowd(lab, CACHE / "growth", chosen.hosts)
    if not chosen.add:
        store.forget(chosen.measures, chosen.tools)
    try:
        for name in chosen.measures:
            _say(f"--> {name}: {(MEASURES[name].__doc__ or '').strip()}")
            about = {"at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "commit": commit(), "machine": machine()}
            versions = {tool: version(TOOLS[tool], CACHE) for tool in chosen.tools}
            MEASURES[name](Bench(ground, kraft, crowd, store, CACHE, chosen.tools, chosen.runs, about, versions, _say))
    finally:
        if not chosen.keep_hosts:
            lab.down()
            crowd.down()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProvisionerError as error:
        sys.exit("\n".join(error.lines()))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Finished runs are kept: --add continues, --page writes the page.")
