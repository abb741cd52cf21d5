"""Tests of batch normalization over several axes against NumPy, and over one axis against Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import BatchNormalization, fold_batch_normalization
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
X = RNG.normal(2, 3, size=(6, 4, 5, 3))
AXES = [[1, 2], [1, 2, 3], (3, 1), [-1, -2]]


def along(vector, axes):
    """Returns the values with the rank of the inputs, with size 1 along all other axes."""
    positions = sorted(axis % 4 for axis in axes)
    return vector.reshape([size if position in positions else 1 for position, size in enumerate(X.shape)])


def others(axes):
    return tuple(position for position in range(4) if position not in {axis % 4 for axis in axes})


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_training_and_inference(axes, randomize):
    layer = BatchNormalization(axes, momentum=0.9, epsilon=0.01, dtype="float64")
    layer.build(X.shape)
    gamma, beta, mean, variance = (weight.numpy() for weight in randomize(layer).weights)
    z = (X - along(mean, axes)) / np.sqrt(along(variance, axes) + 0.01)
    np.testing.assert_allclose(layer(X), along(gamma, axes) * z + along(beta, axes))
    batch_mean, batch_variance = X.mean(others(axes), keepdims=True), X.var(others(axes), keepdims=True)
    z = (X - batch_mean) / np.sqrt(batch_variance + 0.01)
    np.testing.assert_allclose(layer(X, training=True), along(gamma, axes) * z + along(beta, axes))
    np.testing.assert_allclose(layer.moving_mean, 0.9 * mean + 0.1 * batch_mean.ravel())
    np.testing.assert_allclose(layer.moving_variance, 0.9 * variance + 0.1 * batch_variance.ravel())


def test_number_of_statistics():
    """Images have 28 statistics for one axis, and 784 for all pixels."""
    counts = {}
    for axis in (-1, [1, 2]):
        layer = BatchNormalization(axis)
        layer.build((None, 28, 28))
        counts[str(axis)] = [weight.shape for weight in layer.weights]
    assert counts == {"-1": [(28,)] * 4, "[1, 2]": [(784,)] * 4}


@pytest.mark.parametrize("axis", [1, -1, [2]])
def test_single_axis_matches_keras(axis):
    ours, theirs = BatchNormalization(axis), keras.layers.BatchNormalization(np.ravel(axis)[0])
    for _ in range(2):
        np.testing.assert_array_equal(ours(X, training=True), theirs(X, training=True))
    np.testing.assert_array_equal(ours(X), theirs(X))
    with pytest.raises(TypeError):  # if this fails, Keras accepts several axes, and this layer is not needed
        keras.layers.BatchNormalization([1, 2])


def test_gradients_in_training():
    """The gradients with respect to one position sum to 0, because its mean is subtracted."""
    layer, x = BatchNormalization([1, 3], dtype="float64"), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x, training=True) * RNG.normal(size=X.shape))
    slopes = tape.gradient(y, x).numpy()
    assert np.abs(slopes).max() > 0.1
    np.testing.assert_allclose(slopes.sum((0, 2)), 0, atol=1e-12)


def test_unknown_sizes_and_masks():
    with raises_argument_error("inputs", expected="have statically known sizes along the axes [1, 2]"):
        BatchNormalization([1, 2]).build((None, None, 5))
    with raises_argument_error("inputs", expected="have statically known sizes along the axes [1, -3]"):
        BatchNormalization([1, -3]).build((None, 4, 5))
    with raises_argument_error("mask", expected="None if `axis` contains several axes"):
        BatchNormalization([1, 2])(np.ones((2, 3, 4)), mask=tf.ones((2, 3), "bool"))


def test_saving_and_folding(tmp_path):
    inputs = keras.Input((4, 5))
    outputs = BatchNormalization([1, 2])(keras.layers.Dense(5)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    x = RNG.normal(size=(8, 4, 5)).astype("float32")
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config()["axis"] == [1, 2]
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_allclose(fold_batch_normalization(model)(x), model(x), rtol=1e-6)
