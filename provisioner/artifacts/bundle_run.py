#!/usr/bin/env python3
"""Run the project from an unpacked bundle, with nothing but python3 and no network: ./run deploy --hosts NAME

This file is `run` in a bundle, so it imports nothing of the project. It checks the files against MANIFEST.json once,
unpacks the wheels once, and hands over to Invoke with the bundled artifacts as its cache. Paths are relative to
project/, where the inventories are.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    bundle = Path(__file__).resolve().parent
    try:
        manifest_text = (bundle / "MANIFEST.json").read_bytes()
        manifest = json.loads(manifest_text)
        use_right_python(manifest)
        site = bundle / ("site-" + hashlib.sha256(manifest_text).hexdigest()[:12])
        if not site.is_dir():
            print("first run from this bundle: checking its files", file=sys.stderr)
            require_intact(bundle, manifest)
            unpack_wheels(bundle / "wheels", site)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        stop(f"the bundle in {bundle} cannot be used: {error}", "unpack it again, on a disk with space")
    environment = dict(os.environ, PYTHONPATH=str(site), PROVISIONER_CACHE=str(bundle / "cache"))
    os.chdir(bundle / "project")
    os.execve(sys.executable, [sys.executable, "-m", "invoke", *(arguments or ["--list"])], environment)


def use_right_python(manifest: dict[str, Any]) -> None:
    """Compiled wheels fit one Python on one machine type: switch to that Python if it is here, or say what to do."""
    here = f"{platform.system()} {platform.machine()}"
    if manifest["machine"] != here:
        stop(f"this bundle was made for {manifest['machine']}, this is {here}", "make it on a machine like this one")
    wanted = manifest["python"]
    if wanted != f"{sys.version_info[0]}.{sys.version_info[1]}":
        python = shutil.which("python" + wanted)
        if python is None:
            found = platform.python_version()
            stop(
                f"this bundle needs Python {wanted}, this is {found}",
                f"install python{wanted}, or make it with {found}",
            )
        os.execv(python, [python, __file__, *sys.argv[1:]])


def require_intact(bundle: Path, manifest: dict[str, Any]) -> None:
    """Exit with the first names unless every file is what was packed. An inventory may be edited: project/inventory."""
    wrong = []
    for name, expected in manifest["files"].items():
        digest = hashlib.sha256()
        try:
            with (bundle / name).open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
        except FileNotFoundError:
            wrong.append(name + " is missing")
            continue
        if digest.hexdigest() != expected and not name.startswith("project/inventory/"):
            wrong.append(name + " was changed")
    if wrong:
        stop(f"{len(wrong)} files are not as they were packed: {', '.join(wrong[:3])}", "unpack the bundle again")


def unpack_wheels(wheels: Path, site: Path) -> None:
    """Make all wheels importable from one directory: a wheel is a zip laid out for that, except its *.data."""
    part = site.with_name(f"{site.name}.{os.getpid()}.part")
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(part)
    for lib in (*part.glob("*.data/purelib"), *part.glob("*.data/platlib")):
        shutil.copytree(lib, part, dirs_exist_ok=True)
    try:
        part.rename(site)
    except OSError:
        if not site.is_dir():  # else another run was faster, with the same result
            raise
        shutil.rmtree(part)


def stop(problem: str, advice: str) -> None:
    print(f"{problem}\n  -> {advice}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
