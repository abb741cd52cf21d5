"""Tests of plots of schedules."""

import keras
import matplotlib
import numpy as np
import pytest

from tensorsmith.core import Timeline
from tensorsmith.schedules import CosineDecay, ExponentialDecay, Linear, OneCycle, Repeat, Warmup, plot
from tensorsmith.testing import raises_argument_error

matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")
RUN = Timeline(steps_per_epoch=25, total_steps=100)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def curve(ax):
    """Return the points of the first line."""
    return ax.lines[0].get_xdata(), ax.lines[0].get_ydata()


def test_values_over_steps(ax):
    assert plot(Linear(1.0, 0.5, 50), ax=ax) is ax
    steps, values = curve(ax)
    np.testing.assert_array_equal(steps, np.arange(56))  # the length plus a tenth
    np.testing.assert_allclose(values, np.interp(steps, [0, 50], [1, 0.5]))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step", "value", "linear")


def test_long_run_is_sampled(ax):
    steps, values = curve(plot(ExponentialDecay(1.0, 10**6), steps=10**6, ax=ax))
    assert (steps[0], steps[-1]) == (0, 10**6)
    assert len(steps) < 5000
    np.testing.assert_allclose(values, 10.0 ** (-steps / 10**6))
    np.testing.assert_array_equal(steps, steps.astype(int))


@pytest.mark.parametrize(
    ("schedule", "scale"),
    [
        (OneCycle(0.1, 1.0, 100), "log"),
        (OneCycle(0.1, 1.0, 100, final=0.02), "linear"),
        (Warmup(OneCycle(0.1, 1.0, 100), 5), "linear"),  # starts at 0, which a logarithmic scale cannot show
        (Linear(-1.0, -1000.0, 100), "linear"),
    ],
)
def test_y_scale(schedule, scale, ax):
    assert plot(schedule, ax=ax).get_yscale() == scale


def test_epoch_markers(ax):
    plot(Warmup(CosineDecay(1.0, "50%"), "1 epoch").bind(RUN), ax=ax)
    assert curve(ax)[0][-1] == 100
    assert [line.get_xdata()[0] for line in ax.lines[1:]] == [0, 25, 50, 75, 100]


def test_epoch_markers_of_long_run(ax):
    plot(CosineDecay(1.0, "100%").bind(Timeline(steps_per_epoch=10, total_steps=10_000)), ax=ax)
    marks = [line.get_xdata()[0] for line in ax.lines[1:]]
    assert 5 <= len(marks) <= 25
    assert marks[-1] == 10_000


def test_keras_schedules_and_numbers(ax):
    steps, values = curve(plot(keras.optimizers.schedules.CosineDecay(1.0, 10), steps=10, ax=ax))
    np.testing.assert_allclose(values, np.cos(np.pi * steps / 20) ** 2, atol=1e-7)
    plot(0.3, steps=10, ax=ax)
    assert set(ax.lines[-1].get_ydata()) == {0.3}


def test_new_figure():
    ax = plot(Linear(0.0, 1.0, 10))
    assert len(ax.lines) == 1
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            (Repeat(Linear(0, 1, 5), 10),),
            {"name": "steps", "received": "None", "expected": "a positive integer"},
        ),
        ((Linear(0, 1, 5), 0), {"name": "steps", "received": "0"}),
        ((Linear(0, 1, 5), 2.5), {"name": "steps", "received": "2.5"}),
        (("cosine", 10), {"name": "schedule", "received": "'cosine'"}),
        ((Linear(0, 1, "5 epochs"),), {"name": "steps", "received": "'5 epochs'", "expected": "no timeline is bound"}),
        (
            (Linear(0, 1, "5 epochs"), 10),
            {"name": "steps", "received": "'5 epochs'", "expected": "no timeline is bound"},
        ),
    ],
)
def test_bad_arguments(arguments, error):
    before = plt.get_fignums()
    with raises_argument_error(**error):
        plot(*arguments)
    assert plt.get_fignums() == before
