"""Which directories a service may have for its data; pure.

A deploy gives a data directory to the service's user and fills it, so it must be one of its own: not one of the
system, of what is installed, of another service, nor one that the unit's sandbox hides from it. What only the host
shows (a link, other people's files) is refused in preflight: `provisioner/resources/directory.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.errors import ConfigError

SYSTEM = "belongs to the system"
SHARED = "is shared with everything else on the host"
TEMPORARY = "is emptied, and private to each service (PrivateTmp)"
HOMES = "is hidden from services (ProtectHome)"
MOUNTS = "is where disks are mounted"

# Directories in which nothing may be, with the reason. Sources: file-hierarchy(7), FHS 3.0, templates/os/sandbox.j2.
CLOSED = {
    **dict.fromkeys(("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found"), SYSTEM),
    **dict.fromkeys(("/proc", "/run", "/sbin", "/selinux", "/snap", "/sys", "/usr", "/var/lock", "/var/run"), SYSTEM),
    "/home": HOMES,
    "/root": HOMES,
    "/tmp": TEMPORARY,
    "/var/tmp": TEMPORARY,
    "/var/cache": "may be emptied at any time",
}

# Those in which a directory of one's own is fine, and which are none themselves.
SHELVES = {
    "/": "is the root of the file system",
    "/media": MOUNTS,
    "/mnt": MOUNTS,
    "/opt": SHARED,
    "/srv": SHARED,
    "/var": SYSTEM,
    "/var/lib": SHARED,
}

ROOMY = ("/media", "/mnt", "/srv")

# What packages own in /var/lib, of the system and of services that may be beside ours.
_NAMES = """
AccountsService NetworkManager PackageKit apparmor apport apt aptitude aspell ca-certificates-java cassandra chrony
cloud cni command-not-found consul containerd containers dbus dhcp dhcpcd dictionaries-common dkms docker dpkg
elasticsearch emacsen-common etcd fwupd git grafana grub haproxy influxdb initramfs-tools initscripts jenkins kubelet
locales logrotate lxc lxcfs lxd mailman man-db mdadm misc mlocate mongodb monit mysql nfs nginx ntp ntpsec opensearch
openvswitch os-prober pam plymouth polkit-1 portables postgresql private prometheus puppet python rabbitmq redis rpm
rsyslog salt samba sgml-base shells.state shim-signed snapd sss sssd sudo swcatalog systemd ubuntu-advantage
ubuntu-release-upgrader ucf udisks2 ufw unattended-upgrades update-manager update-notifier upower usbutils vim waagent
xfonts xkb xml-core zabbix
"""
PACKAGES = frozenset(_NAMES.split())

# Paths go into lists with commas, properties files, units and shell words, and Java reads them in the C locale.
UNWRITTEN = re.compile(r"[^A-Za-z0-9._+@:=/-]")
LONGEST = 255  # bytes of a name on Linux' file systems
LINE = 100  # characters of a path in a message
LONGEST_PATH = 1024  # of PATH_MAX's 4096: partitions and files below it need some


@dataclass(frozen=True)
class DataDir:
    """One data directory of a service: `path` as variable `variable` has it. service: the role's name; listed: whether
    the variable is a list."""

    path: str
    variable: str
    service: str
    listed: bool = False

    @property
    def usual(self) -> str:
        """Where it would be by default."""
        return f"/var/lib/{self.service}/data"

    def refused(self, why: str, advice: str = "") -> ConfigError:
        """A refusal of this directory. advice: where the default path would not do."""
        usual = f"use a directory that holds nothing else, such as {self.usual}"
        return ConfigError(f"{self.variable}: {self.shown} {why}", advice=advice or usual)

    @property
    def shown(self) -> str:
        """The path in a message: no control character reaches a terminal, and it stays a line."""
        shown = self.path if self.path.isprintable() else repr(self.path)
        return shown if len(shown) <= LINE else f"{shown[:LINE]}..."


def problems(found: Sequence[DataDir], services: Iterable[str], own: Iterable[str]) -> list[ConfigError]:
    """What is wrong with the data directories of one host. services: all that roles can run; own: directories that the
    toolkit keeps for itself. The errors name no host and no place yet."""
    out: list[ConfigError] = []
    sound: list[DataDir] = []
    for one in found:
        error = _written(one) or _of_system(one) or _of_toolkit(one, services, own)
        if error:
            out.append(error)
        else:
            out += [clash for other in sound if (clash := _clash(other, one))]
            sound.append(one)
    return out


def _written(one: DataDir) -> ConfigError | None:
    """A path that some file or unit would not take as it is."""
    path = one.path
    signs = sorted(set(UNWRITTEN.findall(path)))
    if signs == [","] and one.listed:
        return one.refused("has a comma in it", f"make each path an item: [{', '.join(path.split(','))}]")
    if signs:
        named = " and ".join("a blank" if sign == " " else repr(sign) for sign in signs)
        clean = re.sub(r"-*/-*", "/", UNWRITTEN.sub("-", path)).rstrip("-/")
        return one.refused(f"has {named} in it", f"use letters, digits and . _ - + @ : = only, such as {clean}")
    if len(path) > LONGEST_PATH or any(len(part) > LONGEST for part in path.split("/")):
        return one.refused("is too long")
    return None


def _of_system(one: DataDir) -> ConfigError | None:
    """A directory that others use as well, or that the service cannot use."""
    path = one.path
    if path in SHELVES or (re.fullmatch(r"/var/[^/]+", path) and path not in CLOSED):
        below = f"use a directory below it, such as {path}/{one.service}"
        return one.refused(SHELVES.get(path, SYSTEM), below if path in ROOMY else "")
    for closed, why in CLOSED.items():
        if _within(path, closed):
            return one.refused(why if path == closed else f"is in {closed}, which {why}")
    package = re.match(r"/var/lib/([^/]+)", path)
    if package and package[1] in PACKAGES:
        return one.refused(f"is in {package[0]}, which belongs to the system or another service")
    if "lost+found" in path.split("/"):
        return one.refused("is the file system's own", f"use {path.split('/lost+found')[0]}/{one.service}")
    return None


def _of_toolkit(one: DataDir, services: Iterable[str], own: Iterable[str]) -> ConfigError | None:
    """A directory in which something is installed, or something else of a service is kept."""
    path = one.path
    for service in services:
        home = f"/var/lib/{service}"
        if path == home and service == one.service:
            moved = "data that is there already must be moved there"
            return one.refused("holds the service's temporary files", f"use {one.usual}; {moved}")
        if _within(path, f"{home}/tmp"):
            return one.refused("is emptied whenever the service starts")
        if _within(path, home) and service != one.service:
            return one.refused(f"is in {home}, which only {service} can reach" if path != home else f"is {service}'s")
        if _within(path, f"/var/log/{service}"):
            return one.refused(f"is where the log files of {service} are")
        if re.match(rf"/opt/(apache-)?{re.escape(service)}([_-]\d[^/]*)?(/|$)", path):  # as archives are called
            return one.refused(f"is where {service} is installed")
    kept = next((place for place in own if _within(path, place)), None)
    return one.refused(f"is in {kept}, which the toolkit keeps for itself") if kept else None


def _clash(first: DataDir, second: DataDir) -> ConfigError | None:
    """Two data directories of one host that are the same, or one inside the other."""
    if first.path == second.path:
        if first.variable == second.variable:
            return ConfigError(f"{first.variable} has {first.path} twice", advice="remove one of them")
        summary = f"{first.variable} and {second.variable} are the same directory, {first.path}"
        return ConfigError(summary, advice=f"give each its own, such as {_own(first)} and {_own(second)}")
    inner, outer = (first, second) if _within(first.path, second.path) else (second, first)
    if not _within(inner.path, outer.path):
        return None
    if inner.variable == outer.variable:
        return inner.refused(f"is inside {outer.path}", f"remove one of them, such as {outer.path}")
    beside = f"{outer.path}/{outer.service}"
    better = outer.usual if _within(inner.path, beside) else beside
    return inner.refused(f"is inside {outer.path} of {outer.variable}", f"set {outer.variable} to {better}")


def _own(one: DataDir) -> str:
    return f"{one.path}/{one.service}"


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")
