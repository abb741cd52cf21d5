"""Tests of `LayerNormalization` and `RMSNormalization` against the layers of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers, ops
from tensorsmith.testing import raises_argument_error

AXES = (-1, 2, [1, 2])
CASES = [
    *((layers.LayerNormalization, keras.layers.LayerNormalization, axis) for axis in (*AXES, 1)),
    *((layers.RMSNormalization, keras.layers.RMSNormalization, axis) for axis in AXES),  # Keras fails along axis 1
]


@pytest.mark.parametrize(("ours", "theirs", "axis"), CASES)
def test_matches_keras(ours, theirs, axis):
    x = np.random.default_rng(0).normal(2, 3, size=(4, 5, 6)).astype("float32")
    layer, reference = ours(axis=axis), theirs(axis=axis)
    reference.build(x.shape)
    reference.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in reference.weights])
    layer.build(x.shape)
    layer.set_weights(reference.get_weights())
    assert [weight.name for weight in layer.weights] == [weight.name for weight in reference.weights]
    np.testing.assert_allclose(layer(x), reference(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [1, 3]])
def test_epsilon_outside_the_root(axis, randomize):
    """Compares with NumPy."""
    x = np.random.default_rng(0).normal(2, 3, size=(4, 5, 6, 3))
    layer = layers.LayerNormalization(axis, epsilon=0.1, epsilon_outside=True, dtype="float64")
    layer.build(x.shape)
    gamma, beta = (weight.numpy() for weight in randomize(layer).weights)
    axes = tuple([axis] if isinstance(axis, int) else axis)
    shape = [size if position in axes or position - 4 in axes else 1 for position, size in enumerate(x.shape)]
    z = (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 0.1)
    np.testing.assert_allclose(layer(x), gamma.reshape(shape) * z + beta.reshape(shape))


def test_effect_of_epsilon_outside():
    """Uses 1,000 rows of 50 values with mean 1 and standard deviation 2, as in a textbook example."""
    x = np.random.default_rng(0).normal(1, 2, size=(1000, 50)).astype("float32")
    outside = layers.LayerNormalization(epsilon_outside=True)(x).numpy()
    assert 1e-3 < np.abs(outside - keras.layers.LayerNormalization()(x)).max() < 3e-3
    plain = layers.LayerNormalization(epsilon=0.0, epsilon_outside=True, center=False, scale=False)(x)
    np.testing.assert_allclose(plain, (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), atol=1e-5)


def test_gradient_of_constant_inputs():
    """With epsilon outside of the root, they are larger by sqrt(1 / epsilon), as documented."""
    x, found = tf.ones((1, 4)), []
    for outside in (True, False):
        layer = layers.LayerNormalization(epsilon=1e-3, epsilon_outside=outside)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)[0, 0]
        found.append(tape.gradient(y, x).numpy())
    np.testing.assert_allclose(found[0], found[1] * np.sqrt(1e3), rtol=1e-4)


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("kind", [layers.LayerNormalization, layers.RMSNormalization])
def test_training_matches_reference(kind):
    def losses():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((7, 9))
        outputs = keras.layers.Dense(1)(kind()(keras.layers.Dense(33)(inputs)))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "mean_squared_error", jit_compile=False)
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(64, 7, 9)), rng.normal(size=(64, 7, 1))
        return model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["loss"]

    ours = losses()
    with ops.use("reference"):
        counterparts = losses()
    np.testing.assert_allclose(ours, counterparts, rtol=1e-4)
    assert ours[-1] < ours[0]


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_supports_jit_without_kernels():
    layer = layers.LayerNormalization()
    assert not layer.supports_jit
    with ops.use("reference"):
        assert layer.supports_jit


def test_invalid_epsilon_outside():
    with raises_argument_error("epsilon_outside", received="True", expected="False with `rms_scaling=True`"):
        layers.LayerNormalization(rms_scaling=True, epsilon_outside=True)
    with raises_argument_error("epsilon_outside", received="'yes'", expected="True or False"):
        layers.LayerNormalization(epsilon_outside="yes")
