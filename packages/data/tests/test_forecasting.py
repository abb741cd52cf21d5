"""Forecasting functions, compared with NumPy and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.data.preprocessing import (
    difference,
    iterated_forecast,
    moving_average,
    seasonal_naive,
    undo_difference,
)
from tensorsmith.testing import raises_argument_error

SERIES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)


@given(SERIES, st.integers(1, 40), st.data())
def test_seasonal_naive_repeats_the_last_period(series, steps, data):
    period = data.draw(st.integers(1, len(series)))
    found = seasonal_naive(series, steps, period)
    np.testing.assert_array_equal(found, np.resize(series[-period:], steps))


@given(SERIES, st.data())
def test_undo_difference_is_the_inverse(series, data):
    period = data.draw(st.integers(1, len(series) - 1))
    changes = difference(series, period)
    np.testing.assert_array_equal(undo_difference(changes, series[:period]), series[period:])


def test_difference_removes_season_and_trend():
    time = np.arange(60)
    series = 3 * time + np.sin(2 * np.pi * time / 12)
    np.testing.assert_allclose(difference(series, 12), 36)
    np.testing.assert_allclose(difference(difference(series, 12)), 0, atol=1e-9)


def test_moving_average_equals_convolution():
    series = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(moving_average(series, 7), np.convolve(series, np.full(7, 1 / 7), "valid"))
    columns = np.stack([series, 2 * series], axis=1)
    np.testing.assert_allclose(moving_average(columns, 7)[:, 1], 2 * moving_average(series, 7))
    assert np.isnan(moving_average([1.0, np.nan, 3.0, 4.0], 2)).tolist() == [True, True, False]


def test_missing_values():
    """Sums and differences with NaN are NaN, all other values are those of the series without NaN."""
    series = np.array([1.0, 5.0, np.nan, 7.0, 4.0])
    np.testing.assert_array_equal(seasonal_naive(series, 5, 3), [np.nan, 7, 4, np.nan, 7])
    np.testing.assert_array_equal(seasonal_naive(series, 3, 2), [7, 4, 7])
    np.testing.assert_array_equal(difference(series), [4, np.nan, np.nan, -3])
    np.testing.assert_array_equal(difference(series, 2), [np.nan, 2, np.nan])
    np.testing.assert_array_equal(undo_difference(difference(series, 2), series[:2]), [np.nan, 7, np.nan])
    passed = []

    def predict(past):
        passed.append(past)
        return [np.nansum(past) if len(passed) < 3 else np.nan]

    found = iterated_forecast(predict, series[:3], 4)
    np.testing.assert_array_equal(passed, [[1, 5, np.nan], [5, np.nan, 6], [np.nan, 6, 11], [6, 11, np.nan]])
    np.testing.assert_array_equal(found, [6, 11, np.nan, np.nan])


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_iterated_forecast_of_an_autoregressive_process(ahead):
    """With x[t] = 1.2 x[t - 1] - 0.5 x[t - 2], the forecast follows the powers of the companion matrix."""

    def predict(past):
        assert past.shape == (2,)
        values = [*past]
        for _ in range(ahead):
            values.append(1.2 * values[-1] - 0.5 * values[-2])
        return values[2:]

    matrix = np.array([[1.2, -0.5], [1, 0]])
    expected = [(np.linalg.matrix_power(matrix, k) @ [2.0, 1.0])[0] for k in range(1, 8)]
    np.testing.assert_allclose(iterated_forecast(predict, [1.0, 2.0], 7), expected)


def test_iterated_forecast_of_several_features():
    found = iterated_forecast(lambda past: past[-1:] + 1, np.zeros((5, 2)), 3)
    np.testing.assert_array_equal(found, [[1, 1], [2, 2], [3, 3]])


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: seasonal_naive([1, 2], 3, 3), "series", "at least 3 steps"),
        (lambda: seasonal_naive([1, 2], 0), "steps", "a positive integer"),
        (lambda: seasonal_naive(["a"], 1), "series", "numbers of shape (time, ...)"),
        (lambda: seasonal_naive(3.0, 1), "series", "numbers of shape (time, ...)"),
        (lambda: difference([1, 2], 2), "series", "at least 3 steps"),
        (lambda: difference([1, 2], 1.5), "period", "a positive integer"),
        (lambda: undo_difference([[1]], [1]), "changes", "have shape (steps, )"),
        (lambda: undo_difference([1], []), "series", "at least 1 steps"),
        (lambda: moving_average([1, 2], 3), "series", "at least 3 steps"),
        (lambda: iterated_forecast(lambda past: [], [1.0], 2), "predict", "a function that returns (ahead, ...)"),
        (lambda: iterated_forecast(lambda past: 1.0, [1.0], 2), "predict", "a function that returns (ahead, ...)"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()
