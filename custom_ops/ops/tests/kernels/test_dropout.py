"""Tests of dropout against the implementation of TensorFlow, which draws the same random numbers, and invalid input."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops

SEED = [3, -14]


def of_tensorflow(x, rate, seed=SEED):
    return tf.nn.experimental.stateless_dropout(x, rate, seed)


def with_gradient(function, x, dy):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return [tf.cast(each, tf.float64).numpy() for each in (y, tape.gradient(y, x, output_gradients=dy))]


@pytest.mark.pairwise
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (0, 3), (255,), (256,), (257,), (3, 5, 67), (4, 9001)])
@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.1, 0.5, 0.7, 0.999])
def test_equals_tensorflow(shape, dtype, rate, rng):
    x, dy = (tf.cast(rng.normal(size=shape), dtype) for _ in range(2))
    ours = partial(ops.dropout, rate=rate, seed=SEED)
    expected = with_gradient(partial(of_tensorflow, rate=rate), x, dy)
    for call in (ours, tf.function(ours, autograph=False)):
        for found, wanted in zip(with_gradient(call, x, dy), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_seeds_and_carries(dtype, rng):
    x = tf.ones(5000)
    for _ in range(20):
        seed = tf.cast(rng.integers(0, 2**31, 2), dtype)
        np.testing.assert_array_equal(ops.dropout(x, 0.5, seed), of_tensorflow(x, 0.5, seed))
    # The counter passes 2^32 and 2^64 between two elements.
    for counter in ([2**32 - 3, 5], [2**64 - 3, 5], [2**64 - 3, 2**64 - 1]):
        key, counter = (tf.constant(np.array(each, "uint64")) for each in ([7], counter))
        ours = ops.library().ops.tensorsmith_dropout(x=x, key=key, counter=counter, rate=0.5, scale=2)
        drawn = tf.raw_ops.StatelessRandomUniformV2(shape=[5000], key=key, counter=counter, alg=1, dtype=tf.float32)
        np.testing.assert_array_equal(ours, tf.where(drawn >= 0.5, 2 * x, 0))


def test_reference(rng):
    x = tf.constant(rng.normal(size=(5, 8)))
    np.testing.assert_array_equal(ops.dropout(x, 0.3, SEED), of_tensorflow(x, 0.3))  # float64
    with ops.use("reference"):
        reference = ops.dropout(tf.cast(x, tf.float32), 0.3, SEED)
    np.testing.assert_array_equal(reference, ops.dropout(tf.cast(x, tf.float32), 0.3, SEED))


def test_values_that_are_not_finite():
    x = tf.constant([np.nan, np.inf, -np.inf] * 100)
    np.testing.assert_array_equal(ops.dropout(x, 0.5, SEED), of_tensorflow(x, 0.5))


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    same_for_any_thread_count(lambda x: ops.dropout(x, 0.4, SEED), rng.normal(size=100_003).astype("float32"))


def test_second_gradients(second_gradients_agree, rng):
    second_gradients_agree(lambda x: tf.reduce_sum(ops.dropout(x, 0.4, SEED) ** 3), [rng.normal(size=(4, 6))])


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec(None, tf.int32)])
    def unknown_rank(x, seed):
        return ops.dropout(x, 0.4, seed)

    x = rng.normal(size=(2, 3, 5)).astype("float32")
    np.testing.assert_array_equal(unknown_rank(x, SEED), ops.dropout(x, 0.4, SEED))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones((2, 3), "int32")}, "have a floating-point dtype"),
        ({"rate": 1.0}, r"a number in \[0, 1\)"),
        ({"rate": -0.1}, r"a number in \[0, 1\)"),
        ({"rate": "half"}, r"a number in \[0, 1\)"),
        ({"seed": [1, 2, 3]}, r"have shape \(2,\)"),
        ({"seed": 1}, r"have shape \(2,\)"),
        ({"seed": [0.5, 2.0]}, "have the dtype int32 or int64"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.dropout(**{"x": np.ones((2, 3), "float32"), "rate": 0.5, "seed": SEED, **arguments})


def test_hostile_input(fails_cleanly):
    op = ops.library().ops.tensorsmith_dropout
    x, key, counter = np.ones((2, 3), "float32"), np.ones(1, "uint64"), np.ones(2, "uint64")
    assert fails_cleanly(op, x=x, key=key, counter=counter, rate=0.5, scale=2.0)
    for wrong in (np.ones(0, "uint64"), np.ones(3, "uint64"), np.uint64(1), np.ones((1, 1), "uint64")):
        assert not fails_cleanly(op, x=x, key=wrong, counter=counter, rate=0.5, scale=2.0)
        assert not fails_cleanly(op, x=x, key=key, counter=wrong, rate=0.5, scale=2.0)
    for rate in (-0.1, 1.1, np.nan, np.inf):
        assert not fails_cleanly(op, x=x, key=key, counter=counter, rate=rate, scale=2.0)
