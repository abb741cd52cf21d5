"""Tests that the identity initializer keeps its gain, unlike that of Keras."""

import json

import keras
import numpy as np
import pytest

from tensorsmith.layers.initializers import Identity
from tensorsmith.testing import raises_argument_error


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_matrices(shape):
    np.testing.assert_allclose(Identity(-0.3)(shape), -0.3 * np.eye(*shape), rtol=1e-6)
    np.testing.assert_array_equal(Identity(2.0)(shape), keras.initializers.Identity(2.0)(shape))
    assert Identity()(shape, dtype="float16").dtype == "float16"


@pytest.mark.parametrize("gain", ["large", None, float("nan")])
def test_bad_gains(gain):
    with raises_argument_error("gain", expected="a number"):
        Identity(gain)


def test_gain_is_saved(tmp_path):
    found = {}
    for initializer in (Identity(0.5), keras.initializers.Identity(0.5)):
        inputs = keras.Input((4, 3))
        layer = keras.layers.SimpleRNN(5, recurrent_initializer=initializer)
        model = keras.Model(inputs, layer(inputs))
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        found[type(initializer)] = loaded.layers[-1].cell.recurrent_initializer.gain
    assert found[Identity] == 0.5
    # If this fails, Keras keeps the gain, and the class docstring must be updated.
    assert found[keras.initializers.Identity] in (1, 0.5)


def test_serialization():
    for gain in (0.75, np.float32(0.75)):
        config = json.loads(json.dumps(keras.initializers.serialize(Identity(gain))))
        assert config["registered_name"] == "tensorsmith>Identity"
        assert keras.initializers.deserialize(config).gain == 0.75
