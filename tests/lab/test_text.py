"""Any text that an inventory gives to a property arrives: read back by the host's own Java, as the services do."""

from __future__ import annotations

import base64
import random
import re

from roles.shared.properties import override

from .hosts import LabHost

# The class of this program, since hosts have no compiler (javac --release 8 -g:none):
#     class Read {
#         public static void main(String[] arguments) throws java.io.IOException {
#             java.util.Properties found = new java.util.Properties();
#             found.load(System.in);
#             found.store(System.out, null);
#         }
#     }
READ = """
yv66vgAAADQAJAoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWBwAIAQAUamF2YS91dGlsL1By
b3BlcnRpZXMKAAcAAwkACwAMBwANDAAOAA8BABBqYXZhL2xhbmcvU3lzdGVtAQACaW4BABVMamF2YS9pby9JbnB1dFN0cmVhbTsK
AAcAEQwAEgATAQAEbG9hZAEAGChMamF2YS9pby9JbnB1dFN0cmVhbTspVgkACwAVDAAWABcBAANvdXQBABVMamF2YS9pby9Qcmlu
dFN0cmVhbTsKAAcAGQwAGgAbAQAFc3RvcmUBACsoTGphdmEvaW8vT3V0cHV0U3RyZWFtO0xqYXZhL2xhbmcvU3RyaW5nOylWBwAd
AQAEUmVhZAEABENvZGUBAARtYWluAQAWKFtMamF2YS9sYW5nL1N0cmluZzspVgEACkV4Y2VwdGlvbnMHACMBABNqYXZhL2lvL0lP
RXhjZXB0aW9uACAAHAACAAAAAAACAAAABQAGAAEAHgAAABEAAQABAAAABSq3AAGxAAAAAAAJAB8AIAACAB4AAAAkAAMAAgAAABi7
AAdZtwAJTCuyAAq2ABArsgAUAbYAGLEAAAAAACEAAAAEAAEAIgAA
"""
SIGNS = "\\\\\n\r\t\f\x0b =:#!,'\"u0041ä암\N{KEY}\ud83d\udd11\u2028\x85\xa0\0\x7f\ufeff"
PLAIN = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def test_java_reads_every_text_that_is_written(single: LabHost):
    chance = random.Random(5)
    own = {
        f"p{number}": "".join(
            chance.choice(SIGNS) if chance.random() < 0.8 else chr(chance.randrange(0x110000))
            for _ in range(chance.randrange(12))
        )
        for number in range(2000)
    }
    text = override("", own, variable="kafka_config")
    put = f"cd $(mktemp -d) && echo {base64.b64encode(base64.b64decode(READ)).decode()} | base64 -d > Read.class"
    lines = single.sh(f"{put} && /usr/bin/java -cp . Read <<'END'\n{text}END").splitlines()
    found = dict(line.split("=", 1) for line in lines if not line.startswith("#") and "=" in line)
    assert {key: unescaped(value) for key, value in found.items()} == {key: units(value) for key, value in own.items()}


def units(text: str) -> bytes:
    """A text as Java has it: UTF-16, halves of pairs included."""
    return text.encode("utf-16-be", "surrogatepass")


def unescaped(text: str) -> bytes:
    """What `Properties.store` has written, which is ASCII (its documentation)."""
    plain = re.sub(
        r"\\(?:u(....)|(.))", lambda one: chr(int(one[1], 16)) if one[1] else PLAIN.get(one[2], one[2]), text
    )
    return units(plain)
