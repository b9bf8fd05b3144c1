"""The image of a lab host: a minimal Debian plus systemd, sshd, sudo and python3, and for tests one with Java as well.

Two ways to the minimal Debian: pull `debian:<release>`, or, where no image registry answers, make it from Debian's
packages with mmdebstrap. Both are cached in the engine under tags that name what they were made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.engine import docker, run
from provisioner.errors import ProvisionerError, UsageError

HERE = Path(__file__).resolve().parent
RELEASES = ("bookworm", "trixie")
_RECIPE = ("mmdebstrap", "--quiet", "--variant=minbase")
_JAVA = (
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends default-jre-headless"
    " && apt-get clean && rm -rf /var/lib/apt/lists/*"
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")

Say = Callable[[str], None]


def ensure(release: str, say: Say, *, java: bool = False) -> str:
    """The tag of the host image of a Debian release, built first if the engine does not have it.

    java: with the distribution's Java, for hosts of tests that are not about its installation, which is most of the
    processor's time of a first deploy. `say` is told before anything that takes long. UsageError for an unknown
    release, ProvisionerError with the last lines of the failed command otherwise.
    """
    if release not in RELEASES:
        raise UsageError(f"no lab image {release!r}", advice=f"--image is one of {', '.join(RELEASES)}")
    tag = f"kafka-lab:{release}-{digest(release, _context())}"
    if not _exists(tag):
        base = _base(release, say)
        say(f"building the {release} host image, about 30 s")
        docker(
            *("build", "--tag", tag, "--build-arg", f"BASE={base}", *proxy_arguments()),
            *("--file", str(HERE / "Dockerfile"), str(HERE / "rootfs")),
            # Another builder than the engine's own would not see the local base image.
            env={"BUILDX_BUILDER": "default"},
            timeout=1800,
        )
    return _with_java(tag, release, say) if java else tag


def _with_java(bare: str, release: str, say: Say) -> str:
    recipe = f"FROM {bare}\nRUN {_JAVA}\n"
    tag = f"kafka-lab-java:{release}-{digest(release, [('', recipe.encode())])}"
    if not _exists(tag):
        say(f"building the {release} host image with Java, about 15 s")
        docker(
            *("build", "--tag", tag, *proxy_arguments(), "-"),
            input=recipe,
            env={"BUILDX_BUILDER": "default"},
            timeout=1800,
        )
    return tag


def digest(release: str, files: Iterable[tuple[str, bytes]]) -> str:
    """Twelve hex digits that change whenever the recipe of an image does. files: (path, content) pairs, any order."""
    state = hashlib.sha256(f"{release}\0{' '.join(_RECIPE)}\0".encode())
    for path, content in sorted(files):
        state.update(f"{path}\0{len(content)}\0".encode())
        state.update(content)
    return state.hexdigest()[:12]


def _context() -> list[tuple[str, bytes]]:
    files = [HERE / "Dockerfile", *(path for path in (HERE / "rootfs").rglob("*") if path.is_file())]
    return [(str(path.relative_to(HERE)), path.read_bytes()) for path in files]


def _exists(tag: str) -> bool:
    return run(["docker", "image", "inspect", tag]).returncode == 0


def _base(release: str, say: Say) -> str:
    pulled, made = f"debian:{release}", f"kafka-lab-base:{release}-{digest(release, ())}"
    # A base made here before means that no registry answered then: do not ask again.
    for tag in (pulled, made):
        if _exists(tag):
            return tag
    say(f"fetching the image {pulled}")
    try:
        pull = run(["docker", "pull", "--quiet", pulled], timeout=120)
    except ProvisionerError as error:  # no answer in time
        reason = error.summary
    else:
        if pull.returncode == 0:
            return pulled
        reason = (pull.stderr.strip().splitlines() or ["no reason given"])[-1]
    if shutil.which("mmdebstrap") is None:
        raise ProvisionerError(
            f"the image {pulled} cannot be fetched, and mmdebstrap, which could make it, is not installed",
            details=[reason],
            advice="script/bootstrap installs mmdebstrap on Debian (as root)",
        )
    say(f"no image registry answers: making {release} from Debian's packages, about 20 s")
    with tempfile.TemporaryDirectory(prefix="kafka-lab-") as directory:
        tar = str(Path(directory) / "base.tar")
        made_tar = run([*_RECIPE, release, tar], timeout=1800)
        if made_tar.returncode != 0:
            raise ProvisionerError(
                f"mmdebstrap could not make a {release} system (exit code {made_tar.returncode})",
                details=made_tar.stderr.strip().splitlines()[-8:],
                advice="check that this machine reaches Debian's packages: `apt-get update` must work",
            )
        docker("import", tar, made)
    return made


def proxy_arguments() -> list[str]:
    """What a build is told about the proxies of this machine's environment."""
    found = [name for name in _PROXIES if os.environ.get(name)]
    return [argument for name in found for argument in ("--build-arg", name)]
