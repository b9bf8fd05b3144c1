"""client.config: what a client needs to connect as one of the inventory's users."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.common import Run
from cli.issue import require
from cluster.endpoint import SASL_SSL, SSL
from cluster.protocol.login import MECHANISMS, jaas
from cluster.users.wanted import PASSWORDS, User
from provisioner.authority import CERTIFICATE, PUBLIC, Authority, write
from provisioner.errors import UsageError
from provisioner.resources import jks
from roles.kafka import given, listeners, users
from roles.kafka.given import Trusted
from roles.kafka.release import reads_java_only
from roles.shared.members import HostLike
from roles.shared.properties import escaped
from roles.shared.tls import authority

FORMATS = ("java", "librdkafka", "python")
HIDDEN = "PASSWORD"  # what stands for a password that is not written


def show(run: Run, user: str, form: str, out: str, certificate: str = "", mechanism: str = "") -> None:
    """Print the configuration, or write it to a file with the password in it. certificate: the file of
    `certs.issue`, as the client finds it; "" for a password, if the user has one; mechanism: by which of two passwords.
    Raises ConfigError and UsageError."""
    if form not in FORMATS:
        raise UsageError(f"--format {form} is not one of {', '.join(FORMATS)}")
    inventory = run.inventory()
    brokers = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    known = require(users.of(brokers[0]) if brokers else [], user)
    if certificate and not known.certificate:
        advice = f"write certificate: true into the entry {user} of kafka_users, or leave --certificate out"
        raise UsageError(f"{user} shows no certificate", advice=advice)
    shown = certificate or ("" if known.passwords else f"{user}.pem")
    names = _with_certificates(brokers) if shown else _secured(brokers)
    doors = [one for one in listeners.bootstrap_servers(brokers) if one["listener"] in names]
    if not doors:
        raise UsageError("the cluster has no listener for such a user", advice="kafka_security closes it")
    store = ""
    if shown:
        text = with_certificate(form, doors[0]["servers"], authority(inventory), shown)
    else:
        used, trusted = _mechanism(known, mechanism), given.trusted(inventory)
        # Clients of such a cluster's age read no PEM either (KIP-651), and newer ones read a store as well.
        store = f"{out or user}{jks.SUFFIX}" if form == "java" and reads_java_only(brokers[0].vars) else ""
        if store and out:
            write(Path(store).expanduser(), jks.of_trusted(trusted.certificate), PUBLIC)
        password = known.passwords[used] if out else HIDDEN
        text = written(form, doors[0]["servers"], trusted, user, password, used, store)
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
    if store:
        print(f"--> Wrote {store}: what a client of this cluster trusts, which is no secret")
    holds = f"it expects the key of {user} in {shown}" if shown else f"it holds the password of {user}"
    print(f"--> Wrote {out}: {holds}, and only you can read it")


def _mechanism(user: User, wanted: str) -> str:
    """By which of a user's passwords a client logs in. Raises UsageError."""
    has = [one for one in MECHANISMS if one in user.passwords]
    found = [one for one in has if not wanted or wanted.upper() in (one, one.removeprefix("SCRAM-"))]
    if not found:
        raise UsageError(
            f"{user.name} has no password by {wanted}",
            details=[f"in the inventory: by {' and by '.join(has)}"],
            advice=f"kafka_users: {', '.join(f'{key} is by {name}' for key, name in PASSWORDS.items())}",
        )
    return found[0]


def written(
    form: str, servers: str, trusted: Trusted, user: str, password: str, mechanism: str, store: str = ""
) -> str:
    """The configuration as text. store: the file in Java's own format (JKS) that has what is trusted, "" where that is
    written into the configuration."""
    certificate = trusted.certificate
    common = {"bootstrap.servers": servers, "security.protocol": SASL_SSL}
    if form == "java":
        kind, trust = "PEM", {"ssl.truststore.certificates": escaped(certificate.strip())}
        if store:
            kind, trust = "JKS", {"ssl.truststore.location": escaped(store)}
        login = {"sasl.mechanism": mechanism, "sasl.jaas.config": jaas(user, password)}
        return _lines({**common, **login, "ssl.truststore.type": kind, **trust})
    if form == "librdkafka":
        names = {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        return _lines({**common, **names, "ssl.ca.location": str(trusted.path)})
    return (
        '# kafka-python: KafkaProducer(**config), KafkaConsumer("TOPIC", **config)\n'
        "import ssl\n\n"
        f"authority = {certificate!r}\n"
        "config = {\n"
        f"    'bootstrap_servers': {servers.split(',')!r},\n"
        f"    'security_protocol': {SASL_SSL!r},\n"
        f"    'sasl_mechanism': {mechanism!r},\n"
        f"    'sasl_plain_username': {user!r},\n"
        f"    'sasl_plain_password': {password!r},\n"
        "    'ssl_context': ssl.create_default_context(cadata=authority),\n"
        "}\n"
    )


def with_certificate(form: str, servers: str, own: Authority, shown: str) -> str:
    """The same for a user that shows a certificate. shown: the file with its key, as the client finds it. Raises
    ConfigError."""
    trusted = own.certificate
    common = {"bootstrap.servers": servers, "security.protocol": SSL}
    if form == "java":
        keys = {"ssl.keystore.type": "PEM", "ssl.keystore.location": escaped(shown)}
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": escaped(trusted.strip())}
        return _lines({**common, **keys, **trust})
    if form == "librdkafka":
        names = {"ssl.certificate.location": shown, "ssl.key.location": shown}
        return _lines({**common, **names, "ssl.ca.location": str(own.folder / CERTIFICATE)})
    return (
        '# kafka-python: KafkaProducer(**config), KafkaConsumer("TOPIC", **config)\n'
        "import ssl\n\n"
        f"authority = {trusted!r}\n"
        "context = ssl.create_default_context(cadata=authority)\n"
        f"context.load_cert_chain({shown!r})\n"
        "config = {\n"
        f"    'bootstrap_servers': {servers.split(',')!r},\n"
        f"    'security_protocol': {SSL!r},\n"
        "    'ssl_context': context,\n"
        "}\n"
    )


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _secured(brokers: Sequence[HostLike]) -> set[str]:
    return {one.name for broker in brokers for one in listeners.secured(broker)}


def _with_certificates(brokers: Sequence[HostLike]) -> set[str]:
    return {one.name for broker in brokers for one in listeners.with_certificates(broker)}
