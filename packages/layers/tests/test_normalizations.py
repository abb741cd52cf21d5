"""LayerNormalization and RMSNormalization against Keras' own, whose place they take."""

import keras
import numpy as np
import pytest

from tensorsmith import layers, ops

AXES = (-1, 2, [1, 2])
CASES = [
    *((layers.LayerNormalization, keras.layers.LayerNormalization, axis) for axis in (*AXES, 1)),
    *((layers.RMSNormalization, keras.layers.RMSNormalization, axis) for axis in AXES),  # Keras fails along axis 1
]


@pytest.mark.parametrize(("ours", "theirs", "axis"), CASES)
def test_takes_the_weights_and_gives_the_outputs(ours, theirs, axis):
    x = np.random.default_rng(0).normal(2, 3, size=(4, 5, 6)).astype("float32")
    layer, reference = ours(axis=axis), theirs(axis=axis)
    reference.build(x.shape)
    reference.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in reference.weights])
    layer.build(x.shape)
    layer.set_weights(reference.get_weights())
    assert [weight.name for weight in layer.weights] == [weight.name for weight in reference.weights]
    np.testing.assert_allclose(layer(x), reference(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [layers.LayerNormalization, layers.RMSNormalization])
def test_trains_alike_with_and_without_kernels(kind):
    def losses():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((7, 9))
        outputs = keras.layers.Dense(1)(kind()(keras.layers.Dense(33)(inputs)))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "mean_squared_error")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(64, 7, 9)), rng.normal(size=(64, 7, 1))
        return model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["loss"]

    ours = losses()
    with ops.use("reference"):
        twins = losses()
    np.testing.assert_allclose(ours, twins, rtol=1e-4)
    assert ours[-1] < ours[0]


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_xla_is_supported_only_without_kernels():
    layer = layers.LayerNormalization()
    assert not layer.supports_jit
    with ops.use("reference"):
        assert layer.supports_jit
