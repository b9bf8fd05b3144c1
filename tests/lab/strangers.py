"""Asks a listener as somebody who must not get in, from a lab host: prints a line of JSON for each way that was tried.

Runs on the host, with its own Python: standard library only. Standard input: JSON of {host, port, tries: {name: {tls,
shown}}, question}; tls: whether to speak it; shown: a key with a certificate (PEM), "" for none; question: in hex,
where it is not Kafka's.
"""

import json
import socket
import ssl
import struct
import sys
import tempfile
import time

CLIENT = b"stranger"
HEADER = struct.pack(">hhih", 18, 0, 1, len(CLIENT)) + CLIENT  # ApiVersions, which brokers and controllers answer
REQUEST = struct.pack(">i", len(HEADER)) + HEADER


def answers(host, port, tls, shown, question):
    """The first bytes of an answer, in hex; "" for none."""
    connection = socket.create_connection((host, port), 3)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if shown:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(shown)
                file.flush()
                context.load_cert_chain(file.name)
        connection = context.wrap_socket(connection)
    connection.sendall(question)
    found = connection.recv(64)
    # A TLS alert to a question in the clear is no answer of Kafka's: its record begins with 21, 3.
    return "" if found[:2] == b"\x15\x03" else found.hex()


asked = json.load(sys.stdin)
question = bytes.fromhex(asked.get("question", "")) or REQUEST
for name, one in asked["tries"].items():
    began, said = time.monotonic(), ""
    try:
        said = answers(asked["host"], asked["port"], one["tls"], one["shown"], question)
    except OSError:
        said = ""
    print(json.dumps({"who": name, "answer": said, "seconds": time.monotonic() - began}))
