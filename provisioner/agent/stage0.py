# Starts the agent on a host; sent as text in the command of every run, so kept short and free of doc strings.
# Reads which agent version is wanted, asks for its zip when this host lacks it, and runs it. It must say something
# sensible on any Python from 2.7 on, hence its plain style. MAGIC lets it skip a password that sudo did not want.
import gc
import json
import os
import sys

MAGIC = b"PROVISIONER AGENT 1\n"
FOLDER = "/var/lib/provisioner/agent"


def say(**message):
    os.write(1, (json.dumps(message) + "\n").encode())


def refuse(error, advice):
    say(error=error, advice=advice)
    sys.exit(3)


def line():
    data = b""
    while not data.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(4)
        data += byte
    return data


def receive(size):
    parts = []
    while size:
        part = os.read(0, min(size, 262144))
        if not part:
            sys.exit(4)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def install(data, digest, place):
    import hashlib
    import io
    import shutil
    import tempfile
    import zipfile

    if hashlib.sha256(data).hexdigest() != digest:
        refuse("the agent arrived damaged", "run the same command again")
    os.umask(0o077)
    if not os.path.isdir(FOLDER):
        os.makedirs(FOLDER, 0o700)
    older = sorted((os.path.join(FOLDER, name) for name in os.listdir(FOLDER)), key=os.path.getmtime)
    for path in older[:-3]:  # a run of another version may be at work
        shutil.rmtree(path, ignore_errors=True)
    work = tempfile.mkdtemp(dir=FOLDER)
    zipfile.ZipFile(io.BytesIO(data)).extractall(work)
    try:
        os.rename(work, place)
    except OSError:  # another run has just installed the same version
        shutil.rmtree(work)
        if not os.path.isdir(place):
            raise


def main():
    gc.set_threshold(20000, 20, 50)  # what is imported stays
    say(python=sys.executable)  # from now on what is sent reaches us, not sudo
    while line() != MAGIC:
        pass
    wanted = json.loads(line().decode())
    found = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info < (3, 8):
        refuse("Python is %s, at least 3.8 is needed" % found, "install a newer one, or set ansible_python_interpreter")
    if os.geteuid() != 0:
        refuse("not connected as root, and ansible_become is off", "set ansible_become: true, or connect as root")
    place = os.path.join(FOLDER, wanted["digest"])
    try:
        present = os.path.isdir(place)
        say(need=not present)
        if not present:
            install(receive(wanted["size"]), wanted["digest"], place)
            say(installed=True)
    except OSError as error:
        advice = "the disk is full: free some space" if error.errno == 28 else "look at that path on the host"
        refuse("cannot install the agent: %s: %s" % (error.filename or place, error.strerror), advice)
    sys.path.insert(0, place)
    from provisioner.agent.main import serve

    serve(wanted["ahead"])


if __name__ == "__main__":
    main()
