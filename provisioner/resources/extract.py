"""Single files out of jars that lie on the host, such as native libraries, in a directory where they can be loaded."""

from __future__ import annotations

import glob
import json
import os
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from ..agent.record import altered, seen
from .base import Resource, State
from .frozen import dataclass

RECORD = ".extracted"


@dataclass(frozen=True)
class Extract(Resource):
    """The files of a directory of its own: `Extract("/opt/x/native", {"/opt/x/libs/z-*.jar": "linux/amd64/*.so"})`.

    parts: {pattern of jars on the host: pattern of entries in them}; an entry keeps the last part of its name.
    identity: of what the jars came from. The files belong to root and everybody may read them. Like an `Archive`, it
    knows by one lstat per file whether one was touched since.
    """

    kind: ClassVar[str] = "extract"
    path: str
    parts: Mapping[str, str]
    identity: str = ""

    @property
    def name(self) -> str:
        return self.path

    @property
    def place(self) -> str:
        return self.path

    @property
    def record(self) -> str:
        """The file beside the others that says what they were when they were written."""
        return f"{self.path}/{RECORD}"

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []  # other tools' tasks unpack the archive only

    def expected(self) -> State:
        return {"identity": self.identity, "parts": dict(self.parts), "altered": []}

    def read(self, system: Any) -> Optional[State]:
        text = system.read_text(self.record)
        if text is None:
            return None
        recorded = json.loads(text)
        return {
            "identity": recorded["identity"],
            "parts": recorded["parts"],
            "altered": altered(self.path, recorded["files"]),
        }

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        files = self._entries()
        system.make_directory(self.path, "root", "root", 0o755)
        for name in set(os.listdir(self.path)) - {*files, RECORD}:
            system.remove(os.path.join(self.path, name))
        for name, data in files.items():
            system.write(os.path.join(self.path, name), data, "root", "root", 0o644)
        found = {name: seen(os.path.join(self.path, name)) for name in ("", *files)}
        record = {"identity": self.identity, "parts": dict(self.parts), "files": found}
        system.write(self.record, json.dumps(record).encode(), "root", "root", 0o644)

    def _entries(self) -> Dict[str, bytes]:
        """{name: content}; what no jar holds is left out. Raises Failure for a jar that is damaged."""
        import zipfile
        from fnmatch import fnmatchcase

        found: Dict[str, bytes] = {}
        for jars, entries in self.parts.items():
            for jar in sorted(glob.glob(jars)):
                try:
                    with zipfile.ZipFile(jar) as file:
                        wanted = [name for name in file.namelist() if fnmatchcase(name, entries)]
                        found.update({os.path.basename(name): file.read(name) for name in wanted})
                except (zipfile.BadZipFile, OSError) as error:
                    raise Failure(f"cannot read {jar}: {error}", advice="deploy again: it is unpacked anew") from error
        return found

    def present(self, system: Any) -> List[str]:
        return [self.path] if os.path.isdir(self.path) else []

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            for name in os.listdir(path):
                system.remove(os.path.join(path, name))
            os.rmdir(path)
        return ""
