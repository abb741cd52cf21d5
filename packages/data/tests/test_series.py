import numpy as np
import pytest

from tensorsmith.data import time_series
from tensorsmith.testing import raises_argument_error


def test_least_squares_matches_published_error():
    series = time_series(10_000, 51, seed=42)
    x, y = series[:, :50, 0].astype(np.float64), series[:, 50, 0].astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    weights, *_ = np.linalg.lstsq(x[:7000], y[:7000], rcond=None)
    error = np.mean((x[7000:9000] @ weights - y[7000:9000]) ** 2)
    assert round(error, 5) == 0.00293


def test_naive_forecast_matches_published_error():
    series = time_series(10_000, 51, seed=42)
    error = np.mean((series[7000:9000, 50] - series[7000:9000, 49]) ** 2)
    assert round(float(error), 3) == 0.020


def test_shape_dtype_and_seed():
    series = time_series(3, 20, seed=1)
    assert series.shape == (3, 20, 1)
    assert series.dtype == np.float32
    np.testing.assert_array_equal(series, time_series(3, 20, seed=1))
    assert not np.array_equal(series, time_series(3, 20, seed=2))
    assert np.abs(series).max() <= 0.75


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0, 5), "count"), ((5, -1), "steps"), ((5, 2.5), "steps"), ((5, 5, -1), "seed"), ((5, 5, 2**32), "seed")],
)
def test_bad_arguments(arguments, name):
    with raises_argument_error(name):
        time_series(*arguments)
