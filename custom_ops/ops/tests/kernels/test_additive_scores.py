"""Tests of the scores of additive attention against their definition in float64, and of invalid input."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

# Batch, queries, keys, units: zeros, ones, sizes around the vector width, and more rows than a work unit has.
SIZES = [
    (0, 2, 3, 4),
    (2, 0, 3, 4),
    (2, 3, 0, 4),
    (2, 3, 4, 0),
    (1, 1, 1, 1),
    (2, 3, 4, 5),
    (3, 2, 5, 16),
    (2, 4, 3, 33),
    (70, 3, 2, 17),
    (2, 40, 30, 96),
]


def draw(rng, batch, queries, keys, units):
    return [rng.normal(size=shape) for shape in ((batch, queries, units), (batch, keys, units), (units,))]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_definition_and_reference(sizes, agree, rng):
    query, keys, scale = draw(rng, *sizes)
    agree(ops.additive_scores, query, keys, scale)
    found = ops.additive_scores(*(value.astype("float32") for value in (query, keys, scale)))
    hidden = np.tanh(query[:, :, None] + keys[:, None])
    np.testing.assert_allclose(found, hidden @ scale, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float16", 0.02), ("bfloat16", 0.15)])
def test_other_dtypes(dtype, tolerance, rng):
    query, keys, scale = (tf.cast(value, dtype) for value in draw(rng, 2, 3, 4, 5))
    found = ops.additive_scores(query, keys, scale)
    assert found.dtype == dtype
    exact = ops.additive_scores(*(tf.cast(value, "float64") for value in (query, keys, scale)))
    np.testing.assert_allclose(tf.cast(found, "float64"), exact, atol=tolerance)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    inputs = [value.astype("float32") for value in draw(rng, 70, 9, 8, 33)]
    same_for_any_thread_count(ops.additive_scores, *inputs)


def test_second_gradients(second_gradients_agree, rng):
    second_gradients_agree(lambda *inputs: tf.reduce_sum(ops.additive_scores(*inputs) ** 2), draw(rng, 2, 3, 4, 5))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_shapes(choice, rng):
    specs = [tf.TensorSpec(None)] * 3
    unknown_rank = tf.function(ops.additive_scores, input_signature=specs)
    query, keys, scale = (value.astype("float32") for value in draw(rng, 2, 3, 4, 5))
    with ops.use(choice):
        found = unknown_rank(query, keys, scale)
    np.testing.assert_allclose(found, ops.additive_scores(query, keys, scale), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"query": np.ones((2, 5), "float32")}, "query", "have shape (batch, steps, units)"),
        ({"query": np.ones((2, 3, 5), "int32")}, "query", "have a floating-point dtype"),
        ({"keys": np.ones((2, 4, 6), "float32")}, "keys", "have shape (2, None, 5) to match `query`"),
        ({"keys": np.ones((1, 4, 5), "float32")}, "keys", "have shape (2, None, 5) to match `query`"),
        ({"scale": np.ones(1, "float32")}, "scale", "have shape (5,) to match `query`"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {
        "query": np.ones((2, 3, 5), "float32"),
        "keys": np.ones((2, 4, 5), "float32"),
        "scale": np.ones(5, "float32"),
    }
    ops.additive_scores(**arguments)
    with raises_argument_error(name, expected=message):
        ops.additive_scores(**{**arguments, **changes})


@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def tensor(*fitting):
        shape = data.draw(st.just(fitting) | st.lists(st.integers(0, 3), max_size=4))
        values = st.sampled_from([0.0, -1.0, 1e-45, 3e38, np.inf, np.nan])
        count = int(np.prod(shape))
        return tf.reshape(tf.constant(data.draw(st.lists(values, min_size=count, max_size=count)), tf.float32), shape)

    batch, queries, keys, units = (data.draw(st.integers(0, 3)) for _ in range(4))
    inputs = {"query": tensor(batch, queries, units), "keys": tensor(batch, keys, units), "scale": tensor(units)}
    call = partial(fails_cleanly, **inputs)
    call(ops.library().ops.tensorsmith_additive_scores)
    call(ops.library().ops.tensorsmith_additive_scores_grad, dscores=tensor(batch, queries, keys))
