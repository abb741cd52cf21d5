"""Tests of initializers against the interpolation of TensorFlow and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tensorsmith.layers.initializers import Bilinear
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def enlarging(kind, channels, factor):
    """Returns a transposed convolution that upsamples by interpolation."""
    return kind(channels, 2 * factor - factor % 2, factor, "same", kernel_initializer=Bilinear(), use_bias=False)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_upsampling_matches_tensorflow(factor):
    """Only inner pixels are compared: TensorFlow repeats the pixels at the border, convolutions pad zeros."""
    x = RNG.normal(size=(2, 5, 6, 3)).astype("float32")
    expected = tf.image.resize(x, (5 * factor, 6 * factor), "bilinear")
    found = enlarging(keras.layers.Conv2DTranspose, 3, factor)(x)
    assert found.shape == expected.shape
    inside = (slice(None), slice(factor, -factor), slice(factor, -factor))
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


@pytest.mark.parametrize(("kind", "axes"), [(keras.layers.Conv1DTranspose, 1), (keras.layers.Conv3DTranspose, 3)])
@pytest.mark.parametrize("factor", [2, 3])
def test_upsampling_in_1d_and_3d(kind, axes, factor):
    x = RNG.normal(size=[4] * axes)
    expected = ndimage.zoom(x, factor, order=1, mode="nearest", grid_mode=True)
    found = enlarging(kind, 1, factor)(x[None, ..., None]).numpy()[0, ..., 0]
    inside = (slice(factor, -factor),) * axes
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


def test_channels_are_independent():
    kernel = Bilinear()((4, 4, 3, 3), dtype="float64").numpy()
    assert kernel.dtype == "float64"
    assert not kernel[..., ~np.eye(3, dtype=bool)].any()
    row = [0.25, 0.75, 0.75, 0.25]
    for channel in range(3):
        np.testing.assert_array_equal(kernel[..., channel, channel], np.outer(row, row))


@pytest.mark.parametrize("shape", [(4, 4, 3, 5), (3, 3)])
def test_invalid_kernel_shapes(shape):
    with raises_argument_error("shape", expected="have the form (..., outputs, inputs) with equal numbers of outputs"):
        Bilinear()(shape)


def test_serialization():
    config = keras.initializers.serialize(Bilinear())
    assert config["registered_name"] == "tensorsmith>Bilinear"
    for counterpart in (
        keras.initializers.deserialize(config),
        keras.initializers.get(config),
        Bilinear.from_config({}),
    ):
        assert isinstance(counterpart, Bilinear)
        np.testing.assert_array_equal(counterpart((3, 3, 1, 1)), Bilinear()((3, 3, 1, 1)))


def test_saving_layer(tmp_path):
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, enlarging(keras.layers.Conv2DTranspose, 2, 2)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[-1].kernel_initializer, Bilinear)
    x = RNG.normal(size=(1, 4, 4, 2)).astype("float32")
    np.testing.assert_array_equal(loaded(x), model(x))
