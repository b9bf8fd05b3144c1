"""The verbs about users, and what their clients need."""

from __future__ import annotations

from cli.common import SOURCES, Run, on_hosts

APPLY = {
    "check": "show what would change, change nothing",
    "prune": "also delete users, quotas and rules that are not listed",
    "yes": "do not ask",
}


@on_hosts("list", {"json": "as JSON, for machines"})
def list_(run: Run, json=False):
    """Show the users of the secured listeners, and what each may do."""
    from cli import users

    users.listing(run, json)


@on_hosts("apply", APPLY)
def apply(run: Run, prune=False, yes=False):
    """Make users, quotas and rules as kafka_users and kafka_acls list them. Asks before it deletes."""
    from cli import users

    users.apply(run, prune, yes)


CONFIG = {
    "user": "whose: one of kafka_users",
    "format": "java (Kafka's own tools, too), librdkafka or python",
    "certificate": "the file of certs.issue, as the client finds it, for who shows a certificate; USER.pem",
    "out": "a file to write it to, with the password, which only you can read; without it, it is printed without",
    "mechanism": "of a user with two passwords, by which: SCRAM-SHA-512 (which is taken otherwise) or SCRAM-SHA-256",
}


@on_hosts("config", CONFIG, common=SOURCES)
def config(run: Run, user="", format="java", out="", certificate="", mechanism=""):
    """Show what a client needs to connect as a user: addresses, TLS, and a password or a certificate."""
    from cli import client_config

    client_config.show(run, user, format, out, certificate, mechanism)
