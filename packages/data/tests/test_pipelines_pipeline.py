"""The `Pipeline` class: order, shards, epochs, counts, invalid arguments."""

import dataclasses
import gzip
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import Pipeline
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import write_index

pytestmark = pytest.mark.pairwise

SIZES = [7, 3, 12, 0, 5, 8, 2]
TOTAL = sum(SIZES)


def names_of(file):
    return [f"{file}-{row}" for row in range(SIZES[file])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files 0 to 6 in each format, with records such as "2-11", the last of file 2."""
    folder = tmp_path_factory.mktemp("files")
    for file in range(len(SIZES)):
        for suffix, options in (("tfrecord", ""), ("tfrecord.gz", "GZIP")):
            with tf.io.TFRecordWriter(str(folder / f"{file}.{suffix}"), options) as writer:
                for name in names_of(file):
                    writer.write(name.encode())
        lines = "".join(f"{name}\n" for name in names_of(file))
        (folder / f"{file}.txt").write_text(lines)
        (folder / f"{file}.csv").write_text(f"name\n{lines}")
        (folder / f"{file}.txt.gz").write_bytes(gzip.compress(lines.encode()))
    write_index(folder / "0.tfrecord")
    (folder / ".hidden.tfrecord").write_bytes(b"not records")
    return folder


def batches(dataset):
    return [[name.decode() for name in batch] for batch in dataset.as_numpy_iterator()]


def names(dataset):
    return list(itertools.chain(*batches(dataset)))


def all_names():
    return sorted(itertools.chain.from_iterable(map(names_of, range(len(SIZES)))))


@pytest.mark.parametrize(("cycle_length", "block_length"), [(1, 1), (3, 1), (3, 4), (50, 2)])
def test_files_are_interleaved(folder, cycle_length, block_length):
    pipeline = Pipeline(
        files=f"{folder}/*.txt", format="text", batch_size=4, cycle_length=cycle_length, block_length=block_length
    )
    dataset = tf.data.Dataset.range(len(SIZES)).interleave(
        lambda file: tf.data.TextLineDataset(str(folder) + "/" + tf.strings.as_string(file) + ".txt"),
        cycle_length,
        block_length,
    )
    assert names(pipeline.dataset()) == [line.decode() for line in dataset.as_numpy_iterator()]
    if cycle_length == 1:
        assert names(pipeline.dataset()) == [name for file in range(len(SIZES)) for name in names_of(file)]


@pytest.mark.parametrize(
    ("pattern", "options"),
    [
        ("*.tfrecord", {}),
        ("*.tfrecord.gz", {"compression": "GZIP"}),
        ("*.txt", {"format": "text"}),
        ("*.txt.gz", {"format": "text", "compression": "GZIP"}),
        ("*.csv", {"format": "csv"}),
    ],
)
def test_formats(folder, pattern, options):
    dataset = Pipeline(files=str(folder / pattern), batch_size=4, **options).dataset()
    assert sorted(names(dataset)) == all_names()
    assert dataset.cardinality() == (-(-TOTAL // 4) if pattern == "*.tfrecord" else tf.data.UNKNOWN_CARDINALITY)


def test_index_files_are_skipped(folder):
    paths = Pipeline(files=[folder / "0.tfrecord", f"{folder}/0.tfrecord*"], batch_size=1).paths()
    assert paths == [f"{folder}/0.tfrecord", f"{folder}/0.tfrecord.gz"]


@pytest.mark.parametrize("options", [{}, {"shuffle": 6, "seed": 1}, {"cache": True}, {"shuffle": 6, "cache": True}])
@pytest.mark.parametrize("drop_remainder", [False, True])
def test_epochs_contain_each_record_once(folder, options, drop_remainder):
    pipeline = Pipeline(files=f"{folder}/*.tfrecord", batch_size=5, epochs=3, drop_remainder=drop_remainder, **options)
    dataset = pipeline.dataset()
    found = batches(dataset)
    each = len(found) // 3
    assert len(found) == dataset.cardinality() == 3 * (TOTAL // 5 if drop_remainder else -(-TOTAL // 5))
    assert dataset.element_spec.shape == ([5] if drop_remainder else [None])
    epochs = [list(itertools.chain(*found[epoch * each : (epoch + 1) * each])) for epoch in range(3)]
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == (TOTAL // 5 * 5 if drop_remainder else TOTAL)
    assert len({tuple(epoch) for epoch in epochs}) == (3 if "shuffle" in options else 1)


def test_shuffle_seed(folder):
    def make(seed, **options):
        pipeline = Pipeline(files=f"{folder}/*.tfrecord", batch_size=5, shuffle=10, seed=seed, epochs=2, **options)
        return pipeline.dataset()

    dataset = make(1)
    passes = [names(dataset), names(dataset)]
    assert passes[0] != passes[1]
    again = make(1, num_parallel_calls=1)
    assert [names(again), names(again)] == passes
    assert names(make(2)) not in passes


def test_shuffle_is_uniform(tmp_path):
    records = 12
    positions = np.zeros((records, records), int)
    (tmp_path / "lines").write_text("".join(f"{number}\n" for number in range(records)))
    epochs = 600
    dataset = Pipeline(
        files=tmp_path / "lines", format="text", batch_size=records, shuffle=records, seed=1, epochs=epochs, cache=True
    ).dataset()
    for batch in dataset.as_numpy_iterator():
        positions[batch.astype(int), np.arange(records)] += 1
    deviation = np.sqrt(epochs / records * (1 - 1 / records))
    assert abs(positions - epochs / records).max() < 5 * deviation


@pytest.mark.parametrize("shard_by", ["file", "record"])
@pytest.mark.parametrize("shuffle", [0, 6])
@pytest.mark.parametrize("workers", [2, 5, 7])
def test_shards_contain_each_record_once(folder, workers, shuffle, shard_by):
    pipeline = Pipeline(files=f"{folder}/*.tfrecord", batch_size=3, shuffle=shuffle, shard_by=shard_by)
    of_workers = []
    for worker in range(workers):
        dataset = dataclasses.replace(pipeline, shard=(worker, workers)).dataset()
        of_workers.append(names(dataset))
        assert dataset.cardinality() == -(-len(of_workers[-1]) // 3)
    assert sorted(itertools.chain(*of_workers)) == all_names()
    if shard_by == "record":
        sizes = [len(own) for own in of_workers]
        assert max(sizes) - min(sizes) <= len(SIZES)


def test_more_workers_than_files(folder):
    pipeline = Pipeline(files=folder / "2.tfrecord", batch_size=3, shard=(1, 3))
    with raises_argument_error("shard", expected="have a worker count that does not exceed the number of files (1)"):
        pipeline.dataset()
    assert names(dataclasses.replace(pipeline, shard_by="record").dataset()) == ["2-1", "2-4", "2-7", "2-10"]


def test_parse_and_map_batches(folder):
    def parse(lines):
        parts = tf.strings.to_number(tf.strings.split(lines, "-").to_tensor(), tf.int32)
        return parts[:, 0], parts[:, 1]

    pipeline = Pipeline(
        files=f"{folder}/*.csv", format="csv", batch_size=8, parse=parse, map=lambda file, row: {"sum": file + row}
    )
    found = np.concatenate([batch["sum"] for batch in pipeline.dataset().as_numpy_iterator()])
    expected = [file + row for file, size in enumerate(SIZES) for row in range(size)]
    assert sorted(found) == sorted(expected)


def test_nondeterministic_order(folder):
    pipeline = Pipeline(
        files=f"{folder}/*.tfrecord", batch_size=5, parse=tf.identity, deterministic=False, shuffle=4, prefetch=3
    )
    assert sorted(names(pipeline.dataset())) == all_names()


def test_num_parallel_calls_above_cycle_length(folder):
    options = {"files": f"{folder}/*.tfrecord", "batch_size": 7, "cycle_length": 2}
    assert batches(Pipeline(**options, num_parallel_calls=5).dataset()) == batches(Pipeline(**options).dataset())


def test_given_count(folder):
    pipeline = Pipeline(files=f"{folder}/*.txt", format="text", batch_size=5, count=TOTAL, epochs=2)
    assert pipeline.dataset().cardinality() == len(batches(pipeline.dataset())) == 2 * -(-TOTAL // 5)
    with pytest.raises(tf.errors.FailedPreconditionError, match="expected to contain 2 elements"):
        batches(dataclasses.replace(pipeline, count=5).dataset())


def test_endless(folder):
    dataset = Pipeline(files=f"{folder}/*.tfrecord", batch_size=5, epochs=None, shuffle=9, seed=0).dataset()
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    assert sorted(names(dataset.take(2 * -(-TOTAL // 5)))) == sorted(2 * all_names())


def test_missing_files(folder):
    with pytest.raises(FileNotFoundError, match=r"nothing-\*: no such file"):
        Pipeline(files=[f"{folder}/*.txt", f"{folder}/nothing-*"], batch_size=1).dataset()


def test_invalid_arguments_are_reported_together():
    wrong = dict(
        files=[],
        batch_size=0,
        format="tfrecrod",
        compression="BZ2",
        parse="parse",
        cycle_length=-1,
        block_length=0.5,
        shuffle=-2,
        seed="a",
        epochs=0,
        shard=(3, 3),
        shard_by="line",
        num_parallel_calls=0,
        prefetch=-1,
        count=-5,
    )
    with pytest.raises(ValueError, match="Did you mean tfrecord") as caught:
        Pipeline(**wrong)
    told = str(caught.value).splitlines()
    assert {line.split()[0] for line in told} == set(wrong)
    assert len(told) == len(wrong)
