"""Synthetic time series for forecasting examples, generated without data files."""

import numpy as np

from tensorsmith.core import check


def time_series(count: int, steps: int, seed: int = 42) -> np.ndarray:
    """Generates noisy time series, each the sum of two sine waves of random frequency and phase.

    With `t` from 0 to 1 in `steps` points, and f1, f2, o1, o2 drawn from U(0, 1) for each series:
    `0.5 sin((t - o1)(10 f1 + 10)) + 0.2 sin((t - o2)(20 f2 + 20)) + 0.1 u`, `u` from U(-0.5, 0.5) for each point.
    The variance of the noise, 0.1² / 12 = 0.00083, is a lower bound on the mean squared error of a one-step forecast.
    NumPy's legacy generator is used, so that results published for seed 42 can be reproduced.

    Args:
        count: Number of time series to generate.
        steps: Number of time steps in each series.
        seed: Random seed, from 0 to 2³² - 1.

    Returns:
        A float32 array of shape (count, steps, 1).

    Raises:
        ValueError: If `count` or `steps` is not a positive integer, or if `seed` is out of range.

    Source:
        A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 15.

    Example:
        >>> series = time_series(10_000, 51, seed=42)
        >>> x_train, y_train = series[:7000, :50], series[:7000, 50]
        >>> x_train.shape, y_train.shape
        ((7000, 50, 1), (7000, 1))
    """
    for name, value in (("count", count), ("steps", steps)):
        check(isinstance(value, int) and value > 0, name, value, "a positive integer")
    check(isinstance(seed, int) and 0 <= seed < 2**32, "seed", seed, "an integer from 0 to 2**32 - 1")
    generator = np.random.RandomState(seed)
    f1, f2, o1, o2 = generator.rand(4, count, 1)
    time = np.linspace(0, 1, steps)
    series = 0.5 * np.sin((time - o1) * (f1 * 10 + 10))
    series += 0.2 * np.sin((time - o2) * (f2 * 20 + 20))
    series += 0.1 * (generator.rand(count, steps) - 0.5)
    return series[..., np.newaxis].astype(np.float32)
