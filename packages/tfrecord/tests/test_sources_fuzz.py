"""Damaged files of any kind, which must yield rows, rejects or an error that names the file."""

import gzip
import io
import json
import sqlite3
import wave

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, write
from tensorsmith.tfrecord import UnreadableError, open_source

pytestmark = pytest.mark.slow  # 150 files of each kind


def csv():
    return b'id,text,number\n1,"a ""b""",0.5\n2,,1e3\n3,"two\nlines",\n' * 3


def json_lines():
    return b"".join(json.dumps({"a": [1, 2], "b": {"c": "text"}, "d": number}).encode() + b"\n" for number in range(9))


def text():
    return "one\ntwö\n\nthree".encode() * 5


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({"x": [1, 2, 3], "y": ["a", None, "c"], "z": [[1.0], [], [2.0, 3.0]]}), file)
    return file.getvalue()


def npy():
    file = io.BytesIO()
    np.save(file, np.arange(24.0).reshape(6, 4))
    return file.getvalue()


def npz():
    file = io.BytesIO()
    np.savez_compressed(file, x=np.arange(12).reshape(6, 2), y=np.array(["a", "b", "c"] * 2))
    return file.getvalue()


def png():
    file = io.BytesIO()
    Image.fromarray(np.arange(48, dtype="uint8").reshape(4, 4, 3)).save(file, "png")
    return file.getvalue()


def jpeg():
    file = io.BytesIO()
    Image.fromarray(np.arange(192, dtype="uint8").reshape(8, 8, 3)).save(file, "jpeg")
    return file.getvalue()


def wav():
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        opened.writeframes(np.arange(40, dtype="int16").tobytes())
    return file.getvalue()


def idx():
    return bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + bytes(range(18))


def gzipped():
    return gzip.compress(csv(), mtime=0)


def sqlite():
    with sqlite3.connect(":memory:") as base:
        base.execute("CREATE TABLE t (a INTEGER, b TEXT, c REAL)")
        base.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, "x", 0.5), (2, None, 1.5)])
    data = base.serialize()
    base.close()
    return data


def tfrecord():
    file = io.BytesIO()
    write(file, {"x": Column.of(np.arange(6).reshape(3, 2)), "name": Column.of(["a", "bc", ""])})
    return file.getvalue()


KINDS = {
    "x.csv": csv,
    "x.jsonl": json_lines,
    "x.txt": text,
    "x.parquet": parquet,
    "x.npy": npy,
    "x.npz": npz,
    "x.png": png,
    "x.jpg": jpeg,
    "x.wav": wav,
    "x-images-idx3-ubyte": idx,
    "x.csv.gz": gzipped,
    "x.db": sqlite,
    "x.tfrecord": tfrecord,
}


def read(path):
    """Returns the rows and rejects of a file."""
    source = open_source(path)
    batches = list(source.batches(source.infer()))
    return sum(batch.rows.num_rows for batch in batches), sum(len(batch.rejects) for batch in batches)


@st.composite
def damage(draw, sound):
    """Returns bytes with a part removed, changed, inserted or repeated."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["cut", "change", "insert", "repeat", "zero"])):
            case "cut":
                del data[position:]
            case "change" if data:
                data[position] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[position:position] = draw(st.binary(min_size=1, max_size=9))
            case "repeat":
                data[position:position] = data[position : position + draw(st.integers(1, 40))]
            case "zero":
                data[position : position + 4] = bytes(len(data[position : position + 4]))
    return bytes(data)


@pytest.mark.parametrize("name", KINDS)
def test_damaged(name, tmp_path):
    sound = KINDS[name]()
    path = tmp_path / name
    path.write_bytes(sound)
    rows, rejects = read(path)
    assert rows > 0
    assert rejects == 0
    refused, found = [], []

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(damage(sound))
    def damaged(data):
        path.write_bytes(data)
        try:
            rows, rejects = read(path)
        except (ArgumentError, UnreadableError, OSError) as error:
            refused.append(str(error))
        else:
            assert rows >= 0
            found.append(rejects)

    damaged()
    assert all(path.name in error or str(path.parent) in error for error in refused), refused
    assert refused or any(found)
