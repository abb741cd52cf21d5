"""Layers that need inputs of some shape say so, and are right at the edges of what they take."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import (
    TLU,
    FilterResponseNormalization,
    Maxout,
    PoincareNormalize,
    PolynomialCrossing,
    StochasticDepth,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (FilterResponseNormalization(axis=[0, 1]), (2, 3, 4), "`axis`: .* without the batch's and the channels'"),
        (FilterResponseNormalization(axis=[1, -1]), (2, 3, 4), "`axis`: .* without the batch's and the channels'"),
        (FilterResponseNormalization(axis=[1, 1]), (2, 3, 4, 5), "`axis`: .* different axes of 4"),
        (FilterResponseNormalization(), (2, 3), "`axis`: .* different axes of 2"),
        (Maxout(4), (2, 6), "`num_units`: received 4, expected a divisor of the 6 features"),
        (Maxout(2, axis=0), (2, 6), "`axis`: received 0, expected one of 2, and not the batch's"),
        (Maxout(2), (2, None), "`inputs`: .* a known number of features"),
        (PolynomialCrossing(3), [(2, 5), (2, 5)], "`projection_dim`: received 3, expected no more than half of the 5"),
        (PolynomialCrossing(), (2, 5), "`inputs`: .* two tensors"),
        (StochasticDepth(), (2, 5), "`inputs`: .* a list of two tensors"),
        (TLU(), (2, None, 5), r"`inputs`: .* Remedy: give shared_axes"),
        (TLU(shared_axes=[3]), (2, 3, 5), "`shared_axes`: .* axes of inputs"),
    ],
)
def test_shapes_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.build(shape)


def test_filter_responses_over_one_axis_and_in_half_types():
    x = 300 * RNG.normal(size=(2, 50, 3))  # squares beyond float16
    expected = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(FilterResponseNormalization(axis=[1], dtype="float64")(x), expected, rtol=1e-9)
    half = FilterResponseNormalization(axis=[1], dtype="mixed_float16")(x)
    np.testing.assert_allclose(half, expected, atol=0.01)


def test_thresholds_for_each_channel():
    layer = TLU(tau_initializer="ones", shared_axes=[1, 2])
    assert layer(np.zeros((2, 4, 4, 3))).shape == (2, 4, 4, 3)
    assert layer.tau.shape == (1, 1, 3)


def test_vectors_stay_in_the_ball_and_zero_has_a_gradient():
    x = tf.constant(np.concatenate([np.zeros((1, 3)), RNG.normal(size=(50, 3))]))
    layer = PoincareNormalize(epsilon=0.1, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    norms = np.linalg.norm(y, axis=1)
    inside = np.linalg.norm(x, axis=1) <= 0.9
    assert 1 < inside.sum() < 50
    np.testing.assert_array_equal(y.numpy()[inside], x.numpy()[inside])
    np.testing.assert_allclose(norms[~inside], 0.9)
    gradient = tape.gradient(y, x).numpy()
    np.testing.assert_array_equal(gradient[0], 1)
    assert np.isfinite(gradient).all()
    far = PoincareNormalize(dtype="mixed_float16")(np.full((1, 2), 1000.0))
    np.testing.assert_allclose(far, np.full((1, 2), 0.5**0.5), atol=1e-3)


def test_branches_survive_as_often_as_said():
    layer = StochasticDepth(0.25, seed=1)
    one = keras.ops.ones((1, 2))
    kept = np.array([layer([one, one], training=True) for _ in range(400)]) - 1
    assert set(np.unique(kept)) == {0, 1}
    assert (kept[..., 0] == kept[..., 1]).all()
    np.testing.assert_allclose(kept.mean(), 0.25, atol=0.087)  # 4 standard errors, 4 sqrt(0.25 * 0.75 / 400)


def test_both_narrow_kernels_have_numbers_of_their_own():
    layer = PolynomialCrossing(2, kernel_initializer=keras.initializers.RandomNormal())
    layer.build([(None, 4), (None, 4)])
    first, second = (kernel.numpy() for kernel in layer.kernels)
    assert np.any(first.ravel() != second.ravel())
