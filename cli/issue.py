"""certs.issue: a key and a certificate with which a client is one of the inventory's users."""

from __future__ import annotations

from pathlib import Path

from cli.asking import confirm
from cli.common import Run
from cluster.users.wanted import User
from provisioner.authority import CERTIFICATE, KEY, SECRET, lost, write
from provisioner.errors import ConfigError, Refused, UsageError
from provisioner.report.choose import reporter
from provisioner.words import some
from roles.kafka import client_certificates, users
from roles.shared import security, tls
from roles.shared.tls import DAY_MS


def issue(run: Run, user: str, out: str, days: int, yes: bool) -> None:
    """Write them to a file that only this user can read. Raises ConfigError, Refused and UsageError."""
    if not out:
        raise UsageError("to which file? --out is missing", advice=f"--out {user or 'USER'}.pem")
    inventory = run.inventory()
    brokers = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    if not brokers or not security.on(brokers[0]):
        raise UsageError("the cluster has no users: its listeners ask for none", advice="kafka_security closes it")
    known = require(users.of(brokers[0]), user)
    if not known.certificate:
        raise UsageError(
            f"{user} shows no certificate", advice=f"write certificate: true into the entry {user} of kafka_users"
        )
    lasts = days or max(1, brokers[0].vars["kafka_tls_lifetime"] // DAY_MS)
    if lasts < 0:
        raise UsageError(f"--days {days} is no number of days", advice="1 or more")
    path = Path(out).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        why = "is a directory" if path.is_dir() else "is in no directory that exists"
        raise UsageError(f"--out {out} {why}", advice="name a file")
    if path.exists():
        question = f"Replace {out}? What uses the key in it goes on until that one's certificate ends."
        confirm(reporter(), question, yes, f"{out} is there already, and nothing was changed")
    own = client_certificates.authority(inventory)
    if not own.can_sign:
        raise lost(own.folder)
    new = not own.fingerprint
    if new and tls.authority(inventory).fingerprint and not tls.authority(inventory).can_sign:
        raise Refused(
            f"an authority for clients would be made, and the cluster was deployed from another machine: {own.folder}",
            details=[f"{tls.authority(inventory).folder} has {CERTIFICATE} and no {KEY}"],
            advice="issue the first certificate there, or bring that folder, with clients/, here",
        )
    own.folder.parent.mkdir(mode=0o700, exist_ok=True)
    made = own.issue(user, (), lasts)
    try:
        write(path, made.text.encode(), SECRET)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}", advice="choose another file") from None
    if new:
        print(f"--> Made the authority of clients, {own.folder}: commit {CERTIFICATE}, and back up {KEY}")
        print("    brokers know it after the next deploy")
    until = client_certificates.ends(made)
    print(f"--> Wrote {out}: the key and the certificate of {user}, good until {until}; only you can read it")
    print(f"    what its client needs besides: `invoke client.config --user {user} --certificate FILE`")


def require(found: list[User], user: str) -> User:
    """The user of this name. Raises UsageError."""
    by_name = {one.name: one for one in found}
    if user not in by_name:
        what = f"{user} is not one of kafka_users" if user else "which user? --user is missing"
        listed = f"kafka_users: {some(by_name, nothing='none')}"
        raise UsageError(what, details=[listed], advice="list the user in the inventory, and deploy")
    return by_name[user]
