"""client.config: what a client needs to connect as one of the inventory's users."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cli.common import Run
from cli.issue import require
from cluster.endpoint import SASL_SSL, SSL
from cluster.protocol.login import MECHANISMS, jaas
from cluster.users.wanted import PASSWORDS, User
from provisioner.authority import CERTIFICATE, PUBLIC, write
from provisioner.errors import UsageError
from provisioner.resources import jks
from provisioner.secrets import HOLDS
from roles.kafka import given, listeners, users
from roles.kafka.given import Trusted
from roles.kafka.release import reads_java_only
from roles.shared.members import HostLike
from roles.shared.properties import escaped
from roles.shared.tls import authority

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
    if shown:  # at a listener that shows the node's own certificate
        own = authority(inventory)
        one = Client(doors[0]["servers"], Trusted(own.certificate, own.folder / CERTIFICATE), shown=shown)
    else:
        used, trusted = _mechanism(known, mechanism), given.trusted(inventory)
        # Clients of such a cluster's age read no PEM either (KIP-651), and newer ones read a store as well.
        store = f"{out or user}{jks.SUFFIX}" if form == "java" and reads_java_only(brokers[0].vars) else ""
        if store and out:
            write(Path(store).expanduser(), jks.of_trusted(trusted.certificate), PUBLIC)
        login = (used, user, known.passwords[used] if out else HIDDEN)
        one = Client(doors[0]["servers"], trusted, login, store=store)
    text = FORMATS[form](one)
    if len(doors) > 1:
        others = "".join(f"# or, by the listener {one['listener']}: {one['servers']}\n" for one in doors[1:])
        text = others + text
    if out and not shown:
        text = f"{HOLDS}\n{text}"
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


class Client(NamedTuple):
    """servers: as bootstrap.servers has them; trusted: whose certificates it believes; login: (mechanism, user,
    password), empty for a client that shows the certificate in the file `shown`, as it finds that; store: the file
    in Java's own format (JKS) that has what is trusted, "" where that is written into the configuration."""

    servers: str
    trusted: Trusted
    login: tuple[str, ...] = ()
    shown: str = ""
    store: str = ""

    def __repr__(self) -> str:
        return f"Client({self.servers})"  # a password is secret

    @property
    def common(self) -> dict[str, str]:
        """The properties that are called the same by Java and librdkafka."""
        found = {"bootstrap.servers": self.servers, "security.protocol": SASL_SSL if self.login else SSL}
        return found | ({"sasl.mechanism": self.login[0]} if self.login else {})


def _java(one: Client) -> str:
    if one.login:
        own = {"sasl.jaas.config": jaas(*one.login[1:])}
    else:
        own = {"ssl.keystore.type": "PEM", "ssl.keystore.location": escaped(one.shown)}
    if one.store:
        trust = {"ssl.truststore.type": "JKS", "ssl.truststore.location": escaped(one.store)}
    else:
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": escaped(one.trusted.certificate.strip())}
    return _lines({**one.common, **own, **trust})


def _librdkafka(one: Client) -> str:
    if one.login:
        own = dict(zip(("sasl.username", "sasl.password"), one.login[1:], strict=True))
    else:
        own = {"ssl.certificate.location": one.shown, "ssl.key.location": one.shown}
    return _lines({**one.common, **own, "ssl.ca.location": str(one.trusted.path)})


def _python(one: Client) -> str:
    names = ("sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
    config = {"bootstrap_servers": one.servers.split(","), "security_protocol": one.common["security.protocol"]}
    config |= dict(zip(names, one.login, strict=False))
    return (
        '# kafka-python: KafkaProducer(**config), KafkaConsumer("TOPIC", **config)\n'
        "import ssl\n\n"
        f"authority = {one.trusted.certificate!r}\n"
        "context = ssl.create_default_context(cadata=authority)\n"
        + (f"context.load_cert_chain({one.shown!r})\n" if one.shown else "")
        + "config = {\n"
        + "".join(f"    {name!r}: {value!r},\n" for name, value in config.items())
        + "    'ssl_context': context,\n}\n"
    )


FORMATS: Mapping[str, Callable[[Client], str]] = {"java": _java, "librdkafka": _librdkafka, "python": _python}


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _secured(brokers: Sequence[HostLike]) -> set[str]:
    return {one.name for broker in brokers for one in listeners.secured(broker)}


def _with_certificates(brokers: Sequence[HostLike]) -> set[str]:
    return {one.name for broker in brokers for one in listeners.with_certificates(broker)}
