"""The agent as it travels: one zip of this package's host side and the roles' `onhost` code, named by its content.

`STAGE0` is the only code that is sent on every run. It reads which version is wanted, asks for the zip when the host
lacks it, and starts it. It must say something sensible on any Python, hence its plain style.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"PROVISIONER AGENT 1\n"
DIRECTORY = "/var/lib/provisioner/agent"
MINIMUM_PYTHON = (3, 8)

STAGE0 = f'''
import sys,os,json
def say(**m):
    os.write(1,(json.dumps(m)+"\\n").encode())
def no(e,a):
    say(error=e,advice=a); sys.exit(3)
v=sys.version_info
def line():
    b=b""
    while not b.endswith(b"\\n"):
        c=os.read(0,1)
        if not c: sys.exit(4)
        b+=c
    return b
while line()!={MAGIC!r}: pass
h=json.loads(line().decode())
if v<{MINIMUM_PYTHON!r}: no("Python is %d.%d.%d, at least {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]} is needed"%v[:3],"install a newer python3, or point ansible_python_interpreter at one")
if os.geteuid()!=0: no("connected as "+str(os.environ.get("USER") or os.geteuid())+", not root, and ansible_become is off","set ansible_become: true, or connect as root")
d="{DIRECTORY}/"+h["digest"]
try:
    if os.path.isdir(d):
        say(need=False)
    else:
        say(need=True)
        import hashlib,io,shutil,tempfile,zipfile
        b=[];n=h["size"]
        while n:
            c=os.read(0,min(n,262144))
            if not c: sys.exit(4)
            b.append(c);n-=len(c)
        b=b"".join(b)
        if hashlib.sha256(b).hexdigest()!=h["digest"]: no("the agent arrived damaged","run the same command again")
        os.umask(0o077)
        if not os.path.isdir("{DIRECTORY}"): os.makedirs("{DIRECTORY}",0o700)
        old=sorted((os.path.join("{DIRECTORY}",x) for x in os.listdir("{DIRECTORY}")),key=os.path.getmtime)
        for x in old[:-1]: shutil.rmtree(x,ignore_errors=True)
        t=tempfile.mkdtemp(dir="{DIRECTORY}")
        zipfile.ZipFile(io.BytesIO(b)).extractall(t)
        os.rename(t,d)
except OSError as e:
    no("cannot install the agent: %s: %s"%(e.filename or d,e.strerror),"the disk is full: free some space" if e.errno==28 else "look at that path on the host")
sys.path.insert(0,d)
from provisioner.agent.main import serve
serve()
'''


@dataclass(frozen=True)
class Payload:
    """A built agent. digest: sha256 of the zip; size: its bytes."""

    digest: str
    size: int
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


def _files(root: Path, packages: Sequence[str], libraries: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file) of everything that travels, in order."""
    places = [(name.replace(".", "/"), root / name.replace(".", "/")) for name in packages]
    for library in libraries:
        spec = importlib.util.find_spec(library)
        assert spec is not None and spec.origin is not None
        places.append((library, Path(spec.origin).parent))
    seen = set()
    for prefix, folder in places:
        for parent in _parents(prefix):
            if parent not in seen and (root / parent / "__init__.py").is_file():
                seen.add(parent)
                yield f"{parent}/__init__.py", root / parent / "__init__.py"
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            name = f"{prefix}/{file.relative_to(folder).as_posix()}"
            if name not in seen:
                seen.add(name)
                yield name, file


def _parents(prefix: str) -> list[str]:
    parts = prefix.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """Changes whenever a file may have changed; much cheaper than reading them."""
    digest = hashlib.sha256()
    for name, path in files:
        found = path.stat()
        digest.update(f"{name} {path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def build(root: Path, cache: Path, *, packages: Sequence[str], libraries: Sequence[str]) -> Payload:
    """The zip of `packages` (dotted, below `root`) and `libraries` (importable here), built once per content.

    The zip is deterministic, so equal code has an equal digest on every control machine.
    """
    files = list(_files(root, packages, libraries))
    index = cache / "agent" / _fingerprint(files)
    if index.is_file():
        digest = index.read_text()
        path = cache / "agent" / f"{digest}.zip"
        if path.is_file():
            return Payload(digest, path.stat().st_size, path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.read_bytes(), zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    path = cache / "agent" / f"{digest}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, data)
    _write(index, digest.encode())
    return Payload(digest, len(data), path)


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:
        out.write(data)
    os.replace(out.name, path)
