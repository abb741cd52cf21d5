"""Tests of the optional attributes with which callbacks control the loop."""

import keras
import numpy as np
import pytest

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer


def fit(*callbacks):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    x = np.zeros((320, 1), "float32")
    trainer = Trainer(model, "sgd", "mse", jit=False, steps_per_loop=7)
    trainer.fit(x, x, callbacks=callbacks, verbose=False)


class Recording(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches = []
        self.closed = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)

    def close(self):
        self.closed += 1


class EveryFourSteps(Recording):
    def steps_left(self):
        done = self.batches[-1] + 1 if self.batches else 0
        return 4 - done % 4


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("no space left")


def test_steps_left_ends_chunks():
    callback, other = EveryFourSteps(), Recording()
    fit(callback, other)
    assert callback.batches == other.batches == [3, 7, 9]


def test_chunks_without_steps_left():
    callback = Recording()
    fit(callback)
    assert callback.batches == [6, 9]


@pytest.mark.parametrize("left", [0, -1, 2.5, None])
def test_invalid_steps_left(left):
    class Invalid(keras.callbacks.Callback):
        def steps_left(self):
            return left

    with raises_argument_error("result of Invalid.steps_left()", received=repr(left), expected="a positive integer"):
        fit(Invalid())


def test_close_after_training():
    callback = Recording()
    fit(callback)
    assert callback.closed == 1


def test_close_after_failure():
    callback = Recording()
    with pytest.raises(RuntimeError, match="no space left"):
        fit(callback, Failing())
    assert callback.closed == 1


def test_failure_to_close_does_not_keep_others_open():
    class CannotClose(keras.callbacks.Callback):
        def close(self):
            raise OSError("cannot close")

    first, last = Recording(), Recording()
    with pytest.raises(OSError, match="cannot close"):
        fit(first, CannotClose(), last)
    assert first.closed == last.closed == 1
