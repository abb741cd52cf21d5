"""Tests of scheduled hyperparameters: values at each step, logs and checkpoints."""

import keras
import numpy as np
import pytest

from tensorsmith.core import Timeline
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """Schedule that halves its value in each epoch, regardless of the epoch length."""

    def __init__(self):
        self.timeline = None

    def bind(self, timeline):
        self.timeline = timeline

    def __call__(self, step):
        return 0.5 ** keras.ops.floor(keras.ops.cast(step, "float32") / self.timeline.steps_per_epoch)

    def get_config(self):
        return {}


def data(examples=96):
    x = np.random.default_rng(0).normal(size=(examples, 2)).astype("float32")
    return x, np.zeros((examples, 1), "float32")


class Recording(Trainer):
    """Trainer that adds the scheduled weight to the loss, and records its value at each step."""

    def __init__(self, schedule, **arguments):
        self.weight = keras.Variable(-1.0)
        self.seen = keras.Variable(np.zeros(20))
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
        super().__init__(model, keras.optimizers.SGD(0.0), schedules={"weight": (self.weight, schedule)}, **arguments)

    def train_step(self, data):
        self.seen.assign(
            keras.ops.where(keras.ops.arange(20, dtype="int64") == self._steps_done, self.weight, self.seen)
        )
        return {"loss": keras.ops.sum(self.model(data[0])) * self.weight}


@pytest.mark.parametrize("jit", [False, True])
def test_value_at_each_step(jit):
    trainer = Recording(lambda step: keras.ops.cast(step, "float32") * 0.25, jit=jit)
    history = trainer.fit(*data(), epochs=2, verbose=False).history
    np.testing.assert_array_equal(trainer.seen.numpy()[:7], [0, 0.25, 0.5, 0.75, 1.0, 1.25, 0])
    assert history["weight"] == [0.5, 1.25]
    assert history["learning_rate"] == [0.0, 0.0]


def test_schedule_receives_timeline():
    schedule = Halving()
    trainer = Recording(schedule, jit=False)
    trainer.fit(*data(), epochs=2, verbose=False)  # epochs of three steps
    assert schedule.timeline == Timeline(steps_per_epoch=3, batch_size=32, total_steps=6)
    trainer.fit(*data(), epochs=1, batch_size=16, verbose=False)  # one epoch of six steps
    np.testing.assert_array_equal(trainer.seen.numpy()[:12], [1, 1, 1, 0.5, 0.5, 0.5, *[0.5] * 6])


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer])
def test_optimizer_schedule_receives_timeline(wrap):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    trainer = Trainer(model, wrap(keras.optimizers.SGD(Halving())), "mse", jit=False)
    history = trainer.fit(*data(), epochs=3, verbose=False).history
    assert history["learning_rate"] == [0.5, 0.25, 0.125]


def test_schedule_resumes(tmp_path):
    def seen(*stops):
        for epochs in stops:
            trainer = Recording(lambda step: keras.ops.cast(step, "float32"), jit=False)
            trainer.fit(*data(), epochs=epochs, verbose=False, checkpoints=tmp_path / str(stops), resume=True)
        return trainer.seen.numpy()

    np.testing.assert_array_equal(seen(2, 4), seen(4))


@pytest.mark.parametrize("pair", [0.5, (0.5, abs), (keras.Variable(1.0),), (keras.Variable(1.0), 0.5)])
def test_invalid_schedules(pair):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with raises_argument_error("schedules['weight']", expected="a tuple of a keras.Variable and a schedule"):
        Trainer(model, "sgd", "mse", schedules={"weight": pair})


@pytest.mark.parametrize("schedule", [keras.optimizers.schedules.CosineDecay(0.1, 6), 0.0])
def test_second_fit_after_schedule(schedule, caplog):
    """Tests that a warning appears if and only if a schedule is 0 at all steps."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    trainer = Trainer(model, keras.optimizers.SGD(schedule), "mse", jit=False)
    trainer.fit(*data(), epochs=2, verbose=False)
    assert caplog.messages == []
    rates = trainer.fit(*data(), epochs=2, verbose=False).history["learning_rate"]
    assert rates == [0.0, 0.0]
    warned = ["The learning rate of CosineDecay is 0 in all steps of this run, because the optimizer has done 6 steps"]
    assert [message.partition(" already")[0] for message in caplog.messages] == (warned if schedule else [])


def test_no_warning_for_warmup_from_zero(caplog):
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=90)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    Trainer(model, keras.optimizers.SGD(schedule), "mse", jit=False).fit(*data(), verbose=False)
    assert caplog.messages == []
