"""A training run to break off and to resume, on arrays and streams of every kind."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import Checkpoints, Trainer

EPOCHS = 4


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5)).astype("float32")  # four steps of 32 and one of 22
    return x, x[:, :3].argmax(axis=1)


def arrays():
    return data()


def shuffled():
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).batch(32).prefetch(2),)


def of_unknown_length():
    return (tf.data.Dataset.from_tensor_slices(data()).filter(lambda x, y: True).shuffle(64, seed=1).batch(32),)


def generated():
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    stream = tf.data.Dataset.from_generator(lambda: zip(x, y, strict=True), output_signature=spec)
    return (stream.shuffle(64, seed=1).batch(32),)


def endless():
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).repeat().batch(32),)


def endless_generated():
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    pairs = tf.data.Dataset.from_generator(
        lambda: itertools.cycle(zip(x, y, strict=True)), output_signature=spec
    )  # fmt: skip
    return (pairs.batch(32),)


def trainer_of(jit=False, optimizer=None, dtype=None):
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(8, "relu", dtype=dtype),
        keras.layers.BatchNormalization(dtype=dtype),
        keras.layers.Dropout(0.5, dtype=dtype),
    ]
    model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, "softmax", dtype="float32")])
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=jit, steps_per_loop=2)


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


def assert_same(trainer, history, expected_trainer, expected):
    assert history.history == expected.history
    assert history.epoch == expected.epoch
    for ours, theirs in zip(trainer.model.get_weights(), expected_trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def compare_with_whole(tmp_path, make, source=arrays, stop=12, every="3 steps", **fit):
    """Trains once to the end without checkpoints, and once with a crash; both must have the same losses and weights."""
    whole = make()
    callbacks = fit.pop("callbacks", lambda: [])
    fit = {"epochs": EPOCHS, "verbose": False, **fit}
    expected = whole.fit(*source(), callbacks=callbacks(), **fit)
    checkpoints = Checkpoints(tmp_path, every=every)
    with pytest.raises(StopError):
        make().fit(*source(), checkpoints=checkpoints, callbacks=[*callbacks(), StopAt(stop)], **fit)
    rest, again = make(), source()
    keras.utils.set_random_seed(99)  # nothing hangs on what the process has drawn before
    history = rest.fit(*again, checkpoints=checkpoints, resume=True, callbacks=callbacks(), **fit)
    assert_same(rest, history, whole, expected)
    return rest
