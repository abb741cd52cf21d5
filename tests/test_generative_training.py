"""Tests that variational autoencoders resume exactly, and train on two replicas as on one device."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith.models import VariationalAutoencoder
from tensorsmith.schedules import Linear
from tensorsmith.training import Every, Trainer

IMAGES = np.random.default_rng(0).integers(2, size=(96, 6)).astype("float32")


def model_of(log_variance_bias=0.0):
    keras.utils.set_random_seed(0)
    images, codes = keras.Input((6,)), keras.Input((2,))
    bias = keras.initializers.Constant(log_variance_bias)
    moments = [keras.layers.Dense(2)(images), keras.layers.Dense(2, bias_initializer=bias)(images)]
    decoder = keras.Sequential([codes, keras.layers.Dense(8, "tanh"), keras.layers.Dense(6)])
    return VariationalAutoencoder(keras.Model(images, moments), decoder, seed=1)


def trainer_of(log_variance_bias=0.0):
    model = model_of(log_variance_bias)
    return Trainer(model, keras.optimizers.Adam(0.01), schedules={"beta": (model.beta, Linear(0.0, 1.0, "50%"))})


def interrupt(moment):
    raise KeyboardInterrupt


def test_resumed_run_matches_uninterrupted_run(tmp_path):
    arguments = {"epochs": 3, "batch_size": 16, "seed": 5, "verbose": False}
    unbroken = trainer_of()
    history = unbroken.fit(IMAGES, **arguments).history
    assert history["beta"] == pytest.approx([5 / 9, 1.0, 1.0])
    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(IMAGES, **arguments, checkpoints=tmp_path, callbacks=[Every("8 steps", interrupt)])
    resumed = trainer_of()
    resumed.fit(IMAGES, **arguments, checkpoints=tmp_path, resume=True)
    for one, other in zip(unbroken.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert unbroken.model.history.history["loss"] == resumed.model.history.history["loss"]


def losses_of_two_replicas():
    """Returns the losses of a model whose codes have no noise, so that replicas need not draw the same numbers."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        trainer = trainer_of(log_variance_bias=-40.0)
    assert strategy.num_replicas_in_sync == 2
    return trainer.fit(IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=False).history["loss"]


def test_two_replicas():
    script = "from test_variational_training import losses_of_two_replicas; print(losses_of_two_replicas())"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    losses = [float(loss) for loss in result.stdout.strip().splitlines()[-1].strip("[]").split(",")]
    trainer = trainer_of(log_variance_bias=-40.0)
    expected = trainer.fit(IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=False).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
