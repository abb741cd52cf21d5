"""Tests of depthwise_max_pool against NumPy, TensorFlow, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops

pytestmark = pytest.mark.pairwise

WINDOWS = [(1, 1), (2, 2), (3, 3), (3, 1), (2, 5), (4, 3), (50, 7)]


@pytest.mark.parametrize("dtype", ["float32", "float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), WINDOWS)
def test_matches_reference(size, stride, padding, dtype, agree, rng):
    for shape in ((3, 5), (2, 3, 16), (7, 33), (11,), (0, 4), (4, 1)):
        x = rng.permutation(int(np.prod(shape))).reshape(shape) / 64  # distinct values, exact in half precision
        agree(lambda x: ops.depthwise_max_pool(x, size, stride, padding), x, dtype=dtype)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(("size", "stride"), WINDOWS[:-1])  # TensorFlow requires at least one complete window
def test_matches_tensorflow(size, stride, padding, rng):
    """TensorFlow pools the channels as the width of an image, forward and backward."""
    x = tf.constant(rng.normal(size=(4, 29)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        theirs = tf.nn.max_pool2d(x[:, tf.newaxis, :, tf.newaxis], [1, size], [1, stride], padding)[:, 0, :, 0]
        ours = ops.depthwise_max_pool(x, size, stride, padding.lower())
    np.testing.assert_array_equal(ours, theirs)
    upstream = tf.constant(rng.normal(size=ours.shape), tf.float32)
    np.testing.assert_allclose(tape.gradient(ours, x, upstream), tape.gradient(theirs, x, upstream), rtol=1e-6)


def test_gradient_of_ties():
    x = tf.constant([[1.0, 1.0, 0.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.depthwise_max_pool(x, 2)
    np.testing.assert_array_equal(tape.gradient(y, x), [[1, 0, 0, 1]])


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_nan_propagates(choice):
    with ops.use(choice):
        tops = ops.depthwise_max_pool([[1.0, np.nan, np.inf, np.inf, 3.0, np.nan, 1.0, 2.0, 5.0]], 3)
    np.testing.assert_array_equal(tops, [[np.nan, np.nan, 5.0]])


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    same_for_any_thread_count(lambda x: ops.depthwise_max_pool(x, 3), rng.normal(size=(3000, 30)).astype("float32"))


def test_second_gradients(rng):
    x = tf.constant(rng.normal(size=(3, 8)), tf.float32)

    def penalty():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(ops.depthwise_max_pool(x, 2) ** 3)
            value = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(value, x)

    ours = penalty()
    with ops.use("reference"):
        np.testing.assert_allclose(ours, penalty(), rtol=1e-4)
    assert np.abs(ours).max() > 0


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def partly(x):
        y = ops.depthwise_max_pool(x, 3)
        assert y.shape.as_list() == [None, None]
        return y

    x = rng.normal(size=(2, 9)).astype("float32")
    np.testing.assert_array_equal(partly(x), x.reshape(2, 3, 3).max(-1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pool_size": 0}, "a positive integer"),
        ({"pool_size": 2.0}, "a positive integer"),
        ({"pool_size": 2, "stride": -1}, "a positive integer"),
        ({"pool_size": 2, "padding": "full"}, "'valid' or 'same'"),
        ({"pool_size": 2, "x": np.float32(1)}, "a tensor of rank >= 1"),
        ({"pool_size": 2, "x": np.ones(3, "int32")}, "have a floating-point dtype"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"must .*{message}"):
        ops.depthwise_max_pool(**{"x": np.ones((2, 3), "float32"), **arguments})


shapes = st.lists(st.integers(0, 4), max_size=3)
sizes = st.integers(-(2**62), 2**62) | st.integers(-1, 5)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    options = {"pool_size": data.draw(sizes), "stride": data.draw(sizes), "same": data.draw(st.booleans())}
    x, dy = (tf.ones(data.draw(shapes)) for _ in range(2))
    fails_cleanly(ops.library().ops.tensorsmith_depthwise_max_pool, x=x, **options)
    fails_cleanly(ops.library().ops.tensorsmith_depthwise_max_pool_grad, dy=dy, x=x, **options)
