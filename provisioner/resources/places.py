"""Where on a host a service may have its data; pure.

A data directory is given to the service's user and filled, so it must be one of its own: not one of the system, of what
is installed, of another service, nor one that the sandbox of units hides. The inventory's paths are checked when it is
loaded (`roles/shared/directories.py`), and on the host what a path turns out to be behind its links (`directory.py`).
"""

from __future__ import annotations

import re
from typing import Iterable

SYSTEM = "belongs to the system"
SHARED = "is shared with everything else on the host"
TEMPORARY = "is emptied, and private to each service (PrivateTmp)"
HOMES = "is hidden from services (ProtectHome)"
MOUNTS = "is where disks are mounted"
TEMPORARIES = "holds the service's temporary files"

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

# Which of them have room for a directory of a service right below.
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


# The agent's own memory: `provisioner.agent.system.STATE`, whose import would cost every run on this side.
AGENT = "/var/lib/provisioner"


def why_not(path: str, service: str, services: Iterable[str]) -> str:
    """The rule against a normalised path as a data directory, as the rest of a sentence; "" when there is none.

    service: whose data it is, by the name of its user; services: all that may be on a host, which have /var/lib/NAME,
    /var/log/NAME and /opt/NAME.
    """
    if path in SHELVES or (re.fullmatch(r"/var/[^/]+", path) and path not in CLOSED):
        return SHELVES.get(path, SYSTEM)
    for closed, why in CLOSED.items():
        if within(path, closed):
            return why if path == closed else f"is in {closed}, which {why}"
    package = re.match(r"/var/lib/([^/]+)", path)
    if package and package[1] in PACKAGES:
        return f"is in {package[0]}, which belongs to the system or another service"
    if "lost+found" in path.split("/"):
        return "is the file system's own"
    for other in services:
        home = f"/var/lib/{other}"
        if path == home:
            return TEMPORARIES if other == service else f"is {other}'s"
        if within(path, f"{home}/tmp"):
            return "is emptied whenever the service starts"
        if within(path, home) and other != service:
            return f"is in {home}, which only {other} can reach"
        if within(path, f"/var/log/{other}"):
            return f"is where the log files of {other} are"
        if re.match(rf"/opt/(apache-)?{re.escape(other)}([_-]\d[^/]*)?(/|$)", path):  # as archives are called
            return f"is where {other} is installed"
    return f"is in {AGENT}, which the toolkit keeps for itself" if within(path, AGENT) else ""


def within(path: str, place: str) -> bool:
    """Whether a path is a place or below it."""
    return path == place or path.startswith(f"{place}/")
