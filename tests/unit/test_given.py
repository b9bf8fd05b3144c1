"""Certificates of somebody else's authority: what is refused before anything shows them, and how they are requested."""

from __future__ import annotations

import datetime
import ipaddress
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioner import authority, given
from provisioner.errors import ConfigError, ProvisionerError, Refused, Several
from provisioner.given import Files, Pair
from provisioner.requested import Folder, signed

NOW = datetime.datetime(2027, 1, 31, 12, tzinfo=datetime.timezone.utc)
NAMES = ["kafka1.example.com", "10.0.0.7"]
FILES = Files(Path("/c/kafka1.pem"), Path("/c/kafka1.key"), Path("/c/ca.pem"))


def never(text: str, what: str) -> str:
    raise AssertionError(what)


# `openssl x509 -req -sha1`, good until 2126.
OLD = """\
-----BEGIN CERTIFICATE-----
MIIBGTCBwQIUbUeIEyeZ+lGec0K5obezgiWZIqYwCQYHKoZIzj0EATAOMQwwCgYD
VQQDDANvbGQwIBcNMjYxMTI3MTI1NzU1WhgPMjEyNjExMDMxMjU3NTVaMBExDzAN
BgNVBAMMBmthZmthMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABByHtK8tjnVR
KxIajaU/qSCOxxEcGNLT5JXqJpgn8pp9RUTZoABwyq1AkeGgUwmnUBrXO3fjhcyE
wFVEgXTd3UkwCQYHKoZIzj0EAQNIADBFAiEAySDj9nAtEZZb5xz3LFgxnR33gMu8
fFW/5j+zi+JG5GICIB1QkTn2lJf/DKJUFldZV7SDfBhj+3Zp0d6L6ghI2ZJK
-----END CERTIFICATE-----
"""


class Company:
    """An authority with one in between, as companies have them."""

    def __init__(self, name: str = "Company") -> None:
        self.root_key, self.key = authority.new_key(), authority.new_key()
        self.root = self.sign(f"{name} Root", self.root_key, by=None, ca=True)
        self.issuer = self.sign(f"{name} Issuer", self.key, by=(self.root, self.root_key), ca=True)

    def sign(
        self,
        subject: str,
        key: Any,
        by: Any = "issuer",
        *,
        ca: bool = False,
        names: list[str] | None = None,
        begins: int = -1,
        ends: int = 100,
        usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> x509.Certificate:
        """A certificate that is good from and until so many days from NOW."""
        issuer, signer = (self.issuer, self.key) if by == "issuer" else by or (None, key)
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        made = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer.subject if issuer else own)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + datetime.timedelta(days=begins))
            .not_valid_after(NOW + datetime.timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names is not None:
            made = made.add_extension(x509.SubjectAlternativeName([authority.general(one) for one in names]), False)
        if usage is not None and not ca:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return made.sign(signer, hashes.SHA256())


COMPANY, OTHER, KEY = Company(), Company("Other"), authority.new_key()
RSA_1024 = rsa.generate_private_key(65537, 1024)
OWN = COMPANY.sign("kafka1", KEY, names=NAMES)


def pair(*chain: x509.Certificate, key: Any = KEY, trusted: tuple[x509.Certificate, ...] = (COMPANY.root,)) -> Pair:
    return Pair(key, chain, trusted)


def leaf(**how: Any) -> Pair:
    key = how.pop("key", KEY)
    return pair(COMPANY.sign("kafka1", key, **{"names": NAMES, **how}), COMPANY.issuer, key=key)


@pytest.mark.parametrize(
    "good",
    [
        pair(OWN, COMPANY.issuer),
        pair(OWN, COMPANY.issuer, COMPANY.root),  # the root may be there, too
        pair(OWN, trusted=(OTHER.root, COMPANY.issuer)),
        leaf(names=["*.Example.com", "10.0.0.7"]),
        leaf(usage=None),
        leaf(key=rsa.generate_private_key(65537, 2048)),
    ],
)
def test_what_clients_take_is_taken(good: Pair):
    assert not list(given.wrong(good, FILES, NAMES, NOW))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            pair(OWN, COMPANY.issuer, key=authority.new_key()),
            "the key in /c/kafka1.key does not belong to the certificate",
        ),
        (pair(COMPANY.issuer, OWN), "the first certificate in /c/kafka1.pem is not the key's own"),
        (pair(OWN), "/c/kafka1.pem does not lead to /c/ca.pem: the issuer of CN=kafka1 is in neither"),
        (pair(OWN, COMPANY.issuer, trusted=(OTHER.root,)), "the issuer of CN=Company Issuer is in neither"),
        (pair(OWN, COMPANY.root, COMPANY.issuer), "the certificates in /c/kafka1.pem are not in order"),
        (pair(OWN, OTHER.issuer, COMPANY.issuer), "the certificates in /c/kafka1.pem are not in order"),
        (pair(OWN, COMPANY.issuer, trusted=(OWN,)), "/c/ca.pem holds CN=kafka1, which is no authority's certificate"),
        (leaf(begins=-9, ends=0), "CN=kafka1 in /c/kafka1.pem has ended, on 2027-01-31 12:00 UTC"),
        (leaf(begins=1), "CN=kafka1 in /c/kafka1.pem is good only from 2027-02-01 12:00 UTC on"),
        (leaf(names=["kafka1.example.com"]), "lacks 10.0.0.7, by which clients reach it"),
        (leaf(names=["*.com", "10.0.0.7"]), "lacks kafka1.example.com"),
        (leaf(names=["*.kafka1.example.com", "10.0.0.7"]), "lacks kafka1.example.com"),
        (leaf(names=None), "lacks kafka1.example.com, 10.0.0.7"),
        (leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH), "is not for servers"),
        (leaf(key=RSA_1024), "has 1024 bits, and clients want 2048 at least"),
        (leaf(key=ed25519.Ed25519PrivateKey.generate()), "is neither RSA nor EC"),
    ],
)
def test_what_clients_would_refuse_is_refused_before_with_what_to_do(bad: Pair, said: str):
    (error,) = given.wrong(bad, FILES, NAMES, NOW)
    assert said in error.summary and error.advice, error.summary


def test_an_authority_that_has_ended_counts_too():
    ended = COMPANY.sign("Company Root", COMPANY.root_key, by=None, ca=True, begins=-9, ends=-1)
    (error,) = given.wrong(pair(OWN, COMPANY.issuer, trusted=(ended,)), FILES, NAMES, NOW)
    assert "CN=Company Root in /c/ca.pem has ended" in error.summary


def test_a_signature_with_an_old_hash_is_named_since_nothing_here_can_make_or_verify_one(tmp_path: Path):
    path = written(tmp_path, "old.pem", OLD.encode())
    (error,) = given.weak(given.certificates(path), path)
    assert f"CN=kafka1 in {path} is signed with SHA1, which clients refuse" in error.summary
    assert not list(given.weak([OWN, COMPANY.issuer, COMPANY.root], path))


def test_a_certificate_that_is_no_authority_signs_nothing():
    fake_key = authority.new_key()
    fake = COMPANY.sign("Company Issuer", fake_key)
    own = COMPANY.sign("kafka1", KEY, by=(fake, fake_key), names=NAMES)
    (error,) = given.wrong(pair(own, fake, COMPANY.issuer), FILES, NAMES, NOW)
    assert "the issuer of CN=kafka1 is in neither" in error.summary


def written(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_files_are_read_with_whatever_stands_around_and_what_is_sent_has_nothing_else(tmp_path: Path):
    noise = b"# from the registry of certificates\nsubject=CN = kafka1\n"
    old = serialization.PrivateFormat.TraditionalOpenSSL
    pem = serialization.Encoding.PEM
    files = Files(
        written(tmp_path, "a.pem", noise + authority.pem(OWN) + noise + authority.pem(COMPANY.issuer)),
        written(tmp_path, "a.key", KEY.private_bytes(pem, old, serialization.NoEncryption())),
        written(tmp_path, "ca.pem", noise + authority.pem(COMPANY.root)),
    )
    found = given.read(files, never)
    assert found.text.startswith("-----BEGIN PRIVATE KEY-----")  # the only form that Java's reader takes
    assert "registry" not in found.text + found.trust and found.text.count("BEGIN CERTIFICATE") == 2
    assert found.until == int(OWN.not_valid_after_utc.timestamp())
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("content", "mode", "kind", "said"),
    [
        (None, 0o600, ConfigError, "is not here"),
        (b"-----BEGIN CERTIFICATE-----", 0o600, ConfigError, "holds no private key (PEM)"),
        (authority.private(KEY), 0o644, Refused, "others can read"),
        (
            KEY.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            ),
            0o600,
            ConfigError,
            "is encrypted with a password",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_its_file(tmp_path: Path, content, mode, kind, said):
    path = tmp_path / "a.key"
    if content is not None:
        written(tmp_path, "a.key", content, mode)
    with pytest.raises(kind) as error:
        given.key(path, never)
    assert said in str(error.value) and str(path) in str(error.value) and error.value.advice


def test_a_key_that_ansible_vault_has_encrypted_is_opened_by_it(tmp_path: Path):
    path = written(tmp_path, "a.key", authority.SEALED + b"1.1;AES256\n00", 0o644)
    found = given.key(path, lambda text, what: authority.private(KEY).decode() if what == str(path) else "")
    assert authority.public(found) == authority.public(KEY)


@pytest.mark.parametrize("content", [b"", b"a text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_a_file_without_a_certificate_is_said_to_have_none(tmp_path: Path, content: bytes):
    with pytest.raises(ConfigError, match="holds no certificate"):
        given.certificates(written(tmp_path, "a.pem", content))


# -- requests and what comes back ----------------------------------------------------------------------------------


SERVERS = {"kafka1": NAMES, "kafka2": ["kafka2.example.com"]}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "prod3.certs", never)


def asked(folder: Folder, host: str, new_key: bool = False) -> x509.CertificateSigningRequest:
    path, _ = folder.request(host, SERVERS[host], new_key)
    return x509.load_pem_x509_csr(path.read_bytes())


def answer(tmp_path: Path, *requests: x509.CertificateSigningRequest, **how: Any) -> Path:
    """The folder that the company sends: the certificates by names of its own, and its issuer's in binary form."""
    sent = tmp_path / "sent"
    sent.mkdir(exist_ok=True)
    for number, one in enumerate(requests):
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        cn = one.subject.rfc4514_string().removeprefix("CN=")
        made = COMPANY.sign(cn, one, names=[str(each.value) for each in names], **how)
        (sent / f"{number}.crt").write_bytes(authority.pem(made))
    (sent / "issuer.cer").write_bytes(COMPANY.issuer.public_bytes(serialization.Encoding.DER))
    (sent / "mail.pem").write_text("Dear colleagues")
    (tmp_path / "root.pem").write_bytes(authority.pem(COMPANY.root))
    return sent


def taken(folder: Folder, tmp_path: Path, sent: Path, servers: dict[str, list[str]] | None = None) -> list[Any]:
    return folder.taken(servers or SERVERS, signed([sent]), tmp_path / "root.pem", NOW)


def test_a_request_has_the_names_and_keeps_the_key_that_is_there(folder: Folder):
    one = asked(folder, "kafka1")
    names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kafka1.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.0.0.7")]
    assert one.is_signature_valid and one.subject.rfc4514_string() == "CN=kafka1.example.com"
    key = folder.path / "kafka1.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and (folder.path / ".gitignore").read_text() == "*.key\n"
    before = key.read_bytes()
    assert asked(folder, "kafka1").public_key() == one.public_key() and key.read_bytes() == before


def test_what_comes_back_is_found_by_its_key_and_put_in_order(folder: Folder, tmp_path: Path):
    sent = answer(tmp_path, asked(folder, "kafka2"), asked(folder, "kafka1"))
    folder.put(taken(folder, tmp_path, sent))
    for host, names in SERVERS.items():
        found = given.read(folder.files(host), never)
        assert not list(given.wrong(found, folder.files(host), names, NOW)) and len(found.chain) == 2


def test_another_key_takes_the_old_ones_place_only_with_its_certificate(folder: Folder, tmp_path: Path):
    folder.put(taken(folder, tmp_path, answer(tmp_path, asked(folder, "kafka1")), {"kafka1": NAMES}))
    files = folder.files("kafka1")
    before = (files.key.read_bytes(), files.certificate.read_bytes())
    request = asked(folder, "kafka1", new_key=True)
    assert asked(folder, "kafka1", new_key=True).public_key() == request.public_key(), "a request that is on its way"
    assert (files.key.read_bytes(), files.certificate.read_bytes()) == before
    with pytest.raises(Several, match="none of the certificates is for its key"):  # only the old one is there
        taken(folder, tmp_path, tmp_path / "sent", {"kafka1": NAMES})
    folder.put(taken(folder, tmp_path, answer(tmp_path, request), {"kafka1": NAMES}))
    found = given.read(files, never)
    assert found.key.public_key() == request.public_key() and not list(given.wrong(found, files, NAMES, NOW))
    assert sorted(path.name for path in folder.path.iterdir()) == [
        *(".gitignore", "ca.pem", "kafka1.csr", "kafka1.key", "kafka1.pem"),
    ]


def test_all_come_or_none(folder: Folder, tmp_path: Path):
    first, second = asked(folder, "kafka1"), asked(folder, "kafka2")
    sent = answer(tmp_path, first)
    with pytest.raises(ProvisionerError) as error:
        taken(folder, tmp_path, sent)
    assert "none of the certificates is for its key" in str(error.value) and "kafka2" in str(error.value)
    with pytest.raises(Several, match="has ended"):
        taken(folder, tmp_path, answer(tmp_path, first, second, begins=-9, ends=-1))
    assert not list(folder.path.glob("*.pem"))


def test_another_authority_must_not_lock_out_the_brokers_that_are_left_out(folder: Folder, tmp_path: Path):
    folder.put(taken(folder, tmp_path, answer(tmp_path, *(asked(folder, host) for host in SERVERS))))
    own = OTHER.sign("kafka1", given.key(folder.files("kafka1").key, never), names=NAMES)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.pem").write_bytes(authority.pem(own) + authority.pem(OTHER.issuer))
    (tmp_path / "root.pem").write_bytes(authority.pem(OTHER.root))
    with pytest.raises(Several, match=r"kafka2.pem does not lead to .*root.pem, which would take the place of"):
        taken(folder, tmp_path, tmp_path / "other", {"kafka1": NAMES})
    (tmp_path / "root.pem").write_bytes(authority.pem(OTHER.root) + authority.pem(COMPANY.root))
    folder.put(taken(folder, tmp_path, tmp_path / "other", {"kafka1": NAMES}))


def test_a_file_that_is_named_must_hold_a_certificate(tmp_path: Path):
    with pytest.raises(ConfigError, match="holds no certificate"):
        signed([written(tmp_path, "mail.pem", b"Dear colleagues")])
