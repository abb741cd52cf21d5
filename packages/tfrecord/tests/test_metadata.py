"""Opening converted folders with TensorFlow Datasets."""

import numpy as np
import pyarrow as pa
import pytest

from tensorsmith.tfrecord import Batch, Feature, Schema, convert


class Fixed:
    """Source with fixed rows."""

    def __init__(self, path, values):
        path.touch()
        self.files, self.options, self.values = [path], {}, values

    def batches(self, schema):
        rows = pa.RecordBatch.from_pydict(self.values)
        yield Batch(rows, "fixed", np.arange(rows.num_rows))


def test_tensorflow_datasets_opens_the_folder(tmp_path):
    import tensorflow_datasets as tfds

    images = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), "uint8")
    values = {
        "image": images.tolist(),
        "label": [0, 1, 0, 1, 0, 1],
        "flag": [True, False] * 3,
        "text": ["é", "", "c", "d", "e", "f"],
        "x": [[0.5, i] for i in range(6)],
        "many": [list(range(i)) for i in range(6)],
        "wide": [[[1e300, i]] * 2 for i in range(6)],
        "any": [[[i, 1]] * i for i in range(6)],
        "maybe": [None, 1, 2, None, 4, 5],
        "raw": [[i, 255] for i in range(6)],
        "brain": [[0.5, i] for i in range(6)],
        "brain_raw": [[0.5, i] for i in range(6)],
        "wave": [[1, i] for i in range(6)],
    }
    schema = Schema(
        {
            "image": Feature("uint8", (4, 5, 3), "png"),
            "label": Feature("int64", labels=("no", "yes")),
            "flag": Feature("bool"),
            "text": Feature("string"),
            "x": Feature("float32", (2,)),
            "many": Feature("int32", (None,)),
            "wide": Feature("float64", (2, 2)),
            "any": Feature("int64", (None, None)),
            "maybe": Feature("int64", optional=True),
            "raw": Feature("uint8", (2,), "raw"),
            "brain": Feature("bfloat16", (2,)),
            "brain_raw": Feature("bfloat16", (2,), "raw"),
            "wave": Feature("complex64", (2,)),
        }
    )

    halves = {"train": 0.5, "test": 0.5}
    convert(Fixed(tmp_path / "source", values), tmp_path / "out", name="fixed", schema=schema, split=halves)
    builder = tfds.builder_from_directory(str(tmp_path / "out"))
    assert builder.info.features["label"].names == ["no", "yes"]
    assert builder.info.splits["test"].num_examples == 3
    rows = [row for split in ("train", "test") for row in builder.as_dataset(split=split).as_numpy_iterator()]
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(row["image"], images[number])
        assert row["text"].decode() == values["text"][number]
        np.testing.assert_array_equal(row["any"], np.reshape(values["any"][number], (number, 2 if number else 0)))
        assert row["maybe"].tolist() == ([] if values["maybe"][number] is None else [values["maybe"][number]])
        for name in ("label", "flag", "x", "many", "wide", "raw", "brain", "brain_raw", "wave"):
            np.testing.assert_array_equal(row[name], values[name][number])


OPTIONAL = {
    "text": (["a", None, "b"], Feature("string", optional=True), [[b"a"], [], [b"b"]]),
    "wide": ([0.1, None, -1e300], Feature("float64", optional=True), [[0.1], [], [-1e300]]),
    "pair": ([[0.1, 2.0], None, [1.0, 1.0]], Feature("float64", (2,), optional=True), [[[0.1, 2]], [], [[1, 1]]]),
    "list": ([[1, 2], None, []], Feature("int64", (None,), optional=True), [[1, 2], [], []]),
    "boxes": ([[[1, 2]], None, []], Feature("float32", (None, 2), optional=True), [[[1, 2]], [], []]),
    "words": ([["a", "b"], None, ["c"]], Feature("string", (None,), optional=True), [[b"a", b"b"], [], [b"c"]]),
}


def test_tensorflow_datasets_reads_missing_values(tmp_path):
    import tensorflow_datasets as tfds

    source = Fixed(tmp_path / "source", {name: values for name, (values, _, _) in OPTIONAL.items()})
    schema = Schema({name: feature for name, (_, feature, _) in OPTIONAL.items()})
    assert convert(source, tmp_path / "out", name="gaps", schema=schema).for_tfds
    rows = list(tfds.builder_from_directory(str(tmp_path / "out")).as_dataset(split="train").as_numpy_iterator())
    for name, (_, _, expected) in OPTIONAL.items():
        assert [row[name].tolist() for row in rows] == expected, name


@pytest.mark.parametrize(
    ("compression", "feature"),
    [
        ("gzip", Feature("int64")),
        ("none", Feature("float64", (None,), optional=True)),
        ("none", Feature("int64", (None, None), optional=True)),
        ("none", Feature("string", (None, None))),
        ("none", Feature("int64", (None,), sequence=True)),
    ],
)
def test_unsupported_by_tensorflow_datasets(tmp_path, compression, feature):
    source, schema = Fixed(tmp_path / "source", {"x": []}), Schema({"x": feature})
    done = convert(source, tmp_path / "out", name="n", schema=schema, compression=compression)
    assert not done.for_tfds
    assert not (tmp_path / "out/features.json").exists()
