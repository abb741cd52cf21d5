"""A training run to break off and to resume, on arrays and streams of every kind."""

import functools
import itertools
import random
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import Checkpoints, Trainer
from tensorsmith.training.fit.state import restore, snapshot, training_state

EPOCHS = 4


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5)).astype("float32")  # four steps of 32 and one of 22
    return x, x[:, :3].argmax(axis=1)


def arrays():
    return data()


def even():
    """Arrays without a smaller last batch, which takes a trace of its own."""
    x, y = data()
    return x[:128], y[:128]


def shuffled():
    tf.random.set_seed(3)
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).batch(32).prefetch(2),)


def of_unknown_length():
    tf.random.set_seed(3)
    return (tf.data.Dataset.from_tensor_slices(data()).filter(lambda x, y: True).shuffle(64, seed=1).batch(32),)


def generated():
    tf.random.set_seed(3)
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    stream = tf.data.Dataset.from_generator(lambda: zip(x, y, strict=True), output_signature=spec)
    return (stream.shuffle(64, seed=1).batch(32),)


def endless():
    tf.random.set_seed(3)
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).repeat().batch(32),)


def endless_generated():
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    pairs = tf.data.Dataset.from_generator(
        lambda: itertools.cycle(zip(x, y, strict=True)), output_signature=spec
    )  # fmt: skip
    return (pairs.batch(32),)


def plain_model():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax")])


def trainer_of(jit=False, optimizer=None, dtype=None):
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(8, "relu", dtype=dtype),
        keras.layers.BatchNormalization(dtype=dtype),
        keras.layers.Dropout(0.5, dtype=dtype),
    ]
    model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, "softmax", dtype="float32")])
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=jit, steps_per_loop=2)


def seed_python(seed):
    """Seed Python and NumPy; a new seed of TensorFlow's would have it optimize all traced loops again."""
    random.seed(seed)
    np.random.seed(seed)


class Reused:
    """A factory that returns the same trainer each time, reset to the state it was made with.

    Tracing takes most of the time of a short run; a reused trainer is traced once.
    """

    def __init__(self, make):
        self._make = make
        self._trainer = None

    def __call__(self):
        if self._trainer is None:
            self._trainer = self._make()
            model = self._trainer.model
            model.optimizer.build(model.trainable_variables)
            self._variables = training_state(self._trainer)
            self._values = snapshot(self._variables)
        seed_python(3)
        restore(self._variables, self._values)
        return self._trainer


reused = Reused(trainer_of)


def scramble(trainer):
    """Change every variable, so that one that a checkpoint does not bring back shows."""
    variables = training_state(trainer)
    restore(variables, [(value + 1).astype(value.dtype) for value in snapshot(variables)])


class StopError(Exception):
    """What the callback below raises."""


class StopAt(keras.callbacks.Callback):
    """Ends a run as a crash does, after some steps."""

    every_batch = True

    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise StopError


@dataclass(frozen=True)
class End:
    """The end of a run: history, numbers of epochs, weights."""

    history: dict[str, Any]
    epoch: list[int]
    weights: list[np.ndarray]


def fit_to_end(trainer, *data, **fit):
    history = trainer.fit(*data, verbose=False, **fit)
    return End(history.history, history.epoch, trainer.model.get_weights())


def assert_same(end, expected):
    assert end.history == expected.history
    assert end.epoch == expected.epoch
    for ours, theirs in zip(end.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@functools.cache
def unbroken(make, source, **fit):
    """The end of a run without checkpoints, trained once for all tests that compare with it."""
    return fit_to_end(make(), *source(), **fit)


def compare_with_whole(
    tmp_path, make=reused, source=arrays, stop=12, every="3 steps", callbacks=None, other=None, **fit
):
    """Trains to the end without checkpoints, and again with a crash; both must have the same losses and weights.

    `other` makes the trainer that resumes; by default it is the one that crashed, with every variable changed.
    """
    fit = {"epochs": EPOCHS, **fit}
    if callbacks is None:
        expected = unbroken(make, source, **fit)
        callbacks = list
    else:
        expected = fit_to_end(make(), *source(), callbacks=callbacks(), **fit)
    checkpoints = Checkpoints(tmp_path, every=every)
    with pytest.raises(StopError):
        fit_to_end(make(), *source(), checkpoints=checkpoints, callbacks=[*callbacks(), StopAt(stop)], **fit)
    rest, again = (other or make)(), source()
    scramble(rest)
    seed = keras.utils.set_random_seed if other else seed_python
    seed(99)  # nothing depends on what the process has drawn before
    end = fit_to_end(rest, *again, checkpoints=checkpoints, resume=True, callbacks=callbacks(), **fit)
    assert_same(end, expected)
    return rest
