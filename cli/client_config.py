"""client.config: what a client needs to connect as one of the inventory's users."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.common import Run
from cluster.endpoint import SASL_SSL
from cluster.protocol.login import MECHANISM, jaas
from provisioner.errors import UsageError
from provisioner.words import some
from roles.kafka import given, listeners, users
from roles.kafka.given import Trusted
from roles.shared.members import HostLike
from roles.shared.properties import escaped

FORMATS = ("java", "librdkafka", "python")
HIDDEN = "PASSWORD"  # what stands for a password that is not written


def show(run: Run, user: str, form: str, out: str) -> None:
    """Print the configuration, or write it to a file with the password in it. Raises ConfigError and UsageError."""
    if form not in FORMATS:
        raise UsageError(f"--format {form} is not one of {', '.join(FORMATS)}")
    inventory = run.inventory()
    brokers = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    found = {one.name: one for one in (users.of(brokers[0]) if brokers else ())}
    if user not in found:
        what = f"{user} is not one of kafka_users" if user else "which user? --user is missing"
        listed = f"kafka_users: {some(found, nothing='none')}"
        raise UsageError(what, details=[listed], advice="list the user in the inventory, and deploy")
    doors = [one for one in listeners.bootstrap_servers(brokers) if one["listener"] in _secured(brokers)]
    trusted = given.trusted(inventory)
    password = found[user].password if out else HIDDEN
    text = written(form, doors[0]["servers"], trusted, user, password)
    if len(doors) > 1:
        others = "".join(f"# or, by the listener {one['listener']}: {one['servers']}\n" for one in doors[1:])
        text = others + text
    if not out:
        print(text, end="")
        return
    path = Path(out).expanduser()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    print(f"--> Wrote {out}: it holds the password of {user}, and only you can read it")


def written(form: str, servers: str, trusted: Trusted, user: str, password: str) -> str:
    """The configuration as text."""
    certificate = trusted.certificate
    common = {"bootstrap.servers": servers, "security.protocol": SASL_SSL}
    if form == "java":
        return _lines(
            {
                **common,
                "sasl.mechanism": MECHANISM,
                "sasl.jaas.config": jaas(user, password),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.certificates": escaped(certificate.strip()),
            }
        )
    if form == "librdkafka":
        names = {"sasl.mechanism": MECHANISM, "sasl.username": user, "sasl.password": password}
        return _lines({**common, **names, "ssl.ca.location": str(trusted.path)})
    return (
        '# kafka-python: KafkaProducer(**config), KafkaConsumer("TOPIC", **config)\n'
        "import ssl\n\n"
        f"authority = {certificate!r}\n"
        "config = {\n"
        f"    'bootstrap_servers': {servers.split(',')!r},\n"
        f"    'security_protocol': {SASL_SSL!r},\n"
        f"    'sasl_mechanism': {MECHANISM!r},\n"
        f"    'sasl_plain_username': {user!r},\n"
        f"    'sasl_plain_password': {password!r},\n"
        "    'ssl_context': ssl.create_default_context(cadata=authority),\n"
        "}\n"
    )


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _secured(brokers: Sequence[HostLike]) -> set[str]:
    return {one.name for broker in brokers for one in listeners.secured(broker)}
