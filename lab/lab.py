"""A lab: makes hosts, waits until they can be logged in to, runs commands on them, removes them.

Everything is told apart by the lab's name: container names, network, ports, keys. Only containers that carry the
lab's label are ever touched.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import engine, network
from lab import image as images
from lab.hosts import DEFAULT, HOSTS, Ports, base_name, check_lab_name, port_blocks, prefix
from lab.inventory import shipped_inventory, write_derived
from lab.state import State
from provisioner.errors import ProvisionerError, UsageError, raise_all

HERE = Path(__file__).resolve().parent


def _quiet(text: str) -> None:
    pass


class Lab:
    """The lab of one name. Hosts are named "single1" or in full, as in "mylab-single1": both mean the same.

    java: whether hosts that are made have Java already. say: told what is going on, one sentence at a time. Every
    method raises ProvisionerError with a sentence for a person when the engine is missing, a port is taken or a host
    does not come up.
    """

    def __init__(
        self, name: str = DEFAULT, *, root: Path | None = None, java: bool = False, say: Callable[[str], None] = _quiet
    ) -> None:
        self.name = check_lab_name(name)
        self.java = java
        self.root = (root or HERE.parent).resolve()
        self.state = State(name)
        self.project = f"kafka-lab-{name}"
        self.say = say

    def host(self, name: str) -> str:
        """The full name of a host: of its container, its host name, and its name in `inventory()`."""
        return prefix(self.name) + base_name(self.name, name)

    def ports(self, host: str) -> Mapping[str, int]:
        """What the host publishes on 127.0.0.1: "ssh" and "kafka", on single1 "zookeeper" too."""
        return self.all_ports()[base_name(self.name, host)]

    def all_ports(self) -> Ports:
        """The ports of every host the lab can have; free ones are chosen on first use and kept."""
        known = self.state.ports()
        if known and set(known) == set(HOSTS):
            return known
        with self.state.locked("ports"):
            chosen = network.choose(port_blocks(self.name), self.state.ports_of_other_labs())
            if self.name != DEFAULT:
                self.state.remember_ports(chosen)
            return chosen

    def inventory(self, name: str) -> Path:
        """The inventory file to deploy with: the shipped one for the default lab, else one derived from it.

        UsageError for an unknown name, listing the valid ones; ConfigError for a file that is not an inventory.
        """
        shipped = shipped_inventory(self.root, name)
        return shipped if self.name == DEFAULT else write_derived(shipped, self.state, self.all_ports())

    def existing(self) -> dict[str, engine.Container]:
        """The lab's containers by full host name, running or not."""
        return {name: found for name, found in engine.containers().items() if found.lab == self.name}

    def up(self, hosts: Sequence[str], image: str | None = None) -> list[str]:
        """Bring hosts up, until sshd answers and systemd has booted. Returns what was done; empty: nothing was to do.

        image: "bookworm" or "trixie" for hosts that do not exist yet; an existing host keeps what is on it, and
        asking for another release than it has is an error.
        """
        bases = list(dict.fromkeys(base_name(self.name, host) for host in hosts))
        with self.state.locked():
            done = self._create_or_start(bases, image)
            self._prepare(bases)
        return done

    def down(self, hosts: Sequence[str] | None = None) -> list[str]:
        """Remove hosts with all that is on them, without asking; None: the whole lab, its network and its state too.

        Returns the names of the hosts that were removed.
        """
        with self.state.locked():
            existing = self.existing()
            wanted = list(existing) if hosts is None else [self.host(host) for host in hosts]
            gone = [name for name in wanted if name in existing]
            if gone:
                engine.docker("rm", "--force", "--volumes", *gone)
            labels = [label for name in wanted for label in _ssh_names(name, self.ports(name)["ssh"])]
            self.state.remember_keys({}, forget=labels)
            if set(existing) <= set(gone):
                # No error when there is none: a network of a lab that was never up.
                engine.run(["docker", "network", "rm", f"{self.project}_default"])
                if hosts is None:
                    self.state.forget()
        return gone

    def recreate(self, host: str, image: str | None = None) -> None:
        """Wipe a host: the same name and ports, an empty disk, new host keys (known_hosts is brought up to date).

        image: as for `up`, except that the release may change; None keeps it.
        """
        name = self.host(host)
        with self.state.locked():
            before = self.existing().get(name)
            if before:
                engine.docker("rm", "--force", "--volumes", name)
            self._create_or_start([base_name(self.name, host)], image or (before.os if before else None))
            self._prepare([base_name(self.name, host)])

    def exec(self, host: str, argv: Sequence[str], input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on the host as root, without SSH. Text in, text out; the exit code is the caller's to judge."""
        return engine.run(["docker", "exec", "--interactive", self.host(host), *argv], input=input)

    # -- how

    def _create_or_start(self, bases: list[str], image: str | None) -> list[str]:
        everything = engine.containers()
        missing, stopped = [], []
        for base in bases:
            found = everything.get(self.host(base))
            if found is None:
                missing.append(base)
            elif found.lab != self.name:
                raise ProvisionerError(
                    f"a container named {found.name} exists, and it is not one of the lab {self.name!r}",
                    advice="rename or remove that container, or use a lab with another name: --lab NAME",
                )
            elif image and found.os != image:
                raise UsageError(
                    f"{found.name} exists as a {found.os} host, {image} was asked for",
                    advice="remove it first with lab.down, which deletes what is on it",
                )
            elif found.state != "running":
                stopped.append(found)
            elif found.published.get(22) != f"{network.LOOPBACK}:{self.ports(base)['ssh']}":
                raise ProvisionerError(
                    f"{found.name} runs with other ports than this lab remembers, so its state was lost",
                    details=[found.ports],
                    advice=f"make it anew: invoke lab.down --lab {self.name}, then lab.up",
                )
        network.require_free(
            {self.host(base): self.ports(base) for base in missing}
            | {found.name: self.ports(found.name) for found in stopped if found.state == "exited"}
        )
        done = []
        if missing:
            done.append(f"created {', '.join(self.host(base) for base in missing)}")
            self._create(missing, image or images.RELEASES[0])
        for found in stopped:
            paused = found.state == "paused"
            engine.docker("unpause" if paused else "start", found.name)
            done.append(f"{'resumed' if paused else 'started'} {found.name}")
        return done

    def _create(self, bases: list[str], release: str) -> None:
        with self.state.locked("image"):
            tag = images.ensure(release, self.say, java=self.java)
        self.say(f"starting {', '.join(self.host(base) for base in bases)}")
        compose = [*engine.compose_command(), "-p", self.project, "-f", str(HERE / "compose.yaml")]
        env = {"LAB_NAME": self.name, "LAB_PREFIX": prefix(self.name), "LAB_IMAGE": tag, "LAB_OS": release}
        env |= {f"LAB_{h}_{use}".upper(): str(n) for h, uses in self.all_ports().items() for use, n in uses.items()}
        argv = [*compose, "up", "-d", "--no-deps", "--no-recreate", *bases]
        result = engine.run(argv, env=env)
        if result.returncode != 0:
            raise engine.failure(argv, result)

    def _prepare(self, bases: list[str]) -> None:
        self.admit({self.host(base): self.ports(base)["ssh"] for base in bases})

    def admit(self, hosts: Mapping[str, int]) -> None:
        """Let the lab's key in, wait for the boot, note the host keys. Costs one exec per host when all is done.

        hosts: container -> its SSH port on 127.0.0.1; they may be others than this lab makes itself.
        """
        script = _prepare_script(self.state.public_key, self.state.password)

        def prepare(name: str) -> subprocess.CompletedProcess[str]:
            return engine.run(["docker", "exec", "--interactive", name, "sh", "-s"], input=script)

        with ThreadPoolExecutor(len(hosts)) as pool:
            results = dict(zip(hosts, pool.map(prepare, hosts), strict=True))
        problems: list[ProvisionerError] = []
        keys: dict[str, str] = {}
        for name, result in results.items():
            if result.returncode != 0:
                problems.append(_did_not_boot(name, result))
                continue
            state, _, host_keys = result.stdout.partition("\n")
            if state != "running":
                self.say(f"{name}: systemd says {state}; see `systemctl --failed` there")
            keys |= dict.fromkeys(_ssh_names(name, hosts[name]), host_keys)
        raise_all(problems)
        self.state.remember_keys(keys)
        for name, port in hosts.items():
            network.wait_for_ssh(name, port)


def _ssh_names(name: str, port: int) -> tuple[str, str]:
    """What ssh calls a host: its published address, and its name in the lab's network (for a jump host)."""
    return f"[127.0.0.1]:{port}", name


def _prepare_script(public_key: str, password: str) -> str:
    """Shell text for a host's standard input, so that the password is in no argument list."""
    proxies = {name: os.environ.get(name, "") for name in ("http_proxy", "https_proxy")}
    # A proxy on this machine's own loopback is not there when seen from a container.
    apt = "".join(
        f'Acquire::{name.split("_")[0]}::Proxy "{url}";\n'
        for name, url in proxies.items()
        if url and "//127." not in url and "//localhost" not in url
    )
    done = hashlib.sha256(f"{public_key}\n{password}\n{apt}".encode()).hexdigest()
    return f"""set -eu
if [ "$(cat /var/lib/lab-logins 2>/dev/null)" != {done} ]; then
    for user in ops opspw nosudo; do
        install -d -m 0700 -o $user -g $user /home/$user/.ssh
        printf '%s\\n' '{public_key}' > /home/$user/.ssh/authorized_keys
        chown $user:$user /home/$user/.ssh/authorized_keys
        chmod 0600 /home/$user/.ssh/authorized_keys
    done
    printf '%s\\n' 'opspw:{password}' | chpasswd
    printf '%s' '{apt}' > /etc/apt/apt.conf.d/90lab-proxy
    echo {done} > /var/lib/lab-logins
fi
tries=0
while :; do
    state=$(systemctl is-system-running 2>/dev/null || true)
    case $state in running|degraded) break;; esac
    tries=$((tries + 1))
    if [ $tries -gt 600 ]; then
        echo "systemd is still ${{state:-silent}} after 60 s" >&2
        systemctl list-jobs >&2 || true
        exit 1
    fi
    sleep 0.1
done
echo "$state"
cat /etc/ssh/ssh_host_*_key.pub
"""


def _did_not_boot(name: str, result: subprocess.CompletedProcess[str]) -> ProvisionerError:
    said = result.stderr.strip().splitlines()[-6:]
    log = engine.run(["docker", "logs", "--tail", "6", name])
    info = engine.run(["docker", "info", "--format", "{{.CgroupVersion}} {{.SecurityOptions}}"])
    advice = f"look at `docker logs {name}`; `invoke lab.down` and `invoke lab.up` make it anew"
    if info.stdout.startswith("1") and "cgroupns" not in info.stdout:
        advice = "systemd in a container needs a cgroup namespace: start dockerd with --default-cgroupns-mode=private"
    elif "is not running" in result.stderr and (few := _few_inotify_instances()):
        advice = f"with many hosts at once, this machine's fs.inotify.max_user_instances={few} is too low for their "
        advice += "systemds: `sudo sysctl fs.inotify.max_user_instances=1024`, or remove labs that are not used"
    details = [*said, *(log.stdout + log.stderr).strip().splitlines()]
    return ProvisionerError("the host did not finish booting", host=name, details=details, advice=advice)


def _few_inotify_instances() -> int:
    """The machine's limit where it is the kernel's old default, which a few dozen services of one user use up; else 0.
    Containers share it, as all their root users are one."""
    try:
        limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    except (OSError, ValueError):
        return 0
    return limit if limit <= 128 else 0
