"""Tests that generative models resume exactly, also after a kill, and train on two replicas as on one device."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import GAN, Diffusion, VariationalAutoencoder
from tensorsmith.schedules import Linear
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Checkpoints, Every, Trainer

IMAGES = np.random.default_rng(0).integers(2, size=(96, 6)).astype("float32")


def variational(noise):
    """Returns the trainer of a variational autoencoder."""
    keras.utils.set_random_seed(0)
    images, codes = keras.Input((6,)), keras.Input((2,))
    bias = keras.initializers.Constant(0.0 if noise else -40.0)  # of the log-variance
    moments = [keras.layers.Dense(2)(images), keras.layers.Dense(2, bias_initializer=bias)(images)]
    decoder = keras.Sequential([codes, keras.layers.Dense(8, "tanh"), keras.layers.Dense(6)])
    model = VariationalAutoencoder(keras.Model(images, moments), decoder, seed=1)
    return Trainer(model, keras.optimizers.Adam(0.01), schedules={"beta": (model.beta, Linear(0.0, 1.0, "50%"))})


def adversarial(noise):
    """Returns the trainer of a GAN with batch normalization, dropout and averaged weights, except without noise."""
    keras.utils.set_random_seed(0)
    parts = [keras.layers.BatchNormalization()] if noise else [keras.layers.Rescaling(0.0)]
    generator = keras.Sequential([keras.Input((3,)), *parts, keras.layers.Dense(6)])
    parts = [keras.layers.Dropout(0.5, seed=2)] if noise else []
    discriminator = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "tanh"), *parts, keras.layers.Dense(1)])
    model = GAN(generator, discriminator, keras.optimizers.Adam(0.02), average=0.9, seed=1)
    return Trainer(model, keras.optimizers.Adam(0.01))


def diffusion(noise):
    """Returns the trainer of a diffusion model, which always draws random numbers."""
    keras.utils.set_random_seed(0)
    samples, step = keras.Input((6,)), keras.Input((), dtype="int32")
    inputs = keras.layers.Concatenate()([samples, keras.layers.Embedding(50, 4)(step)])
    network = keras.Model([samples, step], keras.layers.Dense(6)(keras.layers.Dense(8, "tanh")(inputs)))
    return Trainer(Diffusion(network, steps=50, average=0.9, seed=1), keras.optimizers.Adam(0.01))


MODELS = [variational, adversarial]
FIT = {"epochs": 3, "batch_size": 16, "seed": 5, "verbose": False}


def killed_run(name, folder):
    """Trains a model until the process kills itself after 8 of 18 steps."""

    def kill(moment):
        os.kill(os.getpid(), signal.SIGKILL)

    checkpoints = Checkpoints(folder, every="3 steps")
    globals()[name](noise=True).fit(IMAGES, **FIT, checkpoints=checkpoints, callbacks=[Every("8 steps", kill)])


def run(script):
    """Runs Python code in which the functions of this module are defined."""
    return subprocess.run(
        [sys.executable, "-c", f"from {Path(__file__).stem} import *; {script}"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("trainer_of", [*MODELS, diffusion])
def test_killed_run_resumes_exactly(trainer_of, tmp_path):
    result = run(f"killed_run({trainer_of.__name__!r}, {str(tmp_path)!r})")
    assert result.returncode == -signal.SIGKILL, result.stderr
    unbroken, resumed = trainer_of(noise=True), trainer_of(noise=True)
    unbroken.fit(IMAGES, **FIT)
    resumed.fit(IMAGES, **FIT, checkpoints=tmp_path, resume=True)
    for one, other in zip(unbroken.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert unbroken.model.history.history == resumed.model.history.history
    if trainer_of is variational:
        assert unbroken.model.history.history["beta"] == pytest.approx([5 / 9, 1.0, 1.0])


def losses_without_noise(trainer_of):
    """Returns the losses of a model whose codes have no noise, so that replicas need not draw the same numbers."""
    history = trainer_of(noise=False).fit(IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=False).history
    return [value for name in sorted(history) if name.endswith("loss") for value in history[name]]


def print_losses_of_two_replicas():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    for trainer_of in MODELS:
        with strategy.scope():
            print(*losses_without_noise(trainer_of))


def test_two_replicas():
    result = run("print_losses_of_two_replicas()")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.strip().splitlines()[-len(MODELS) :]
    for trainer_of, line in zip(MODELS, lines, strict=True):
        losses = [float(loss) for loss in line.split()]
        np.testing.assert_allclose(losses, losses_without_noise(trainer_of), rtol=1e-5)


def bounded(trainer_of):
    """Returns a trainer of a model whose samples are in [-1, 1] or, for a variational autoencoder, in [0, 1]."""
    if trainer_of is not adversarial:
        return trainer_of(noise=True)
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6, "tanh")])
    discriminator = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    return Trainer(GAN(generator, discriminator, seed=1), "sgd")


@pytest.mark.parametrize("trainer_of", [*MODELS, diffusion])
@pytest.mark.parametrize("form", ["arrays", "dataset"])
def test_data_are_checked_before_training(trainer_of, form):
    trainer = bounded(trainer_of)
    before = [weights.copy() for weights in trainer.model.get_weights()]
    targets = "y" if trainer_of is variational else "labels"
    for x, y, name in ((255 * IMAGES, None, "x"), (IMAGES, 255 * IMAGES, targets)):
        data = (x,) if y is None else (x, y)
        if form == "dataset":
            data = (tf.data.Dataset.from_tensor_slices(data).batch(16),)
        with raises_argument_error(name):
            trainer.fit(*data, batch_size=16, verbose=False)
    for one, other in zip(before, trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
