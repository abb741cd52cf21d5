"""Tests of activations: formulas in float64, projections by another method, random draws, and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import brentq
from scipy.stats import norm

from tensorsmith.layers import GELU, RReLU, activations
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def nearest_on_simplex(z):
    """Returns the point of the simplex closest to z, by solving for the threshold with a root finder."""
    threshold = brentq(lambda t: np.maximum(z - t, 0).sum() - 1, z.max() - 1.5, z.max(), xtol=1e-14)
    return np.maximum(z - threshold, 0)


def test_gelu():
    x = np.linspace(-6, 6, 101)
    exact = x * norm.cdf(x)  # TensorFlow rounds the square root of 2 to float32
    np.testing.assert_allclose(activations.gelu(x, approximate=False), exact, atol=1e-7)
    np.testing.assert_allclose(GELU(approximate=False, dtype="float64")(x), exact, atol=1e-7)
    approximate = np.array(activations.gelu(x))
    assert 1e-4 < np.max(np.abs(approximate - exact)) < 5e-4
    np.testing.assert_array_equal(GELU(dtype="float64")(x), approximate)
    assert activations.gelu([0, 1]).dtype == "float32"  # integers


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_sparsemax_matches_simplex_projection(size, scale):
    z = scale * RNG.normal(size=(20, size))
    expected = np.array([nearest_on_simplex(row) for row in z])
    np.testing.assert_allclose(activations.sparsemax(z), expected, atol=1e-12)
    np.testing.assert_allclose(activations.sparsemax(z.astype("float32")), expected, atol=1e-5)
    np.testing.assert_allclose(activations.sparsemax(z.T, axis=0), expected.T, atol=1e-12)
    np.testing.assert_allclose(np.sum(activations.sparsemax(z + 1e4), axis=-1), 1, atol=1e-9)


def test_sparsemax_of_keras_failure_case():
    z = np.array([[0.5, 0.3, -0.2, 0.1]])
    np.testing.assert_allclose(activations.sparsemax(z), [nearest_on_simplex(z[0])], atol=1e-12)


@pytest.mark.parametrize("parts", [3, 7, 10, 100])
def test_sparsemax_of_logits_at_threshold(parts):
    """Multiples of a fraction, many of which differ from the threshold by rounding errors only."""
    z = RNG.integers(0, parts + 1, (3000, 7)) / parts
    expected = np.array([nearest_on_simplex(row) for row in z])
    np.testing.assert_allclose(activations.sparsemax(z.astype("float32")), expected, atol=1e-6)
    np.testing.assert_allclose(activations.sparsemax(np.float32([1, 2 / 3, 1, 1])), [1 / 3, 0, 1 / 3, 1 / 3], atol=1e-6)


def test_sparsemax_of_ties_and_infinities():
    infinity = np.inf
    rows = np.array(
        [[1, 1, 1, 1], [0, -infinity, 0, -infinity], [2, -1e30, -1e30, 1.5], [-infinity, -infinity, -infinity, 3]]
    )
    expected = [[0.25] * 4, [0.5, 0, 0.5, 0], [0.75, 0, 0, 0.25], [0, 0, 0, 1]]
    np.testing.assert_array_equal(activations.sparsemax(rows), expected)
    for value in (np.nan, infinity):
        assert np.isnan(activations.sparsemax([[0.0, value]])).all()
    assert np.isnan(activations.sparsemax([[-infinity, -infinity]])).all()
    assert activations.sparsemax(np.zeros((0, 3))).shape == (0, 3)


def test_sparsemax_gradient():
    """The gradient is v - mean(v) over the support, 0 elsewhere (Martins and Astudillo, 2016, equation 14)."""
    z, v = tf.constant(RNG.normal(size=(50, 9))), RNG.normal(size=(50, 9))
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = activations.sparsemax(z)
    support = y.numpy() > 0
    mean = (v * support).sum(1, keepdims=True) / support.sum(1, keepdims=True)
    np.testing.assert_allclose(tape.gradient(y, z, output_gradients=tf.constant(v)), support * (v - mean), atol=1e-12)


def test_sparsemax_invalid_axis():
    with raises_argument_error("axis", received="2", expected="a valid axis for a tensor of rank 2"):
        activations.sparsemax(np.zeros((2, 3)), axis=2)


def test_snake_and_lisht():
    x = RNG.normal(size=100)
    for function, expected in (
        (activations.snake, x + np.sin(x) ** 2),
        (lambda x: activations.snake(x, 2.5), x + np.sin(2.5 * x) ** 2 / 2.5),
        (activations.lisht, x * np.tanh(x)),
    ):
        np.testing.assert_allclose(function(x), expected, rtol=1e-12, atol=1e-12)
        half = function(x.astype("float16"))
        assert half.dtype == "float16"
        np.testing.assert_allclose(half, expected, atol=0.02)


def test_rrelu_slope_distribution():
    x = -np.ones((1000, 10), "float32")
    slopes = -activations.rrelu(x, 0.2, 0.6, training=True, seed=keras.random.SeedGenerator(1)).numpy()
    assert slopes.min() >= 0.2
    assert slopes.max() <= 0.6
    # The mean of 10,000 uniform draws is within 4 standard errors, 4 * 0.4 / sqrt(12 * 10,000), of 0.4.
    np.testing.assert_allclose(slopes.mean(), 0.4, atol=0.0047)
    assert len(np.unique(slopes)) > 9000
    np.testing.assert_allclose(activations.rrelu(x, 0.2, 0.6), -0.4 * np.ones_like(x), rtol=1e-6)
    np.testing.assert_array_equal(activations.rrelu(-x, training=True), -x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rrelu_generator_draws_in_the_dtype_of_the_inputs(dtype):
    x = -np.ones(1000, dtype)
    found = activations.rrelu(x, 0.2, 0.6, training=True, rng=tf.random.Generator.from_seed(1))
    expected = tf.random.Generator.from_seed(1).uniform((1000,), 0.2, 0.6, dtype)
    np.testing.assert_array_equal(found, -expected)


def test_rrelu_seeds():
    x = -np.ones(50, "float32")
    once, again = (activations.rrelu(x, training=True, seed=3).numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    rng = tf.random.Generator.from_seed(1)
    first, second = (activations.rrelu(x, training=True, rng=rng).numpy() for _ in range(2))
    assert np.any(first != second)
    layer = RReLU(seed=3)
    assert np.any(layer(x, training=True).numpy() != layer(x, training=True).numpy())
    np.testing.assert_allclose(layer(x), x * (1 / 8 + 1 / 3) / 2, rtol=1e-6)
    with raises_argument_error("rng", expected="None when `seed` is given"):
        activations.rrelu(x, seed=3, rng=rng)
    with raises_argument_error("lower", received="0.5", expected="<= `upper` (0.3333333333333333)"):
        activations.rrelu(x, lower=0.5)


@pytest.mark.parametrize("name", activations.__all__)
def test_integers(name):
    function, x = getattr(activations, name), np.array([[-2, 1, 1], [0, 3, -1]])
    np.testing.assert_allclose(function(x), function(x.astype("float32")), rtol=1e-6)
    assert function(x).dtype == "float32"


@pytest.mark.parametrize("name", ["lisht", "rrelu", "snake", "sparsemax"])
def test_activations_are_saved_by_name(name, tmp_path):
    layer = keras.layers.Dense(4, activation=getattr(activations, name))
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "model.keras")
    x = RNG.normal(size=(5, 3))
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[-1].activation is getattr(activations, name)
