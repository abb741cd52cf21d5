"""Tests of pair_counts against a loop over all pairs, SciPy, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise


def by_hand(x, y, weights):
    """Counts the pairs one by one."""
    counted = weights > 0
    x, y, weights = x[counted], y[counted], weights[counted]
    i, j = np.triu_indices(len(x), 1)
    pairs = weights[i] * weights[j]
    signs = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
    distinct = min(len(np.unique(x)), len(np.unique(y)))
    return [
        (pairs * signs[0] * signs[1]).sum(),
        *((pairs * np.abs(sign)).sum() for sign in signs),
        distinct,
        weights.sum(),
    ]


def draw(rng, count, values):
    x, y = rng.integers(-values, values + 1, (2, count)) / 4
    return x, y, rng.integers(0, 4, count) / 2


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize(
    "count", [0, 1, 2, 5, 33, 100, *(pytest.param(count, marks=pytest.mark.slow) for count in (3, 4, 8, 31, 257))]
)
@pytest.mark.parametrize("values", [0, 1, 5, 1000])
def test_matches_loop_over_pairs(count, values, choice, rng):
    inputs = draw(rng, count, values)
    with ops.use(choice):
        np.testing.assert_allclose(ops.pair_counts(*inputs), by_hand(*inputs), rtol=1e-12)
        np.testing.assert_allclose(tf.function(ops.pair_counts)(*inputs), by_hand(*inputs), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_matches_scipy_kendalltau(scale, rng):
    x, y = scale * rng.normal(size=(2, 3001))
    y[::3] = x[::3]
    counts = ops.pair_counts(x, y, np.ones_like(x))
    tau = counts.balance / np.sqrt(counts.untied_x * counts.untied_y)
    np.testing.assert_allclose(tau, kendalltau(x, y).statistic, rtol=1e-12)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_signed_zeros_and_infinities(choice):
    x, y = np.array([-0.0, 0.0, -np.inf, np.inf]), np.array([0.0, 1.0, -1.0, 2.0])
    with ops.use(choice):
        counts = ops.pair_counts(x, y, np.ones(4))
    np.testing.assert_array_equal(counts, [5, 5, 6, 3, 4])


def test_independent_of_thread_count(rng):
    inputs = draw(rng, 5000, 600)
    results = []
    try:
        for threads in (1, 2, 7):
            ops.set_threads(threads)
            results.append(np.array(ops.pair_counts(*inputs)))
    finally:
        ops.set_threads(0)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float64)] * 3)
    def unknown(x, y, weights):
        return ops.pair_counts(x, y, weights)

    inputs = draw(rng, 20, 4)
    np.testing.assert_allclose(unknown(*inputs), by_hand(*inputs), rtol=1e-12)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        (([[1.0]], [1.0], [1.0]), {"name": "x", "expected": "have shape (n,)"}),
        (([1.0], [1.0, 2.0], [1.0]), {"name": "y", "expected": "have shape (1,) to match `x`"}),
        (([1.0], [1.0], [[1.0]]), {"name": "weights", "expected": "have shape (1,) to match `x`"}),
    ],
)
def test_bad_arguments(inputs, error):
    with raises_argument_error(**error):
        ops.pair_counts(*inputs)


shapes = st.lists(st.integers(0, 5), max_size=2)
numbers = st.floats(allow_nan=True, width=64)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    x, y, weights = (tf.fill(data.draw(shapes), tf.constant(data.draw(numbers), tf.float64)) for _ in range(3))
    fails_cleanly(ops.library().ops.tensorsmith_pair_counts, x=x, y=y, weights=weights)
    mixed = tf.constant(data.draw(st.lists(numbers, min_size=1, max_size=40)), tf.float64)
    assert fails_cleanly(ops.library().ops.tensorsmith_pair_counts, x=mixed, y=mixed[::-1], weights=tf.abs(mixed))
