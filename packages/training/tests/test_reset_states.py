"""Tests of the callback that resets stateful layers, against stateless layers on the complete sequences."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from resumable import Reused, compare_with_whole

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import ResetStates, Trainer

STREAMS, WINDOWS, STEPS = 2, 3, 4


def sequences(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(STREAMS, WINDOWS * STEPS, 1)).astype("float32")
    return x, np.cumsum(x, axis=1)


def windows(seed):
    """Returns batches of consecutive windows."""
    parts = [np.stack(np.split(each, WINDOWS, axis=1)) for each in sequences(seed)]
    return tf.data.Dataset.from_tensor_slices(tuple(parts))


def network(stateful):
    keras.utils.set_random_seed(1)
    inner = keras.Sequential(
        [
            keras.Input(batch_shape=(STREAMS, None, 1)),
            keras.layers.LSTM(3, return_sequences=True, stateful=stateful),
        ]
    )
    outer = keras.layers.RNN(keras.layers.GRUCell(1), return_sequences=True, stateful=stateful)
    return keras.Sequential([inner, outer])


@functools.cache
def without_states():
    """Returns the losses of a stateless network on the complete sequences, for training and validation."""
    model = network(stateful=False)
    return [float(np.mean((model(x) - y) ** 2)) for x, y in map(sequences, (0, 1))]


@pytest.mark.parametrize("loop", ["trainer", pytest.param("xla", marks=pytest.mark.slow), "keras"])
def test_epochs_and_validation_start_without_states(loop):
    """Tests losses with a learning rate of 0, which depend on states only."""
    model = network(stateful=True)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    options = {"epochs": 2, "validation_data": windows(1), "callbacks": [ResetStates()]}
    if loop == "keras":
        history = model.fit(windows(0), shuffle=False, verbose=0, **options)
    else:
        history = Trainer(model, jit=loop == "xla").fit(windows(0), verbose=False, **options)
    loss, val_loss = without_states()
    np.testing.assert_allclose(history.history["loss"], [loss] * 2, rtol=1e-5)
    np.testing.assert_allclose(history.history["val_loss"], [val_loss] * 2, rtol=1e-5)


@pytest.mark.parametrize("reset", [True, False])
def test_states_are_carried_over_within_epochs_only(reset):
    model = network(stateful=True)
    model.compile(loss="mse", run_eagerly=True)
    callbacks = [ResetStates()] if reset else []
    scores = [model.evaluate(windows(0), callbacks=callbacks, verbose=0) for _ in range(2)]
    np.testing.assert_allclose(scores[0], without_states()[0], rtol=1e-5)
    assert (scores[0] == scores[1]) == reset


def test_all_stateful_layers_are_found():
    both = keras.layers.Bidirectional(keras.layers.SimpleRNN(3, stateful=True, return_sequences=True))
    cells = keras.layers.StackedRNNCells([keras.layers.LSTMCell(5), keras.layers.GRUCell(5)])
    stack = keras.layers.RNN(cells, stateful=True, return_sequences=True)
    maps = keras.layers.ConvLSTM2D(1, 1, stateful=True)
    inner = keras.Sequential([keras.Input(batch_shape=(2, 3, 5)), keras.layers.Reshape((3, 5, 1, 1)), maps])
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 3, 4)), both, keras.layers.GRU(5, return_sequences=True), stack, inner]
    )
    layers = [both.forward_layer, both.backward_layer, stack, maps]
    states = keras.tree.flatten([layer.states for layer in layers])
    assert len(states) == 1 + 1 + 3 + 2
    callback = ResetStates()
    callback.set_model(model)
    for begin in (lambda: callback.on_epoch_begin(1), callback.on_test_begin, callback.on_predict_begin):
        for state in states:
            state.assign(keras.ops.ones_like(state))
        begin()
        assert not any(np.any(state) for state in states)


def test_resumed_run(tmp_path):
    """Tests a run that is killed within an epoch: its states are those of the checkpoint, and not 0."""

    def make():
        return Trainer(network(stateful=True), keras.optimizers.SGD(0.1), "mse", jit=False)

    run = {"stop": 5, "every": "1 step", "callbacks": lambda: [ResetStates()], "epochs": 3}
    compare_with_whole(tmp_path, Reused(make), lambda: (windows(0),), **run)


def test_model_without_stateful_layers():
    model = network(stateful=False)
    model.compile(loss="mse")
    with raises_argument_error("model", expected="contain stateful recurrent layers", remedy="stateful=True"):
        model.evaluate(windows(0), callbacks=[ResetStates()], verbose=0)
