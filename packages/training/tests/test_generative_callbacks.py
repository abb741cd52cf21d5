"""Tests of the callbacks for generative models."""

import logging

import keras
import numpy as np
import pytest
from PIL import Image

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import CollapseMonitor, SampleGrid, Trainer

X = np.ones((32, 1), "float32")


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def trainer_of():
    keras.utils.set_random_seed(0)
    return Trainer(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), "sgd", "mse")


def test_grid_shows_the_images(tmp_path):
    images = np.array([0.0, 0.25, 0.5, 1.0, 2.0])[:, None, None] * np.ones((5, 2, 3))
    grid = SampleGrid(lambda model: images, tmp_path, columns=3, scale=2)
    trainer_of().fit(X, X, callbacks=grid, verbose=False)
    pixels = read(tmp_path / "epoch-001.png")
    assert pixels.shape == (2 * 2 * 2, 3 * 3 * 2)
    # The last panel is empty, and values outside of the range are clipped.
    np.testing.assert_array_equal(pixels[::4, ::6], [[0, 64, 128], [255, 255, 255]])
    inverted = SampleGrid(lambda model: images[..., None], tmp_path, columns=3, value_range=(1, 0))
    trainer_of().fit(X, X, callbacks=inverted, verbose=False)
    pixels = read(tmp_path / "epoch-001.png")
    np.testing.assert_array_equal(pixels[::6, ::9], [[255, 191, 128], [0, 0, 255]])


def test_colors(tmp_path):
    image = np.array([[[[1.0, 0.5, 0.0]]]])
    grid = SampleGrid(lambda model: image, tmp_path, columns=1, scale=1)
    trainer_of().fit(X, X, callbacks=grid, verbose=False)
    np.testing.assert_array_equal(read(tmp_path / "epoch-001.png"), [[[255, 128, 0]]])


def test_resumed_run_continues_the_animation(tmp_path):
    def grid(limit):
        def generate(model):
            epochs.append(len(epochs))
            if len(epochs) > limit:
                raise KeyboardInterrupt
            return np.full((1, 4, 4), len(epochs) / 10)

        epochs = []
        return SampleGrid(generate, tmp_path / "samples", epochs=2, columns=1)

    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(X, X, epochs=6, callbacks=grid(1), checkpoints=tmp_path / "run", verbose=False)
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["epoch-002.png"]
    trainer_of().fit(X, X, epochs=6, callbacks=grid(9), checkpoints=tmp_path / "run", resume=True, verbose=False)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["animation.gif", "epoch-002.png", "epoch-004.png", "epoch-006.png"]
    with Image.open(tmp_path / "samples" / "animation.gif") as animation:
        assert animation.n_frames == 3


@pytest.mark.parametrize(
    ("scale", "accuracy", "collapsed", "message"),
    [
        (1.0, 0.9, None, None),
        (0.2, 0.9, 1, "Mode collapse after epoch 1: generated samples have 0.04 of the real variance."),
        (1.0, 1.0, 1, "The discriminator recognizes all samples after epoch 1 (accuracy 1)."),
    ],
)
def test_collapse(scale, accuracy, collapsed, message, caplog):
    real = np.random.default_rng(0).normal(size=(400, 3, 3))
    monitor = CollapseMonitor(lambda model: scale * real, real)

    class Accuracy(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["discriminator_accuracy"] = accuracy

    with caplog.at_level(logging.WARNING, logger="tensorsmith.training"):
        history = trainer_of().fit(X, X, epochs=2, callbacks=[Accuracy(), monitor], verbose=False).history
    assert history["diversity"] == pytest.approx([scale**2] * 2)
    assert monitor.collapsed_after == collapsed
    assert [record.getMessage() for record in caplog.records] == ([message] if message else [])


@pytest.mark.parametrize(
    ("sample", "rate", "cause"), [(np.inf, 0.1, "generated samples"), (0.0, np.inf, "loss"), (np.nan, np.nan, "loss")]
)
def test_values_that_are_not_finite(sample, rate, cause, caplog):
    """Keras `fit` continues with such losses."""
    real = np.eye(5)
    monitor = CollapseMonitor(lambda model: real + sample, real)
    model = trainer_of().model
    model.compile(keras.optimizers.SGD(rate), "mse")
    with caplog.at_level(logging.WARNING, logger="tensorsmith.training"):
        model.fit(X, X, epochs=2, batch_size=16, callbacks=[monitor], verbose=0)
    assert monitor.collapsed_after == 1
    assert [record.getMessage() for record in caplog.records] == [f"Not finite after epoch 1: {cause}."]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("columns", {"columns": 0}), ("epochs", {"epochs": 1.5}), ("value_range", {"value_range": (1, 1)})],
)
def test_bad_arguments_of_grids(name, arguments, tmp_path):
    with raises_argument_error(name):
        SampleGrid(lambda model: None, tmp_path, **arguments)


def test_bad_arguments(tmp_path):
    grid = SampleGrid(lambda model: np.zeros((4, 5)), tmp_path)
    with raises_argument_error("generate"):
        trainer_of().fit(X, X, callbacks=grid, verbose=False)
    with raises_argument_error("real"):
        CollapseMonitor(lambda model: None, np.ones((5, 2)))
    with raises_argument_error("most_accuracy"):
        CollapseMonitor(lambda model: None, np.eye(5), most_accuracy=99)
