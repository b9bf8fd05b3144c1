"""A Java runtime that everything that a host runs can run on."""

from __future__ import annotations

from typing import Any

from provisioner.errors import ConfigError
from provisioner.resources import Package, Resource
from provisioner.run.preflight import JavaNeed, Needs
from provisioner.run.target import Target
from roles import site
from roles.shared.releases import Release

# The major version of the distribution's own headless JRE that is used.
DISTRIBUTION_JRE = {
    ("debian", "12"): 17,
    ("debian", "13"): 21,
    ("ubuntu", "20.04"): 11,
    ("ubuntu", "22.04"): 17,
    ("ubuntu", "24.04"): 21,
}

# Older ones cannot rotate a GC log with the options that the services are started with.
OLDEST = 11


def distribution_jre(target: Target) -> int | None:
    """The major version of the JRE that this host's distribution has; None where none is known."""
    system = target.facts["os"]
    return DISTRIBUTION_JRE.get((system["id"], system["version_id"]))


def oldest(target: Target) -> int:
    """The oldest major version that everything that this host runs can run on."""
    return max([OLDEST, *(release.java_min for release in site.releases(target.host))])


def home(target: Target) -> str:
    """The Java home that the services run with. ConfigError where there is neither a known package nor `java_home`."""
    if target["java_home"]:
        return str(target["java_home"])
    major = distribution_jre(target)
    if major is None:
        raise ConfigError(
            f"no Java package is known for {target.facts['os']['pretty']}",
            host=target.name,
            advice=f"install Java {oldest(target)} or newer on it and set java_home",
        )
    return f"/usr/lib/jvm/java-{major}-openjdk-{target.facts['arch']}"


def given(target: Target, release: Release) -> dict[str, Any]:
    """What `templates/java/given.sh.j2` needs: the Java of a script's commands, and which other it accepts."""
    return {
        "java_home": home(target),
        "java_min": release.java_min,
        "product": f"{release.product} {release.version}",
    }


def needs(target: Target) -> Needs:
    major = None if target["java_home"] else distribution_jre(target)
    if major is None and not target["java_home"]:
        return Needs()  # the operating system itself is not supported, which the role `os` reports
    used = site.releases(target.host)
    newest = [release.java_max for release in used if release.java_max is not None]
    return Needs(
        java=JavaNeed(
            min=oldest(target),
            max=min(newest) if newest else None,
            why=" with ".join(f"{release.product} {release.version}" for release in reversed(used)),
            java_home=home(target),
            package_major=major,
        )
    )


def resources(target: Target) -> list[Resource]:
    if target["java_home"]:
        return []
    home(target)  # says so where no package is known
    return [Package(f"openjdk-{distribution_jre(target)}-jre-headless")]
