"""The codecs that hosts lack: against the kafka package's own CRC, and against the formats' descriptions."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record._crc32c import crc
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from cluster.protocol import codecs

SIZES = (0, 1, 255, codecs._WORTH_IT - 1, codecs._WORTH_IT, codecs._WORTH_IT + 1, 70_001)


@pytest.mark.parametrize("size", SIZES)
def test_crc_is_the_one_of_the_kafka_package(size):
    data = bytes((number * 7919 >> 3) & 0xFF for number in range(size))
    assert codecs.crc32c(memoryview(data)) == crc(data)


def test_crc_of_the_check_sequence():
    assert codecs.crc32c(b"123456789") == 0xE3069283  # RFC 3720 and every catalogue of CRCs


@given(st.binary(max_size=2000), st.integers(0, 3))
def test_what_is_packed_unpacks(data, times):
    whole = data * 10**times
    for name in codecs.LIBRARIES:
        if codecs.available(name):
            assert getattr(codecs, f"un{name}")(getattr(codecs, name)(whole)) == whole


@pytest.mark.parametrize("name", codecs.LIBRARIES)
def test_damaged_data_is_said_to_be(name):
    assert codecs.available(name), "systemd's own libraries are there wherever these tests run"
    packed = getattr(codecs, name)(b"some text that is long enough" * 100)
    for damaged in (packed[:-7], b"\0" * 30):
        with pytest.raises(ValueError, match=r"damaged|too early"):
            getattr(codecs, f"un{name}")(damaged)


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (b"\x00", b""),
        (b"\x03\x08abc", b"abc"),
        (b"\x09\x08abc\x09\x03", b"abcabcab" + b"c"),  # tag kind 1: 6 bytes from 3 back, overlapping itself
        (b"\x0a\x00x\x22\x01\x00", b"x" * 10),  # tag kind 2: a run
        (b"\x0a\x00x\x23\x01\x00\x00\x00", b"x" * 10),  # tag kind 3
        (b"\x46\xf0\x45" + b"y" * 70, b"y" * 70),  # a literal whose length needs a byte of its own
    ],
)
def test_snappy_as_its_format_is_described(packed, text):
    assert codecs.unsnappy(packed) == text
    framed = codecs.XERIAL + struct.pack(">ii", 1, 1) + (struct.pack(">i", len(packed)) + packed) * 2
    assert codecs.unsnappy(framed) == text * 2


@pytest.mark.parametrize("packed", [b"\x05\x08abc", b"\x09\x08abc\x09\x04", b"\x03\x08abc\x01\x00"])
def test_damaged_snappy(packed):
    with pytest.raises(ValueError, match="damaged"):
        codecs.unsnappy(packed)


@pytest.mark.parametrize(("name", "magic"), [*((name, 2) for name in codecs.NUMBERS), ("lz4", 1), ("gzip", 1)])
def test_a_batch_of_the_kafka_package_with_each_codec(name, magic):
    codecs.install()
    builder = MemoryRecordsBuilder(magic, codecs.NUMBERS[name], 1 << 20)
    values = [b"value %d, and what repeats itself" % number for number in range(500)]
    for value in values:
        builder.append(1, None, value)
    builder.close()
    whole = bytes(builder.buffer())
    assert (len(whole) < 15_000) == (name != "none")
    batch = MemoryRecords(whole).next_batch()
    assert batch.validate_crc() and batch.compression_type == codecs.NUMBERS[name]
    assert [record.value for record in batch] == values


def test_a_library_that_is_missing_is_no_codec(monkeypatch):
    monkeypatch.setattr(codecs, "LIBRARIES", {"zstd": "libnothing.so.9"})
    codecs._library.cache_clear()
    try:
        assert not codecs.available("zstd") and codecs.available("gzip")
    finally:
        codecs._library.cache_clear()
