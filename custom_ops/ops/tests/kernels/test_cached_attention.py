"""Tests of cached_attention against NumPy, its reference implementation, whole sequences, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

BATCH, STEPS, HEADS, WIDTH, VALUE_WIDTH, CAPACITY = 3, 4, 2, 5, 7, 41
COUNTS, LENGTHS = np.array([0, 30, 37], "int32"), np.array([4, 1, 4], "int32")


def draw(rng, steps=STEPS):
    shapes = [(BATCH, steps, HEADS, width) for width in (WIDTH, WIDTH, VALUE_WIDTH)]
    shapes += [(BATCH, HEADS, width, CAPACITY) for width in (WIDTH, VALUE_WIDTH)]
    return [rng.normal(size=shape) for shape in shapes]


def by_hand(query, key, value, keys, values, counts, lengths):
    output, keys, values = np.zeros(value.shape), keys.copy(), values.copy()
    for b in range(len(query)):
        for i in range(lengths[b]):
            end = counts[b] + i
            keys[b, :, :, end], values[b, :, :, end] = key[b, i], value[b, i]
            for h in range(query.shape[2]):
                weights = softmax(query[b, i, h] @ keys[b, h, :, : end + 1] / np.sqrt(query.shape[3]))
                output[b, i, h] = values[b, h, :, : end + 1] @ weights
    return output, keys, values


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_matches_numpy(choice, rng):
    inputs = draw(rng)
    with ops.use(choice):
        found = ops.cached_attention(*(tf.constant(each, tf.float32) for each in inputs), COUNTS, LENGTHS)
    for ours, expected in zip(found, by_hand(*inputs, COUNTS, LENGTHS), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_matches_reference(dtype, steps, agree, rng):
    lengths = np.minimum(LENGTHS, steps)
    agree(lambda *inputs: ops.cached_attention(*inputs), *draw(rng, steps), COUNTS, lengths, dtype=dtype)


def test_one_token_after_another_equals_whole_sequences(rng):
    query, key, value = (rng.normal(size=(2, 20, 3, 8)).astype("float32") for _ in range(3))
    cache = tf.zeros((2, 3, 8, 20))

    @tf.function
    def outputs():
        def body(position, keys, values, found):
            inputs = (tf.constant(each)[:, position, tf.newaxis] for each in (query, key, value))
            step = ops.cached_attention(*inputs, keys, values, tf.fill([2], position), [1, 1])
            return position + 1, step.keys, step.values, found.write(position, step.output[:, 0])

        loop = 0, cache, cache, tf.TensorArray(tf.float32, 20)
        return tf.while_loop(lambda position, *_: position < 20, body, loop)[-1].stack()

    expected = ops.attention(query, key, value, causal=True)
    np.testing.assert_allclose(np.swapaxes(outputs(), 0, 1), expected, rtol=1e-5, atol=1e-6)


def test_caches_with_other_references_are_not_changed(rng):
    """The kernel writes in place, but not into tensors that the caller or another op still reads."""
    query, key, value, keys, values = (tf.constant(each, tf.float32) for each in draw(rng))
    before = keys.numpy(), values.numpy()
    first = ops.cached_attention(query, key, value, keys, values, COUNTS, LENGTHS)
    np.testing.assert_array_equal(keys, before[0])
    np.testing.assert_array_equal(values, before[1])

    @tf.function
    def twice():
        stored = tf.identity(keys), tf.identity(values)
        one = ops.cached_attention(query, key, value, *stored, COUNTS, LENGTHS)
        other = ops.cached_attention(query, 2 * key, value, *stored, COUNTS, LENGTHS)
        return one, other, stored

    one, other, stored = twice()
    for found, expected in zip(one, first, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert not np.allclose(other.keys, one.keys)
    np.testing.assert_array_equal(stored[0], before[0])


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    same_for_any_thread_count(
        lambda *inputs: ops.cached_attention(*inputs, COUNTS, LENGTHS), *map(np.float32, draw(rng))
    )


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_shapes(choice, rng):
    inputs = [np.float32(each) for each in draw(rng)]
    scaled = lambda *tensors: ops.cached_attention(*tensors, scale=WIDTH**-0.5)  # noqa: E731
    specs = [tf.TensorSpec([None] * 4, tf.float32)] * 5 + [tf.TensorSpec([None], tf.int32)] * 2
    with ops.use(choice):
        found = tf.function(scaled, input_signature=specs)(*inputs, COUNTS, LENGTHS)
    np.testing.assert_allclose(found.output, by_hand(*inputs, COUNTS, LENGTHS)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize(
    ("counts", "lengths", "message"),
    [
        ([0, 0, 38], [4, 4, 4], "full"),
        ([41, 0, 0], [1, 1, 1], "full"),
        ([-1, 0, 0], [1, 1, 1], "counts"),
        ([0, 0, 0], [1, 5, 1], "lengths"),
        ([0, 0, 0], [1, -1, 1], "lengths"),
    ],
)
def test_counts_out_of_range(choice, counts, lengths, message, rng):
    inputs = [tf.constant(each, tf.float32) for each in draw(rng)]
    for run in (ops.cached_attention, tf.function(ops.cached_attention)):
        with ops.use(choice), pytest.raises(tf.errors.InvalidArgumentError, match=message):
            run(*inputs, tf.constant(counts), tf.constant(lengths))


@pytest.mark.parametrize(
    ("index", "shape", "name"),
    [
        (0, (3, 4, 10), "query"),
        (1, (3, 4, 2, 6), "key"),
        (2, (3, 5, 2, 7), "value"),
        (3, (3, 2, 6, 41), "keys"),
        (4, (3, 2, 7, 40), "values"),
        (5, (2,), "counts"),
        (6, (4,), "lengths"),
    ],
)
def test_bad_shapes(index, shape, name, rng):
    arguments = [*map(np.float32, draw(rng)), COUNTS, LENGTHS]
    arguments[index] = np.zeros(shape, arguments[index].dtype)
    with raises_argument_error(name, expected="shape"):
        ops.cached_attention(*arguments)


sizes = st.lists(st.integers(0, 3), max_size=4) | st.tuples(*[st.integers(0, 2)] * 4).map(list)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    floats = {name: tf.ones(data.draw(sizes)) for name in ("query", "key", "value", "keys", "values")}
    numbers = st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3), max_size=3)
    integers = {name: tf.constant(data.draw(numbers), tf.int32) for name in ("counts", "lengths")}
    fails_cleanly(ops.library().ops.tensorsmith_cached_attention, **floats, **integers, scale=1.0)
