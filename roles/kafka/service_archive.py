"""The services' class archive: brokers and controllers of KRaft start in less time and CPU with it; pure.

It is made as the commands' is (`class_archive.py`), by a unit and a script of its own: of other classes, and the one
of the commands stays as it is. A node of a cluster of its own tells which classes these are, in a network of its own.

The running service is told of it by a file beside it, which the unit reads when it is there, and which is none of its
inputs: whether it is there never asks for a restart. Not for clusters with ZooKeeper: their units stay byte for byte
what they are, since each change of a unit restarts a service.
"""

from __future__ import annotations

from provisioner.resources import Archive, Derived, Resource
from provisioner.run.target import Target
from roles.kafka import class_archive, logs
from roles.kafka.release import home, release
from roles.shared import kraft

UNIT = "kafka-service-archive"
SCRIPT = "/usr/local/lib/kafka-provisioner/kafka-service-archive"


def place(target: Target) -> str:
    """The path of the class archive; "" where none is wanted."""
    wanted = target["kafka_class_archive"] and kraft.on(target.host, target.members)
    return f"{home(target)}/services.jsa" if wanted else ""


def options(target: Target) -> str:
    """The file that says what a service is started with once the archive is there; "" where none is wanted."""
    path = place(target)
    return f"{path}.env" if path else ""


def inputs(target: Target, archive: Archive) -> tuple[str, ...]:
    """What it is made from: Java's own code, every jar, and the script that makes it."""
    return (*class_archive.inputs(target, archive)[:-1], SCRIPT)


def makers(target: Target, archive: Archive) -> list[Resource]:
    """The unit and the script that make it; they come before the services' start, for one systemd reload."""
    if not place(target):
        return []
    own = kraft.COMBINED_UNIT if target.is_in(kraft.BROKERS) else kraft.OWN_UNIT  # whose logging is taken
    used = release(target.host.vars)
    return [
        target.file(
            SCRIPT,
            "kafka/bin/service-archive.sh.j2",
            mode=0o755,
            unit=UNIT,
            home=archive.path,
            archive=place(target),
            options=options(target),
            inputs=inputs(target, archive),
            java_home=class_archive.settings(target, archive)["java_home"],
            quiet=class_archive.QUIET,
            logging=logs.path(used, own),
            logs=logs.folder(own),
            log_option=logs.option(used),
            patience=300,
        ),
        target.file(
            f"/etc/systemd/system/{UNIT}.service",
            "kafka/class-archive.service.j2",
            what="services",
            alone=True,
            script=SCRIPT,
            home=archive.path,
        ),
    ]


def made(target: Target, archive: Archive) -> list[Resource]:
    """The archive itself, which nothing waits for."""
    path = place(target)
    return [Derived(path, UNIT, inputs(target, archive))] if path else []
