"""What makes the services of the tests' hosts start in less time. What a test is about does not depend on it; molecule
deploys the inventories as they are shipped.

Java compiles with its first compiler only: a service starts with 40 % less CPU. Where there are several hosts, it also
collects garbage with one thread, which is a tenth less at work. Of what is left, another 40 % of a start goes to
classes, which brokers and controllers of the default versions find parsed in an archive that this module has made once
for all hosts. The toolkit's own archives fit the host that made them only, by the times of its jars. Java does not
look at the time of a jar that was 0 when the archive was made, so this one fits wherever the same jars and the same
Java are; elsewhere it is not used.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Sequence
from pathlib import Path

import yaml

from lab import engine, image
from lab.lab import Lab
from lab.state import CACHE

from .hosts import QUICK_START, ROOT, LabHost

PLACE = "/var/cache/lab/services.jsa"
# The last word on a collector that its own file of options has chosen. One host alone keeps it, as shipped.
ONE_COLLECTOR = ("-XX:-UseG1GC", "-XX:+UseSerialGC")
SEVERAL = {name: [*options, *ONE_COLLECTOR] for name, options in QUICK_START.items()}
WITH_ARCHIVE = {
    name: [*SEVERAL[name], f"-XX:SharedArchiveFile={PLACE}"] for name in ("kafka_jvm_opts", "kafka_controller_jvm_opts")
}
MAKER = "/usr/local/lib/kafka-provisioner/kafka-service-archive"
JARS = "/opt/kafka/libs"


def give(lab: Lab, bases: Sequence[str], folder: Path, version: str) -> None:
    """Put the archive of a version of Kafka on new hosts, which have Java and nothing else; make it on the first of
    them where there is none yet. folder: for an inventory."""
    cache = CACHE.expanduser().with_name("tests")
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"services-{version}-{_made_of(lab, version)}.jsa"
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _make(lab, bases[0], folder, archive, version)
    for base in bases:
        lab.exec(base, ["mkdir", "-p", str(Path(PLACE).parent)])
        engine.docker("cp", str(archive), f"{lab.host(base)}:{PLACE}")


def _made_of(lab: Lab, version: str) -> str:
    """Other jars, and another Java, need another archive."""
    digest = hashlib.sha256(image.ensure(image.RELEASES[0], lab.say, java=True).encode())
    digest.update((ROOT / "roles" / "kafka" / "versions" / f"{version}.json").read_bytes())
    return digest.hexdigest()[:16]


def _make(lab: Lab, base: str, folder: Path, archive: Path, version: str) -> None:
    """Have the host make one, as the toolkit lets it where there is no ZooKeeper, of jars without a time; and empty it
    again."""
    content = yaml.safe_load(lab.inventory("single-kraft").read_text().replace(lab.host("single1"), lab.host(base)))
    content["all"]["vars"] |= {**QUICK_START, "kafka_version": version}
    (entry,) = content["all"]["children"]["kafka"]["hosts"].values()
    entry["ansible_port"], entry["kafka_port"] = lab.ports(base)["ssh"], lab.ports(base)["kafka"]
    inventory = folder / "archive.yml"
    inventory.write_text(yaml.safe_dump(content, sort_keys=False))
    host = LabHost(lab, base, inventory)
    host.deploy("--no-smoke")
    host.sh(f"systemctl stop kafka kafka-class-archive kafka-service-archive; touch -d @0 {JARS}/*; {MAKER}")
    engine.docker("cp", f"{host.name}:/opt/kafka/services.jsa", f"{archive}.new")
    Path(f"{archive}.new").rename(archive)
    lab.recreate(base)
