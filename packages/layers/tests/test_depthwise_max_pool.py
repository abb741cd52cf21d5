"""Tests of `DepthwiseMaxPool` against NumPy, and against the pooling of Keras over transposed axes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.layers import DepthwiseMaxPool

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 12), (2, 5, 12), (2, 3, 4, 12)])
@pytest.mark.parametrize("size", [1, 3, 4, 12])
def test_matches_maximum_of_groups(size, shape):
    x = RNG.normal(size=shape).astype("float32")
    np.testing.assert_array_equal(DepthwiseMaxPool(size)(x), x.reshape(*shape[:-1], -1, size).max(axis=-1))


def test_single_group_matches_global_max_pooling():
    x = RNG.normal(size=(3, 7, 5)).astype("float32")
    theirs = keras.layers.GlobalMaxPooling1D()(np.swapaxes(x, 1, 2))
    np.testing.assert_array_equal(DepthwiseMaxPool(5)(x)[..., 0], theirs)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, 2), (2, 3), (5, 1)])
def test_matches_keras_max_pooling(size, strides, padding):
    x = tf.constant(RNG.normal(size=(6, 11)), tf.float32)
    layer = DepthwiseMaxPool(size, strides, padding)
    reference = keras.layers.MaxPooling1D(size, strides, padding)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = layer(x), reference(x[..., tf.newaxis])[..., 0]
    np.testing.assert_array_equal(ours, theirs)
    upstream = tf.constant(RNG.normal(size=ours.shape), tf.float32)
    np.testing.assert_allclose(tape.gradient(ours, x, upstream), tape.gradient(theirs, x, upstream), rtol=1e-6)
    assert layer.compute_output_shape(x.shape) == ours.shape


def test_numerical_gradients():
    x = np.linspace(-1, 1, 30, dtype="float32")[RNG.permutation(30)].reshape(3, 10)  # no two values within one step
    theory, numeric = tf.test.compute_gradient(DepthwiseMaxPool(4, 3), [x], delta=1e-2)
    np.testing.assert_allclose(theory, numeric, atol=1e-3)


@pytest.mark.slow  # takes seconds
def test_training_matches_reference():
    def losses():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(24), DepthwiseMaxPool(3), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mean_squared_error", jit_compile=False)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(64, 5, 4))
        return model.fit(x, np.abs(x).sum(-1), epochs=20, batch_size=16, verbose=0, shuffle=False).history["loss"]

    ours = losses()
    with ops.use("reference"):
        np.testing.assert_allclose(ours, losses(), rtol=1e-4)
    assert ours[-1] < ours[0] / 2


def test_integer_inputs_are_cast():
    """The op rejects integers. The layer casts them, as all layers of this package do."""
    x = np.array([[1, 5, 2, 4]], "int32")
    with pytest.raises(ValueError, match="have a floating-point dtype"):
        ops.depthwise_max_pool(x, 2)
    y = DepthwiseMaxPool(2)(x)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, [[5, 4]])
