"""The operating system under the services: users, base directories, kernel settings, limits."""

from __future__ import annotations

from provisioner.agent.trees import ANYTHING
from provisioner.resources import Directory, Resource, Sysctl, User
from provisioner.run.preflight import Needs
from provisioner.run.target import Target
from roles import site

# (distribution, its versions) on which the lab tests run, or whose packages are known to be the same.
SUPPORTED = (("debian", ("12", "13")), ("ubuntu", ("20.04", "22.04", "24.04")))

# What services put into their directories, as in `provisioner/agent/trees.py`: units empty tmp at each start anyway.
EVERYTHING = ((".+", ""), (".+", ANYTHING))
LOGS = ((r".+\.log([.-].+)?", ""),)


def needs(target: Target) -> Needs:
    return Needs(os=SUPPORTED, nofile=target["os_nofile"], runs={"/usr/local/lib": "what the commands are links to"})


def resources(target: Target) -> list[Resource]:
    out: list[Resource] = []
    found = {role.name: part for role, part in site.parts_on("service", target.host.groups)}
    services = {name: part for name, part in found.items() if part.services(target)}  # a group may have none to run
    for service, part in services.items():  # each has a user of its own name
        out += [
            User(service, home=f"/var/lib/{service}"),
            # Configuration belongs to root: a service cannot rewrite what it is started with.
            Directory(f"/etc/{service}", "root", service, 0o755 if getattr(part, "OPEN_CONFIG", False) else 0o750),
            Directory(f"/var/lib/{service}", service, service, 0o750),
            Directory(f"/var/lib/{service}/tmp", service, service, 0o700, holds=EVERYTHING),
            Directory(f"/var/log/{service}", service, service, 0o750, holds=LOGS),
        ]
    return [
        *out,
        Directory("/usr/local/lib/kafka-provisioner"),  # what the commands on the PATH are links to
        Sysctl("kafka", target["os_sysctl"], live=target["os_sysctl_live"]),
        target.file("/etc/security/limits.d/60-kafka.conf", "os/limits.conf.j2", services=list(services)),
    ]
