"""Benchmark `tensorsmith bench data`: TFRecord input and output compared with TensorFlow, TFDS and array_record.

There are two kinds of examples: `965`, with 965 bytes (a raw image of 784 bytes, a label and 32 floats), and `floats`,
with 4,005 floats. A measurement repeats all of the work: it writes a new file from arrays in memory, or reads a file in
the page cache into tensors. As in TensorFlow's guide, writing with TensorFlow starts from Python objects; their
creation is not measured.
"""

import importlib
import importlib.util
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.calls import Calls
from tensorsmith.core.types import Tensor

BATCH = 256
SHARDS = 10  # of the image cases
MODULES = {"tfds": "tensorflow_datasets", "array_record": "array_record"}

Work = Callable[[], Any]


@dataclass(frozen=True)
class DataCase:
    """Benchmark case of a data pipeline: the examples, the implementations, and their target speedups."""

    kind: str
    count: int
    work: Mapping[str, Callable[[Path, "DataCase"], Work]]
    targets: dict[str, float]
    unit: str = "examples/s"


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed, else to `False`."""
    return {name: importlib.util.find_spec(MODULES.get(name, "tensorflow")) is not None for name in CASES[case].work}


class Rate(Calls):
    """Implementation that is measured by its processing rate in repeated calls, such as examples per second."""

    def __init__(self, work: Work, amount: float, folder: tempfile.TemporaryDirectory[str], writes: bool) -> None:
        super().__init__(work)
        self._amount, self._folder, self._writes = amount, folder, writes

    def turn(self) -> float:
        """Return the rate in the unit of the benchmark case, such as examples per second."""
        return self._amount / (super().turn() / 1e3)

    def _call(self) -> float:
        if self._writes:  # a new file each time, as freeing the old one takes as long as writing
            for path in Path(self._folder.name).iterdir():
                path.unlink()
        return super()._call()


def _prepare(case: str, provider: str) -> Rate:
    """Return an implementation that is ready to be measured on a benchmark case."""
    if provider != "array_record":
        importlib.import_module("tensorsmith.core").load_tensorflow()
    folder, this = tempfile.TemporaryDirectory(), CASES[case]
    work = this.work[provider](Path(folder.name), this)
    amount = this.count if this.unit == "examples/s" else (Path(folder.name) / "x.tfrecord").stat().st_size / 1e6
    return Rate(work, amount, folder, writes=this.work is WRITERS)


def _arrays(case: DataCase) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    if case.kind == "floats":
        return {"x": rng.random((case.count, 4005), dtype="float32")}
    images = rng.integers(0, 256, (case.count, 784), "uint8")
    labels = rng.integers(0, 10, case.count)
    return {"image": images, "label": labels, "x": rng.random((case.count, 32), dtype="float32")}


def _columns(case: DataCase) -> dict[str, Any]:
    from tensorsmith.records import Column

    arrays = _arrays(case)
    return {name: Column.of_raw(array) if name == "image" else Column.of(array) for name, array in arrays.items()}


def _features(case: DataCase) -> dict[str, Any]:
    import tensorflow as tf

    if case.kind == "floats":
        return {"x": tf.io.FixedLenFeature([4005], tf.float32)}
    return {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "x": tf.io.FixedLenFeature([32], tf.float32),
    }


def _write(folder: Path, case: DataCase) -> Work:
    from tensorsmith.records import write

    columns = _columns(case)

    def work() -> None:
        with (folder / "x.tfrecord").open("wb") as file:
            write(file, columns)

    return work


def _write_with_tensorflow(folder: Path, case: DataCase) -> Work:
    import tensorflow as tf

    rows = _python_rows(case)

    def work() -> None:
        with tf.io.TFRecordWriter(str(folder / "x.tfrecord")) as writer:
            for row in rows:
                features = {}
                for name, value in row.items():
                    if isinstance(value, bytes):
                        features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                    elif isinstance(value, list):
                        features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
                    else:
                        features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())

    return work


def _write_with_tfds(folder: Path, case: DataCase) -> Work:
    import tensorflow_datasets as tfds

    tensors = {"x": tfds.features.Tensor(shape=(4005 if case.kind == "floats" else 32,), dtype=np.float32)}
    if case.kind == "965":
        tensors |= {"image": tfds.features.Tensor(shape=(), dtype=np.str_), "label": np.int64}
    arrays = _arrays(case)
    if "image" in arrays:
        arrays["image"] = np.array([image.tobytes() for image in arrays["image"]], object)
    rows = [{name: array[i] for name, array in arrays.items()} for i in range(case.count)]
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="x", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
        ),
        features=tfds.features.FeaturesDict(tensors),
    )

    def work() -> None:
        writer = tfds.core.SequentialWriter(info, max_examples_per_shard=case.count, overwrite=True)
        writer.initialize_splits(["train"], fail_if_exists=False)
        writer.add_examples({"train": rows})
        writer.close_all()

    return work


def _python_rows(case: DataCase) -> list[dict[str, Any]]:
    arrays = _arrays(case)
    values = {
        name: [row.tobytes() for row in array] if name == "image" else array.tolist() for name, array in arrays.items()
    }
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _file(folder: Path, case: DataCase) -> str:
    _write(folder, case)()
    return str(folder / "x.tfrecord")


def _through(dataset: Iterable[Any]) -> Work:
    def work() -> None:
        for _ in dataset:
            pass

    return work


def _read(folder: Path, case: DataCase, shuffle: bool = False) -> Work:
    from tensorsmith.tfrecord import examples

    return _through(examples([_file(folder, case)], _features(case), BATCH, shuffle=shuffle, seed=0))


def _read_at_random(folder: Path, case: DataCase) -> Work:
    return _read(folder, case, shuffle=True)


def _read_batches_with_tensorflow(folder: Path, case: DataCase) -> Work:
    import tensorflow as tf

    features = _features(case)
    dataset = tf.data.TFRecordDataset(_file(folder, case)).batch(BATCH)
    parsed = dataset.map(lambda x: tf.io.parse_example(x, features), num_parallel_calls=tf.data.AUTOTUNE)
    return _through(parsed.prefetch(tf.data.AUTOTUNE))


def _read_singly_with_tensorflow(folder: Path, case: DataCase) -> Work:
    import tensorflow as tf

    features = _features(case)
    dataset = tf.data.TFRecordDataset(_file(folder, case))
    parsed = dataset.map(lambda x: tf.io.parse_single_example(x, features), num_parallel_calls=tf.data.AUTOTUNE)
    return _through(parsed.batch(BATCH).prefetch(tf.data.AUTOTUNE))


def _verify(folder: Path, case: DataCase) -> Work:
    from tensorsmith.tfrecord import verify

    path = Path(_file(folder, case))
    return lambda: verify(path)


def _verify_with_tensorflow(folder: Path, case: DataCase) -> Work:
    import tensorflow as tf

    return _through(tf.data.TFRecordDataset(_file(folder, case)).batch(BATCH))


def _images(folder: Path, case: DataCase) -> Work:
    """Return a callable that decodes and augments images one batch at a time."""
    import tensorflow as tf

    from tensorsmith.tfrecord import examples

    def change(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        images = tf.reshape(tf.io.decode_raw(batch["image"], tf.uint8), [-1, 28, 28, 1])
        images = tf.image.random_flip_left_right(tf.cast(images, tf.float32) / 255)
        return images + tf.random.uniform([tf.shape(images)[0], 1, 1, 1], -0.1, 0.1), batch["label"]

    features = {name: feature for name, feature in _features(case).items() if name != "x"}
    dataset = examples(_shards(folder, case), features, BATCH, shuffle=True, seed=0)
    return _through(dataset.map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))


def _images_one_by_one(folder: Path, case: DataCase) -> Work:
    """Return a callable that runs a typical tf.data pipeline: interleaving, shuffling and a map over examples."""
    import tensorflow as tf

    features = {name: feature for name, feature in _features(case).items() if name != "x"}

    def change(serialized: Tensor) -> tuple[Tensor, Tensor]:
        example = tf.io.parse_single_example(serialized, features)
        image = tf.reshape(tf.io.decode_raw(example["image"], tf.uint8), [28, 28, 1])
        image = tf.image.random_flip_left_right(tf.cast(image, tf.float32) / 255)
        return image + tf.random.uniform([], -0.1, 0.1), example["label"]

    dataset = tf.data.Dataset.from_tensor_slices(_shards(folder, case)).shuffle(SHARDS)
    dataset = dataset.interleave(tf.data.TFRecordDataset, cycle_length=5, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.shuffle(10_000).map(change, num_parallel_calls=tf.data.AUTOTUNE)
    return _through(dataset.batch(BATCH).prefetch(tf.data.AUTOTUNE))


def _shards(folder: Path, case: DataCase) -> list[str]:
    from tensorsmith.records import write

    columns, paths = _columns(case), [folder / f"{number}.tfrecord" for number in range(SHARDS)]
    for number, path in enumerate(paths):
        with path.open("wb") as file:
            write(file, columns, number * case.count // SHARDS, (number + 1) * case.count // SHARDS)
    return [str(path) for path in paths]


def _array_record(folder: Path, case: DataCase, at_random: bool) -> Work:
    """Return a callable that reads batches of serialized examples from an ArrayRecord file, without parsing."""
    from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

    from tensorsmith.records import encode

    path = str(folder / "x.array_record")
    records = encode(_columns(case))
    writer = ArrayRecordWriter(path, "group_size:1")
    for row in range(case.count):
        writer.write(records[row])
    writer.close()
    reader = ArrayRecordReader(path)
    order = list(range(case.count))
    if at_random:
        random.Random(0).shuffle(order)

    def work() -> None:
        for first in range(0, case.count, BATCH):
            reader.read(order[first : first + BATCH])

    return work


def _array_record_at_random(folder: Path, case: DataCase) -> Work:
    return _array_record(folder, case, at_random=True)


WRITERS = {"tensorsmith": _write, "tensorflow": _write_with_tensorflow, "tfds": _write_with_tfds}
READERS = {
    "tensorsmith": _read,
    "parse_example": _read_batches_with_tensorflow,
    "parse_single_example": _read_singly_with_tensorflow,
}
CASES = {
    "write_965": DataCase("965", 20_000, WRITERS, {"tensorflow": 10}),
    "write_floats": DataCase("floats", 5_000, WRITERS, {"tensorflow": 10}),
    "read_965": DataCase("965", 100_000, READERS, {"parse_example": 2, "parse_single_example": 20}),
    "read_floats": DataCase("floats", 10_000, READERS, {"parse_example": 2, "parse_single_example": 20}),
    "verify": DataCase("965", 500_000, {"tensorsmith": _verify, "tensorflow": _verify_with_tensorflow}, {}, "MB/s"),
    "random_access": DataCase(
        "965",
        1_000_000,
        {"tensorsmith": _read_at_random, "sequential": _read, "array_record": _array_record_at_random},
        {"sequential": 1 / 1.3},
    ),
    "images": DataCase("965", 60_000, {"tensorsmith": _images, "interleave": _images_one_by_one}, {"interleave": 1.5}),
}

BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: CASES[case].unit,
    lower_is_better=False,
    targets=lambda case: CASES[case].targets,
)
