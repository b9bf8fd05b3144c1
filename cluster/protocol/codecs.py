"""What the kafka package leaves to C extensions that hosts do not have: CRC-32C, and LZ4, Zstandard and Snappy.

LZ4 and Zstandard are taken from the shared libraries that systemd itself needs; Snappy is read (never written) by the
few lines of its format description. CRC-32C is computed over many lanes at once, by whole-string operations, thirty
times as fast as byte by byte.
"""

from __future__ import annotations

import ctypes
import struct
from functools import lru_cache
from typing import Any, List, Sequence

import kafka.codec
from kafka.errors import UnsupportedCodecError
from kafka.record import default_records, legacy_records

LIBRARIES = {"lz4": "liblz4.so.1", "zstd": "libzstd.so.1"}
# The protocol's numbers (record batch attributes, lowest three bits). Snappy is read only.
NUMBERS = {"none": 0, "gzip": 1, "lz4": 3, "zstd": 4}
_GROWTH = 1 << 20
_LIMIT = 1 << 30  # bytes that a batch may unpack to


def install() -> None:
    """Register them with the kafka package; may be called more than once."""
    default_records.calc_crc32c = crc32c
    kafka.codec.has_snappy = lambda: True
    for formats in (default_records, legacy_records):  # of messages: since 0.11, and before
        formats.snappy_decode = unsnappy
    if _library("lz4"):
        kafka.codec.has_lz4 = lambda: True
        for formats in (default_records, legacy_records):
            formats.lz4_encode, formats.lz4_decode = lz4, unlz4
    if _library("zstd"):
        default_records.zstd_encode, default_records.zstd_decode = zstd, unzstd
        kafka.codec.has_zstd = lambda: True


def available(name: str) -> bool:
    """Whether batches can be compressed this way here."""
    return name in NUMBERS and (name not in LIBRARIES or _library(name) is not None)


@lru_cache(maxsize=None)
def _library(name: str) -> Any:
    try:
        library = ctypes.CDLL(LIBRARIES[name])
    except OSError:
        return None
    sizes = {
        "lz4": ("LZ4F_compressFrame", "LZ4F_compressFrameBound", "LZ4F_decompress", "LZ4F_isError"),
        "zstd": ("ZSTD_compress", "ZSTD_compressBound", "ZSTD_decompressStream", "ZSTD_initDStream", "ZSTD_isError"),
    }
    for function in sizes[name]:
        getattr(library, function).restype = ctypes.c_size_t
    return library


def lz4(data: bytes) -> bytes:
    """`data` as one LZ4 frame."""
    library = _library("lz4")
    # LZ4F_preferences_t: Kafka's own reader does not take blocks that depend on each other.
    preferences = struct.pack("=IIIIQIIiII3I", 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    room = library.LZ4F_compressFrameBound(ctypes.c_size_t(len(data)), preferences)
    out = ctypes.create_string_buffer(room)
    size = library.LZ4F_compressFrame(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), preferences)
    if library.LZ4F_isError(ctypes.c_size_t(size)):
        raise UnsupportedCodecError("LZ4 cannot compress this")
    return out.raw[:size]


def unlz4(data: Any) -> bytes:
    """The content of an LZ4 frame."""
    library, source = _library("lz4"), bytes(data)
    context = ctypes.c_void_p()
    library.LZ4F_createDecompressionContext(ctypes.byref(context), 100)
    out, parts, at, total = ctypes.create_string_buffer(_GROWTH), [], 0, 0
    try:
        while True:
            room, taken = ctypes.c_size_t(_GROWTH), ctypes.c_size_t(len(source) - at)
            left = library.LZ4F_decompress(
                context, out, ctypes.byref(room), source[at:], ctypes.byref(taken), ctypes.c_void_p()
            )
            if library.LZ4F_isError(ctypes.c_size_t(left)):
                raise ValueError("damaged LZ4 data")
            parts.append(out.raw[: room.value])
            at, total = at + taken.value, _bounded(total + room.value)
            if left == 0:
                return b"".join(parts)
            if not room.value and not taken.value:
                raise ValueError("LZ4 data that ends too early")
    finally:
        library.LZ4F_freeDecompressionContext(context)


def zstd(data: bytes) -> bytes:
    """`data` as one Zstandard frame, at the level that Kafka's clients use by default."""
    library = _library("zstd")
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    size = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    if library.ZSTD_isError(ctypes.c_size_t(size)):
        raise UnsupportedCodecError("Zstandard cannot compress this")
    return out.raw[:size]


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("at", ctypes.c_size_t)]


def unzstd(data: Any) -> bytes:
    """The content of Zstandard frames; as a stream, since their headers need not say how large it is."""
    library, source = _library("zstd"), bytes(data)
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(library.ZSTD_createDStream())
    out, parts, total = ctypes.create_string_buffer(_GROWTH), [], 0
    given = _Buffer(ctypes.cast(ctypes.c_char_p(source), ctypes.c_void_p), len(source), 0)
    try:
        library.ZSTD_initDStream(stream)
        while True:
            made = _Buffer(ctypes.cast(out, ctypes.c_void_p), _GROWTH, 0)
            left = library.ZSTD_decompressStream(stream, ctypes.byref(made), ctypes.byref(given))
            if library.ZSTD_isError(ctypes.c_size_t(left)):
                raise ValueError("damaged Zstandard data")
            parts.append(out.raw[: made.at])
            total = _bounded(total + made.at)
            if given.at == given.size and made.at < made.size:
                if left:
                    raise ValueError("Zstandard data that ends too early")
                return b"".join(parts)
    finally:
        library.ZSTD_freeDStream(stream)


def _bounded(size: int) -> int:
    if size > _LIMIT:
        raise ValueError(f"a batch that unpacks to more than {_LIMIT >> 20} MiB")
    return size


XERIAL = b"\x82SNAPPY\x00"  # how snappy-java frames blocks, which is what Kafka's Java clients write


def unsnappy(data: Any) -> bytes:
    """The content of Snappy data, in snappy-java's framing or bare."""
    source = bytes(data)
    if not source.startswith(XERIAL):
        return _unsnappy(source)
    parts, at, total = [], 16, 0
    while at < len(source):
        (size,) = struct.unpack_from(">i", source, at)
        parts.append(_unsnappy(source[at + 4 : at + 4 + size]))
        at, total = at + 4 + size, _bounded(total + len(parts[-1]))
    return b"".join(parts)


def _unsnappy(data: bytes) -> bytes:
    """One block: a length, then literals and copies of what is already there (google/snappy, format_description)."""
    wanted, at, shift = 0, 0, 0
    while True:
        wanted |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    _bounded(wanted)
    out = bytearray()
    while at < len(data):
        tag, kind = data[at] >> 2, data[at] & 3
        at += 1
        if kind == 0:
            extra = max(tag - 59, 0)
            size = 1 + (int.from_bytes(data[at : at + extra], "little") if extra else tag)
            out += data[at + extra : at + extra + size]
            at += extra + size
            continue
        if kind == 1:
            size, back, used = 4 + (tag & 7), (tag >> 3) << 8 | data[at], 1
        else:
            used = 2 if kind == 2 else 4
            size, back = 1 + tag, int.from_bytes(data[at : at + used], "little")
        at += used
        if not 0 < back <= len(out):
            raise ValueError("damaged Snappy data")
        piece = bytes(out[-back:][:size])
        while len(piece) < size:  # a copy may reach into what it writes: a run
            piece = (piece * (size // len(piece) + 1))[:size]
        out += piece
    if len(out) != wanted:
        raise ValueError("damaged Snappy data")
    return bytes(out)


# -- CRC-32C --------------------------------------------------------------------------------------------------------


def _byte_table() -> List[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _byte_table()
# The same, one translation table for each of the four bytes of an entry, lowest first.
_PLANES = [bytes(entry >> shift & 0xFF for entry in _TABLE) for shift in (0, 8, 16, 24)]
_LANE = 256  # bytes in a lane
_WORTH_IT = 32 * _LANE


def crc32c(data: Any) -> int:
    """The CRC-32C (Castagnoli, RFC 3720) of bytes, as record batches carry it.

    The register is linear over GF(2): lanes of equal length are run side by side, one string operation for a byte of
    all of them, and put together by the table of what _LANE zero bytes do to a register.
    """
    source = bytes(data)
    lanes = len(source) // _LANE if len(source) >= _WORTH_IT else 0
    register = 0xFFFFFFFF
    if lanes:
        whole = source[: lanes * _LANE]
        shift = _lane_shift()
        for lane in _lanes(whole, lanes):
            register = (
                shift[0][register & 0xFF]
                ^ shift[1][register >> 8 & 0xFF]
                ^ shift[2][register >> 16 & 0xFF]
                ^ shift[3][register >> 24]
                ^ lane
            )
    table = _TABLE
    for byte in source[lanes * _LANE :]:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def _lanes(data: bytes, lanes: int) -> Sequence[int]:
    """The registers of all lanes, each begun with zero."""
    low, second, third, high = (0,) * 4  # byte n of every lane's register, as one large number of `lanes` bytes
    first, *others = _PLANES
    for at in range(_LANE):
        index = (low ^ int.from_bytes(data[at::_LANE], "little")).to_bytes(lanes, "little")
        low = second ^ int.from_bytes(index.translate(first), "little")
        second = third ^ int.from_bytes(index.translate(others[0]), "little")
        third = high ^ int.from_bytes(index.translate(others[1]), "little")
        high = int.from_bytes(index.translate(others[2]), "little")
    mixed = bytearray(4 * lanes)
    for place, number in enumerate((low, second, third, high)):
        mixed[place::4] = number.to_bytes(lanes, "little")
    return struct.unpack(f"<{lanes}I", mixed)


@lru_cache(maxsize=None)
def _lane_shift() -> List[List[int]]:
    """For each byte of a register: what becomes of its values when _LANE zero bytes go through."""

    def through(register: int) -> int:
        for _ in range(_LANE):
            register = _TABLE[register & 0xFF] ^ (register >> 8)
        return register

    bits = [through(1 << bit) for bit in range(32)]
    tables = []
    for place in range(4):
        table = [0]
        for bit in range(8):
            table += [entry ^ bits[8 * place + bit] for entry in table]
        tables.append(table)
    return tables
