"""Unpack a tar to a directory so that an interruption leaves no half of it, and tell later what was altered.

A new directory is unpacked beside its final name and renamed. An existing one (repair) gets each differing file by
temporary name and rename, so that a running JVM keeps the file it has open.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from typing import Iterable, List, Tuple

from .failure import Failure
from .record import Record, seen


def _members(archive: tarfile.TarFile, strip: int) -> List[Tuple[tarfile.TarInfo, str]]:
    """(member, relative path) of what is to be unpacked; refuses paths and kinds that could escape the directory."""
    out = []
    for member in archive:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts or member.name.startswith("/") or not (member.isfile() or member.isdir() or member.issym()):
            raise Failure(
                f"the archive holds an entry that is not allowed: {member.name}", advice="use another archive"
            )
        if member.issym() and (member.linkname.startswith("/") or ".." in member.linkname.split("/")):
            raise Failure(f"the archive holds a link out of its directory: {member.name} -> {member.linkname}")
        if len(parts) > strip:
            out.append((member, "/".join(parts[strip:])))
    return out


def _mode(member: tarfile.TarInfo) -> int:
    """Readable by everybody, writable by root only, whatever the archive's author's umask was."""
    return 0o755 if member.isdir() or member.mode & 0o111 else 0o644


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    if member.isdir():
        os.makedirs(target, mode=0o755, exist_ok=True)
        os.chmod(target, 0o755)
        return
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    temporary = f"{target}.new~"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    if member.issym():
        os.symlink(member.linkname, temporary)
    else:
        source = archive.extractfile(member)
        assert source is not None
        with source, open(temporary, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        os.chmod(temporary, _mode(member))
    os.replace(temporary, target)


def unpack(payload: str, directory: str, strip: int, marker: Tuple[str, str], before: Iterable[str] = ()) -> Record:
    """Unpack the tar file `payload` (any compression) to `directory`; returns what `record.altered` compares with.

    marker: (name, text) of a file that is written last. before: names that another archive had put there; those that
    this one lacks are removed (two versions of a jar would both be loaded). Raises Failure for a corrupt or unsafe
    archive.
    """
    fresh = not os.path.isdir(directory)
    work = f"{directory}.unpacking~" if fresh else directory
    if fresh:
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work, mode=0o755)
    try:
        with tarfile.open(payload) as archive:
            members = _members(archive, strip)
            for member, name in members:
                _place(archive, member, os.path.join(work, name))
    except (tarfile.TarError, EOFError, ValueError) as error:
        shutil.rmtree(work, ignore_errors=True) if fresh else None
        raise Failure(f"cannot unpack {payload}: {error}", advice="deploy again; it is pushed anew") from error
    except OSError:
        shutil.rmtree(work, ignore_errors=True) if fresh else None
        raise
    os.chmod(work, 0o755)
    with open(os.path.join(work, marker[0]), "w") as out:
        out.write(marker[1])
    os.chmod(os.path.join(work, marker[0]), 0o644)
    names = {name for _, name in members} | {marker[0]}
    for name in set(before) - names:
        path = os.path.join(work, name)
        if os.path.isfile(path) or os.path.islink(path):
            os.unlink(path)
    record = {name: seen(os.path.join(work, name)) or [] for name in sorted(names)}
    if fresh:
        # A rename of the parent does not touch the times of what is inside, so the record stays true.
        os.rename(work, directory)
    return record
