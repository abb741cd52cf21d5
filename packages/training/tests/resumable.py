"""Training runs to be interrupted and resumed, on arrays and different kinds of streams."""

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
    """Returns arrays without a smaller last batch, which would require a separate trace."""
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
    """Seeds Python and NumPy. A new TensorFlow seed would invalidate all traced loops."""
    random.seed(seed)
    np.random.seed(seed)


class Reused:
    """Factory that returns the same trainer each time, reset to its initial state.

    Tracing takes most of the time of a short run; a reused trainer is traced only once.
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
    """Changes all variables, to detect those that are not restored from a checkpoint."""
    variables = training_state(trainer)
    restore(variables, [(value + 1).astype(value.dtype) for value in snapshot(variables)])


class StopError(Exception):
    """Error raised by `StopAt`."""


class StopAt(keras.callbacks.Callback):
    """Callback that ends a run with an error after some steps."""

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
    """Final state of a run: history, epoch indices and weights."""

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
    """Returns the final state of a run without checkpoints, cached for all tests that compare with it."""
    return fit_to_end(make(), *source(), **fit)


def compare_with_whole(
    tmp_path, make=reused, source=arrays, stop=12, every="3 steps", callbacks=None, other=None, **fit
):
    """Compares an uninterrupted run with a run that crashes and resumes. Losses and weights must be equal.

    `other` creates the trainer that resumes. By default it is the one that crashed, with all variables changed.
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
    seed(99)  # the result must not depend on earlier draws
    end = fit_to_end(rest, *again, checkpoints=checkpoints, resume=True, callbacks=callbacks(), **fit)
    assert_same(end, expected)
    return rest
