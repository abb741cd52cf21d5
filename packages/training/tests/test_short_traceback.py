"""Tests of tracebacks, which contain the lines of the user and the call of the trainer only."""

import traceback

import keras
import numpy as np
import pytest

from tensorsmith.training import Trainer

X = np.ones((8, 4), "float32")


class Broken(keras.layers.Layer):
    """Layer that fails in a method of its own."""

    def call(self, x):
        return self.scale(x)

    def scale(self, x):
        raise RuntimeError("broken")


def functions_in(error):
    """Returns the names of the functions in the traceback of an error, without those of pytest."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:]


def test_invalid_argument():
    trainer = Trainer(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "sgd", "mse")
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(ValueError, match="must have shape") as caught:
            call(X, X[:, :1])
        assert functions_in(caught.value) == [call.__name__]


def test_own_layer():
    trainer = Trainer(keras.Sequential([Broken(), keras.layers.Dense(1)]), "sgd", "mse")
    with pytest.raises(RuntimeError, match="broken") as caught:
        trainer.fit(X, X[:, :1])
    assert functions_in(caught.value) == ["fit", "call", "scale"]


def test_disabled_filtering():
    trainer = Trainer(keras.Sequential([Broken(), keras.layers.Dense(1)]), "sgd", "mse")
    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(RuntimeError, match="broken") as caught:
            trainer.fit(X, X[:, :1])
    finally:
        keras.config.enable_traceback_filtering()
    assert len(functions_in(caught.value)) > 6
