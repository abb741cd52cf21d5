"""Functions of a seed and an element: seeds of their own, resume, and the parameter `map` of Pipeline."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import Pipeline, map_with_seed
from tensorsmith.testing import raises_argument_error


def draw(seed, x):
    return x + tf.random.stateless_uniform([], seed)


def two_parts(seed, x, y):
    return x, y, tf.random.stateless_uniform([], seed)


def values(dataset):
    return list(dataset.as_numpy_iterator())


def test_each_element_has_its_own_seed_in_each_iteration():
    dataset = tf.data.Dataset.from_tensor_slices(tf.zeros(20)).apply(map_with_seed(draw, seed=1))
    first, second = values(dataset), values(dataset)
    assert len({*first, *second}) == 40
    again = tf.data.Dataset.from_tensor_slices(tf.zeros(20)).apply(map_with_seed(draw, seed=1))
    assert values(again) == first
    assert int(dataset.cardinality()) == 20


def test_tuples_are_passed_as_arguments():
    dataset = tf.data.Dataset.from_tensors((1.0, 2.0)).apply(map_with_seed(two_parts, seed=1))
    x, y, noise = values(dataset)[0]
    assert (x, y) == (1, 2)
    assert 0 <= noise < 1


def pipeline(folder, function, **options):
    for number in range(2):
        (folder / f"{number}.csv").write_text("a\n" + "0.5\n" * 6)
    parse = lambda lines: tf.io.decode_csv(lines, [0.0])[0]  # noqa: E731
    return Pipeline(
        files=f"{folder}/*.csv", format="csv", batch_size=4, parse=parse, map=function, seed=1, epochs=3, **options
    ).dataset()


@pytest.mark.parametrize("shuffle", [0, 5])
def test_pipeline_resumes_with_the_same_seeds(tmp_path, shuffle):
    expected = values(pipeline(tmp_path, draw, shuffle=shuffle))
    assert len({batch[0] for batch in expected}) == len(expected) == 9
    iterator = iter(pipeline(tmp_path, draw, shuffle=shuffle))
    checkpoint = tf.train.Checkpoint(iterator=iterator)
    for _ in range(4):
        next(iterator)
    path = checkpoint.save(tmp_path / "iterator")
    resumed = iter(pipeline(tmp_path, draw, shuffle=shuffle))
    tf.train.Checkpoint(iterator=resumed).restore(path)
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for batch in resumed]), np.concatenate(expected[4:]))


def test_pipeline_without_seed_parameter(tmp_path):
    batches = values(pipeline(tmp_path, lambda x: 2 * x))
    np.testing.assert_array_equal(np.concatenate(batches), np.ones(36))


def test_bad_arguments():
    with raises_argument_error(name="function"):
        map_with_seed(1, seed=1)
    with raises_argument_error(name="seed"):
        map_with_seed(draw, seed=-1)
