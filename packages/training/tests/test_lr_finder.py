"""Tests of the learning-rate range test: rates, result, and restored state."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import LRFinder, Trainer


def data(examples=320):
    x = np.random.default_rng(0).normal(size=(examples, 4)).astype("float32")
    return x, x @ [[1.0], [-2.0], [0.5], [3.0]]


def trainer_of(optimizer=None):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    return Trainer(model, optimizer or keras.optimizers.SGD(0.1), "mse", jit=False)


def test_learning_rates_grow_exponentially():
    """Tests the rates of Géron 2019, chapter 11: from 1e-5 to 10 in 500 steps, with a factor of exp(log(1e6) / 500)."""
    sweep = LRFinder()(trainer_of(keras.optimizers.Adam()), *data())
    growth = sweep.rates[1:] / sweep.rates[:-1]
    np.testing.assert_allclose(growth, np.exp(np.log(10 / 1e-5) / 500), rtol=1e-9)
    assert sweep.rates[0] == pytest.approx(1e-5)
    assert len(sweep.rates) <= 500


def test_losses_match_numpy():
    x, y = data(64)
    weights = np.zeros((4, 1))
    expected = []
    rates = 0.01 * 2.0 ** (np.arange(6) / 6)
    for i, rate in enumerate(rates):
        rows = slice(32 * (i % 2), 32 * (i % 2) + 32)
        error = x[rows] @ weights - y[rows]
        expected.append(np.mean(error**2))
        weights = weights - rate * 2 * x[rows].T @ error / 32
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "linear", False, "zeros")])
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)  # two batches, so the test makes three passes
    sweep = LRFinder(start=0.01, end=0.02, steps=6)(Trainer(model, "sgd", "mse"), stream)
    np.testing.assert_allclose(sweep.losses, expected, rtol=1e-5)
    means = [np.average(expected[: i + 1], weights=np.exp(-50 / 6 * np.arange(i, -1.0, -1))) for i in range(6)]
    np.testing.assert_allclose(sweep.smoothed, means, rtol=1e-5)


def test_sample_weight():
    """Tests that examples with a weight of zero are ignored."""

    def losses(*arguments, **options):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        return LRFinder(steps=4)(Trainer(model, "sgd", "mse", jit=False), *arguments, **options).losses

    x, y = data(64)
    half = losses(x[:32], y[:32], batch_size=32)
    np.testing.assert_allclose(losses(x, y, batch_size=64, sample_weight=np.repeat([2.0, 0.0], 32)), half, rtol=1e-5)


def test_optimizer_without_learning_rate():
    class Fixed(keras.optimizers.SGD):
        def get_config(self):
            return {name: value for name, value in super().get_config().items() if name != "learning_rate"}

    with raises_argument_error("trainer", received="a trainer with the optimizer Fixed", expected="have an optimizer"):
        LRFinder(steps=4)(trainer_of(Fixed()), *data())


def test_divergence_and_suggestion():
    """Tests that gradient descent on a quadratic diverges above a rate of 2 / (largest eigenvalue)."""
    x, y = data()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    sweep = LRFinder(end=100.0)(Trainer(model, "sgd", "mse", jit=False), x, y, batch_size=320)
    limit = 2 / np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()
    assert limit < sweep.rates[-1] < 10 * limit
    assert limit / 100 < sweep.suggestion < limit
    assert np.isfinite(sweep.losses).all()


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(lambda: keras.optimizers.SGD(0.1, momentum=0.9), marks=pytest.mark.slow),
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 100), global_clipnorm=1.0),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1)),
    ],
)
def test_training_state_is_restored(optimizer):
    ends = []
    for test in (False, True):
        trainer = trainer_of(optimizer())
        x, y = data()
        trainer.fit(x, y, seed=1, verbose=False)
        if test:
            own = trainer.model.optimizer
            LRFinder(steps=50)(trainer, x, y)
            assert trainer.model.optimizer is own
        trainer.fit(x, y, seed=2, verbose=False)
        ends.append([*trainer.model.get_weights(), *(v.numpy() for v in trainer.model.optimizer.variables)])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_unsupported_trainers():
    class Silent(Trainer):
        def train_step(self, data):
            return {"mae": tf.constant(0.0)}

    with pytest.raises(ValueError, match="must have a loss in its logs"):
        LRFinder()(Silent(trainer_of().model, "sgd", jit=False), *data())
    trainer = trainer_of()
    trainer.model.optimizer = None
    with raises_argument_error("trainer", expected="have a single Keras optimizer"):
        LRFinder()(trainer, *data())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"start": 0.0}, {"name": "start", "expected": "a positive number"}),
        ({"end": 1e-6}, {"name": "end", "expected": "greater than `start` (1e-05)"}),
        ({"steps": 1}, {"name": "steps", "expected": ">= 2"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        LRFinder(**arguments)


def test_plot(tmp_path):
    pytest.importorskip("matplotlib", reason="only the plot needs it")
    LRFinder(steps=60)(trainer_of(), *data()).plot(tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 5000


def test_global_seed_is_restored():
    class Noisy(Trainer):
        def train_step(self, data):
            x, y = data
            return super().train_step((x + keras.random.normal(keras.ops.shape(x)), y))

    losses = []
    for test in (False, True):
        trainer = Noisy(trainer_of().model, "sgd", "mse", jit=False)
        if test:
            LRFinder(steps=20)(trainer, *data())
        losses.append(trainer.fit(*data(), seed=1, verbose=False).history["loss"])
    assert losses[0] == losses[1]


def test_model_built_in_train_step():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            return super().train_step(data)

    trainer = Trainer(Own(), keras.optimizers.SGD(), "mse", jit=False)
    assert len(LRFinder(steps=20, end=0.1)(trainer, *data()).losses) == 20


def test_endless_streams():
    stream = tf.data.Dataset.from_tensor_slices(data()).batch(32).repeat()
    assert len(LRFinder(steps=30, end=1e-3)(trainer_of(), stream).rates) == 30


def test_non_finite_initial_loss():
    x, y = data()
    with raises_argument_error("trainer", expected="have a finite loss at the learning rate 1e-05"):
        LRFinder()(trainer_of(), x, np.full_like(y, 1e30))
