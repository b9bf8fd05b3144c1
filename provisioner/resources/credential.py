"""A private key with its certificate, signed by an authority that only the control machine has."""

from __future__ import annotations

import base64
import time
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..agent.failure import Failure
from . import jks
from .base import Resource, State, in_the_way
from .digest import sha256
from .frozen import dataclass

NOTE = "# Made by a deploy, which renews it in time. The lines below say what is in here.\n"
NOBODY = "nobody else"
MODE = 0o640
TRUST_MODE = 0o644


@dataclass(frozen=True)
class Credential(Resource):
    """A key and its certificate in one file, and the certificates of what is trusted beside it (PEM).

    They are made on the control machine while they are sent (`issue`: () -> (both, what is trusted, the sha256 of the
    authority, the end in seconds since 1970)), where what is there does not fit, and kept nowhere else. What a
    certificate says is written above it, as only root can change the file: so a host that has nothing to do neither
    parses one nor loads a library for it. names: by which the host is reached; authority: sha256 of the authority's
    public key, "" of one that does not exist so far; others: of those that are trusted, too; renew: how long before its
    end a certificate is renewed, seconds; unwanted: sha256 of certificates (PEM) that are renewed now, whatever
    they say; stores: whether the same is beside both files as a store that Java reads (`jks.py`). taken: the attributes
    whose change a service takes as it runs, without a restart; of names, only more of them; lasting: for how long what
    is there must still be good for that, seconds, None for however it is.
    """

    UNSHOWN: ClassVar[Tuple[str, ...]] = ("issue", "text")
    kind: ClassVar[str] = "credential"
    path: str
    trust: str
    group: str
    subject: str
    names: Tuple[str, ...]
    authority: str
    renew: int
    others: Tuple[str, ...] = ()
    unwanted: Tuple[str, ...] = ()
    stores: bool = False
    taken: Tuple[str, ...] = ()
    lasting: Optional[int] = None
    issue: Optional[Callable[[], Tuple[str, str, str, int]]] = None
    text: str = ""
    trusted: str = ""

    @property
    def name(self) -> str:
        return self.path

    @property
    def place(self) -> str:
        return self.path

    @property
    def note_when_absent(self) -> str:
        return self.subject

    def useless(self, actual: Optional[Mapping[str, Any]]) -> bool:
        return bool(actual and actual.get("ended"))

    def as_it_runs(self, actual: Optional[Mapping[str, Any]], differs: Tuple[str, ...]) -> bool:
        if actual is None or "left" not in actual or not {*differs} <= {*self.taken}:
            return False
        return {*actual["names"]} <= {*self.names} and (self.lasting is None or actual["left"] > self.lasting)

    def rewritten(self) -> Tuple[str, ...]:
        return (self.path, jks.beside(self.path)) if self.stores else (self.path,)

    def expected(self) -> State:
        return {
            "type": "file",
            "owner": "root",
            "group": self.group,
            "mode": MODE,
            "subject": self.subject,
            "names": list(self.names),
            "authority": self.authority,
            "also_trusts": ",".join(self.others) or NOBODY,
            "complete": True,
            "in_time": True,
            "renewed": True,
        }

    def wire(self, content: bool) -> Dict[str, Any]:
        fields = ("path", "trust", "group", "subject", "names", "authority", "others", "renew", "unwanted", "stores")
        data: Dict[str, Any] = {"kind": self.kind, **{name: getattr(self, name) for name in fields}}
        if content and self.issue is not None:
            # The authority, too: where there was none, there is one now, and the host compares with it.
            both, trusted, data["authority"], until = self.issue()
            said = _said(self.subject, self.names, trusted, data["authority"], self.others, until, both)
            data["text"] = base64.b64encode((NOTE + said + both).encode()).decode()
            data["trusted"] = base64.b64encode(trusted.encode()).decode()
        return data

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Credential:
        sent: Dict[str, Any] = {
            name: base64.b64decode(data[name]).decode() for name in ("text", "trusted") if name in data
        }
        fields = ("path", "trust", "group", "subject", "authority", "renew", "stores")
        listed = {name: tuple(data[name]) for name in ("names", "others", "unwanted")}
        return cls(**{**{name: data[name] for name in fields}, **listed, **sent})

    def read(self, system: Any) -> Optional[State]:
        """What is there. until: the end of the certificate, seconds since 1970; 0 where it does not say; left: seconds
        until then; trusted: the certificates beside it, which are public."""
        state: Optional[State] = system.path_state(self.path)
        if state is not None and state["type"] == "directory":
            raise in_the_way(self.path, state, "file")
        if state is None or state["type"] != "file":
            return state
        said, body = above(system.read_text(self.path) or "")
        trusted = system.read_text(self.trust) or ""
        until = int(said.get("until", "0"))
        complete = said.get("content") == sha256(body.encode()) and said.get("trust") == sha256(trusted.encode())
        return {
            **state,
            "subject": said.get("subject", ""),
            "names": said.get("names", "").split(","),
            "authority": said.get("authority", ""),
            "also_trusts": said.get("also_trusts", NOBODY),
            "complete": complete and (not self.stores or self._stored(system, body, trusted)),
            "in_time": until - time.time() > self.renew,
            "left": until - time.time(),
            "renewed": certificate_digest(body) not in self.unwanted,
            "until": until,
            "ended": 0 < until <= time.time(),
            "trusted": trusted,
        }

    def fix(self, system: Any, actual: Optional[State], differs: Tuple[str, ...]) -> None:
        if not self.text:
            raise Failure(f"{self.path}: the certificate was not sent")
        wanted = self._files(self.text, self.trusted)
        for path in self._paths():
            there = system.path_state(path)
            if there is not None and there["type"] == "directory":
                raise in_the_way(path, there, "file")
            if there is not None and (there["type"] != "file" or path not in wanted):
                system.remove(path)
            if path in wanted:
                content, group, mode = wanted[path]
                if path == self.trust and _is(system, path, there, content, group, mode):
                    continue  # a service that looks at its files is told of the key alone
                system.write(path, content, "root", group, mode)

    def _paths(self) -> List[str]:
        """Every file of this that may be there, the one that says what is in the others last."""
        return [self.trust, jks.beside(self.trust), jks.beside(self.path), self.path]

    def _files(self, text: str, trusted: str) -> Dict[str, Tuple[bytes, str, int]]:
        """{path: (content, group, mode)}."""
        found = {
            self.trust: (trusted.encode(), "root", TRUST_MODE),
            self.path: (text.encode(), self.group, MODE),
        }
        if self.stores:
            found[jks.beside(self.trust)] = (jks.of_trusted(trusted), "root", TRUST_MODE)
            found[jks.beside(self.path)] = (jks.of_key(text), self.group, MODE)
        return found

    def _stored(self, system: Any, text: str, trusted: str) -> bool:
        """Whether the stores of Java are there, and hold what these texts do."""
        try:
            wanted = self._files(text, trusted)
        except ValueError:
            return False
        for path in (jks.beside(self.trust), jks.beside(self.path)):
            content, group, mode = wanted[path]
            if not _is(system, path, system.path_state(path), content, group, mode):
                return False
        return True

    def described(self) -> Tuple[str, List[Dict[str, Any]]]:
        return "files", []  # another tool would need the authority

    def present(self, system: Any) -> "list[str]":
        return [path for path in reversed(self._paths()) if system.path_state(path) is not None]

    def remove(self, system: Any) -> str:
        for path in self.present(system):
            system.remove(path)
        return ""


def _is(system: Any, path: str, state: Optional[State], content: bytes, group: str, mode: int) -> bool:
    """Whether a path is this file. state: of the path."""
    if state is None or state["type"] != "file" or system.digest(path) != sha256(content):
        return False
    return (state["owner"], state["group"], state["mode"]) == ("root", group, mode)


def certificate_digest(text: str) -> str:
    """The sha256 of the certificate at the end of a text (PEM)."""
    return sha256(text[max(0, text.rfind("-----BEGIN CERTIFICATE")) :].strip().encode())


def _said(
    subject: str,
    names: Tuple[str, ...],
    trusted: str,
    authority: str,
    others: Tuple[str, ...],
    until: int,
    both: str,
) -> str:
    """The lines above a key and its certificate."""
    lines = {
        "subject": subject,
        "names": ",".join(names),
        "authority": authority,
        "also_trusts": ",".join(others) or NOBODY,
        "until": str(until),
        "trust": sha256(trusted.encode()),
        "content": sha256(both.encode()),
    }
    return "".join(f"# {name}: {value}\n" for name, value in lines.items())


def above(text: str) -> Tuple[Dict[str, str], str]:
    """(what the lines above a key say, the rest)."""
    above, dashes, rest = text.partition("-----BEGIN")
    pairs = (line[2:].partition(": ") for line in above.splitlines() if line.startswith("# "))
    return {name: value for name, colon, value in pairs if colon}, dashes + rest
