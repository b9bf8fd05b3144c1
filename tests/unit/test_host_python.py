"""What runs on a host keeps to Python 3.8: the linter says so, and the oldest Python of this machine imports it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.connect import payload
from roles import site
from tests.support import architecture

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 8)

IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""

COMPILE = """
import sys
from pathlib import Path
for path in sys.argv[1:]:
    compile(Path(path).read_bytes(), path, "exec")
"""


def pythons() -> Iterator[tuple[tuple[int, int], str]]:
    """(version, path) of every Python found that may run on a host: on the PATH, and where pyenv keeps its own."""
    minors = range(OLDEST[1], 30)
    found = [shutil.which(f"python3.{minor}") for minor in minors]
    found += [str(path) for path in (Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3")]
    for path in {sys.executable, *filter(None, found)}:
        shown = subprocess.run(
            [path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        version = tuple(map(int, shown.stdout.split()))
        if shown.returncode == 0 and version >= OLDEST:  # a shim of pyenv's may lead nowhere
            yield (version[0], version[1]), path


VERSION, PYTHON = min(pythons())


def run(code: str, *arguments: str) -> None:
    """Run code with that Python, which sees nothing installed; its complaint is this test's."""
    done = subprocess.run(
        [PYTHON, "-I", "-S", "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"Python {VERSION[0]}.{VERSION[1]}:\n{done.stderr}"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is sent to a host, as it lies there."""
    folder = tmp_path_factory.mktemp("agent")
    built = payload.build(ROOT, folder, packages=site.AGENT_PACKAGES, libraries=site.AGENT_LIBRARIES)
    with zipfile.ZipFile(built.path) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.parametrize("version", [f"{VERSION[0]}.{VERSION[1]}"])
def test_the_oldest_python_here_imports_all_that_runs_on_a_host(unpacked: Path, version: str):
    tree = architecture.read(ROOT)
    paths = [*architecture.on_host(tree), "provisioner/agent/main.py", "provisioner/resources/__init__.py"]
    names = [tree[path].name for path in paths]
    assert len(names) > 40 and {"cluster.protocol.client", "cluster.smoke.smoke"} <= set(names)
    run(IMPORT, str(unpacked), *names)


@pytest.mark.parametrize("version", [f"{VERSION[0]}.{VERSION[1]}"])
def test_the_oldest_python_here_compiles_all_that_is_sent(unpacked: Path, version: str):
    files = [str(path) for path in unpacked.rglob("*.py") if "kafka" not in path.relative_to(unpacked).parts]
    assert len(files) > 80
    run(COMPILE, *files)


@pytest.mark.parametrize(
    "path",
    [
        "provisioner/agent/x.py",
        "provisioner/resources/x.py",
        "provisioner/words.py",
        "cluster/x.py",
        "cluster/a/b/x.py",
    ],
)
def test_the_linter_refuses_newer_syntax_there(path: str):
    newer = "match 1:\n    case 1:\n        pass\n"
    ruff = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--stdin-filename", path, "-"]
    done = subprocess.run(ruff, cwd=ROOT, input=newer, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Python 3.8" in done.stdout, done.stdout + done.stderr
