"""The native code of the compression libraries, ready to be loaded by the official commands; pure.

snappy-java and zstd-jni carry it in their jars, and unpack it to /tmp at every start of a program: where /tmp is
mounted noexec, no command can read or write such records. So a deploy unpacks it once, beside the jars, where root
alone may write and everybody may read. The services unpack theirs to a directory of their own (kafka.env).
"""

from __future__ import annotations

from provisioner.resources import Archive, Extract
from provisioner.run.target import Target

# What the libraries call an architecture: zstd-jni as Java does, snappy-java as the kernel does.
ARCHITECTURES = {"amd64": ("amd64", "x86_64"), "arm64": ("aarch64", "aarch64")}


# Where the broker unpacks native code to, unless `kafka_jvm_opts` says where with one of these.
TEMPORARY = "/var/lib/kafka/tmp"
OPTIONS = ("-Djava.io.tmpdir=", "-DZstdTempFolder=", "-DZstdNativePath=", "-Dorg.xerial.snappy.")


def runs(target: Target) -> dict[str, str]:
    """Where a host must allow programs and libraries, and which; as `Needs` takes it."""
    own = any(str(option).startswith(OPTIONS) for option in target["kafka_jvm_opts"])
    libraries = {} if own else {TEMPORARY: "the broker's libraries for snappy and zstd"}
    return {"/opt": "the official commands", **libraries}


def place(archive: Archive) -> str:
    """The directory that the commands load them from."""
    return f"{archive.path}/native"


def libraries(target: Target, archive: Archive) -> Extract:
    """Both of them, each under the name that its jar looks for."""
    arch = target.facts["arch"]
    zstd, snappy = ARCHITECTURES.get(arch, (arch, arch))
    parts = {
        f"{archive.path}/libs/zstd-jni-*.jar": f"linux/{zstd}/libzstd-jni*.so",
        f"{archive.path}/libs/snappy-java-*.jar": f"org/xerial/snappy/native/Linux/{snappy}/libsnappyjava.so",
    }
    return Extract(place(archive), parts, archive.identity)
