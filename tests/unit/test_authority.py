"""An authority of a cluster's own: what it makes, when, and what it refuses."""

from __future__ import annotations

import base64
import contextlib
import datetime
import re
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from provisioner import authority as authorities
from provisioner import certificates, succession
from provisioner.authority import LASTS, Authority, pem
from provisioner.errors import ConfigError, Refused

NAMES = ["127.0.0.1", "::1", "kafka1", "kafka1.example.com"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "prod3.ca", "acme")


def certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text[text.index("-----BEGIN CERTIFICATE") :].encode())


def test_nothing_is_made_before_something_is_signed(authority: Authority):
    assert authority.fingerprint == "" and authority.can_sign and not authority.folder.exists()


def test_who_needs_its_certificate_before_there_is_one_is_told_where_it_comes_from(authority: Authority):
    with pytest.raises(ConfigError, match=r"ca\.crt is not here"):
        _ = authority.certificate
    made = authority.issue("kafka", NAMES, 30)
    assert authority.certificate == made.trusted


def test_a_certificate_has_all_names_and_is_signed_by_the_authority(authority: Authority):
    made = authority.issue("kafka", NAMES, 30)
    leaf, own = certificate(made.text), certificate(made.trusted)
    leaf.verify_directly_issued_by(own)
    # Java writes the parts of a name from the end.
    assert [part.value for part in leaf.subject] == ["acme", "kafka"]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one.value) for one in names} == set(NAMES)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert own.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=29) < left <= datetime.timedelta(days=30)
    assert abs(leaf.not_valid_after_utc.timestamp() - made.until) < 1
    assert made.text.startswith("-----BEGIN PRIVATE KEY-----"), "Kafka reads PKCS #8 only"


def test_the_key_stays_with_whoever_owns_it(authority: Authority):
    authority.issue("kafka", NAMES, 30)
    assert (authority.folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    assert (authority.folder / ".gitignore").read_text() == "*.key\n"
    assert "PRIVATE" not in repr(authority.issue("kafka", NAMES, 30))


def test_all_certificates_are_of_one_authority_also_of_hosts_at_the_same_time(authority: Authority):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: authority.issue("kafka", NAMES, 30), range(8)))
    later = Authority(authority.folder, "acme")
    made.append(later.issue("kafka", NAMES, 30))
    assert len({one.trusted for one in made}) == 1 and len({one.text for one in made}) == 9
    assert later.fingerprint == authority.fingerprint and re.fullmatch("[0-9a-f]{64}", later.fingerprint)


def test_no_certificate_outlives_its_authority(authority: Authority):
    made = authority.issue("kafka", NAMES, 365 * 50)
    assert certificate(made.text).not_valid_after_utc == certificate(made.trusted).not_valid_after_utc


def test_its_certificate_is_renewed_in_time_with_the_same_key_so_that_old_and_new_ones_fit(authority, monkeypatch):
    monkeypatch.setattr(authorities, "LASTS", datetime.timedelta(days=100))
    old = authority.issue("kafka", NAMES, 30)
    assert authority.issue("kafka", NAMES, 50).trusted == old.trusted, "it is good for long enough"
    monkeypatch.undo()
    later = Authority(authority.folder, "acme")
    new = later.issue("kafka", NAMES, 300)
    assert new.trusted != old.trusted and later.certificate == new.trusted
    assert new.authority == old.authority == later.fingerprint
    assert abs(new.until - time.time() - 300 * 86400) < 60
    for leaf in (old, new):
        for own in (old, new):
            certificate(leaf.text).verify_directly_issued_by(certificate(own.trusted))
            context = ssl.create_default_context(cadata=own.trusted)
            assert shaken(context, leaf.text), "a client with either of the two lets either node in"


def shaken(trusting: ssl.SSLContext, shown: str) -> str | None:
    """Whether a handshake between a client and a server that shows this ends well, in memory."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(shown)
        file.flush()
        serving.load_cert_chain(file.name)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=NAMES[0])
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client.version()


def test_without_its_key_it_signs_nothing_and_makes_no_second_one(authority: Authority):
    authority.issue("kafka", NAMES, 30)
    (authority.folder / "ca.key").unlink()
    second = Authority(authority.folder, "acme")
    assert second.fingerprint and not second.can_sign
    with pytest.raises(Refused, match="the key that signs it is not here"):
        second.issue("kafka", NAMES, 30)
    assert not (authority.folder / "ca.key").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "ca.key").chmod(0o640), "others can read"),
        (lambda folder: (folder / "ca.key").write_text("secret-of-ours"), "cannot be read as a private key"),
        (lambda folder: _another_key(folder), "is not the key of ca.crt"),
    ],
)
def test_a_key_that_cannot_be_trusted_is_refused_without_being_shown(authority: Authority, spoil, said: str):
    authority.issue("kafka", NAMES, 30)
    spoil(authority.folder)
    with pytest.raises((ConfigError, Refused), match=said) as refused:
        Authority(authority.folder, "acme").issue("kafka", NAMES, 30)
    assert "secret-of-ours" not in "\n".join(refused.value.lines())


def _another_key(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.key").write_bytes(key)


def test_a_file_that_is_no_certificate_is_named(authority: Authority):
    authority.folder.mkdir()
    (authority.folder / "ca.crt").write_text("oops")
    with pytest.raises(ConfigError, match=r"ca\.crt is no certificate"):
        _ = authority.fingerprint


SEALED = b"$ANSIBLE_VAULT;1.1;AES256\n"


def sealed(authority: Authority, name: str) -> Authority:
    """The same with a key that is encrypted, as far as an authority sees that, and may be read by everyone."""
    path = authority.folder / name
    content = path.read_bytes()
    path.write_bytes(SEALED + content.hex().encode())
    path.chmod(0o644)  # as git leaves it
    return Authority(authority.folder, "acme", lambda text, what: bytes.fromhex(text.splitlines()[1]).decode())


def test_a_key_that_is_encrypted_signs_when_there_is_a_password(authority: Authority):
    old = authority.issue("kafka", NAMES, 30)
    later = sealed(authority, "ca.key")
    made = later.issue("kafka", NAMES, 30)
    certificate(made.text).verify_directly_issued_by(certificate(old.trusted))
    assert (authority.folder / "ca.key").read_bytes().startswith(SEALED), "it stays encrypted"
    without = Authority(authority.folder, "acme")
    assert without.can_sign and without.fingerprint == later.fingerprint
    with pytest.raises(ConfigError, match=r"ca\.key is encrypted by ansible-vault"):
        without.require_key()


def test_the_next_key_does_not_take_the_place_of_an_encrypted_one_in_the_clear(authority: Authority):
    authority.issue("kafka", NAMES, 30)
    later = sealed(authority, "ca.key")
    succession.announce(later)
    with pytest.raises(Refused, match="is not") as refused:
        succession.succeed(later)
    assert "ansible-vault encrypt" in str(refused.value)
    later = sealed(later, "next.key")
    succession.succeed(later)
    assert later.sealed("ca.key") and not (later.folder / "next.key").exists()
    assert later.issue("kafka", NAMES, 30).authority == later.fingerprint


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
@pytest.mark.parametrize("names", [0, 3, 400])  # lengths of one, two and three bytes
def test_the_key_of_a_certificate_is_found_without_the_library(key: Any, names: int):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + LASTS)
    listed = [x509.DNSName(f"kafka{number}.example.com") for number in range(names)]
    builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False) if names else builder
    text = pem(builder.sign(key, hashes.SHA256())).decode()
    assert certificates.keys(f"a note\n{text}{text}") == [certificates.read(text).key] * 2


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 40, 100])
def test_what_is_no_certificate_has_no_key(authority: Authority, cut: int):
    authority.issue("kafka", ["a"], 1)
    der = base64.b64decode("".join(authority.certificate.split("-----")[2].split()))[:cut]
    begin, end = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    for text in ("", "nothing", f"{begin}\n{base64.b64encode(der).decode()}\n{end}\n", f"{begin}\n*{end}\n"):
        with pytest.raises(ValueError, match="no certificate"):
            certificates.keys(text)


def test_a_run_without_changes_loads_no_library_for_certificates(authority: Authority):
    authority.issue("kafka", ["a"], 1)
    script = (
        "import sys; from pathlib import Path; from provisioner import succession; "
        "from provisioner.authority import Authority; one = Authority(Path(sys.argv[1]), 'acme'); "
        "print(one.fingerprint, one.others, succession.step(one).name, 'cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(authority.folder)], text=True, capture_output=True)
    assert done.stdout.split() == [authority.fingerprint, "()", "SETTLED", "False"], done.stderr
