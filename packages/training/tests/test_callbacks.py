"""Tests of periodic and conditional callbacks, with the `Trainer` and Keras `fit`."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import AtBest, Checkpoints, Every, TargetStopping, TimeStopping, Trainer


@functools.cache
def traced():
    """Returns a trainer that is traced once for all tests."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return Trainer(model, jit=False)


def trainer_of():
    """Returns this trainer, reset to its initial state."""
    trainer = traced()
    trainer.model.set_weights([np.full((1, 1), 0.5), np.zeros(1)])
    trainer.model.optimizer.iterations.assign(0)
    return trainer


def fit_ours(callbacks, epochs=3, steps=7, **arguments):
    x = np.ones((8 * steps, 1), "float32")
    return trainer_of().fit(x, x, batch_size=8, epochs=epochs, callbacks=callbacks, verbose=False, **arguments)


def fit_keras(callbacks, epochs=3, steps=7):
    x = np.ones((8 * steps, 1), "float32")
    return trainer_of().model.fit(x, x, batch_size=8, epochs=epochs, callbacks=callbacks, verbose=0)


@pytest.mark.parametrize("fit", [fit_ours, fit_keras])
@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (4, [4, 8, 12, 16, 20]),
        ("7 steps", [7, 14, 21]),
        ("1 epoch", [7, 14, 21]),
        ("2 epochs", [14]),
        ("0.5 epochs", [4, 8, 12, 16, 20]),
        ("33.4%", [7, 14, 21]),
        ("1e-9 seconds", list(range(1, 22))),
        ("1 hour", []),
    ],
)
def test_every(fit, every, expected):
    steps = []
    fit([Every(every, lambda moment: steps.append(moment.step))])
    if every == "1e-9 seconds" and fit is fit_ours:  # called at each return to Python
        assert steps
        assert set(steps) <= set(expected)
    else:
        assert steps == expected


def test_every_in_examples():
    steps = []
    fit_ours([Every("24 examples", lambda moment: steps.append(moment.step))])
    assert steps == [3, 6, 9, 12, 15, 18, 21]
    with raises_argument_error("every", received="'24 examples'"):
        fit_keras([Every("24 examples", print)])


def test_moment_attributes():
    moments = []
    fit_ours([Every("6 steps", moments.append), Every("1 epoch", moments.append)])
    assert [(m.step, m.epoch) for m in moments] == [(6, 0), (7, 1), (12, 1), (14, 2), (18, 2), (21, 3)]
    assert all(m.logs["loss"] > 0 for m in moments)
    assert len({id(m.model) for m in moments}) == 1


def test_every_preserves_steps_per_loop(monkeypatch):
    returns = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            returns.append(batch + 1)

    x = np.ones((8 * 100, 1), "float32")
    monkeypatch.setattr(traced(), "steps_per_loop", 1000)
    trainer_of().fit(x, x, batch_size=8, callbacks=[Every("40 steps", lambda moment: None), Count()], verbose=False)
    assert returns == [40, 80, 100]


def test_every_in_resumed_run(tmp_path):
    steps = []

    class StopError(Exception):
        pass

    class Stop(keras.callbacks.Callback):
        every_batch = True

        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 12:
                raise StopError

    every = [Every("5 steps", lambda moment: steps.append(moment.step))]
    checkpoints = Checkpoints(tmp_path, every="3 steps")
    with pytest.raises(StopError):
        fit_ours([*every, Stop()], checkpoints=checkpoints)
    assert steps == [5, 10]
    steps.clear()
    fit_ours(every, checkpoints=checkpoints, resume=True)  # from step 9
    assert steps == [10, 15, 20]


def test_streams_of_unknown_length():
    steps = []
    x = np.ones((56, 1), "float32")
    stream = tf.data.Dataset.from_tensor_slices((x, x)).batch(8).filter(lambda x, y: True)
    trainer_of().fit(
        stream,
        epochs=2,
        callbacks=[Every(every, lambda moment: steps.append(moment.step)) for every in ("1 epoch", "7 steps")],
        verbose=False,
    )
    assert steps == [7, 7, 14, 14]  # once each


class Score(keras.callbacks.Callback):
    """Callback that adds given scores to the logs."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[epoch]


@pytest.mark.parametrize("fit", [fit_ours, fit_keras])
@pytest.mark.parametrize(("mode", "expected"), [("min", [1, 3, 4]), ("max", [1, 2])])
def test_at_best(fit, mode, expected):
    epochs = []
    best = AtBest("score", lambda moment: epochs.append((moment.epoch, moment.step)), mode)
    for _ in range(2):  # the second run starts over
        epochs.clear()
        fit([Score([0.5, 0.7, 0.4, 0.3, 0.3]), best], epochs=5)
        assert epochs == [(epoch, 7 * epoch) for epoch in expected]


@pytest.mark.parametrize("fit", [fit_ours, fit_keras])
@pytest.mark.parametrize(("mode", "target", "epochs"), [("min", 0.4, 3), ("max", 0.7, 2), ("max", 0.9, 4)])
def test_target(fit, mode, target, epochs):
    history = fit([Score([0.5, 0.7, 0.4, 0.3]), TargetStopping("score", target, mode)], epochs=4)
    assert len(history.epoch) == epochs


@pytest.mark.parametrize("kind", [lambda: AtBest("los", print), lambda: TargetStopping("los", 0.0)])
def test_unknown_monitor(kind):
    with raises_argument_error("monitor", received="'los'", remedy="Did you mean loss"):
        fit_ours([kind()])


def test_time(monkeypatch, capsys):
    clock = iter(np.arange(0.0, 1000.0, 10.0))
    monkeypatch.setattr("tensorsmith.training.callbacks.time_stopping.time.monotonic", lambda: next(clock))
    history = fit_keras([TimeStopping(25, verbose=1)], epochs=9)  # the clock advances by ten seconds per call
    assert len(history.epoch) == 3
    assert capsys.readouterr().out == "Timed stopping at epoch 3 after training for 0:00:25\n"


def test_time_within_an_epoch():
    class Count(keras.callbacks.Callback):
        every_batch = True
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

    count = Count()
    history = fit_ours([TimeStopping(1e-9, within_epoch=True), count], epochs=9)
    assert (count.batches, len(history.epoch)) == (1, 1)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Every(0, print), {"name": "every", "expected": "a positive duration"}),
        (lambda: Every("soon", print), {"name": "every", "expected": "a number of steps"}),
        (lambda: AtBest("loss", print, "best"), {"name": "mode", "expected": '"min" or "max"'}),
        (lambda: TargetStopping("loss", 0.1, "best"), {"name": "mode", "expected": '"min" or "max"'}),
        (lambda: TimeStopping(0), {"name": "seconds", "expected": "a positive number"}),
    ],
)
def test_bad_arguments(make, error):
    with raises_argument_error(**error):
        make()
