"""The reader of R's data frames, with files that this module writes, and with damaged ones."""

import gzip
import lzma
import struct
import zlib

import numpy as np
import pytest

from tensorsmith.core import UnreadableFileError
from tensorsmith.data.datasets.r_data import read_data_frame

HEADER = b"X\n" + struct.pack(">iii", 3, 0x040401, 0x030500) + struct.pack(">i", 5) + b"UTF-8"
NOTHING = struct.pack(">i", 254)


def string(text):
    if text is None:
        return struct.pack(">ii", 9, -1)
    return struct.pack(">ii", 0x40009, len(text.encode())) + text.encode()


def strings(values):
    return struct.pack(">ii", 16, len(values)) + b"".join(map(string, values))


def doubles(values):
    return struct.pack(f">ii{len(values)}d", 14, len(values), *values)


def integers(values, kind=13):
    return struct.pack(f">ii{len(values)}i", kind, len(values), *values)


def attributes(pairs, symbols=()):
    """Returns a linked list with tags, which are symbols, or references to earlier ones."""
    result = b""
    for tag, value in pairs:
        number = symbols.index(tag) + 1 if tag in symbols else None
        symbol = struct.pack(">i", 1) + string(tag) if number is None else struct.pack(">i", number << 8 | 255)
        result += struct.pack(">i", 0x402) + symbol + value
    return result + NOTHING


def named(values, names, more=()):
    return struct.pack(">ii", 0x213, len(values)) + b"".join(values) + attributes([("names", strings(names)), *more])


# Row names of a data frame are a compact sequence: class, (count, first, step), attributes.
ROW_NAMES = struct.pack(">i", 238) + attributes([("compact_intseq", NOTHING)]) + doubles([3, 1, 1]) + NOTHING
FRAME = HEADER + named(
    [doubles([0.5, np.nan, -1.0]), integers([1, -(2**31), 3]), integers([1, 0, 1], 10), strings(["a", None, "é"])],
    ["x", "count", "flag", "name"],
    [("row.names", ROW_NAMES), ("class", strings(["data.frame"]))],
)


def write(folder, frame, compress=zlib.compress, name="Data"):
    """Writes a database that contains one object, after 7 other bytes."""
    content = compress(frame)
    content = struct.pack(">I", len(frame)) + content
    variables = named([integers([7, len(content)])], [name])
    index = HEADER + named([variables], ["variables"])
    (folder / "R.rdx").write_bytes(gzip.compress(index))
    (folder / "R.rdb").write_bytes(b"another" + content)
    return folder / "R.rdx", folder / "R.rdb"


def lzma_compress(content):
    return b"Z" + lzma.compress(content, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])


@pytest.mark.parametrize("compress", [zlib.compress, lzma_compress])
def test_columns(tmp_path, compress):
    columns = read_data_frame(*write(tmp_path, FRAME, compress), "Data")
    assert list(columns) == ["x", "count", "flag", "name"]
    np.testing.assert_array_equal(columns["x"], [0.5, np.nan, -1.0])
    np.testing.assert_array_equal(columns["count"], [1, -(2**31), 3])
    np.testing.assert_array_equal(columns["flag"], [1, 0, 1])
    assert columns["name"].tolist() == ["a", "NA", "é"]
    assert [values.dtype.name for values in columns.values()] == ["float64", "int32", "int32", "object"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (HEADER + doubles([1.0]), "is not a data frame"),
        (HEADER + struct.pack(">i", 3), "objects of type 3 are not supported"),  # a function
        (HEADER + struct.pack(">i", 6), "objects of type 6 are not supported"),  # an expression to evaluate
        (HEADER + struct.pack(">ii", 14, -5), "truncated"),
        (HEADER + struct.pack(">ii", 14, 2**31 - 1), "truncated"),
        (HEADER + struct.pack(">ii", 19, 2**31 - 1), "truncated"),
        (HEADER + struct.pack(">ii", 19, 1) * 200, "more than 100 nested objects"),
        (HEADER.replace(b"X\n", b"A\n"), "not in R's binary format"),
        (b"X\n" + struct.pack(">iii", 9, 0, 0), "version 9"),
    ],
)
def test_objects_that_are_not_data(tmp_path, frame, reason):
    paths = write(tmp_path, frame)
    with pytest.raises(UnreadableFileError, match=reason):
        read_data_frame(*paths, "Data")


def test_another_name(tmp_path):
    paths = write(tmp_path, FRAME)
    with pytest.raises(UnreadableFileError, match="does not contain a readable data frame Other"):
        read_data_frame(*paths, "Other")


def test_damaged_files(tmp_path):
    """Truncated and changed objects are read, or raise the documented error."""
    rng = np.random.default_rng(0)
    damaged = [FRAME[:length] for length in range(0, len(FRAME), 3)]
    for _ in range(500):
        changed = bytearray(FRAME)
        changed[rng.integers(len(FRAME))] = rng.integers(256)
        damaged.append(bytes(changed))
    refused = 0
    for content in damaged:
        try:
            read_data_frame(*write(tmp_path, content), "Data")
        except UnreadableFileError:
            refused += 1
    assert refused > 200
    index, database = write(tmp_path, FRAME)
    database.write_bytes(database.read_bytes()[:-20])
    with pytest.raises(UnreadableFileError):
        read_data_frame(index, database, "Data")
