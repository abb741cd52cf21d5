"""Tests of separable_filter2d against SciPy, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

MODES = {"reflect": "mirror", "constant": "constant", "symmetric": "reflect"}  # names in SciPy
SHAPES = [(2, 19, 25, 3), (1, 3, 90, 1), (3, 1, 1, 2), (1, 40, 7, 5), (1, 300, 150, 1)]
WINDOWS = [(1, 1), (3, 3), (5, 5), (4, 2), (1, 9), (11, 8)]
ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 1e-6, "float64": 1e-14}


def weights_of(rng, window, dtype="float64"):
    """Returns positive weights with a sum of 1 along the height and along the width."""
    return [(weights / weights.sum()).astype(dtype) for weights in (rng.uniform(0.1, 1, size) for size in window)]


def by_scipy(images, weights, padding, fill_value):
    result = images.astype("float64")
    for axis, each in enumerate(weights, start=1):
        # SciPy centers even windows one pixel further to the top and left.
        origin = -1 if len(each) % 2 == 0 else 0
        # Margins of both axes have the fill value, also where they meet.
        inner = fill_value * (weights[0].astype("float64").sum() if axis == 2 else 1)
        result = ndimage.correlate1d(
            result, each.astype("float64"), axis, mode=MODES[padding], cval=inner, origin=origin
        )
    return result


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("padding", MODES)
@pytest.mark.parametrize("dtype", ["uint8", "int32", *ROUNDING])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_matches_scipy(shape, window, dtype, padding, choice, rng):
    images = tf.cast(rng.uniform(0, 255, shape), dtype).numpy()
    weights = weights_of(rng, window, "float64" if dtype == "float64" else "float32")
    expected = by_scipy(images, weights, padding, 7.5)
    with ops.use(choice):
        found = ops.separable_filter2d(images, *weights, padding, 7.5)
    assert found.dtype == dtype
    if dtype in ROUNDING:
        np.testing.assert_allclose(found.numpy().astype("float64"), expected, rtol=2 * ROUNDING[dtype], atol=1e-6)
    else:  # the nearest integer, but for rounding errors in the middle of two
        assert np.abs(found.numpy() - expected).max() <= 0.5001


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("padding", MODES)
def test_agrees_with_reference(padding, dtype, agree, rng):
    def filtered(images, height_weights, width_weights, fill_value):
        return ops.separable_filter2d(images, height_weights, width_weights, padding, fill_value)

    images, weights = rng.normal(size=(2, 6, 7, 2)), weights_of(rng, (3, 4))
    if dtype == "float32":
        agree(filtered, images, *weights, np.float64(0.5))
    else:  # the weights are float32
        agree(lambda images: filtered(images, *weights, 0.5), images, dtype=dtype)


def test_second_derivatives(rng):
    images, weights = (
        tf.constant(rng.normal(size=(1, 5, 6, 1))),
        [tf.constant(each) for each in weights_of(rng, (3, 2))],
    )

    def differentiated():
        with tf.GradientTape() as outer:
            outer.watch(weights)
            with tf.GradientTape() as inner:
                inner.watch(images)
                loss = tf.reduce_sum(ops.separable_filter2d(images, *weights) ** 3)
            loss = tf.reduce_sum(inner.gradient(loss, images) ** 2)
        return outer.gradient(loss, weights)

    ours = differentiated()
    with ops.use("reference"):
        theirs = differentiated()
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_independent_of_thread_count(dtype, same_for_any_thread_count, rng):
    images, weights = tf.cast(rng.uniform(0, 255, (2, 230, 160, 3)), dtype), weights_of(rng, (5, 7))
    same_for_any_thread_count(lambda images: tf.cast(ops.separable_filter2d(images, *weights), tf.float32), images)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_products_are_rounded(dtype, rng):
    """Sums without fused multiply-add equal those of NumPy bit by bit, with any instruction set."""
    real = "float64" if dtype == "float64" else "float32"
    images = tf.cast(rng.uniform(0, 255, (1, 20, 70, 3)), dtype).numpy()
    weights = weights_of(rng, (5, 7), real)
    expected = np.pad(images, [(0, 0), (2, 2), (3, 3), (0, 0)], "reflect").astype(real)
    expected = sum(weight * expected[:, :, i : i + 70] for i, weight in enumerate(weights[1]))
    expected = sum(weight * expected[:, i : i + 20] for i, weight in enumerate(weights[0]))
    found = ops.separable_filter2d(images, *weights)
    np.testing.assert_array_equal(found, np.rint(expected) if dtype == "uint8" else expected)


def test_integers_are_clipped_and_rounded_to_even():
    images = np.array([0, 1, 2, 3, 254, 255], "uint8").reshape(1, 1, 6, 1)
    for choice in ("compiled", "reference"):
        with ops.use(choice):
            for weight, expected in ((0.5, [0, 0, 1, 2, 127, 128]), (-1, [0] * 6), (2, [0, 2, 4, 6, 255, 255])):
                found = ops.separable_filter2d(images, [1.0], [float(weight)])
                np.testing.assert_array_equal(found.numpy().ravel(), expected)


def test_shapes(rng):
    images, weights = rng.normal(size=(2, 9, 8, 3)), weights_of(rng, (3, 5))
    for choice in ("compiled", "reference"):
        with ops.use(choice):
            for shape in (None, [None, 9, None, 3]):
                spec = tf.TensorSpec(shape, tf.float64)
                function = tf.function(
                    lambda images: ops.separable_filter2d(images, *weights), input_signature=[spec], autograph=False
                )
                np.testing.assert_allclose(function(images), by_scipy(images, weights, "reflect", 0), rtol=1e-12)
            for empty in ((0, 9, 8, 3), (2, 0, 8, 3), (2, 9, 8, 0)):
                assert ops.separable_filter2d(np.zeros(empty, "uint8"), *weights).shape == empty


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"images": np.ones((2, 3))}, {"name": "images", "expected": "have shape (batch, height, width, channels)"}),
        ({"images": np.ones((1, 2, 2, 1), "complex64")}, {"name": "images", "received": "complex64"}),
        ({"height_weights": np.ones((2, 2))}, {"name": "height_weights", "received": "(2, 2)"}),
        ({"width_weights": []}, {"name": "width_weights", "received": "(0,)"}),
        ({"padding": "edge"}, {"name": "padding", "received": "'edge'", "expected": "one of"}),
    ],
)
def test_bad_arguments(arguments, error):
    valid = {"images": np.ones((1, 6, 6, 1)), "height_weights": np.ones(3), "width_weights": np.ones(3)}
    with raises_argument_error(**error):
        ops.separable_filter2d(**{**valid, **arguments})


shapes = st.lists(st.integers(0, 9), min_size=3, max_size=5)
sizes = st.lists(st.integers(0, 30), min_size=0, max_size=2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    shape, height, width, fill = (data.draw(each) for each in (shapes, sizes, sizes, sizes))
    dtype = data.draw(st.sampled_from(["uint8", *ROUNDING]))
    wide = data.draw(st.sampled_from(["float32", "float64"]))
    padding = data.draw(st.integers(-1, 3))
    pattern = data.draw(st.lists(st.floats(width=16), min_size=1, max_size=7))
    images = tf.saturate_cast(np.resize(np.nan_to_num(pattern) if dtype == "uint8" else pattern, shape), dtype)
    worked = fails_cleanly(
        ops.library().ops.tensorsmith_separable_filter2d,
        images=images,
        height_weights=tf.ones(height, wide),
        width_weights=tf.ones(width, wide),
        fill_value=tf.ones(fill, wide),
        padding=padding,
    )
    valid = len(shape) == 4 and len(height) == len(width) == 1 and 0 not in height + width and fill == []
    assert worked == (valid and 0 <= padding <= 2 and (dtype == "float64") == (wide == "float64"))
