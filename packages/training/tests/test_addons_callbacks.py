"""Tests of the TensorFlow Addons callbacks: saved averages against NumPy, and the content of progress bars."""

import io
import re

import keras
import numpy as np
import pytest
from rich.console import Console

from tensorsmith.core import ArgumentError
from tensorsmith.optimizers import SWA, MovingAverage
from tensorsmith.training import AverageModelCheckpoint, TQDMProgressBar, Trainer

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def make_trainer(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)])
    return Trainer(model, optimizer, "mean_absolute_error", jit=False)


def weights_of_steps(steps):
    """Returns the weights before the first and after each step of gradient descent on the mean absolute error."""
    weight, found = np.ones((3, 1)), []
    target = X.astype("float64") @ np.full((3, 1), 1.0)
    for _ in range(steps + 1):
        found.append(weight)
        sign = np.sign(X @ weight - target - 0.25)
        weight = weight - 0.1 * X.T @ sign / len(X)
    return found


def fit(trainer, callbacks, epochs=4, **arguments):
    return trainer.fit(
        X, Y + 0.25, batch_size=32, epochs=epochs, shuffle=False, callbacks=callbacks, verbose=False, **arguments
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_saves_averaged_weights(tmp_path, scaled):
    optimizer = MovingAverage(keras.optimizers.SGD(0.1), average_decay=0.5)
    trainer = make_trainer(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    fit(trainer, [AverageModelCheckpoint(False, str(tmp_path / "{epoch}.keras"))])
    weights = weights_of_steps(4)
    average = weights[0]
    for epoch in range(1, 5):
        average = 0.5 * average + 0.5 * weights[epoch]
        saved = keras.models.load_model(tmp_path / f"{epoch}.keras").get_weights()[0]
        np.testing.assert_allclose(saved, average, rtol=1e-5)
    np.testing.assert_allclose(trainer.model.get_weights()[0], weights[4], rtol=1e-5)


def test_update_weights(tmp_path):
    trainer = make_trainer(SWA(keras.optimizers.SGD(0.1), average_period=1))
    path = tmp_path / "last.weights.h5"
    fit(trainer, [AverageModelCheckpoint(True, path, save_weights_only=True)], epochs=1)
    np.testing.assert_allclose(trainer.model.get_weights()[0], weights_of_steps(1)[1], rtol=1e-5)
    fit(trainer, [AverageModelCheckpoint(True, path, save_weights_only=True)], epochs=1)
    first, second = weights_of_steps(2)[1:]
    np.testing.assert_allclose(trainer.model.get_weights()[0], (first + second) / 2, rtol=1e-5)
    loaded = keras.models.clone_model(trainer.model)
    loaded.load_weights(path)
    np.testing.assert_array_equal(loaded.get_weights()[0], trainer.model.get_weights()[0])


def test_save_best_only_and_save_freq(tmp_path):
    trainer = make_trainer(SWA(keras.optimizers.SGD(0.1), average_period=1))
    best = AverageModelCheckpoint(
        False, tmp_path / "best.keras", monitor="loss", save_best_only=True, initial_value_threshold=0.0
    )
    often = AverageModelCheckpoint(False, str(tmp_path / "{epoch}.keras"), save_freq=2)
    fit(trainer, [best, often])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.keras", "4.keras"]


def test_optimizer_without_averages(tmp_path):
    with pytest.raises(ArgumentError, match="keeps averages"):
        fit(make_trainer("sgd"), [AverageModelCheckpoint(False, tmp_path / "model.keras")])
    with pytest.raises(ArgumentError, match="update_weights"):
        AverageModelCheckpoint("model.keras", False)


def shown(**arguments):
    """Returns the content of the screen after two epochs of four steps."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    bar = TQDMProgressBar(console=console, **arguments)
    make_trainer("sgd").fit(X, Y, batch_size=8, epochs=2, callbacks=[bar], verbose=False)
    return screen.getvalue()


def test_progress_bar_contents():
    text = shown()
    assert "Epoch 1/2" in text
    assert "Epoch 2/2" in text
    assert re.search(r"4/4 ━+ ETA: 00:00s - learning_rate: 0\.0100 - loss: 0\.\d{4}", text)
    assert re.search(r"Training: 100%\| ━+ +2/2 ETA: 00:00s, +[\d.]+epochs/s", text)


def test_progress_bar_options():
    text = shown(
        show_overall_progress=False,
        metrics_format="{name}={value:.1f}",
        metrics_separator=";",
        epoch_bar_format="{desc} <{bar}> {n} of {total_fmt} {unit}",
    )
    assert "Training" not in text
    assert re.search(r"learning_rate=0\.0;loss=\d\.\d < ━+ > 4 of 4 steps", text)
    assert "Epoch" not in shown(show_epoch_progress=False)


def test_control_characters_in_progress_bar():
    """The formats may come from the configuration of somebody else."""
    text = shown(
        metrics_separator="\x1b]0;title\x07",
        metrics_format="\x1b[31m{name}={value:06.1f}",
        epoch_bar_format="{desc:\x1b<40}\x1b[31m{bar} [red]{n:>4d}",
        overall_bar_format="\x1b[31m{bar}",
    )
    assert "\x1b]0;title" not in text
    assert "\x1b[31m" not in text
    assert "\\x1b[31mloss=" in text
    assert "[red]   4" in text


def test_progress_bar_of_evaluate():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    make_trainer("sgd").model.evaluate(X, Y, batch_size=8, callbacks=[TQDMProgressBar(console=console)], verbose=0)
    assert re.search(r"4/4 ━+ ETA: 00:00s - loss: ", screen.getvalue())


@pytest.mark.parametrize(
    "arguments",
    [
        {"overall_bar_format": "{bar} {speed}"},
        {"epoch_bar_format": "no bar"},
        {"update_per_second": 0},
        {"epoch_bar_format": "{bar}{n.__class__.__mro__}"},
        {"epoch_bar_format": "{bar}{desc[0]}"},
        {"epoch_bar_format": "{bar}{n!r}"},
        {"epoch_bar_format": "{bar}{n:{total}}"},
        {"epoch_bar_format": "{bar}{n:>999999999}"},
        {"epoch_bar_format": "{bar}{rate:.999999999f}"},
        {"epoch_bar_format": "{bar}{"},
        {"epoch_bar_format": "{bar}{}"},
        {"metrics_format": "{value.__class__}"},
        {"metrics_format": "{name:>999999999}"},
        {"metrics_format": "{other}"},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        TQDMProgressBar(**arguments)
