"""Tests of schedules with lengths in epochs and percent, applied by the Trainer to an optimizer and a variable."""

import keras
import numpy as np
import pytest

from tensorsmith.schedules import CosineDecay, Linear, Warmup
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer


def trainer_of(**arguments):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    rate = Warmup(CosineDecay(0.1, "75%"), "1 epoch")
    return Trainer(model, keras.optimizers.SGD(rate), "mse", jit=False, **arguments)


def data():
    x = np.random.default_rng(0).normal(size=(128, 3)).astype("float32")
    return x, x[:, :1]


def test_epochs_and_percent_are_converted_to_steps():
    weight = keras.Variable(0.0)
    trainer = trainer_of(schedules={"weight": (weight, Linear(0.0, 1.0, "50%"))})
    history = trainer.fit(*data(), epochs=4, verbose=False).history  # 16 steps
    cosine = [0.05 * (1 + np.cos(np.pi * step / 12)) for step in (0, 4, 8, 12)]
    np.testing.assert_allclose(history["learning_rate"], cosine, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(history["weight"], [3 / 8, 7 / 8, 1, 1], rtol=1e-6)


def test_resumed_run_matches_uninterrupted_run(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = trainer_of()
    whole.fit(*data(), epochs=4, seed=1, verbose=False)
    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(*data(), epochs=4, seed=1, verbose=False, checkpoints=tmp_path, callbacks=[Stop()])
    rest = trainer_of()
    rest.fit(*data(), epochs=4, verbose=False, checkpoints=tmp_path, resume=True)
    for ours, theirs in zip(rest.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_unknown_steps_per_epoch():
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(data()).batch(32).filter(lambda x, y: True)
    with raises_argument_error("steps", received="'1 epochs'", expected="a number of steps"):
        trainer_of().fit(stream, verbose=False)
