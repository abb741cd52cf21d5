"""Saving and restoring iterators, which must continue with exactly the same elements."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data import pipelines as p

pytestmark = pytest.mark.pairwise

NUMBERS = np.arange(60)
LABELS = NUMBERS % 3 // 2


def numbers():
    return tf.data.Dataset.from_tensor_slices(NUMBERS)


def labelled():
    return tf.data.Dataset.from_tensor_slices((NUMBERS, LABELS))


def batches():
    x = tf.cast(tf.reshape(NUMBERS, [60, 1, 1, 1]), tf.float32) * tf.ones([1, 4, 4, 1])
    return tf.data.Dataset.from_tensor_slices((x, tf.one_hot(LABELS, 2))).batch(4)


def pipeline(folder, **options):
    if not (folder / "0.txt").exists():
        for file in range(5):
            (folder / f"{file}.txt").write_text("".join(f"{file}-{row}\n" for row in range(9)))
    return p.Pipeline(files=f"{folder}/*.txt", format="text", batch_size=4, seed=1, **options).dataset()


MAKERS = {
    "windows": lambda folder: numbers().apply(p.windows(5, shift=2)).apply(p.targets_each_step()),
    "parallel_streams": lambda folder: numbers().apply(p.parallel_streams(2, 3)),
    "bucket_by_length": lambda folder: (
        numbers().map(lambda number: tf.range(number % 7)).apply(p.bucket_by_length([3, 5], 2))
    ),
    "undersample": lambda folder: labelled().apply(p.undersample(lambda _, y: y, [40, 20], seed=1)),
    "oversample": lambda folder: labelled().apply(p.oversample(lambda _, y: y, [40, 20], [1, 2], seed=1)),
    "mixup": lambda folder: batches().apply(p.mixup(seed=1)),
    "cutmix": lambda folder: batches().apply(p.cutmix(seed=1)),
    "interleave_weighted": lambda folder: p.interleave_weighted([numbers(), numbers()], [1, 3], seed=1),
    "hash_split": lambda folder: numbers().apply(p.hash_split("a", {"a": 0.5, "b": 0.5}, lambda number: number)),
    "cached in memory": lambda folder: numbers().apply(p.cached()),
    "cached on disk": lambda folder: numbers().apply(p.cached(folder, version=0)),
    "pipeline": lambda folder: pipeline(folder, epochs=2),
    "shuffled pipeline": lambda folder: pipeline(folder, epochs=3, shuffle=10),
    "cached pipeline": lambda folder: pipeline(folder, epochs=3, shuffle=10, cache=True),
}


def drawn(iterator, count=None):
    found = []
    for element in iterator:
        found.append([np.asarray(leaf).tolist() for leaf in tf.nest.flatten(element)])
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize(("at", "passes"), [(1, 0), (9, 1)])
@pytest.mark.parametrize("name", MAKERS)
def test_restored_iterator_resumes(tmp_path, name, at, passes):
    """Tests a new dataset in place of a new process; as many passes are started in it as before the checkpoint."""
    dataset = MAKERS[name](tmp_path)
    for _ in range(passes):
        drawn(iter(dataset))
    iterator = iter(dataset)
    drawn(iterator, at)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "checkpoint"))
    expected, expected_next = drawn(iterator), drawn(iter(dataset))

    dataset = MAKERS[name](tmp_path)
    for _ in range(passes):
        iter(dataset)
    iterator = iter(dataset)
    tf.train.Checkpoint(iterator=iterator).read(path).assert_consumed()
    assert expected
    assert drawn(iterator) == expected
    assert drawn(iter(dataset)) == expected_next


def test_parallel_streams_checkpoint_size(tmp_path):
    dataset = tf.data.Dataset.range(100_000).apply(p.parallel_streams(4, 10))
    iterator = iter(dataset)
    drawn(iterator, 5)
    tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "checkpoint"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000
