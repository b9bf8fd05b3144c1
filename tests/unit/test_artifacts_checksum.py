"""Checksum files come in several shapes; all of them must give the digest, and nothing else must."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.artifacts.checksum import DigestMemo, FileDigests, digest_file, parse_sha512

DIGESTS = st.binary(min_size=64, max_size=64).map(bytes.hex)
NAMES = st.from_regex(r"[a-zA-Z][\w.-]{0,40}\.tgz", fullmatch=True)


def gpg(name: str, digest: str, per_line: int = 8) -> str:
    """As `gpg --print-md SHA512` prints it: upper case, groups of eight, continued under the first group."""
    groups = [digest.upper()[i : i + 8] for i in range(0, 128, 8)]
    lines = [" ".join(groups[i : i + per_line]) for i in range(0, 16, per_line)]
    return f"{name}: " + ("\n" + " " * (len(name) + 2)).join(lines) + "\n"


@given(name=NAMES, digest=DIGESTS, per_line=st.integers(1, 16))
def test_gpg_format_is_read(name: str, digest: str, per_line: int) -> None:
    assert parse_sha512(gpg(name, digest, per_line), name) == digest


@given(name=NAMES, digest=DIGESTS, mark=st.sampled_from(["  ", " *"]), upper=st.booleans())
def test_sha512sum_format_is_read(name: str, digest: str, mark: str, upper: bool) -> None:
    assert parse_sha512((digest.upper() if upper else digest) + mark + name + "\n", name) == digest


@given(name=NAMES, digest=DIGESTS)
def test_bsd_format_is_read(name: str, digest: str) -> None:
    assert parse_sha512(f"SHA512 ({name}) = {digest}\n", name) == digest


@given(digest=DIGESTS)
def test_bare_digest_is_read(digest: str) -> None:
    assert parse_sha512(f" {digest}\n") == digest


@given(first=DIGESTS, second=DIGESTS)
def test_of_several_files_the_named_one_is_taken(first: str, second: str) -> None:
    assert parse_sha512(f"{first}  a.tgz\n{second}  ./b.tgz\n", "b.tgz") == second
    assert parse_sha512(gpg("a.tgz", first) + gpg("b.tgz", second), "b.tgz") == second


@given(st.text(max_size=400))
def test_any_text_gives_a_digest_that_it_contains_or_is_refused(text: str) -> None:
    try:
        digest = parse_sha512(text, "a.tgz")
    except ValueError:
        return
    assert digest in "".join(text.lower().split())


@pytest.mark.parametrize("text", ["", "a.tgz: 0A1B", "f" * 127, "f" * 64 + "  a.tgz", "g" * 128])
def test_what_holds_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no SHA-512"):
        parse_sha512(text, "a.tgz")


def test_two_digests_and_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="2 different"):
        parse_sha512("a" * 128 + "  a.tgz\n" + "b" * 128 + "  b.tgz\n")


def test_memo_reads_a_file_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def noted(path: Path) -> FileDigests:
        read.append(path)
        return digest_file(path)

    monkeypatch.setattr("provisioner.artifacts.checksum.digest_file", noted)
    file, memo = tmp_path / "f", DigestMemo(tmp_path / "digests")
    file.write_bytes(b"one")
    assert memo.digests(file).sha256 == memo.digests(file).sha256 == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    file.write_bytes(b"two")  # same size: only the time tells
    os.utime(file, ns=(1, 1))
    assert memo.digests(file).sha512 == hashlib.sha512(b"two").hexdigest()
    assert len(read) == 2


def test_a_broken_memo_is_ignored(tmp_path: Path) -> None:
    file, memo = tmp_path / "f", DigestMemo(tmp_path / "digests")
    file.write_bytes(b"one")
    memo.digests(file)
    for record in (tmp_path / "digests").iterdir():
        record.write_text("{not json")
    assert memo.digests(file).size == 3
