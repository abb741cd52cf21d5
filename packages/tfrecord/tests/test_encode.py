"""Arrow's rows as columns: values, shapes, types, what is missing, and what does not fit."""

import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tensorsmith.core import ArgumentError
from tensorsmith.tfrecord import Batch, Feature, Reject, Schema
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.schema import DTYPES


def fitted(values, feature, kind=None):
    """The columns of one feature `a`, and what is said of the rows that are left out, by their number."""
    rows = pa.RecordBatch.from_arrays([values if isinstance(values, pa.Array) else pa.array(values, kind)], ["a"])
    columns, rejects = encode_batch(Batch(rows, "f.csv", np.arange(1, len(values) + 1)), Schema({"a": feature}))
    return {name: column.to_lists() for name, column in columns.items()}, {r.row: r.problem for r in rejects}


NOTHING = {}


def complex_bytes(*numbers):
    """What complex64 numbers are stored as."""
    return [[struct.pack("<2f", number.real, number.imag)] for number in map(complex, numbers)]


@pytest.mark.parametrize(
    ("values", "feature", "lists"),
    [
        ([1, 2], Feature("int64"), [[1], [2]]),
        (["1", " -2 "], Feature("int16"), [[1], [-2]]),
        (["1.5", "nan", "inf"], Feature("float32"), [[1.5], [float("nan")], [float("inf")]]),
        (["1.0001"], Feature("float16"), [[1.0]]),
        ([b"12"], Feature("int64"), [[12]]),
        (["true", "false"], Feature("bool"), [[1], [0]]),
        ([True, False], Feature("bool"), [[1], [0]]),
        ([0.1], Feature("float16"), [[0.0999755859375]]),
        ([0.1, 1e38], Feature("bfloat16"), [[0.10009765625], [1.171875 * 2.0**126]]),
        (["1+2j", " -1e3 ", "(nan-infj)"], Feature("complex64"), complex_bytes(1 + 2j, -1e3, complex("nan-infj"))),
        ([1, -2], Feature("complex64"), complex_bytes(1, -2)),
        ([2**63 - 1, -(2**63)], Feature("int64"), [[2**63 - 1], [-(2**63)]]),
        (["é", ""], Feature("string"), [["é".encode()], [b""]]),
        ([b"\xff", b""], Feature("bytes"), [[b"\xff"], [b""]]),
        ([7], Feature("string"), [[b"7"]]),
        (["b", "a"], Feature("int64", labels=("a", "b")), [[1], [0]]),
        ([[1, 2], [], [3]], Feature("float32", (None,)), [[1.0, 2.0], [], [3.0]]),
        ([[[1, 2], [3, 4]]], Feature("int64", (2, 2)), [[1, 2, 3, 4]]),
        ([[[1, 2]], []], Feature("int64", (None, 2)), [[1, 2], []]),
        ([[1, 2, 3, 4]], Feature("int64", (2, 2)), [[1, 2, 3, 4]]),
        ([[1, 2, 3, 4], [1, 2]], Feature("int64", (None, 2)), [[1, 2, 3, 4], [1, 2]]),
        ([[["a"], ["b", "c"]], []], Feature("string", (None,), sequence=True), [[[b"a"], [b"b", b"c"]], []]),
        ([[1, 2], []], Feature("int64", sequence=True), [[[1], [2]], []]),
        ([None, 1], Feature("int64", optional=True), [None, [1]]),
        ([None, [1]], Feature("int64", (None,), optional=True), [None, [1]]),
        ([None, [1, 2]], Feature("int64", (2,), optional=True), [None, [1, 2]]),
        ([None, None], Feature("string", optional=True), [None, None]),
    ],
)
def test_values(values, feature, lists):
    columns, rejects = fitted(values, feature)
    assert repr(columns["a"]) == repr(lists)
    assert rejects == NOTHING


@pytest.mark.parametrize(
    ("values", "feature", "problem"),
    [
        (["1", "x"], Feature("int64"), "received 'x', expected int64"),
        (["1", "1.5"], Feature("int64"), "received '1.5', expected int64"),
        ([1.0, 1.5], Feature("int64"), "received 1.5, expected int64"),
        ([0, 256], Feature("uint8"), "received 256, expected uint8"),
        ([0, -1], Feature("uint64"), "received -1, expected uint64"),
        ([1.0, 1e39], Feature("float32"), "received 1e+39, which float32 cannot hold"),
        ([1.0, 70_000.0], Feature("float16"), "received 70000.0, which float16 cannot hold"),
        (["1", "1e39"], Feature("float32"), "received '1e39', which float32 cannot hold"),
        (["1", "1e400"], Feature("float64"), "received '1e400', which float64 cannot hold"),
        (["1", "70000"], Feature("float16"), "received '70000', which float16 cannot hold"),
        ([1.0, 3.4e38], Feature("bfloat16"), "received 3.4e+38, which bfloat16 cannot hold"),
        (["1", "1+2i"], Feature("complex64"), "received '1+2i', expected complex64, such as '1+2j'"),
        (["1", ""], Feature("complex128"), "received '', expected complex128, such as '1+2j'"),
        (["1", "1+1e39j"], Feature("complex64"), "received '1+1e39j', which complex64 cannot hold"),
        ([1, 16_777_217], Feature("complex64"), "received 16777217, expected complex64"),
        ([1, 70_000], Feature("float16", encoding="raw"), "received 70000, which float16 cannot hold"),
        ([1, 16_777_217], Feature("float32"), "received 16777217, expected float32"),
        ([1, 2], Feature("bool"), "received 2, which bool cannot hold"),
        ([0.0, 0.5], Feature("bool"), "received 0.5, which bool cannot hold"),
        ([b"1", b"\xff"], Feature("int64"), r"received b'\xff', expected int64"),
        ([b"a", b"\xff"], Feature("int64", labels=("a",)), r"received b'\xff', expected int64"),
        ([b"a", b"\xff"], Feature("string"), r"received b'\xff', expected string"),
        ([1, None], Feature("int64"), "it is missing, and the feature is not optional"),
        ([[1], [1, None]], Feature("int64", (None,)), "a value in it is missing"),
        ([[1, 2], [1]], Feature("int64", (2,)), "received shape (1,), expected shape (2,)"),
        ([[1, 2], [1, 2, 3]], Feature("int64", (None, 2)), "received shape (1, 2), expected shape (any, 2)"),
        ([[[1], [2]], [[1, 2], [3]]], Feature("int64", (None, None)), "received 3 values, expected shape (any, any)"),
        ([[[1, 2]], [[1, 2], [3]]], Feature("int64", (2,), sequence=True), "received shape (1,), expected shape (2,)"),
        (["a", "c"], Feature("int64", labels=("a", "b")), "received 'c', expected one of the 2 labels"),
        ([0, 2], Feature("int64", labels=("a", "b")), "received class 2, expected one of 2"),
        ([0, -1], Feature("int64", labels=("a", "b")), "received class -1, expected one of 2"),
    ],
)
def test_rows_that_do_not_fit(values, feature, problem):
    good, _ = fitted(values[:1], feature)
    columns, rejects = fitted([values[1], *values], feature)
    assert rejects == {1: problem, 3: problem}
    assert columns == good


@pytest.mark.parametrize("dtype", ["float64", "uint64"])
def test_types_that_lists_cannot_hold_are_stored_as_bytes(dtype):
    values = np.array([[1, 2**63 + 2048], [3, 4]], dtype)
    columns, _ = fitted(pa.array(values.tolist(), pa.list_(getattr(pa, dtype)())), Feature(dtype, (2,)))
    np.testing.assert_array_equal([np.frombuffer(row[0], dtype) for row in columns["a"]], values)
    columns, _ = fitted([None, 1], Feature(dtype, optional=True))
    assert columns["a"][0] is None
    assert np.frombuffer(columns["a"][1][0], dtype) == [1]


def test_sizes_are_kept_where_several_vary():
    values = [np.arange(6).reshape(2, 3), np.arange(4).reshape(4, 1), np.zeros((0, 0), int)]
    columns, _ = fitted([value.tolist() for value in values], Feature("int64", (None, None)))
    assert columns == {"a/shape": [[2, 3], [4, 1], [0, 0]], "a/value": [[value.tobytes()] for value in values]}
    columns, _ = fitted([None, [["b"]]], Feature("string", (None, None), optional=True))
    assert columns == {"a/shape": [None, [1, 1]], "a/value": [None, [b"b"]]}
    raw, _ = fitted([[[1, 2], [3, 4]]], Feature("uint8", (None, None), "raw"))
    assert raw == {"a/shape": [[2, 2]], "a/value": [[bytes([1, 2, 3, 4])]]}


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_encoded(channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, channels), "uint8")
    columns, _ = fitted(images.tolist(), Feature("uint8", (5, 4, channels), "png"))
    for (file,), image in zip(columns["a"], images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))).reshape(image.shape), image)


def image(kind, height, width):
    file = io.BytesIO()
    Image.new("RGB", (width, height), (9, 8, 7)).save(file, kind)
    return file.getvalue()


def test_files_are_kept_as_they_are():
    files = [image("jpeg", 2, 3), image("jpeg", 4, 3)]
    assert fitted(files, Feature("uint8", (None, 3, 3), "jpeg")) == ({"a": [[file] for file in files]}, NOTHING)
    assert fitted([b"RIFF....WAVE"], Feature("int16", (None,), "wav"))[0] == {"a": [[b"RIFF....WAVE"]]}
    assert fitted([b"abcd"], Feature("uint8", (2, 2), "raw"))[0] == {"a": [[b"abcd"]]}


@pytest.mark.parametrize(
    ("value", "feature", "problem"),
    [
        ("cat.png", Feature("uint8", (2, 3, 3), "png"), "received b'cat.png', expected a PNG file"),
        (image("jpeg", 2, 3), Feature("uint8", (2, 3, 3), "png"), "received a JPEG file of 2 x 3, expected PNG"),
        (image("png", 4, 3), Feature("uint8", (2, None, 3), "png"), "received a PNG file of 4 x 3, expected PNG of"),
        (b"RIFF", Feature("int16", (None,), "wav"), "expected a WAV file"),
        (b"abc", Feature("uint8", (2, 2), "raw"), "received 3 bytes, expected those of shape (2, 2)"),
        (b"abc", Feature("uint16", (None,), "raw"), "received 3 bytes"),
        (b"abcd", Feature("uint8", (None, None), "raw"), "received 4 bytes"),
    ],
)
def test_files_of_another_kind_or_size(value, feature, problem):
    columns, rejects = fitted([value], feature)
    assert columns[next(iter(columns))] == []
    assert rejects[1].startswith(problem) or problem in rejects[1]


def test_what_is_wrong_hides_nothing():
    """A value that is no number, and a class that there is not, in one batch."""
    columns, rejects = fitted(["1", "x", "7", "-1"], Feature("uint8", labels=("a", "b")))
    assert columns == {"a": []}
    assert list(rejects) == [1, 2, 3, 4]
    columns, rejects = fitted([1, 300, 7], Feature("uint8", labels=("a", "b", "c")))
    assert columns == {"a": [[1]]}
    assert rejects == {2: "received 300, expected uint8", 3: "received class 7, expected one of 3"}


@pytest.mark.parametrize("make", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)])
def test_kinds_of_arrow_lists_and_their_parts(make):
    """A part of an array starts within its buffers."""
    array = pa.array([[9, 9], [1, 2], [3, 4], [5, 6]], make(pa.int32())).slice(1, 2)
    assert fitted(array, Feature("int64", (2,)))[0] == {"a": [[1, 2], [3, 4]]}
    texts = pa.array(["x", "yy", "zzz"]).dictionary_encode().slice(1)
    assert fitted(texts, Feature("string"))[0] == {"a": [[b"yy"], [b"zzz"]]}


def test_what_the_source_could_not_read_comes_in_between():
    rows = pa.RecordBatch.from_pydict({"a": ["1", "x"]})
    batch = Batch(rows, "f.csv", np.array([2, 4]), [Reject("f.csv", 3, "", "too few fields")])
    columns, rejects = encode_batch(batch, Schema({"a": Feature("int64")}))
    assert columns["a"].to_lists() == [[1]]
    assert [str(reject) for reject in rejects] == [
        "f.csv, row 3: too few fields",
        "f.csv, row 4, column a: received 'x', expected int64",
    ]


def test_a_column_that_is_not_there():
    rows = pa.RecordBatch.from_pydict({"b": [1]})
    with pytest.raises(ArgumentError, match="`a`"):
        encode_batch(Batch(rows, "f.csv", np.array([1])), Schema({"a": Feature("int64")}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "int65"}, "did you mean"),
        ({"dtype": "int64", "shape": (-1,)}, "shape"),
        ({"dtype": "int64", "encoding": "gif"}, "encoding"),
        ({"dtype": "string", "encoding": "png"}, "shape|encoding"),
        ({"dtype": "uint8", "shape": (2, 2), "encoding": "png"}, "height, width, channels"),
        ({"dtype": "float32", "labels": ("a",)}, "labels"),
        ({"dtype": "int64", "labels": (0, 1)}, "different texts"),
        ({"dtype": "int64", "labels": ("a", "a")}, "different texts"),
        ({"dtype": "int64", "optional": "no"}, "true or false"),
        ({"dtype": "uint16", "shape": (2, 2, 1), "encoding": "jpeg"}, "uint16 in PNG"),
        ({"dtype": "int64", "shape": (None, None), "sequence": True}, "one size vary"),
    ],
)
def test_features_that_there_are_not(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Feature(**arguments)


def test_schemas_as_files(tmp_path):
    features = {f"f {dtype}": Feature(dtype, (None, 2), optional=True) for dtype in DTYPES}
    schema = Schema({**features, "a\nb: #": Feature("int64", labels=("yes", "ño\n", "3")), "1": Feature("string")})
    schema.save(tmp_path / "schema.yaml")
    assert Schema.load(tmp_path / "schema.yaml") == schema
    lines = ["features:", "  a: {dtype: int65}", "  b: {dtyp: int64}", "  c: {dtype: int64, size: 3}"]
    (tmp_path / "bad.yaml").write_text("\n".join(lines))
    with pytest.raises(ArgumentError, match=r"(?s)bad.yaml: a: .*int65.*\nb: .*\nc: .*`size`"):
        Schema.load(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`schema`: received None"),
        ("features: 3", "`schema`"),
        ("[1", "no YAML"),
        ("a: b: c", "no YAML"),
        ("features:\n  x: {dtype: int64, shape: 3}", "x: `shape`: received '?3'?, expected a list"),
        ("features:\n  x: {dtype: int64}\n  x: {dtype: string}", "`x` is there twice"),
        ("features: {}\nsparse: [x]", "`sparse`"),
        ("features:\n  [1, 2]: {dtype: int64}", "no YAML: a name that is no text"),
        (b"features: {\xff: {dtype: int64}}", "utf-8"),
    ],
)
def test_no_schema(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ArgumentError, match=f"bad.yaml: .*{message}"):
        Schema.load(tmp_path / "bad.yaml")


def test_names_are_as_they_are_written():
    text = "features:\n  yes: {dtype: int64}\n  1.0: {dtype: int64}\n  null: {dtype: int64}\n"
    assert list(Schema.from_yaml(text).features) == ["yes", "1.0", "null"]
    assert Schema.from_yaml(Schema({}).to_yaml()) == Schema({})
    merged = Schema.from_yaml("features:\n  a: &b {dtype: int64, optional: true}\n  c: {<<: *b, shape: [2]}\n")
    assert merged.features["c"] == Feature("int64", (2,), optional=True)
