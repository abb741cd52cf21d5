"""Masks of `DropoutCell`, seen through cells that pass their inputs or states on."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import DropoutCell
from tensorsmith.testing import raises_argument_error

STEPS, UNITS = 6, 500


def masks(wrapped, **rates):
    """Returns the outputs of a layer for inputs of ones, of shape (steps, units), in training and in a graph."""
    cell = keras.layers.SimpleRNNCell(
        UNITS, "linear", kernel_initializer="identity", recurrent_initializer="zeros", use_bias=False
    )
    cell = (
        DropoutCell(cell, seed=3, **rates) if wrapped else cell.__class__(**{**cell.get_config(), **rates, "seed": 3})
    )
    layer = keras.layers.RNN(cell, return_sequences=True)
    return keras.ops.convert_to_numpy(layer(np.ones((1, STEPS, UNITS)), training=True))[0]


def test_masks_of_inputs_differ_between_steps():
    values = masks(True, dropout=0.25)
    np.testing.assert_allclose(np.unique(values), [0, 4 / 3])
    assert abs((values == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / values.size)
    assert not any((values[0] == step).all() for step in values[1:])
    one = masks(False, dropout=0.25)  # Keras has one mask for all steps
    assert (one == one[0]).all()


def test_masks_of_the_state_differ_between_steps():
    """A cell that keeps its state loses a quarter of it at each step, and what is left grows by 4 / 3."""
    cell = keras.layers.SimpleRNNCell(
        UNITS, "linear", kernel_initializer="zeros", recurrent_initializer="identity", use_bias=False
    )
    layer = keras.layers.RNN(DropoutCell(cell, recurrent_dropout=0.25, seed=3), return_sequences=True)
    values = layer(np.ones((1, STEPS, 1)), initial_state=np.ones((1, UNITS)), training=True).numpy()[0]
    for step, kept in enumerate(values, start=1):
        np.testing.assert_allclose(kept[kept > 0], (4 / 3) ** step, rtol=1e-5)
        expected = 0.75**step
        assert abs((kept > 0).mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / UNITS)


@pytest.mark.parametrize("kind", [keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell])
def test_inference_equals_the_cell(kind):
    cell = kind(5)
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    expected = keras.layers.RNN(cell)(x)
    np.testing.assert_array_equal(keras.layers.RNN(DropoutCell(cell, 0.5, 0.5))(x), expected)


def test_training_with_fit_and_loading(tmp_path):
    layer = keras.layers.RNN(DropoutCell(keras.layers.LSTMCell(4), 0.2, 0.2, seed=1))
    model = keras.Sequential([keras.Input((7, 3)), layer, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.random.default_rng(0).normal(size=(64, 7, 3)), np.ones((64, 1))
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("cell", [3, keras.layers.Dense(3), keras.layers.LSTM(3)])
def test_other_objects_than_cells(cell):
    with raises_argument_error("cell", expected="a recurrent cell"):
        DropoutCell(cell)
