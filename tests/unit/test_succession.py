"""Another key for an authority: what is trusted at each step, and who is behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from provisioner import authority as authorities
from provisioner import certificates, succession
from provisioner.authority import Authority
from provisioner.errors import ConfigError, Refused
from provisioner.succession import Step, announce, behind, retire, settle, step, succeed

NAMES = ["127.0.0.1", "kafka1"]
ALL: tuple[Callable[[Authority], None], ...] = (announce, succeed, retire, settle)


class Killed(BaseException):
    """As kill -9 ends a run."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    found = Authority(tmp_path / "prod3.ca", "acme")
    found.issue("kafka", NAMES, 30)
    return found


def leaf(authority: Authority) -> str:
    text = authority.issue("kafka", NAMES, 30).text
    return text[text.index("-----BEGIN CERT") :]


def trusted_by(leaf: str, text: str) -> bool:
    return any(certificates.signed_by(leaf, one) for one in certificates.blocks(text))


def test_the_steps_in_their_order_and_what_is_trusted_and_signed_at_each(authority: Authority):
    old, first = authority.fingerprint, leaf(authority)
    assert step(authority) is Step.SETTLED and not list(authority.others)
    announce(authority)
    assert step(authority) is Step.ANNOUNCED and authority.fingerprint == old
    new = authority.others[0]
    assert (authority.folder / "next.key").stat().st_mode & 0o777 == 0o600
    assert (authority.folder / ".gitignore").read_text() == "*.key\n"
    made = authority.issue("kafka", NAMES, 30)
    assert made.authority == old and made.trusted == authority.certificate
    succeed(authority)
    assert step(authority) is Step.SUCCEEDED and authority.fingerprint == new and authority.others == (old,)
    assert not (authority.folder / "next.key").exists(), "it has its place, and the old one is gone"
    assert authority.issue("kafka", NAMES, 30).authority == new
    retire(authority)
    assert step(authority) is Step.RETIRED and authority.fingerprint == new and not list(authority.others)
    assert not trusted_by(first, authority.certificate)
    settle(authority)
    assert step(authority) is Step.SETTLED
    assert sorted(one.name for one in authority.folder.iterdir()) == [".gitignore", "ca.crt", "ca.key"]
    announce(authority)
    assert [succession.number(one) for one in authority.known] == [2, 3], "and it can be done again"


def test_whoever_is_at_a_step_trusts_what_is_shown_at_the_one_before_and_after(authority: Authority):
    seen = [(leaf(authority), authority.certificate)]
    for act in (announce, succeed, retire):
        act(authority)
        seen.append((leaf(authority), authority.certificate))
    for (shown, trusted), (next_shown, next_trusted) in itertools.pairwise(seen):
        assert trusted_by(shown, next_trusted) and trusted_by(next_shown, trusted)


@pytest.mark.parametrize("number", range(7))
def test_a_run_that_is_killed_before_any_file_has_its_place_is_finished_by_the_next_one(authority, monkeypatch, number):
    """.gitignore, next.key, ca.crt; ca.crt, ca.key; retired.crt, ca.crt: what is there signs, and comes to the end."""
    left, real = [number], Path.replace

    def deadly(path: Path, target: Path) -> Path:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return real(path, target)

    monkeypatch.setattr(Path, "replace", deadly)
    with pytest.raises(Killed):
        for act in ALL:
            act(authority)
    monkeypatch.undo()
    later = Authority(authority.folder, "acme")
    assert trusted_by(leaf(later), later.certificate)
    for act, at in zip(ALL, (Step.SETTLED, Step.ANNOUNCED, Step.SUCCEEDED, Step.RETIRED), strict=True):
        if step(later) is at:
            act(later)
    assert step(later) is Step.SETTLED and succession.number(later.known[0]) == 2
    assert trusted_by(leaf(later), later.certificate)
    assert not (later.folder / "next.key").exists()


def test_a_certificate_of_an_authority_that_is_renewed_meanwhile_stays_beside_the_next_one(authority, monkeypatch):
    announce(authority)
    known = [one.key for one in authority.known]
    monkeypatch.setattr(authorities, "LASTS", authorities.LASTS * 3)
    later = Authority(authority.folder, "acme")
    later.issue("kafka", NAMES, 365 * 12)
    assert [one.key for one in later.known] == known
    own = x509.load_pem_x509_certificate(later.certificate.encode())
    assert (own.not_valid_after_utc - own.not_valid_before_utc).days > 365 * 12


@pytest.mark.parametrize(
    ("spoil", "act", "said"),
    [
        (lambda folder: (folder / "ca.key").unlink(), announce, "the key that signs it is not here"),
        (lambda folder: (folder / "next.key").unlink(), succeed, "next.key"),
        (lambda folder: (folder / "next.key").write_bytes((folder / "ca.key").read_bytes()), succeed, "not the key of"),
        (lambda folder: (folder / "next.key").chmod(0o644), succeed, "others can read"),
        (lambda folder: None, retire, "has changed meanwhile"),
        (lambda folder: None, announce, "has changed meanwhile"),
    ],
)
def test_without_its_keys_nothing_changes(authority: Authority, spoil, act, said: str):
    if "not here" not in said:
        announce(authority)
    spoil(authority.folder)
    before = authority.certificate
    with pytest.raises((Refused, ConfigError), match=said):
        act(authority)
    assert authority.certificate == before


TRUSTS = {  # the folder, step by step: what signs, and what else is trusted
    "settled": "a",
    "announced": "ab",
    "succeeded": "ba",
    "retired": "b",
}


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        # A node that is as far as the folder, or one step back.
        *[(one, one, "") for one in TRUSTS],
        *[(later, earlier, "") for earlier, later in itertools.pairwise(TRUSTS)],
        # A folder that is behind the nodes.
        ("settled", "announced", "trusts the authority that comes after"),
        ("announced", "succeeded", "has a certificate of the authority that comes after"),
        ("announced", "retired", "has a certificate of the authority that comes after"),
        ("succeeded", "retired", "does not trust the authority any more that came before"),
        # Another one that was made by somebody else meanwhile.
        ("other", "announced", "trusts the authority that comes after"),
    ],
)
def test_a_folder_that_is_behind_its_nodes_is_told_so(here, there, said):
    def known(letters: str) -> list[certificates.Certificate]:
        subject = {"a": "CN=authority of x", "b": "CN=authority 2 of x", "c": "CN=authority 2 of x"}
        return [certificates.Certificate(subject[one], (), "1", 0, "", one) for one in letters]

    trusts = {**TRUSTS, "other": "ac"}
    found = behind(known(trusts[here]), trusts[there][0], known(trusts[there]))
    assert said in found and bool(found) == bool(said)
