"""Tests of `MCDropout` against the statistics of independent draws."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import MCDropout


def sigmas(share, expected, count):
    """Returns the deviation of an observed fraction of `count` draws from its expectation, in standard deviations."""
    return abs(share - expected) / np.sqrt(expected * (1 - expected) / count)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("training", [None, False, True])
def test_dropout_rate_and_mean(rate, training):
    count = 200_000
    y = MCDropout(rate, seed=1)(np.ones((count // 100, 100), "float32"), training=training).numpy()
    assert sigmas(np.mean(y == 0), rate, count) < 5
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / count)


def test_seed_and_repeated_calls():
    x = np.ones((8, 16), "float32")
    layer, counterpart = MCDropout(0.5, seed=3), MCDropout(0.5, seed=3)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(counterpart(x), first)
    np.testing.assert_array_equal(counterpart(x), second)


def test_noise_shape():
    y = MCDropout(0.5, noise_shape=(None, 1, 4), seed=2)(np.ones((50, 6, 4), "float32")).numpy()
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 6, axis=1))
    assert (y == 0).any()
    assert (y != 0).any()


def test_rate_zero():
    x = np.arange(12, dtype="float32").reshape(3, 4)
    np.testing.assert_array_equal(MCDropout(0.0)(x), x)


def test_predict_is_stochastic():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, MCDropout(0.5, seed=4)(keras.layers.BatchNormalization()(inputs)))
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    first, second = (model.predict(x, verbose=0) for _ in range(2))
    assert (first != second).any()
    kept = first != 0
    np.testing.assert_allclose(first[kept], 2 * x[kept] / np.sqrt(1.001), rtol=1e-5)  # moving mean 0 and variance 1


def test_matches_keras_dropout_in_training():
    x = np.random.default_rng(1).normal(size=(5, 7)).astype("float32")
    np.testing.assert_array_equal(MCDropout(0.3, seed=9)(x), keras.layers.Dropout(0.3, seed=9)(x, training=True))
