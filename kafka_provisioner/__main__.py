"""The command `kafka-provisioner`: the verbs of tasks.py for a machine that has the package and no clone.

In a clone the packages stand at the top level, and every import says so (`from provisioner.errors import ...`).
An installed package keeps them inside itself, so that site-packages gets one name and not six common ones. Here the
folder that holds them becomes the first place to import from, in this process only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from invoke import Config, Program

from kafka_provisioner import __version__

NAME = "kafka-provisioner"
HERE = Path(__file__).resolve().parent
HOME = HERE if (HERE / "cli").is_dir() else HERE.parent  # in a clone, also one that is installed with --editable


class Settings(Config):
    """Invoke's configuration with the defaults that a clone has in its invoke.yaml."""

    @staticmethod
    def global_defaults() -> dict[str, Any]:
        return {**Config.global_defaults(), "hosts": "", "smoke": True, "accept_new_host_keys": False}


class Command(Program):
    """Invoke's program with a fixed collection. It reads an invoke.yaml, too: that of the current directory, or the one
    beside the inventories."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        """Answer what is no run of a verb, as `invoke` does in a clone; else do as Invoke does."""
        from cli import typed

        assert self.namespace is not None
        typed.prepare(self.namespace, argv or sys.argv, (NAME,))
        super().run(argv, exit)

    def parse_collection(self) -> None:
        from cli.project import project

        self.config.set_project_location("." if Path("invoke.yaml").is_file() else str(project()))
        self.config.load_project()
        super().parse_collection()


def program() -> Program:
    """The command, ready to run."""
    if str(HOME) not in sys.path:
        sys.path.insert(0, str(HOME))
    from tasks import namespace

    return Command(
        version=__version__,
        namespace=namespace,
        name=NAME,
        binary=NAME,
        config_class=Settings,
    )


def main() -> None:
    command = program()
    from provisioner.calling import call_it

    call_it(NAME)
    command.run()


if __name__ == "__main__":
    main()
