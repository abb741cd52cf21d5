"""Tests of the cyclical schedules against the formulas of Smith. tests/parity compares them with TensorFlow Addons."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import Timeline
from tensorsmith.schedules import (
    CyclicalLearningRate,
    ExponentialCyclicalLearningRate,
    Triangular2CyclicalLearningRate,
    TriangularCyclicalLearningRate,
)
from tensorsmith.testing import raises_argument_error

STEPS = np.arange(200)


def triangle(steps, size):
    """Return linear increases from 0 to 1 and decreases back to 0, interpolated between the corners."""
    corners = np.arange(2 + int(max(steps) // size))
    return np.interp(steps, corners * size, corners % 2)


@pytest.mark.parametrize("size", [1, 7, 20, 12.5])
def test_triangular(size):
    found = TriangularCyclicalLearningRate(0.001, 0.006, size)(STEPS)
    np.testing.assert_allclose(found, 0.001 + 0.005 * triangle(STEPS, size), rtol=1e-6)


def test_values_of_paper():
    """CIFAR-10 with base 0.001, maximum 0.006 and a step size of 2000, which is 4 epochs of 500 iterations."""
    schedule = TriangularCyclicalLearningRate(0.001, 0.006, "4 epochs").bind(Timeline(steps_per_epoch=500))
    found = schedule([0, 1000, 2000, 3000, 4000, 6000])
    np.testing.assert_allclose(found, [0.001, 0.0035, 0.006, 0.0035, 0.001, 0.006], rtol=1e-6)


def test_triangular2_halves_each_cycle():
    found = Triangular2CyclicalLearningRate(0.001, 0.006, 20)(STEPS)
    heights = 0.5 ** (STEPS // 40)
    np.testing.assert_allclose(found, 0.001 + 0.005 * triangle(STEPS, 20) * heights, rtol=1e-6)


@pytest.mark.parametrize(("mode", "position"), [("iterations", STEPS), ("cycle", 1 + STEPS // 40)])
def test_exponential(mode, position):
    found = ExponentialCyclicalLearningRate(0.001, 0.006, 20, mode, gamma=0.98)(STEPS)
    np.testing.assert_allclose(found, 0.001 + 0.005 * triangle(STEPS, 20) * 0.98**position, rtol=1e-6)


@keras.saving.register_keras_serializable("tensorsmith_tests")
class Root:
    """Serializable callable that is not a function."""

    def __call__(self, position):
        return tf.constant(1.0) * position**-0.5  # float32, as in Addons

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize(("mode", "position"), [("iterations", STEPS[1:]), ("cycle", 1 + STEPS[1:] // 40)])
def test_custom_scale_function(mode, position):
    schedule = CyclicalLearningRate(0.001, 0.006, 20, Root(), mode)
    expected = 0.001 + 0.005 * triangle(STEPS[1:], 20) * position**-0.5
    for each in (schedule, CyclicalLearningRate.from_config(schedule.get_config())):
        np.testing.assert_allclose(each(STEPS[1:]), expected, rtol=1e-6)


def test_unserializable_scale_function():
    def unknown(position):
        return 1.0

    for function in (unknown, lambda position: 1.0):
        schedule = CyclicalLearningRate(0.1, 0.5, 20, scale_fn=function)
        assert schedule(20).numpy() == 0.5
        with raises_argument_error("scale_fn", expected="a serializable function"):
            schedule.get_config()


def test_exponential_in_optimizer():
    """The steps of an optimizer are integers, but gamma is not."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.SGD(ExponentialCyclicalLearningRate(0.1, 0.5, 2, gamma=0.5)),
        "mean_squared_error",
        jit_compile=False,
    )
    model.fit(np.ones((3, 1)), np.ones((3, 1)), batch_size=1, verbose=0)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.1 + 0.4 * 0.5 * 0.5**3, rtol=1e-6)
