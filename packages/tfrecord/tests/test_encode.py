"""Encoding of Arrow rows as columns: values, shapes, dtypes, missing values, and rejects."""

import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tensorsmith.core import ArgumentError
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Batch, Feature, Reject, Schema
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.schema import DTYPES


def fitted(values, feature, kind=None):
    """Returns the columns of one feature `a`, and the problem of each rejected row by its number."""
    rows = pa.RecordBatch.from_arrays([values if isinstance(values, pa.Array) else pa.array(values, kind)], ["a"])
    columns, rejects = encode_batch(Batch(rows, "f.csv", np.arange(1, len(values) + 1)), Schema({"a": feature}))
    return {name: column.to_lists() for name, column in columns.items()}, {r.row: r.problem for r in rejects}


NOTHING = {}


def complex_bytes(*numbers):
    """Returns the bytes that store complex64 numbers."""
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
        (["1", "x"], Feature("int64"), "expected int64, got 'x'"),
        (["1", "1.5"], Feature("int64"), "expected int64, got '1.5'"),
        ([1.0, 1.5], Feature("int64"), "expected int64, got 1.5"),
        ([0, 256], Feature("uint8"), "expected uint8, got 256"),
        ([0, -1], Feature("uint64"), "expected uint64, got -1"),
        ([1.0, 1e39], Feature("float32"), "expected a value that fits float32, got 1e+39"),
        ([1.0, 70_000.0], Feature("float16"), "expected a value that fits float16, got 70000.0"),
        (["1", "1e39"], Feature("float32"), "expected a value that fits float32, got '1e39'"),
        (["1", "1e400"], Feature("float64"), "expected a value that fits float64, got '1e400'"),
        (["1", "70000"], Feature("float16"), "expected a value that fits float16, got '70000'"),
        ([1.0, 3.4e38], Feature("bfloat16"), "expected a value that fits bfloat16, got 3.4e+38"),
        (["1", "1+2i"], Feature("complex64"), "expected complex64, such as '1+2j', got '1+2i'"),
        (["1", ""], Feature("complex128"), "expected complex128, such as '1+2j', got ''"),
        (["1", "1+1e39j"], Feature("complex64"), "expected a value that fits complex64, got '1+1e39j'"),
        ([1, 16_777_217], Feature("complex64"), "expected complex64, got 16777217"),
        ([1, 70_000], Feature("float16", encoding="raw"), "expected a value that fits float16, got 70000"),
        ([1, 16_777_217], Feature("float32"), "expected float32, got 16777217"),
        ([1, 2], Feature("bool"), "expected a value that fits bool, got 2"),
        ([0.0, 0.5], Feature("bool"), "expected a value that fits bool, got 0.5"),
        ([b"1", b"\xff"], Feature("int64"), r"expected int64, got b'\xff'"),
        ([b"a", b"\xff"], Feature("int64", labels=("a",)), r"expected int64, got b'\xff'"),
        ([b"a", b"\xff"], Feature("string"), r"expected string, got b'\xff'"),
        ([1, None], Feature("int64"), "missing, but the feature is not optional"),
        ([[1], [1, None]], Feature("int64", (None,)), "it contains a missing value"),
        ([[1, 2], [1]], Feature("int64", (2,)), "expected shape (2,), got shape (1,)"),
        ([[1, 2], [1, 2, 3]], Feature("int64", (None, 2)), "expected shape (any, 2), got shape (1, 2)"),
        ([[[1], [2]], [[1, 2], [3]]], Feature("int64", (None, None)), "expected shape (any, any), got 3 values"),
        ([[[1, 2]], [[1, 2], [3]]], Feature("int64", (2,), sequence=True), "expected shape (2,), got shape (1,)"),
        (["a", "c"], Feature("int64", labels=("a", "b")), "expected one of the 2 labels, got 'c'"),
        ([0, 2], Feature("int64", labels=("a", "b")), "expected one of 2 class indices, got 2"),
        ([0, -1], Feature("int64", labels=("a", "b")), "expected one of 2 class indices, got -1"),
    ],
)
def test_invalid_rows(values, feature, problem):
    good, _ = fitted(values[:1], feature)
    columns, rejects = fitted([values[1], *values], feature)
    assert rejects == {1: problem, 3: problem}
    assert columns == good


@pytest.mark.parametrize("dtype", ["float64", "uint64"])
def test_wide_dtypes_are_stored_as_bytes(dtype):
    values = np.array([[1, 2**63 + 2048], [3, 4]], dtype)
    columns, _ = fitted(pa.array(values.tolist(), pa.list_(getattr(pa, dtype)())), Feature(dtype, (2,)))
    np.testing.assert_array_equal([np.frombuffer(row[0], dtype) for row in columns["a"]], values)
    columns, _ = fitted([None, 1], Feature(dtype, optional=True))
    assert columns["a"][0] is None
    assert np.frombuffer(columns["a"][1][0], dtype) == [1]


def test_shapes_are_stored_for_variable_dimensions():
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


def test_encoded_files_are_unchanged():
    files = [image("jpeg", 2, 3), image("jpeg", 4, 3)]
    assert fitted(files, Feature("uint8", (None, 3, 3), "jpeg")) == ({"a": [[file] for file in files]}, NOTHING)
    assert fitted([b"RIFF....WAVE"], Feature("int16", (None,), "wav"))[0] == {"a": [[b"RIFF....WAVE"]]}
    assert fitted([b"abcd"], Feature("uint8", (2, 2), "raw"))[0] == {"a": [[b"abcd"]]}


@pytest.mark.parametrize(
    ("value", "feature", "problem"),
    [
        ("cat.png", Feature("uint8", (2, 3, 3), "png"), "expected a PNG file, got b'cat.png'"),
        (
            image("jpeg", 2, 3),
            Feature("uint8", (2, 3, 3), "png"),
            "expected PNG of shape (2, 3, 3), got a JPEG file of 2 x 3",
        ),
        (
            image("png", 4, 3),
            Feature("uint8", (2, None, 3), "png"),
            "expected PNG of shape (2, any, 3), got a PNG file of 4 x 3",
        ),
        (b"RIFF", Feature("int16", (None,), "wav"), "expected a WAV file"),
        (b"abc", Feature("uint8", (2, 2), "raw"), "expected an array of shape (2, 2), got 3 bytes"),
        (b"abc", Feature("uint16", (None,), "raw"), "got 3 bytes"),
        (b"abcd", Feature("uint8", (None, None), "raw"), "got 4 bytes"),
    ],
)
def test_files_of_wrong_format_or_size(value, feature, problem):
    columns, rejects = fitted([value], feature)
    assert columns[next(iter(columns))] == []
    assert rejects[1].startswith(problem) or problem in rejects[1]


def test_all_invalid_rows_are_reported():
    """Tests a batch with both invalid numbers and unknown classes: all are reported."""
    columns, rejects = fitted(["1", "x", "7", "-1"], Feature("uint8", labels=("a", "b")))
    assert columns == {"a": []}
    assert list(rejects) == [1, 2, 3, 4]
    columns, rejects = fitted([1, 300, 7], Feature("uint8", labels=("a", "b", "c")))
    assert columns == {"a": [[1]]}
    assert rejects == {2: "expected uint8, got 300", 3: "expected one of 3 class indices, got 7"}


@pytest.mark.parametrize("make", [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)])
def test_arrow_lists_and_slices(make):
    """Tests slices of arrays, whose values begin at an offset in their buffers."""
    array = pa.array([[9, 9], [1, 2], [3, 4], [5, 6]], make(pa.int32())).slice(1, 2)
    assert fitted(array, Feature("int64", (2,)))[0] == {"a": [[1, 2], [3, 4]]}
    texts = pa.array(["x", "yy", "zzz"]).dictionary_encode().slice(1)
    assert fitted(texts, Feature("string"))[0] == {"a": [[b"yy"], [b"zzz"]]}


def test_rejects_are_in_row_order():
    rows = pa.RecordBatch.from_pydict({"a": ["1", "x"]})
    batch = Batch(rows, "f.csv", np.array([2, 4]), [Reject("f.csv", 3, "", "too few fields")])
    columns, rejects = encode_batch(batch, Schema({"a": Feature("int64")}))
    assert columns["a"].to_lists() == [[1]]
    assert [str(reject) for reject in rejects] == [
        "f.csv, row 3: too few fields",
        "f.csv, row 4, column a: expected int64, got 'x'",
    ]


def test_missing_column():
    rows = pa.RecordBatch.from_pydict({"b": [1]})
    with raises_argument_error("a", expected="one of the columns of the source (b)"):
        encode_batch(Batch(rows, "f.csv", np.array([1])), Schema({"a": Feature("int64")}))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"dtype": "int65"}, {"name": "dtype", "received": "'int65'", "remedy": "Did you mean"}),
        ({"dtype": "int64", "shape": (-1,)}, {"name": "shape"}),
        ({"dtype": "int64", "encoding": "gif"}, {"name": "encoding"}),
        ({"dtype": "string", "encoding": "png"}, {"name": "shape"}),
        (
            {"dtype": "uint8", "shape": (2, 2), "encoding": "png"},
            {"name": "shape", "expected": "height, width, channels"},
        ),
        ({"dtype": "float32", "labels": ("a",)}, {"name": "labels"}),
        ({"dtype": "int64", "labels": (0, 1)}, {"name": "labels", "expected": "distinct strings"}),
        ({"dtype": "int64", "labels": ("a", "a")}, {"name": "labels", "expected": "distinct strings"}),
        ({"dtype": "int64", "optional": "no"}, {"name": "optional", "expected": "true or false"}),
        ({"dtype": "int64", "default": 0}, {"name": "default", "expected": "omitted unless the feature is optional"}),
        ({"dtype": "int64", "shape": (None,), "optional": True, "default": 0}, {"name": "default"}),
        ({"dtype": "int8", "optional": True, "default": 128}, {"name": "default", "expected": "a value of dtype int8"}),
        ({"dtype": "int8", "optional": True, "default": 0.5}, {"name": "default", "expected": "a value of dtype int8"}),
        ({"dtype": "float32", "optional": True, "default": "no"}, {"name": "default", "expected": 'or "nan"'}),
        ({"dtype": "string", "optional": True, "default": 0}, {"name": "default", "expected": "a string for dtype"}),
        (
            {"dtype": "uint16", "shape": (2, 2, 1), "encoding": "jpeg"},
            {"name": "shape", "expected": "(height, width, channels) with dtype uint8, or uint16 for PNG"},
        ),
        (
            {"dtype": "int64", "shape": (None, None), "sequence": True},
            {"name": "shape", "expected": "a list with at most one variable size"},
        ),
    ],
)
def test_invalid_features(arguments, error):
    with raises_argument_error(**error):
        Feature(**arguments)


def test_schema_save_and_load(tmp_path):
    features = {f"f {dtype}": Feature(dtype, (None, 2), optional=True) for dtype in DTYPES}
    schema = Schema({**features, "a\nb: #": Feature("int64", labels=("yes", "ño\n", "3")), "1": Feature("string")})
    schema.save(tmp_path / "schema.yaml")
    assert Schema.load(tmp_path / "schema.yaml") == schema
    lines = ["features:", "  a: {dtype: int65}", "  b: {dtyp: int64}", "  c: {dtype: int64, size: 3}"]
    (tmp_path / "bad.yaml").write_text("\n".join(lines))
    with pytest.raises(ArgumentError, match=r"(?s)bad.yaml: a: .*int65.*\nb: .*\nc: .*size must be"):
        Schema.load(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "schema must .*got None"),
        ("features: 3", "schema must be a mapping"),
        ("[1", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("features:\n  x: {dtype: int64, shape: 3}", "x: shape must be a list.*got '?3'?"),
        ("features:\n  x: {dtype: int64}\n  x: {dtype: string}", "duplicate feature `x`"),
        ("features: {}\nsparse: [x]", "sparse must be a mapping"),
        ("features:\n  [1, 2]: {dtype: int64}", "not valid YAML: a feature name must be a string"),
        (b"features: {\xff: {dtype: int64}}", "utf-8"),
    ],
)
def test_invalid_schema_files(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ArgumentError, match=f"bad.yaml: .*{message}"):
        Schema.load(tmp_path / "bad.yaml")


def test_defaults_and_csv_options_in_yaml():
    features = {
        "a": Feature("int64", optional=True, default=float("nan")),
        "b": Feature("float32", (2,), optional=True, default=-1.5),
        "c": Feature("string", optional=True, default=""),
    }
    schema = Schema(features, csv={"delimiter": ";", "missing": ["pandas", "?"]})
    assert Schema.from_yaml(schema.to_yaml()) == schema
    by_hand = "features:\n  a: {dtype: int64, optional: true, default: .nan}\n"
    assert Schema.from_yaml(by_hand).features["a"] == features["a"]
    kinds = {"bool": "float32", "uint16": "float32", "int32": "float64", "float16": "float16", "float64": "float64"}
    assert {name: Feature(name, optional=True, default="nan").tensor_dtype for name in kinds} == kinds
    assert Feature("int32", optional=True, default=-1).tensor_dtype == "int32"


def test_required_features():
    features = {"x": Feature("int64"), "y": Feature("float32", optional=True, default="nan")}
    schema = Schema(features, csv={"comment": "#"})
    required = schema.require(["y"])
    assert required.features == {"x": Feature("int64"), "y": Feature("float32")}
    assert required.csv == schema.csv
    with raises_argument_error("required", received="'yy'", remedy="Did you mean y?"):
        schema.require(["yy"])


def test_feature_names_are_literal():
    text = "features:\n  yes: {dtype: int64}\n  1.0: {dtype: int64}\n  null: {dtype: int64}\n"
    assert list(Schema.from_yaml(text).features) == ["yes", "1.0", "null"]
    assert Schema.from_yaml(Schema({}).to_yaml()) == Schema({})
    merged = Schema.from_yaml("features:\n  a: &b {dtype: int64, optional: true}\n  c: {<<: *b, shape: [2]}\n")
    assert merged.features["c"] == Feature("int64", (2,), optional=True)
