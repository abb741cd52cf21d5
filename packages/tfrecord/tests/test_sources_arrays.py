"""NumPy and IDX files as sources, compared with NumPy."""

import gzip

import numpy as np
import pytest

from tensorsmith.core import ArgumentError
from tensorsmith.tfrecord import Feature, UnreadableError, open_source
from tensorsmith.tfrecord.sources import arrays


def read(source):
    """Returns all values by name, and the numbers of the rows."""
    batches = list(source.batches(source.infer()))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    return {name: [_plain(row[name]) for row in rows] for name in (rows[0] if rows else {})}, numbers


def _plain(value):
    """Converts complex numbers from structs of two parts, including in lists."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return complex(value["real"], value["imag"]) if isinstance(value, dict) else value


ARRAYS = {
    "image": (np.arange(5 * 2 * 3 * 1, dtype="uint8").reshape(5, 2, 3, 1), Feature("uint8", (2, 3, 1), "raw")),
    "label": (np.arange(5), Feature("int64")),
    "small": (np.arange(5, dtype="uint8"), Feature("uint8")),
    "big_endian": (np.arange(5, dtype=">i2"), Feature("int16")),
    "double": (np.arange(10.0).reshape(5, 2) / 3, Feature("float64", (2,))),
    "complex": (np.arange(10).reshape(5, 2) * (1 - 2j), Feature("complex128", (2,))),
    "small_complex": (np.arange(5, dtype=">c8") * 1j, Feature("complex64")),
    "half": (np.arange(5, dtype="float16"), Feature("float16")),
    "fortran": (np.asfortranarray(np.arange(10, dtype="float32").reshape(5, 2)), Feature("float32", (2,))),
    "empty": (np.zeros((5, 0, 2), "float32"), Feature("float32", (0, 2))),
    "flag": (np.array([True, False] * 3)[:5], Feature("bool")),
    "name": (np.array(["a", "é", "", "ccc", "d"]), Feature("string")),
    "code": (np.array([b"a", b"\xff", b"", b"c", b"d"]), Feature("bytes")),
    "day": (np.array(["2020-02-29"] * 5, "datetime64[D]"), Feature("string")),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_ROWS", 2)
    save(tmp_path / "a.npz", **{name: array for name, (array, _) in ARRAYS.items()})
    source = open_source(tmp_path / "a.npz")
    assert source.infer().features == {name: feature for name, (_, feature) in ARRAYS.items()}
    found, numbers = read(source)
    assert numbers == [1, 2, 3, 4, 5]
    for name, (array, _) in ARRAYS.items():
        values = np.datetime_as_string(array) if name == "day" else array
        assert found[name] == values.tolist(), name
    assert [len(batch.rows) for batch in source.batches(source.infer())] == [2, 2, 1]


def test_npz_files_are_concatenated(tmp_path):
    np.savez(tmp_path / "b.npz", x=np.arange(2))
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    assert read(open_source(tmp_path)) == ({"x": [0, 1, 2, 0, 1]}, [1, 2, 3, 1, 2])
    np.savez(tmp_path / "b.npz", x=np.arange(2.0))
    with pytest.raises(UnreadableError, match=r"b\.npz: `x` is float64 \[\], but int64 \[\] in earlier files"):
        open_source(tmp_path).infer()


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_are_columns(tmp_path, order):
    x = np.arange(12, dtype="float32").reshape(3, 2, 2)
    np.save(tmp_path / "x.npy", np.asarray(x, order=order))
    np.save(tmp_path / "y.npy", np.arange(3))
    assert read(open_source(tmp_path)) == ({"x": x.tolist(), "y": [0, 1, 2]}, [1, 2, 3])
    assert read(open_source(tmp_path / "x.npy"))[0] == {"x": x.tolist()}


def test_npy_is_read_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_BYTES", 1000)
    np.save(tmp_path / "x.npy", np.zeros((100, 50)))
    source = open_source(tmp_path / "x.npy")
    assert {len(batch.rows) for batch in source.batches(source.infer())} == {2}


REFUSED = {
    "objects": ({"x": np.array([{}, 1], object)}, "`x` is an array of Python objects, which only pickle reads"),
    "lengths": ({"x": np.arange(2), "y": np.arange(3)}, "different numbers of rows: {'x': 2, 'y': 3}"),
    "beyond": ({"x": np.zeros(2, "V2")}, "`x` is an array of |V2, which is not supported"),
    "a single value": ({"x": np.array(1)}, "`x` is a scalar without an axis of rows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_arrays(tmp_path, name):
    contents, problem = REFUSED[name]
    np.savez(tmp_path / "a.npz", **contents)
    with pytest.raises(UnreadableError) as caught:
        open_source(tmp_path / "a.npz").infer()
    assert str(caught.value).startswith(f"{tmp_path / 'a.npz'}: ")
    assert problem in str(caught.value)


def test_damaged(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(100))
    np.savez_compressed(tmp_path / "z.npz", x=np.random.default_rng(0).random(500))
    np.save(tmp_path / "o.npy", np.array([{}], object))
    for name, cut, problem in (("x.npy", -8, "`x` is shorter than its shape"), ("o.npy", None, "only pickle reads")):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(UnreadableError, match=problem):
            open_source(path).infer()
    path = tmp_path / "z.npz"
    content = bytearray(path.read_bytes())
    content[1000:1100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="`x` is corrupted"):
        open_source(path).infer()


def test_npy_truncated_while_reading(tmp_path, monkeypatch):
    """Tests a file truncated while it is read, which would crash the process with a memory map."""
    monkeypatch.setattr(arrays, "MOST_BYTES", 1000)
    path = tmp_path / "x.npy"
    np.save(path, np.arange(100_000))
    source = open_source(path)
    batches = source.batches(source.infer())
    assert next(batches).rows.num_rows == 125
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(UnreadableError, match=r"x\.npy: `x` is truncated"):
        list(batches)


def test_idx_with_invalid_sizes(tmp_path):
    """Tests that a wrong size in the header does not allocate memory."""
    for shape in ((2**31 - 1,) * 3, (5, 0, 2**31 - 1), (2**31 - 1, 0)):
        sizes = b"".join(size.to_bytes(4, "big") for size in shape)
        head = bytes([0, 0, 8, len(shape)]) + sizes
        for path, content in ((tmp_path / "a.idx", head), (tmp_path / "b.idx.gz", gzip.compress(head))):
            path.write_bytes(content)
            with pytest.raises(UnreadableError, match="is truncated|of empty shape"):
                open_source(path).infer()


def write_idx(path, array, kind=8):
    head = bytes([0, 0, kind, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    data = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


IMAGES = np.arange(4 * 2 * 3, dtype="uint8").reshape(4, 2, 3)


def test_idx(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(4, dtype="uint8"))
    source = open_source(tmp_path)
    assert source.infer().features == {"image": Feature("uint8", (2, 3), "raw"), "label": Feature("uint8")}
    assert read(source) == ({"image": IMAGES.tolist(), "label": [0, 1, 2, 3]}, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("kind", "dtype"), [(9, "int8"), (11, "int16"), (12, "int32"), (13, "float32"), (14, "float64")]
)
def test_idx_types(tmp_path, kind, dtype):
    write_idx(tmp_path / "a.idx", (IMAGES.astype("int64") - 9).astype(dtype), kind)
    source = open_source(tmp_path / "a.idx")
    assert source.infer().features["image"] == Feature(dtype, (2, 3))
    assert read(source)[0]["image"] == (IMAGES.astype("int64") - 9).tolist()


def test_idx_files_of_two_splits(tmp_path):
    for split in ("train", "t10k"):
        write_idx(tmp_path / f"{split}-images-idx3-ubyte", IMAGES)
    with pytest.raises(UnreadableError, match="a second file of images; pass the files of one split"):
        open_source(tmp_path).infer()
    assert len(read(open_source(tmp_path / "t10k-*"))[1]) == 4


def test_truncated_idx(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, IMAGES)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UnreadableError, match="the file is truncated: 3 bytes are missing"):
        open_source(path).infer()
    path.write_bytes(b"\0\0\7\1")
    with pytest.raises(UnreadableError, match="not an IDX file"):
        open_source(path).infer()
    path.write_bytes(b"else")
    with pytest.raises(ArgumentError, match="source"):
        open_source(path)
