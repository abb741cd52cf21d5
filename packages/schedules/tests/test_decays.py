"""Tests of decays against values from papers and textbooks, alternative formulas, and the schedules of Keras."""

import itertools
import math
from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tensorsmith.core import Timeline
from tensorsmith.schedules import (
    Clip,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseSquareRoot,
    Linear,
    PiecewiseConstant,
    Polynomial,
    PowerDecay,
    Trapezoid,
)

ULP = 6e-8  # half a unit in the last place of float32: values are rounded once
STEPS = np.arange(150)
values = some.floats(-100, 100, width=32, allow_subnormal=False)
lengths = some.integers(1, 10**6)


def expect(schedule, steps, expected):
    np.testing.assert_allclose(schedule(steps).numpy(), expected, rtol=ULP, atol=1e-12)


def test_power_decay():
    expect(PowerDecay(0.6, 50), [0, 50, 100, 150, 200], [0.6, 0.6 / 2, 0.6 / 3, 0.6 / 4, 0.6 / 5])
    steps = [0, 10, 30, 80]
    expect(PowerDecay(0.6, 10, exponent=0.5), steps, [0.6, 0.6 / math.sqrt(2), 0.6 / math.sqrt(4), 0.6 / math.sqrt(9)])
    expect(PowerDecay(0.6, 10, exponent=2), steps, [0.6, 0.6 / 4, 0.6 / 16, 0.6 / 81])
    expect(PowerDecay(0.6, 10, exponent=0), steps, [0.6] * 4)
    expect(PowerDecay(0.6, 10, exponent=-1), steps, [0.6, 1.2, 2.4, 5.4])


def test_power_matches_legacy_decay_argument():
    """Compare with SGD(lr=0.01, decay=1e-4), and with alpha0 / (1 + iteration * decay) of Q-learning."""
    iterations = np.array([0, 1, 10_000, 20_000])
    expect(PowerDecay(0.01, 10_000), iterations, 0.01 / (1 + iterations * 1e-4))
    expect(PowerDecay(0.05, 200), iterations, 0.05 / (1 + iterations * 0.005))


def test_exponential_decay():
    expect(ExponentialDecay(0.01, 20), [0, 20, 40, 60], [0.01, 0.001, 0.0001, 0.00001])
    by_epoch = ExponentialDecay(0.01, "20 epochs").bind(Timeline(steps_per_epoch=1719))
    expect(by_epoch, 1719 * np.arange(25), [0.01 * 0.1 ** (epoch / 20) for epoch in range(25)])


def test_exponential_staircase():
    found = ExponentialDecay(0.8, 10, rate=0.5, staircase=True)(np.arange(30)).numpy()
    np.testing.assert_allclose(found, np.repeat([0.8, 0.4, 0.2], 10), rtol=ULP)


def test_exponential_increase():
    """The value increases from 1e-5 to 10 in 500 steps, by a factor of exp(log(1e6) / 500) each."""
    found = ExponentialDecay(1e-5, 500, rate=1e6).formula(np.arange(501.0)).numpy()
    np.testing.assert_allclose(found[1:] / found[:-1], np.exp(np.log(1e6) / 500), rtol=1e-12)
    np.testing.assert_allclose(found[[0, -1]], [1e-5, 10], rtol=1e-12)


def test_piecewise_constant_in_epochs():
    """The values are 0.01 below epoch 5, 0.005 below epoch 15, then 0.001; and 0.1 for 5 epochs, 0.001 for 50."""
    run = Timeline(steps_per_epoch=7)
    schedule = PiecewiseConstant(["5 epochs", "15 epochs"], [0.01, 0.005, 0.001]).bind(run)
    expected = [0.01 if epoch < 5 else 0.005 if epoch < 15 else 0.001 for epoch in np.arange(STEPS.size) // 7]
    expect(schedule, STEPS, expected)
    schedule = PiecewiseConstant(["5 epochs"], [0.1, 0.001]).bind(run)
    expect(schedule, [0, 34, 35, 384], [0.1, 0.1, 0.001, 0.001])
    assert schedule.end == 35


@given(some.sets(some.integers(1, 140), min_size=1, max_size=6), some.integers(0, 99))
def test_piecewise_constant_matches_numpy(boundaries, seed):
    boundaries = sorted(boundaries)
    values = np.random.default_rng(seed).normal(size=len(boundaries) + 1)
    schedule = PiecewiseConstant(boundaries, values.tolist())
    expect(schedule, STEPS, values[np.searchsorted(boundaries, STEPS, side="right")])


@given(values, values, lengths, some.integers(0, 2 * 10**6))
def test_linear_matches_numpy(initial, final, length, step):
    expected = np.interp(step, [0, length], [initial, final])
    np.testing.assert_allclose(Linear(initial, final, length)(step), expected, rtol=ULP, atol=1e-10)


def test_linear_epsilon_greedy_decay():
    """Compare with max(1 - episode / 500, 0.01), and with a decrease from 1 to 0.01 over 62,500 training steps."""
    episodes = np.arange(600)
    expect(Clip(Linear(1, 0, 500), minimum=0.01), episodes, np.maximum(1 - episodes / 500, 0.01))
    expect(Linear(1, 0.01, 62_500), [0, 31_250, 62_500, 10**7], [1, 0.505, 0.01, 0.01])


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 2.0, 3.0])
def test_polynomial(power):
    left = np.linspace(1, 0, 101)
    expect(Polynomial(0.7, 0.1, 100, power), np.arange(101), 0.1 + 0.6 * left**power)
    expect(Polynomial(0.7, 0.1, 100, power), [101, 10**6], [0.1, 0.1])


def test_cosine():
    """Compare with the half-angle formula, (1 + cos a) / 2 = cos(a / 2)^2."""
    expected = 0.1 + 0.6 * np.cos(np.pi / 2 * np.minimum(STEPS / 100, 1)) ** 2
    expect(CosineDecay(0.7, 100, final=0.1), STEPS, expected)
    expect(CosineDecay(0.8, 60), [0, 20, 30, 40, 60, 61], [0.8, 0.6, 0.4, 0.2, 0, 0])


def sgdr(steps, initial, first, t_mul, m_mul, final):
    """Return the values period by period as in the paper: T_cur counts since the last restart, T_i is the period."""
    since, length, height, found = 0.0, float(first), initial - final, []
    for _ in range(steps):
        found.append(final + height * (1 + math.cos(math.pi * since / length)) / 2)
        since += 1
        if since >= length:
            since, length, height = since - length, length * t_mul, height * m_mul
    return found


@pytest.mark.parametrize("first", [1, 3, 10, 50])
@pytest.mark.parametrize(
    ("t_mul", "m_mul"), [(1, 1), (1, 0.5), (2, 1), (2, 0.7), (1.5, 0.7), (3, 1.1), (5, 1), (10, 1)]
)
def test_restarts(first, t_mul, m_mul):
    expected = sgdr(1600, 0.05, first, t_mul, m_mul, 0.001)
    found = CosineRestarts(0.05, first, t_mul, m_mul, 0.001)(np.arange(1600))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("t_mul", ["1", "1.1", "1.2", "1.5", "2", "3", "5", "6", "7", "10"])
def test_restart_steps_are_exact(t_mul):
    lengths = [1000 * Fraction(t_mul) ** wave for wave in range(11)]
    starts = [int(start) for start in itertools.accumulate(lengths) if start.denominator == 1 and start < 10**11]
    assert len(starts) > 2
    schedule = CosineRestarts(1.0, 1000, float(t_mul))
    np.testing.assert_array_equal(schedule(starts), 1.0)
    assert np.all(schedule(np.array(starts) - 1).numpy() < 1e-3)


def test_restarts_of_paper():
    """The paper uses 0.05 with T_0 = 10 epochs, T_mult = 2: restarts at epochs 10, 30, 70, 150."""
    schedule = CosineRestarts(0.05, "10 epochs").bind(Timeline(steps_per_epoch=391))
    expect(schedule, 391 * np.array([0, 5, 10, 20, 30, 50, 70, 110, 150]), [0.05, 0.025] * 4 + [0.05])


def test_transformer_schedule():
    """Compare with d_model^-0.5 * min(step^-0.5, step * warmup^-1.5), for 512 and 4000."""
    steps = np.array([1, 2, 1000, 3999, 4000, 4001, 16_000, 100_000], "float64")
    expected = 512**-0.5 * np.minimum(steps**-0.5, steps * 4000**-1.5)
    schedule = InverseSquareRoot((512 * 4000) ** -0.5, 4000)
    expect(schedule, steps, expected)
    np.testing.assert_allclose(schedule(4000), 6.98771e-4, rtol=1e-5)  # 1 / sqrt(2048000), by hand
    assert schedule(0).numpy() == 0


@pytest.mark.parametrize(("shape", "falling"), [("linear", lambda s: 1 - s), ("1-sqrt", lambda s: 1 - np.sqrt(s))])
def test_trapezoid(shape, falling):
    schedule = Trapezoid(0.8, warmup=20, decay=40, steps=120, initial=0.2, final=0.1, shape=shape)
    expected = [
        0.2 + 0.6 * n / 20 if n < 20 else 0.8 if n < 80 else 0.1 + 0.7 * falling(min((n - 80) / 40, 1)) for n in STEPS
    ]
    expect(schedule, STEPS, expected)
    assert schedule.end == 120


def test_trapezoid_without_warmup_or_plateau():
    expect(Trapezoid(0.8, warmup=0, decay=10, steps=10), [0, 5, 10], [0.8, 0.4, 0])
    expect(Trapezoid(0.8, warmup=6, decay=4, steps=10), [0, 3, 6, 8, 10], [0, 0.4, 0.8, 0.4, 0])


theirs = keras.optimizers.schedules


@pytest.mark.parametrize(
    ("ours", "keras_own"),
    [
        (ExponentialDecay(0.1, 40, 0.96), theirs.ExponentialDecay(0.1, 40, 0.96)),
        (ExponentialDecay(0.1, 40, 0.5, staircase=True), theirs.ExponentialDecay(0.1, 40, 0.5, staircase=True)),
        (PowerDecay(0.1, 40), theirs.InverseTimeDecay(0.1, 40, 1.0)),
        (PowerDecay(0.1, 80), theirs.InverseTimeDecay(0.1, 40, 0.5)),
        (Polynomial(0.1, 0.02, 100, 1.7), theirs.PolynomialDecay(0.1, 100, 0.02, power=1.7)),
        (Linear(0.1, 0.02, 100), theirs.PolynomialDecay(0.1, 100, 0.02)),
        (CosineDecay(0.1, 100, final=0.02), theirs.CosineDecay(0.1, 100, alpha=0.2)),
        (CosineRestarts(0.1, 16, final=0.02), theirs.CosineDecayRestarts(0.1, 16, alpha=0.2)),
        (CosineRestarts(0.1, 16, 1.0, 0.5, 0.02), theirs.CosineDecayRestarts(0.1, 16, 1.0, 0.5, 0.2)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_matches_keras(ours, keras_own):
    np.testing.assert_allclose(ours(STEPS), keras_own(STEPS.astype("int64")), rtol=1e-5, atol=1e-8)


def test_piecewise_constant_differs_from_keras():
    arguments = [5, 15], [0.01, 0.005, 0.001]
    np.testing.assert_array_equal(
        PiecewiseConstant(*arguments)(STEPS[:-1]), theirs.PiecewiseConstantDecay(*arguments)(STEPS[1:])
    )
    assert PiecewiseConstant(*arguments)(5).numpy() != theirs.PiecewiseConstantDecay(*arguments)(5).numpy()
