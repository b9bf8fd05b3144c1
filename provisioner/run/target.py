"""What a role sees: one host, its variables, its facts, the other hosts, and the templates."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.resources import File

if TYPE_CHECKING:
    import jinja2

    from provisioner.inventory.model import Host, Inventory


@lru_cache(maxsize=4)
def environment(templates: Path) -> jinja2.Environment:
    """Templates as config files need them: no silent undefined, whole-line tags leave no blank lines.

    Compiling them takes longer than asking a host: the bytecode is kept in the user's cache, by content.
    """
    import jinja2

    from provisioner.artifacts.cache import cache_directory

    compiled = cache_directory() / "templates"
    compiled.mkdir(parents=True, exist_ok=True)
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        bytecode_cache=jinja2.FileSystemBytecodeCache(str(compiled)),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def load_templates(templates: Path, folders: Iterable[str]) -> None:
    """Load all that these folders have before a host waits for it. What is wrong with one is said where it is needed.
    Reading their bytecode takes longer than rendering all of them."""
    import jinja2

    for folder in folders:
        for path in (templates / folder).rglob("*.j2"):
            with contextlib.suppress(jinja2.TemplateError):
                environment(templates).get_template(path.relative_to(templates).as_posix())


class Target:
    """A host as roles see it: `target["kafka_port"]`, `target.facts["memory"]`, `target.members("zookeeper")`."""

    def __init__(self, host: Host, inventory: Inventory, facts: Mapping[str, Any], templates: Path) -> None:
        self.host = host
        self.inventory = inventory
        self.facts = facts
        self._templates = templates

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self.host.name

    def __getitem__(self, variable: str) -> Any:
        return self.host.vars[variable]

    def members(self, group: str) -> tuple[Host, ...]:
        """All hosts of a group in inventory order, whatever --limit says; none when there is no such group."""
        return tuple(self.inventory.hosts[name] for name in self.inventory.groups.get(group, ()))

    def without(self, groups: Collection[str]) -> Target:
        """This host as if it were not in these groups."""
        host = replace(self.host, groups=tuple(group for group in self.host.groups if group not in groups))
        of_group = {
            group: tuple(name for name in names if name != self.name or group not in groups)
            for group, names in self.inventory.groups.items()
        }
        inventory = replace(self.inventory, hosts={**self.inventory.hosts, self.name: host}, groups=of_group)
        return Target(host, inventory, self.facts, self._templates)

    def during(self, inventory: Inventory) -> Target:
        """This host in an inventory that has the same hosts."""
        return Target(inventory.hosts[self.name], inventory, self.facts, self._templates)

    def is_in(self, group: str) -> bool:
        """Whether this host is in a group."""
        return group in self.host.groups

    def render(self, template: str, **extra: Any) -> str:
        """A template below templates/, with all variables, `target`, `facts` and `extra`. ConfigError when it fails."""
        import jinja2

        context = {**self.host.vars, "target": self, "facts": self.facts, "template": template, **extra}
        try:
            return environment(self._templates).get_template(template).render(context)
        except jinja2.TemplateSyntaxError as error:
            where = f"templates/{error.name}:{error.lineno}"
            raise ConfigError(f"{where}: {error.message}", host=self.name) from error
        except jinja2.UndefinedError as error:
            raise ConfigError(
                f"templates/{template}: {error.message}", host=self.name, advice="define it in the role's defaults.yml"
            ) from error
        except jinja2.TemplateError as error:
            raise ConfigError(f"templates/{template}: {error}", host=self.name) from error

    def file(
        self,
        path: str,
        template: str,
        *,
        owner: str = "root",
        group: str = "root",
        mode: int = 0o644,
        secret: bool = False,
        **extra: Any,
    ) -> File:
        """A `File` with a rendered template as its content."""
        content = self.render(template, **extra)
        return File(path, content, owner, group, mode, template=template, secret=secret)
