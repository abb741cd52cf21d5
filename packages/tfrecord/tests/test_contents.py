"""Content of TFRecord files: features, statistics, rows as JSON, Parquet and images."""

import base64
import io
import json
import math
import subprocess
import sys
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from google.protobuf import json_format
from PIL import Image

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, Range, StoredFeature, encode, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import (
    BytesStats,
    DamagedFileError,
    Schema,
    contact_sheet,
    convert,
    find_record_files,
    infer,
    inspect,
    open_source,
    rows,
    stats,
    to_json,
    to_parquet,
    verify,
)
from tensorsmith.tfrecord._contact_sheet import SIDE
from tensorsmith.tfrecord.schema import Feature as Field

RANDOM = np.random.default_rng(0)
ROWS = 900
FLOATS = (RANDOM.normal(1e6, 1e-1, (ROWS, 40))).astype("float32")  # digits that a sum of squares would lose
FLOATS[5, 3] = math.nan
INTEGERS = RANDOM.integers(-(2**63), 2**63 - 1, ROWS, endpoint=True)
INTEGERS[:4] = [0, 0, -(2**63), 2**63 - 1]
NAMES = [["red", "green", "blue"][i % 3] if i % 10 else "" for i in range(ROWS)]
LISTS = [None if i % 4 == 0 else list(range(i % 4)) for i in range(ROWS)]
STEPS = [[[i, i], [], [i + 1]][: i % 4] for i in range(ROWS)]


def table():
    return {
        "floats": Column.of(FLOATS),
        "integer": Column.of(INTEGERS),
        "name": Column.of(NAMES),
        "list": Column.lists("int64", LISTS),
        "steps": Column.lists("int64", STEPS, sequence=True),
    }


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three files, one empty and one compressed by TensorFlow, which are read in many parts."""
    monkeypatch.setattr("tensorsmith.tfrecord.shards.reading.CHUNK", 5000)
    paths = [tmp_path / f"x.tfrecord-0000{number}-of-00003" for number in range(3)]
    with paths[0].open("wb") as file:
        write(file, table(), 0, 500)
    paths[1].touch()
    records = encode(table(), 500)
    with tf.io.TFRecordWriter(str(paths[2]), "GZIP") as writer:
        for row in range(len(records)):
            writer.write(records[row])
    return paths


@pytest.fixture
def save(tmp_path):
    """Returns a function that writes records, each made of single-row columns, to a file."""

    def call(name, *tables):
        path = tmp_path / name
        with path.open("wb") as file:
            for columns in tables:
                write(file, columns)
        return path

    return call


def test_survey(files):
    done = []
    found = inspect(files, done.append)
    assert [(file.records, file.compression) for file in found] == [(500, "none"), (0, "none"), (400, "gzip")]
    assert [file.size for file in found] == [path.stat().st_size for path in files]
    assert found[0].features == {
        "floats": StoredFeature(("float",), 500, Range(40, 40)),
        "integer": StoredFeature(("int64",), 500, Range(1, 1)),
        "list": StoredFeature(("int64",), 375, Range(1, 3)),
        "name": StoredFeature(("bytes",), 500, Range(1, 1)),
        "steps": StoredFeature(("int64",), 500, Range(0, 3), Range(0, 2)),
    }
    assert sum(done[:-1]) >= files[0].stat().st_size


def test_stats_match_numpy(files):
    found = stats(files)
    assert found.records == ROWS
    floats, integer, name = (found.features[feature] for feature in ("floats", "integer", "name"))
    known = FLOATS[~np.isnan(FLOATS)].astype("float64")
    assert (floats.rows, floats.count, floats.nan, floats.zeros) == (ROWS, FLOATS.size, 1, 0)
    assert (floats.least, floats.greatest) == (known.min(), known.max())
    np.testing.assert_allclose(floats.mean, known.mean(), rtol=1e-15)
    np.testing.assert_allclose(floats.deviation, known.std(), rtol=1e-9)
    assert (integer.least, integer.greatest, integer.zeros) == (-(2**63), 2**63 - 1, 2)
    np.testing.assert_allclose(integer.mean, INTEGERS.astype("float64").mean(), rtol=1e-9)
    np.testing.assert_allclose(integer.deviation, INTEGERS.astype("float64").std(), rtol=1e-12)
    lengths = [len(text) for text in NAMES]
    assert (name.count, name.empty, name.shortest, name.longest) == (ROWS, NAMES.count(""), 0, 5)
    assert name.size == sum(lengths)
    assert name.found == {text.encode(): NAMES.count(text) for text in set(NAMES)}
    assert found.features["list"].rows == ROWS - LISTS.count(None)
    assert found.features["list"].count == sum(len(values or []) for values in LISTS)
    assert found.features["steps"].count == sum(len(step) for row in STEPS for step in row)


def test_stats_of_nan_and_infinity(save):
    empty, infinite = Column.lists("float", [[], [math.nan]]), Column.of([[math.inf], [1.0]])
    found = stats([save("x", {"empty": empty, "infinite": infinite})]).features
    assert (found["empty"].count, found["empty"].nan) == (1, 1)
    assert math.isnan(found["empty"].mean)
    assert math.isnan(found["empty"].deviation)
    assert (found["infinite"].mean, found["infinite"].least) == (math.inf, 1.0)
    assert math.isnan(found["infinite"].deviation)


def test_limit_of_distinct_values(save):
    long = [bytes(BytesStats.KEPT) + bytes([i]) for i in range(3)]
    many = [str(i) for i in range(BytesStats.MOST_DISTINCT + 1)]
    found = stats([save("x", {"long": Column.of(np.array(long, object))}, {"many": Column.of(many)})]).features
    assert len(found["long"].found) == 3
    assert {value[: BytesStats.KEPT] for value in found["long"].found} == {bytes(BytesStats.KEPT)}
    assert found["many"].found is None
    assert found["many"].count == len(many)


def test_rows_match_protobuf(files):
    ours = [row for path in files for row in rows(path)]
    assert len(ours) == ROWS
    message = tf.train.SequenceExample.FromString(encode(table())[7])
    context = json_format.MessageToDict(message)["context"]["feature"]
    assert ours[7]["floats"] == context["floats"]["floatList"]["value"]  # the digits are the shortest here, too
    assert ours[7]["integer"] == [int(text) for text in context["integer"]["int64List"]["value"]]
    assert [base64.b64encode(value).decode() for value in ours[7]["name"]] == context["name"]["bytesList"]["value"]
    assert [row["steps"] for row in ours] == STEPS
    assert [row.get("list") for row in ours] == LISTS


def test_inconsistent_feature_types(save):
    path = save("x", {"x": Column.of([1, 2])}, {"x": Column.of([0.1])}, {"y": Column.of([b"\xff"])})
    assert list(rows(path)) == [{"x": [1]}, {"x": [2]}, {"x": [0.1]}, {"y": [b"\xff"]}]
    with pytest.raises(ArgumentError, match="feature x must have the same type in all records"):
        stats([path])
    with pytest.raises(ArgumentError, match="feature x.*float and int64"):
        to_parquet([path], path.with_name("x.parquet"))
    assert not path.with_name("x.parquet").exists()


def test_json(save):
    columns = {
        "text": Column.lists("bytes", [["é\n".encode(), b"\xff\x00", b""]]),
        "x": Column.lists("float", [[math.nan, math.inf, -math.inf, -0.0, 3.4e38]]),
        "n": Column.lists("int64", [[2**63 - 1, -(2**63)]]),
        "none": Column.lists("int64", [[]]),
    }
    (row,) = rows(save("x", columns))
    line = to_json(row)
    assert "\n" not in line
    assert json.loads(line, parse_constant=pytest.fail) == {
        "text": ["é\n", {"base64": "/wA="}, ""],
        "x": ["NaN", "Infinity", "-Infinity", -0.0, 3.4e38],
        "n": [2**63 - 1, -(2**63)],
        "none": [],
    }


def test_parquet_contents(files, tmp_path, monkeypatch):
    monkeypatch.setattr("tensorsmith.tfrecord.parquet.GROUP", 20_000)
    done = []
    assert to_parquet(files, tmp_path / "x.parquet", done.append) == ROWS
    found = pq.read_table(tmp_path / "x.parquet")
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups > 2
    assert str(found.schema.field("floats").type) == "fixed_size_list<element: float>[40]"
    np.testing.assert_array_equal(np.stack(found["floats"].to_numpy()), FLOATS)
    assert found["integer"].to_pylist() == INTEGERS.tolist()
    assert found["name"].to_pylist() == [text.encode() for text in NAMES]
    assert found["list"].to_pylist() == LISTS
    assert found["steps"].to_pylist() == STEPS
    assert sum(done) >= 2 * files[0].stat().st_size


def test_parquet_of_empty_features(save, tmp_path):
    empty = Column.lists("bytes", [[], []])
    assert to_parquet([save("x", {"x": empty, "y": Column.of([[], []])})], tmp_path / "x.parquet") == 2
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [{"x": [], "y": []}] * 2
    for nothing in (save("y"), save("z", {"y": Column.lists("int64", [None])})):
        with pytest.raises(ArgumentError, match="contain examples with at least one value"):
            to_parquet([nothing], tmp_path / "y.parquet")
    assert not (tmp_path / "y.parquet").exists()


def image(form, side, colour):
    memory = io.BytesIO()
    Image.new("RGB", side, colour).save(memory, form)
    return memory.getvalue()


def enlarged(png, side):
    """A PNG image whose header declares `side` pixels per side."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]


def test_contact_sheet(tmp_path):
    values = [
        image("PNG", (10, 20), "red"),
        b"a text",
        image("JPEG", (3000, 10), "blue"),
        image("PNG", (5, 5), "red")[:40],  # truncated
        np.full((4, 4, 1), 128, "uint8").tobytes(),
        enlarged(image("PNG", (5, 5), "red"), 20_000),
        image("GIF", (200, 200), "lime"),
    ]
    assert contact_sheet(values, tmp_path / "x.png", (4, 4, 1)) == 4
    with Image.open(tmp_path / "x.png") as sheet:
        assert sheet.size == (4 * (SIDE + 4) + 4, SIDE + 8)
        colours = [sheet.getpixel((4 + SIDE // 2 + position * (SIDE + 4), 4 + SIDE // 2)) for position in range(4)]
    assert [colours[0], *colours[2:]] == [(255, 0, 0), (128, 128, 128), (0, 255, 0)]
    assert colours[1][2] > 240
    assert contact_sheet(values * 100, tmp_path / "y.png") == 64


@pytest.mark.parametrize(
    ("values", "shape"), [([b"text"], None), ([b"text"], (4,)), ([b"text"], (0, 4)), ([], (2, 2, 2))]
)
def test_invalid_images(tmp_path, values, shape):
    with pytest.raises(ArgumentError):
        contact_sheet(values, tmp_path / "x.png", shape)
    assert list(tmp_path.iterdir()) == []


def test_find_record_files(files, tmp_path, monkeypatch):
    (tmp_path / "x.tfrecord-00000-of-00003.index").touch()
    (tmp_path / ".x.tfrecord-half").touch()
    (tmp_path / "readme.txt").touch()
    (tmp_path / "empty").mkdir()
    assert find_record_files([str(tmp_path)]) == files
    assert find_record_files([f"{tmp_path}/x.tf*"]) == files
    assert find_record_files([str(files[2]), str(tmp_path)]) == [files[2], *files[:2]]
    index = tmp_path / "x.tfrecord-00000-of-00003.index"
    assert find_record_files([str(path) for path in [*files, index, files[0]]]) == files  # as the shell expands x*
    with pytest.raises(FileNotFoundError, match="00003.index: an index holds no records; pass the file next to it"):
        find_record_files([str(index)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd[1].tfrecord").touch()
    assert [path.name for path in find_record_files(["odd[1].tfrecord"])] == ["odd[1].tfrecord"]
    for missing in ("empty", "nothing-*", "no.tfrecord"):
        with pytest.raises(
            FileNotFoundError, match=f"^{missing.replace('*', '.')}: (no such file|the folder contains no file)"
        ):
            find_record_files([str(files[0]), missing])


READERS = {
    "rows": lambda path: list(rows(path)),
    "stats": lambda path: stats([path]),
    "survey": lambda path: inspect([path]),
}


@pytest.mark.parametrize("name", READERS)
def test_damaged_record(files, name):
    data = bytearray(files[0].read_bytes())
    offset = len(encode(table(), 0, 321).data)
    data[offset + 50] ^= 1
    files[0].write_bytes(data)
    with pytest.raises(DamagedFileError, match=f"record 321, at byte {offset:,}: the data of a record are damaged"):
        READERS[name](files[0])


def test_foreign_records(save):
    path = save("x", {"x": Column.of([1])})
    with tf.io.TFRecordWriter(str(path)) as writer:
        for message in (b"", b"no example"):
            writer.write(message)
    with pytest.raises(DamagedFileError, match="record 1, at byte 16: not a tf.train.Example"):
        inspect([path])


@pytest.mark.slow
def test_without_tensorflow(files, tmp_path):
    script = """if True:
        import sys
        from tensorsmith.tfrecord import to_parquet
        from tensorsmith.tfrecord.shards.reorder import reorder
        from tensorsmith.tfrecord import repair
        from tensorsmith.tfrecord import rows
        from tensorsmith.tfrecord import stats
        files, folder = sys.argv[2:], sys.argv[1]
        stats(files), list(rows(files[0])), to_parquet(files, folder + "/x.parquet")
        reorder(files, folder + "/out", seed=1), repair(files[0], folder + "/repaired")
        sys.exit("tensorflow" in sys.modules)
    """
    subprocess.run([sys.executable, "-c", script, str(tmp_path), *map(str, files)], check=True, timeout=60)


def one_int(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


@pytest.mark.parametrize("together", [False, True])
def test_feature_in_context_and_feature_lists(tmp_path, together):
    """Tests that a name in both context and feature lists is an error, as one would overwrite the other."""
    context = tf.train.Features(feature={"x": one_int(1)})
    lists = tf.train.FeatureLists(feature_list={"x": tf.train.FeatureList(feature=[one_int(2)])})
    examples = [{"context": context}, {"feature_lists": lists}]
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for parts in [examples[0] | examples[1]] if together else examples:
            writer.write(tf.train.SequenceExample(**parts).SerializeToString())
    for name in READERS:
        with pytest.raises(
            ArgumentError, match="feature x must be in the context of all records or in the feature lists"
        ):
            READERS[name](tmp_path / "x")
    assert verify(tmp_path / "x").records == 2 - together


WIDE = {
    "d": [0.1234567890123, -2.0],
    "u": [2**64 - 1, 1],
    "l": [[1.5, 1e300], []],
    "o": [0.1234567890123, None],
    "t": ["é", "b"],
    "r": [[1, 2], [3, 4]],
}


@pytest.fixture
def converted(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps(dict(zip(WIDE, row, strict=True))) + "\n" for row in zip(*WIDE.values(), strict=True))
    )
    schema = infer(tmp_path / "a.jsonl")
    schema = Schema({**schema.features, "r": Field("uint8", (2,), "raw")})
    convert(open_source(tmp_path / "a.jsonl"), tmp_path / "out", name="a", schema=schema)
    return tmp_path / "out" / "a-train.tfrecord-00000-of-00001"


def test_numbers_stored_as_bytes(converted, tmp_path):
    """Tests that stored bytes are numbers if the schema says so, except for features with an explicit encoding."""
    found = list(rows(converted))
    for name in ("d", "u", "l", "o"):
        values = [row.get(name) for row in found]
        assert values == [value if isinstance(value, list | None) else [value] for value in WIDE[name]]
    assert [row["r"] for row in found] == [[bytes(value)] for value in WIDE["r"]]
    figures = stats([converted]).features
    assert (figures["d"].least, figures["d"].greatest, figures["u"].greatest) == (-2.0, WIDE["d"][0], 2**64 - 1)
    assert figures["l"].count == 2
    to_parquet([converted], tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert {name: table[name].to_pylist() for name in "dulot"} == {name: WIDE[name] for name in "dulot"}
    (converted.parent / "schema.yaml").unlink()
    assert [row["d"] for row in rows(converted)] == [[np.float64(value).tobytes()] for value in WIDE["d"]]


def test_incompatible_schema(converted, tmp_path):
    (converted.parent / "schema.yaml").write_text("features:\n  t: {dtype: float64}\n")
    for read in (
        lambda: list(rows(converted)),
        lambda: stats([converted]),
        lambda: to_parquet([converted], tmp_path / "x"),
    ):
        with raises_argument_error("t", received="2 bytes", expected="contain values of dtype float64"):
            read()
    (converted.parent / "schema.yaml").write_text("features:\n  d: {dtype: string}\n")
    with raises_argument_error("d", expected="contain strings to match schema.yaml"):
        to_parquet([converted], tmp_path / "x")
    (converted.parent / "schema.yaml").write_text("something: else\n")
    assert len(list(rows(converted))) == 2


def test_names_with_invalid_utf8(tmp_path):
    message = b"\x0a\x0e\x0a\x0c\x0a\x01\xff\x12\x07\x1a\x05\x0a\x03\x01\x02\x03"
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        writer.write(message)
    for read in (*READERS.values(), verify):
        with pytest.raises(
            DamagedFileError, match="record 0, at byte 0: not a tf.train.Example: a name is not valid UTF-8"
        ):
            read(tmp_path / "x")
