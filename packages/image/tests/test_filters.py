"""Tests of filters: against SciPy, with unknown shapes, and with bad input."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tensorsmith import image
from tensorsmith.ops.margins import padded
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
MODES = {"REFLECT": "mirror", "SYMMETRIC": "reflect", "CONSTANT": "constant"}  # names in SciPy
FILTERS = [image.mean_filter2d, image.gaussian_filter2d, image.median_filter2d]


@pytest.mark.parametrize(
    ("padding", "dtype", "tolerance"),
    [("REFLECT", "float16", 2e-3), ("SYMMETRIC", "float32", 1e-6), ("CONSTANT", "float64", 1e-12)],
)
def test_filters_against_scipy(padding, dtype, tolerance):
    batch = RNG.random((2, 8, 9, 3)).astype(dtype)
    options = {"padding": padding, "constant_values": 0.25}
    mean = image.mean_filter2d(batch, (3, 5), **options)
    blurred = image.gaussian_filter2d(batch, (7, 9), (1.0, 0.7), **options)
    assert mean.dtype == blurred.dtype == dtype
    scipy = {"mode": MODES[padding], "cval": 0.25}
    batch = batch.astype("float64")
    np.testing.assert_allclose(mean, ndimage.uniform_filter(batch, (1, 3, 5, 1), **scipy), atol=tolerance)
    expected = ndimage.gaussian_filter(batch, (0, 1.0, 0.7, 0), radius=(0, 3, 4, 0), **scipy)
    np.testing.assert_allclose(blurred, expected, atol=tolerance)


@pytest.mark.parametrize(
    ("padding", "window", "dtype"),
    [("REFLECT", (3, 3), "uint8"), ("SYMMETRIC", (5, 1), "int32"), ("CONSTANT", (7, 5), "float16")],
)
def test_margins_of_medians_match_scipy(dtype, window, padding):
    batch = RNG.uniform(-100 if dtype != "uint8" else 0, 256, (2, 8, 9, 3)).astype(dtype)
    found = image.median_filter2d(batch, window, padding, 7)
    assert found.dtype == dtype
    expected = ndimage.median_filter(batch.astype("float64"), (1, *window, 1), mode=MODES[padding], cval=7)
    np.testing.assert_array_equal(found, expected)


def test_median_of_an_even_number_of_pixels():
    array = RNG.integers(-100, 256, (7, 8)).astype("int32")
    margins = np.pad(array, [(0, 1), (1, 2)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(margins, (2, 4))
    expected = np.median(windows.astype("float64"), axis=(2, 3)).astype("int32")
    np.testing.assert_array_equal(image.median_filter2d(array, (2, 4)), expected)


def test_median_gradient_of_unknown_shapes():
    """A persistent tape differentiates functions with branches in another way."""
    array = tf.constant(RNG.permutation(30).reshape(5, 6), tf.float64)
    unknown = tf.function(image.median_filter2d, input_signature=[tf.TensorSpec([None, None], tf.float64)])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(array)
        medians = unknown(array)
    assert float(tf.reduce_sum(tape.gradient(medians, array))) == 30


@pytest.mark.parametrize("filtered", FILTERS)
def test_no_warnings_of_retracing(filtered, caplog):
    """TensorFlow warns if five of the last calls of a function trace it: sizes, numbers, paddings, shapes, dtypes."""
    with caplog.at_level("WARNING", "tensorflow"):
        for size in (3, 5, 7, 9, 11, 13):
            filtered(tf.zeros((8, 9)), size)
            filtered(tf.zeros((8, 9)), 3, padding="CONSTANT", constant_values=size)
            filtered(tf.zeros((size, 9)), 3)
            filtered(tf.zeros((8, size, 3)), 3)
            filtered(tf.zeros((size, 8, size, 1)), 3)
        for dtype in ("uint8", "int16", "int32", "int64", "float16", "float64"):
            filtered(tf.zeros((8, 9), dtype), 3)
    assert not [record.message for record in caplog.records]


def test_even_windows_extend_to_the_bottom_and_right():
    array = RNG.random((6, 7))
    expected = ndimage.uniform_filter(array, (2, 4), mode="constant", origin=(-1, -1))
    np.testing.assert_allclose(image.mean_filter2d(array, (2, 4), "CONSTANT"), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers(dtype):
    array = RNG.integers(0, 256, (8, 9)).astype(dtype)
    means = ndimage.uniform_filter(array.astype("float64"), 3, mode="mirror")
    sums = np.rint(means * 9).astype(int)
    np.testing.assert_array_equal(image.mean_filter2d(array), sums // 9)
    for filtered in FILTERS:
        assert (filtered(tf.fill((5, 5), tf.constant(77, dtype)), 5).numpy() == 77).all()


def test_deviation_of_zero_does_not_blur():
    array = RNG.random((6, 7))
    np.testing.assert_allclose(image.gaussian_filter2d(array, 5, 0.0), array)
    vertical = image.gaussian_filter2d(array, 5, (1.0, 0.0))
    expected = ndimage.gaussian_filter1d(array, 1.0, axis=0, mode="mirror", radius=2)
    np.testing.assert_allclose(vertical, expected, atol=1e-12)


@pytest.mark.parametrize("padding", MODES)
def test_windows_that_are_larger_than_the_image(padding):
    for shape in ((4, 5), (1, 3), (1, 1)):
        array = RNG.random(shape)
        found = image.mean_filter2d(array, (11, 9), padding)
        expected = ndimage.uniform_filter(array, (11, 9), mode=MODES[padding])
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_images_without_pixels():
    for shape in ((0, 4), (4, 0, 3), (2, 0, 0, 3)):
        assert image.gaussian_filter2d(tf.zeros(shape), 5).shape == shape


def test_gradients():
    array, deviation = tf.constant(RNG.random((3, 4))), tf.constant([0.8, 1.2], tf.float64)
    theoretical, numerical = tf.test.compute_gradient(
        lambda array, deviation: image.gaussian_filter2d(array, 5, deviation), [array, deviation]
    )
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    (theoretical,), (numerical,) = tf.test.compute_gradient(lambda array: image.mean_filter2d(array, 3), [array])
    np.testing.assert_allclose(theoretical, numerical, atol=1e-6)


@pytest.mark.parametrize("filtered", FILTERS)
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (2, 4, 5, 3), (0, 4, 5, 3)])
def test_unknown_rank(filtered, shape):
    array = RNG.random(shape).astype("float32")
    unknown = tf.function(lambda each: filtered(each, 3), input_signature=[tf.TensorSpec(None)])
    np.testing.assert_allclose(unknown(array), filtered(array, 3), atol=1e-6)
    assert filtered(array, 3).shape == shape
    assert np.isnan(filtered(tf.fill((3, 3), np.nan), 3)).all()


@pytest.mark.parametrize("filtered", FILTERS)
def test_numpy_integers(filtered):
    array = RNG.random((5, 6))
    np.testing.assert_array_equal(filtered(array, np.int64(3)), filtered(array, 3))
    np.testing.assert_array_equal(filtered(array, (np.int32(3), np.uint8(5))), filtered(array, (3, 5)))


@pytest.mark.parametrize("filtered", [image.mean_filter2d, image.median_filter2d])
def test_concrete_functions(filtered):
    concrete = filtered.get_concrete_function(tf.TensorSpec((5, 6)))
    array = tf.constant(RNG.random((5, 6)), tf.float32)
    np.testing.assert_array_equal(concrete(array), filtered(array))


@pytest.mark.parametrize("filtered", FILTERS)
def test_bad_input(filtered):
    array = tf.zeros((4, 5))
    for window in ((3, 3, 3), (3, None), 0, (3, -1), (3, 1.5)):
        with raises_argument_error("filter_shape", expected="a positive integer or a pair of positive integers"):
            filtered(array, window)
    with pytest.raises(TypeError, match="filter_shape must be a positive integer"):
        filtered(array, None)
    with raises_argument_error("padding", received="'EDGE'", expected="one of"):
        filtered(array, 3, padding="EDGE")
    # A function of TensorFlow that has been traced with several shapes may know none of them statically.
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="`image` must be 2/3/4D tensor"):
        filtered(tf.zeros(4), 3)


def test_bad_deviations():
    array = tf.zeros((4, 5))
    for sigma in (-1.0, [1.0, -1.0], np.float32(-1), tf.constant([-1.0, 1.0])):
        with raises_argument_error("sigma", expected="non-negative"):
            image.gaussian_filter2d(array, 3, sigma)
    unknown = tf.function(lambda sigma: image.gaussian_filter2d(array, 3, sigma), input_signature=[tf.TensorSpec(())])
    with pytest.raises(tf.errors.InvalidArgumentError, match="sigma must be non-negative"):
        unknown(-1.0)
    with raises_argument_error("sigma", received="shape (3,)", expected="a number or a pair of numbers"):
        image.gaussian_filter2d(array, 3, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_margins_match_numpy(mode):
    """Margins that are smaller than, as large as, and larger than the image."""
    for length in range(1, 6):
        image = np.arange(length, dtype="float32").reshape(1, length, 1, 1)
        for size in range(1, 9):
            margins = [(0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0)]
            found = padded(tf.constant(image), (size, 1), mode.lower(), tf.constant(0.0))
            np.testing.assert_array_equal(found, np.pad(image, margins, mode.lower()))
