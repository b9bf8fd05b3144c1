"""The native code of the compression libraries, ready to be loaded by the official commands; pure.

snappy-java and zstd-jni carry it in their jars, and unpack it to /tmp at every start of a program: where /tmp is
mounted noexec, no command can read or write what they compress. So a deploy unpacks it once, beside the jars, where
root alone may write and everybody may read. The services unpack theirs to a directory of their own (java.io.tmpdir).
"""

from __future__ import annotations

from provisioner.resources import Archive, Extract
from provisioner.run.target import Target

# What the libraries call an architecture: zstd-jni as Java does, snappy-java as the kernel does.
ARCHITECTURES = {"amd64": ("amd64", "x86_64"), "arm64": ("aarch64", "aarch64")}


def place(archive: Archive) -> str:
    """The directory that commands load them from."""
    return f"{archive.path}/native"


def libraries(target: Target, archive: Archive, *, zstd: bool) -> Extract:
    """That of snappy and, if the product has it, of zstd, each under the name that its jar looks for."""
    arch = target.facts["arch"]
    zstd_name, snappy_name = ARCHITECTURES.get(arch, (arch, arch))
    jars = f"{archive.path}/lib*"  # lib in some release archives, libs elsewhere
    parts = {f"{jars}/snappy-java-*.jar": f"org/xerial/snappy/native/Linux/{snappy_name}/libsnappyjava.so"}
    if zstd:
        parts[f"{jars}/zstd-jni-*.jar"] = f"linux/{zstd_name}/libzstd-jni*.so"
    return Extract(place(archive), parts, archive.identity)
