"""Tests of median_filter2d against NumPy, SciPy, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

DTYPES = ["uint8", "int32", "float16", "bfloat16", "float32", "float64"]
# Windows for all algorithms: constant and other areas, histograms and sorting.
WINDOWS = [(1, 2), (3, 3), (5, 5), (2, 3), (9, 1), (9, 11), (19, 18)]
WINDOWS += [
    pytest.param(window, marks=pytest.mark.slow) for window in [(1, 1), (2, 1), (4, 4), (1, 25), (7, 9), (13, 14)]
]
SHAPES = [(2, 19, 25, 3), (1, 20, 90, 1), (3, 21, 26, 2)]


def draw(rng, shape, dtype):
    """Returns images with ties, and for integers with the smallest and largest numbers."""
    if dtype in ("uint8", "int32"):
        limits = np.iinfo(dtype)
        numbers = [limits.min, limits.max, limits.max - 1, *rng.integers(limits.min, limits.max, 40, dtype)]
        return rng.choice(np.array(numbers, dtype), shape)
    return tf.cast(rng.integers(-40, 40, shape) / 8, dtype).numpy()


def by_numpy(images, window):
    """Returns the medians of integers rounded toward zero, and of other numbers rounded to their dtype."""
    exact = images.astype("float64")  # exact for sums of two int32
    windows = np.lib.stride_tricks.sliding_window_view(exact, window, axis=(1, 2))
    medians = np.median(windows, axis=(-2, -1))
    return (np.trunc(medians) if images.dtype.kind in "iu" else medians).astype(images.dtype)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_matches_numpy(shape, window, dtype, choice, rng):
    images = draw(rng, shape, dtype)
    with ops.use(choice):
        for function in (ops.median_filter2d, tf.function(ops.median_filter2d)):
            found = function(images, window)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, by_numpy(images, window))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_large_images_match_scipy(dtype, rng):
    image = (255 * rng.random((70, 90))).astype(dtype)
    found = ops.median_filter2d(image[np.newaxis, :, :, np.newaxis], (15, 15))
    np.testing.assert_array_equal(found[0, :, :, 0], ndimage.median_filter(image, 15)[7:-7, 7:-7])


@pytest.mark.parametrize("size", [3, 5])
def test_all_columns_of_zeros_and_ones(size, rng):
    """By the 0-1 principle, a network of minima and maxima that selects all these medians selects all medians."""
    ones = np.stack(np.meshgrid(*[np.arange(size + 1)] * size), axis=-1).reshape(-1, 1, size)  # in each column
    images = (np.arange(size)[:, np.newaxis] < ones).astype("uint8")
    images = rng.permuted(images, axis=1)[..., np.newaxis]
    medians = ops.median_filter2d(images, (size, size)).numpy().ravel()
    np.testing.assert_array_equal(medians, ones.sum(axis=(1, 2)) > size**2 // 2)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("window", [(1, 1), (1, 2), (3, 3), (5, 5), (3, 4), (19, 19)])
def test_nan_and_infinity(window, dtype, choice, rng):
    numbers = tf.cast([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0], dtype).numpy()
    images = rng.choice(numbers[2:], (2, 20, 40, 2))
    places = rng.random(images.shape) < 0.01
    images[places] = rng.choice(numbers[:2], places.sum())
    with np.errstate(invalid="ignore"), ops.use(choice):  # the mean of opposite infinities is NaN
        found = ops.median_filter2d(images, window).numpy().astype("float64")
        np.testing.assert_array_equal(found, by_numpy(images, window).astype("float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window", [(3, 3), (2, 3)])
def test_gradients_match_reference(window, dtype, rng):
    images = tf.constant(rng.normal(size=(2, 6, 7, 2)), dtype)

    def differentiated():
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                loss = tf.reduce_sum(ops.median_filter2d(images, window) ** 3)
            first = inner.gradient(loss, images)
            loss = tf.reduce_sum(first**2)
        return first, outer.gradient(loss, images)

    ours = differentiated()
    with ops.use("reference"):
        theirs = differentiated()
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        assert np.abs(one).max() > 0


def test_gradient_against_differences(rng):
    images = tf.constant(rng.permutation(60).reshape(1, 6, 5, 2), tf.float64)
    theoretical, numerical = tf.test.compute_gradient(lambda images: ops.median_filter2d(images, (3, 2)), [images])
    np.testing.assert_allclose(theoretical[0], numerical[0], atol=1e-6)


@pytest.mark.parametrize("window", [(3, 3), (11, 12)])
def test_independent_of_thread_count(window, same_for_any_thread_count, rng):
    for dtype in ("uint8", "float32"):
        images = tf.constant(draw(rng, (3, 60, 70, 1), dtype))
        same_for_any_thread_count(lambda images: tf.cast(ops.median_filter2d(images, window), tf.float64), images)


def test_shapes(rng):
    images = rng.normal(size=(2, 9, 8, 3)).astype("float32")

    @tf.function(input_signature=[tf.TensorSpec(None)])
    def unknown(images):
        return ops.median_filter2d(images, (3, 2))

    @tf.function(input_signature=[tf.TensorSpec([None, 9, None, 3])])
    def partly(images):
        medians = ops.median_filter2d(images, (3, 2))
        assert medians.shape.as_list() == [None, 7, None, 3]
        return medians

    for function in (unknown, partly):
        np.testing.assert_array_equal(function(images), by_numpy(images, (3, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="window_height: got 3, expected 1 to 2"):
        unknown(images[:, :2])
    for empty in ((0, 9, 8, 3), (2, 9, 8, 0)):
        assert ops.median_filter2d(np.zeros(empty, "uint8"), (3, 2)).shape == (empty[0], 7, 7, empty[3])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"images": np.ones((2, 3))}, {"name": "images", "expected": "have shape (batch, height, width, channels)"}),
        ({"window": (0, 3)}, {"name": "window", "received": "(0, 3)", "expected": "a pair of positive integers"}),
        ({"window": (3, 3, 3)}, {"name": "window", "expected": "a pair of positive integers"}),
        ({"window": 3}, {"name": "window", "expected": "a pair of positive integers"}),
        ({"window": (2.0, 3)}, {"name": "window", "expected": "a pair of positive integers"}),
        ({"window": (3, 2**40)}, {"name": "images", "expected": f"at least as large as the window 3 x {2**40}"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        ops.median_filter2d(**{"images": np.ones((1, 6, 6, 1)), "window": (3, 3), **arguments})


def small(shape):
    """Returns `True` if an array of the shape has few elements, and is supported by NumPy."""
    return np.prod(shape, dtype=float) < 1e5 and np.prod(np.maximum(shape, 1), dtype=float) < 2**59


shapes = st.lists(st.integers(0, 9) | st.sampled_from([40, 2**33]), min_size=3, max_size=5).filter(small)
sizes = st.integers(-1, 12) | st.integers(-(2**62), 2**62)
numbers = st.floats(width=16)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    shape = data.draw(shapes)
    dtype = data.draw(st.sampled_from(DTYPES))
    pattern = data.draw(st.lists(numbers, min_size=1, max_size=7))
    images = tf.saturate_cast(np.resize(np.nan_to_num(pattern) if "int" in dtype else pattern, shape), dtype)
    height, width = data.draw(sizes), data.draw(sizes)
    worked = fails_cleanly(
        ops.library().ops.tensorsmith_median_filter2d, images=images, window_height=height, window_width=width
    )
    assert worked == (len(shape) == 4 and 1 <= height <= shape[1] and 1 <= width <= shape[2])
