"""Tests of embedding_bag against NumPy, its reference implementation, PyTorch's mean, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

SIZES = [(5, 3, 4, 7), (1, 1, 1, 1), (4, 17, 33, 20), (3, 2, 200, 5), (0, 2, 3, 4), (3, 0, 5, 4), (2, 2, 0, 4)]


def draw(rng, bags, size, width, rows):
    return rng.integers(0, rows, (bags, size)), rng.normal(size=(rows, width)), rng.normal(size=(bags, size))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_sums_and_means(sizes, choice, rng):
    indices, table, weights = draw(rng, *sizes)
    narrow = table.astype("float32")
    with ops.use(choice):
        found = [
            ops.embedding_bag(indices, narrow),
            ops.embedding_bag(indices, narrow, weights.astype("float32")),
            ops.embedding_bag(indices, narrow, combiner="mean"),
        ]
    sums = table[indices].sum(1)
    mean = sums / max(sizes[1], 1)  # the mean of an empty bag is 0, as in PyTorch
    for got, wanted in zip(found, [sums, np.einsum("bs,bsw->bw", weights, table[indices]), mean], strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_matches_reference(sizes, dtype, agree, rng):
    indices, table, weights = draw(rng, *sizes)

    def dense(x):  # identity that makes the sparse gradient dense, for comparison
        return tf.reshape(x, tf.shape(x))

    agree(lambda table, weights: ops.embedding_bag(indices, dense(table), weights), table, weights, dtype=dtype)
    agree(lambda table: ops.embedding_bag(indices, dense(table), combiner="mean"), table, dtype=dtype)


def test_table_gradient_is_sparse():
    table = tf.Variable(tf.ones((1000, 4)))
    with tf.GradientTape() as tape:
        y = ops.embedding_bag([[3, 5], [3, 999]], table)
    gradient = tape.gradient(y, table)
    assert isinstance(gradient, tf.IndexedSlices)
    dense = tf.convert_to_tensor(gradient).numpy()
    assert dense[[3, 5, 999], 0].tolist() == [2, 1, 1]
    assert dense.sum() == 16


def test_leading_axes_and_unknown_shapes(rng):
    indices, table, _ = draw(rng, 6, 5, 3, 9)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.int64), tf.TensorSpec([None, None])])
    def unknown(indices, table):
        return ops.embedding_bag(indices, table)

    narrow = table.astype("float32")
    for shape in ((6, 5), (2, 3, 5), (30,)):
        wanted = table[indices.reshape(shape)].sum(-2)
        np.testing.assert_allclose(ops.embedding_bag(indices.reshape(shape), narrow), wanted, atol=1e-5)
        np.testing.assert_allclose(unknown(indices.reshape(shape), narrow), wanted, atol=1e-5)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    indices, table, weights = draw(rng, 900, 20, 40, 50)
    same_for_any_thread_count(
        lambda weights: ops.embedding_bag(indices, table.astype("float32"), weights), weights.astype("float32")
    )


def test_second_gradients(rng):
    indices, table, weights = draw(rng, 4, 3, 5, 6)
    table, weights = (tf.constant(value, tf.float32) for value in (table, weights))

    def penalty():
        with tf.GradientTape() as outer:
            outer.watch([table, weights])
            with tf.GradientTape() as inner:
                inner.watch(weights)
                loss = tf.reduce_sum(ops.embedding_bag(indices, table, weights) ** 3)
            value = tf.reduce_sum(inner.gradient(loss, weights) ** 2)
        return [tf.convert_to_tensor(gradient) for gradient in outer.gradient(value, [table, weights])]

    ours = penalty()
    with ops.use("reference"):
        for one, other in zip(ours, penalty(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)
    assert np.abs(ours[0]).max() > 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"combiner": "max"}, {"name": "combiner", "expected": "'sum' or 'mean'"}),
        ({"combiner": "mean", "weights": [[1.0]]}, {"name": "combiner", "expected": "'sum' when `weights` are passed"}),
        ({"weights": [1.0]}, {"name": "weights", "expected": "have shape (1, 1) to match `indices`"}),
        ({"indices": 0}, {"name": "indices", "expected": "shape"}),
        ({"indices": [[0.5]]}, {"name": "indices", "expected": "an integer dtype"}),
        ({"params": [1.0]}, {"name": "params", "expected": "have shape (rows, width)"}),
        ({"params": [[1]]}, {"name": "params", "expected": "floating-point"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        ops.embedding_bag(**{"indices": [[0]], "params": [[1.0]], **arguments})


@pytest.mark.parametrize("index", [-1, 5, 2**40])
def test_indices_out_of_range(index):
    with pytest.raises(tf.errors.InvalidArgumentError, match="indices: got .*, expected 0 to 4"):
        ops.embedding_bag(np.array([[index]]), np.ones((5, 2), "float32"))


shapes = st.lists(st.integers(0, 4), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    indices = tf.fill(data.draw(shapes), data.draw(st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3)))
    table, weights, dy = (tf.ones(data.draw(shapes)) for _ in range(3))
    fails_cleanly(ops.library().ops.tensorsmith_embedding_bag, indices=indices, table=table, weights=weights)
    fails_cleanly(ops.library().ops.tensorsmith_embedding_bag_grad, dy=dy, indices=indices, table=table)
