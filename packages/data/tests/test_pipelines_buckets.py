"""Batching by length, compared with plain Python."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import bucket_by_length
from tensorsmith.testing import raises_argument_error

LENGTHS = np.random.default_rng(3).integers(1, 30, 200).tolist()
BOUNDARIES, SIZES = [5, 10, 20], [8, 4, 2, 1]


def sequences():
    return tf.data.Dataset.from_tensor_slices(LENGTHS).map(lambda length: tf.range(1, length + 1))


def expected_batches(drop_remainder=False):
    """Returns the lengths of the elements of each expected batch."""
    buckets = [[] for _ in SIZES]
    for length in LENGTHS:
        number = sum(length >= boundary for boundary in BOUNDARIES)
        buckets[number].append(length)
        if len(buckets[number]) == SIZES[number]:
            yield buckets[number]
            buckets[number] = []
    if not drop_remainder:
        yield from filter(None, buckets)


@pytest.mark.parametrize("drop_remainder", [False, True])
def test_batches_match_python_reference(drop_remainder):
    dataset = sequences().apply(bucket_by_length(BOUNDARIES, SIZES, padding=-1, drop_remainder=drop_remainder))
    found, expected = list(dataset.as_numpy_iterator()), list(expected_batches(drop_remainder))
    full = sum(1 for _ in expected_batches(drop_remainder=True))
    key = repr  # the order of the remaining batches is unspecified
    lengths = [(batch > 0).sum(axis=1).tolist() for batch in found]
    assert lengths[:full] == expected[:full]
    assert sorted(lengths[full:], key=key) == sorted(expected[full:], key=key)
    for batch, of_batch in zip(found, lengths, strict=True):
        assert batch.shape[1] == max(of_batch)
        for row, length in zip(batch, of_batch, strict=True):
            assert row.tolist() == [*range(1, length + 1), *[-1] * (batch.shape[1] - length)]


def test_padding_of_nested_elements():
    texts = tf.data.Dataset.from_tensor_slices(["a b c", "d", "e f"])
    pairs = texts.map(lambda text: {"words": tf.strings.split(text), "count": tf.strings.length(text)})
    batches = pairs.apply(bucket_by_length([3], 2, length=lambda pair: tf.size(pair["words"])))
    by_size = sorted(batches.as_numpy_iterator(), key=lambda batch: len(batch["count"]))
    assert by_size[0]["words"].tolist() == [[b"a", b"b", b"c"]]
    assert by_size[1]["words"].tolist() == [[b"d", b""], [b"e", b"f"]]
    assert by_size[1]["count"].tolist() == [1, 3]


def test_pad_to_boundary():
    short = sequences().filter(lambda sequence: tf.size(sequence) < 20)
    batches = short.apply(bucket_by_length(BOUNDARIES, 4, pad_to_boundary=True)).as_numpy_iterator()
    assert {batch.shape[1] for batch in batches} == {4, 9, 19}


def test_buckets_pad_less_than_plain_batches():
    def padded(dataset):
        return sum(int((batch == 0).sum()) for batch in dataset.as_numpy_iterator())

    assert padded(sequences().apply(bucket_by_length([5, 10, 15, 20, 25], 8))) < padded(sequences().padded_batch(8)) / 3


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([], 4), "boundaries"),
        (([5, 5], 4), "boundaries"),
        (([9, 5], 4), "boundaries"),
        (([0, 5], 4), "boundaries"),
        (([5], [4]), "batch_size"),
        (([5], [4, 0]), "batch_size"),
        (([5], -1), "batch_size"),
    ],
)
def test_bad_arguments(arguments, name):
    with raises_argument_error(name):
        bucket_by_length(*arguments)


def test_length_function_is_required():
    elements = tf.data.Dataset.from_tensors({"id": 1, "words": tf.range(3)})
    with raises_argument_error("length", received="None for the first tensor TensorSpec"):
        elements.apply(bucket_by_length([5], 4))
    (batch,) = elements.apply(bucket_by_length([5], 4, length=lambda element: tf.size(element["words"])))
    assert batch["words"].shape == (1, 3)
