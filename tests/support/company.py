"""An authority as companies have them, which signs requests."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from provisioner import authority

NOW = datetime.datetime.now(datetime.timezone.utc)


class Company:
    """An authority with its certificate in a file, and a folder of what it has signed."""

    def __init__(self, folder: Path) -> None:
        self._key, self._root = authority.new("Company", "Root")
        self.root, self.sent = folder / "root.pem", folder / "sent"
        self.root.write_bytes(authority.pem(self._root))
        self.sent.mkdir(exist_ok=True)

    def sign(self, *requests: Path, days: int = 100) -> None:
        """Certificates as they were requested."""
        for path in requests:
            asked = x509.load_pem_x509_csr(path.read_bytes())
            made = self._sign(asked.subject, asked.public_key(), [*asked.extensions], days)
            (self.sent / f"{path.stem}.crt").write_bytes(made)

    def impostor(self, name: str) -> str:
        """A key and a certificate that says it is a node's, and this authority's own behind it."""
        key = authority.new_key()
        parts = ((NameOID.ORGANIZATION_NAME, "kafka-provisioner"), (NameOID.COMMON_NAME, "kafka"))
        subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
        names = x509.SubjectAlternativeName([authority.general(name)])
        made = self._sign(subject, key.public_key(), [x509.Extension(names.oid, False, names)], 1)
        return (authority.private(key) + made + authority.pem(self._root)).decode()

    def _sign(self, subject: x509.Name, key: object, extensions: list[x509.Extension], days: int) -> bytes:
        made = (
            x509.CertificateBuilder(extensions=extensions)
            .subject_name(subject)
            .issuer_name(self._root.subject)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=1))
            .not_valid_after(NOW + datetime.timedelta(days=days))
        )
        return authority.pem(made.sign(self._key, hashes.SHA256()))
