"""Tests of warps and interpolation: against SciPy, gradients, and with bad input."""

import copy

import numpy as np
import pytest
import tensorflow as tf
from scipy import interpolate, ndimage

from tensorsmith import image, ops
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def sampled(grid, points):
    """Returns the values of a grid of shape (height, width, channels) at points (n, 2), computed by SciPy."""
    channels = [
        ndimage.map_coordinates(grid[..., channel], points.T, order=1, mode="nearest")
        for channel in range(grid.shape[-1])
    ]
    return np.stack(channels, axis=1)


@pytest.mark.parametrize(("size", "dtype", "tolerance"), [((2, 2), "float16", 2e-2), ((6, 7), "float64", 1e-12)])
def test_interpolation_against_scipy(size, dtype, tolerance):
    grid = RNG.random((3, *size, 4)).astype(dtype)
    points = RNG.uniform(-2, 8, (3, 20, 2)).astype(dtype)
    expected = [sampled(*each) for each in zip(grid.astype("float64"), points.astype("float64"), strict=True)]
    found = image.interpolate_bilinear(grid, points)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=tolerance)
    np.testing.assert_allclose(image.interpolate_bilinear(grid, points[..., ::-1], "xy"), expected, atol=tolerance)


def test_points_for_all_grids():
    grid, points = RNG.random((3, 6, 7, 4)), RNG.uniform(-2, 8, (1, 20, 2))
    expected = image.interpolate_bilinear(grid, np.repeat(points, 3, axis=0))
    np.testing.assert_array_equal(image.interpolate_bilinear(grid, points), expected)


def test_dense_warp_against_scipy():
    batch, flow = RNG.random((2, 6, 7, 3)), RNG.normal(size=(2, 6, 7, 2), scale=2)
    rows, columns = np.mgrid[:6, :7]
    for array, motion, found in zip(batch, flow, image.dense_image_warp(batch, flow), strict=True):
        points = np.stack([rows - motion[..., 0], columns - motion[..., 1]], axis=2).reshape(-1, 2)
        np.testing.assert_allclose(found, sampled(array, points).reshape(6, 7, 3), atol=1e-12)


def test_gradients():
    batch = tf.constant(RNG.random((1, 4, 5, 2)))
    flow = tf.constant(RNG.integers(-2, 2, (1, 4, 5, 2)) + RNG.uniform(0.2, 0.8, (1, 4, 5, 2)))
    theoretical, numerical = tf.test.compute_gradient(image.dense_image_warp, [batch, flow])
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.pairwise
@pytest.mark.parametrize(("order", "kernel"), [(1, "linear"), (2, "thin_plate_spline"), (3, "cubic")])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_splines_against_scipy(order, kernel, dimensions, smoothing):
    centers, points = RNG.random((2, 9, dimensions)), RNG.random((2, 5, dimensions))
    values = RNG.normal(size=(2, 9, 3))
    # SciPy's kernels -r and r^3 have different signs, which the sign of the smoothing follows.
    sign = {1: -1, 2: 1, 3: 1}[order]
    found = image.interpolate_spline(centers, values, points, order, sign * smoothing)
    for index in range(2):
        spline = interpolate.RBFInterpolator(
            centers[index], values[index], kernel=kernel, degree=1, smoothing=smoothing
        )
        tolerance = 1e-3 if order == 1 else 1e-5  # distances of 0 are replaced by 1e-5
        np.testing.assert_allclose(found[index], spline(points[index]), rtol=tolerance, atol=tolerance)


def test_spline_passes_through_its_values():
    centers, values = RNG.random((2, 9, 2)), RNG.normal(size=(2, 9, 3))
    for order in (1, 2, 3, 4):
        found = image.interpolate_spline(centers, values, centers, order)
        np.testing.assert_allclose(found, values, atol=1e-3)  # distances of 0 are replaced by 1e-5


def test_control_points_move_to_their_destinations():
    array = RNG.random((1, 9, 11, 2))
    source = np.array([[[3.0, 4.0], [5.0, 6.0], [2.0, 8.0]]])
    destination = source + np.array([[[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]])
    found, flow = image.sparse_image_warp(array, source, destination, num_boundary_points=3)
    for (row, column), (new_row, new_column) in zip(source[0].astype(int), destination[0].astype(int), strict=True):
        np.testing.assert_allclose(found[0, new_row, new_column], array[0, row, column], atol=1e-4)
    np.testing.assert_allclose(flow.numpy()[0, [0, 0, -1, -1, 0], [0, -1, 0, -1, 0]], np.zeros((5, 2)), atol=1e-4)
    unmoved, _ = image.sparse_image_warp(array, source, source)
    np.testing.assert_allclose(unmoved, array, atol=1e-6)
    several, _ = image.sparse_image_warp(np.repeat(array, 3, 0), source, destination, num_boundary_points=3)
    np.testing.assert_allclose(several, np.repeat(found, 3, 0), atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 3), (1, 6, 7, 3)])
def test_unknown_rank(shape):
    array = RNG.random(shape)
    points = np.array([[[3.0, 3.0]]])

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float64)])
    def unknown(each):
        return image.sparse_image_warp(each, points, points + 0.5, num_boundary_points=2)

    for one, other in zip(
        unknown(array), image.sparse_image_warp(array, points, points + 0.5, num_boundary_points=2), strict=True
    ):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize(
    ("inner", "dtype", "tolerance"), [((), "float16", 1e-2), ((9,), "float32", 1e-5), ((3, 4), "float64", 1e-12)]
)
def test_resampler_against_scipy(inner, dtype, tolerance):
    data, warp = RNG.random((3, 6, 7, 2)).astype(dtype), RNG.uniform(-3, 9, (3, *inner, 2)).astype(dtype)
    found = image.resampler(data, warp)
    assert found.dtype == dtype
    assert found.shape == (3, *inner, 2)
    for array, points, values in zip(data.astype("float64"), warp.astype("float64"), found, strict=True):
        for channel in range(2):
            expected = ndimage.map_coordinates(
                array[..., channel], points[..., ::-1].reshape(-1, 2).T, order=1, mode="grid-constant"
            )
            np.testing.assert_allclose(np.ravel(values[..., channel]), expected, atol=tolerance)


def test_integer_images_are_refused():
    batch, flow = tf.zeros((1, 4, 5, 3), tf.uint8), tf.zeros((1, 4, 5, 2))
    for name, call in (
        ("image", lambda: image.dense_image_warp(batch, flow)),
        ("grid", lambda: image.interpolate_bilinear(batch, flow[:, 0])),
        ("data", lambda: image.resampler(batch, flow)),
    ):
        with raises_argument_error(name, received="uint8", expected="of a floating-point dtype"):
            call()
        with pytest.raises(TypeError, match=f"{name} must be of a floating-point dtype"):
            call()


def test_resampler_of_extreme_positions():
    data, warp = tf.constant(RNG.random((2, 4, 5, 3))), tf.zeros((2, 9, 2), tf.float64)
    far = [[[np.nan, 1.0], [1e30, 1.0], [-np.inf, 2.0]]] * 2
    np.testing.assert_array_equal(image.resampler(data, far), np.zeros((2, 3, 3)))
    with tf.GradientTape() as tape:
        tape.watch(far := tf.constant(far, tf.float64))
        total = tf.reduce_sum(image.resampler(data, far))
    np.testing.assert_array_equal(tape.gradient(total, far), np.zeros((2, 3, 2)))
    assert image.resampler(data[:0], warp[:0]).shape == (0, 9, 3)


@pytest.mark.parametrize(
    ("data", "warp", "kind", "message"),
    [
        (
            (2, 3, 4, 5, 1),
            (2, 7, 2),
            tf.errors.UnimplementedError,
            "Only bilinear interpolation is currently supported.",
        ),
        ((2, 3, 4, 1), (2,), tf.errors.InvalidArgumentError, "warp should be at least a matrix"),
        ((2, 3, 4, 1), (3, 7, 2), tf.errors.InvalidArgumentError, "Batch size of data and warp tensor"),
        ((2, 3, 4, 1), (2, 7, 3), tf.errors.UnimplementedError, "Only bilinear interpolation is supported, warping"),
    ],
)
def test_resampler_errors(data, warp, kind, message):
    """They are argument errors that also have the classes and messages of the tests of TensorFlow Addons."""
    name, received = ("data", data) if len(data) == 5 else ("warp", warp)
    with raises_argument_error(name, received=f"shape {received}", expected="have shape") as caught:
        image.resampler(tf.zeros(data), tf.zeros(warp))
    assert isinstance(caught.value, kind)
    assert message in str(caught.value)
    assert caught.value.message == str(copy.copy(caught.value)) == str(caught.value)
    unknown = tf.function(image.resampler, input_signature=[tf.TensorSpec(None)] * 2)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        unknown(tf.zeros(data), tf.zeros(warp))


@pytest.mark.parametrize("function", [image.interpolate_bilinear, image.dense_image_warp])
def test_traces_with_kernels_are_not_reused(function, tmp_path):
    """Exported functions and functions compiled by XLA do not contain kernels, even if one was traced before."""
    batch, other = tf.constant(RNG.random((1, 4, 5, 2)), tf.float32), tf.constant(RNG.random((1, 4, 5, 2)), tf.float32)
    points = other[:, 0] if function is image.interpolate_bilinear else other
    expected = function(batch, points)
    with ops.use("reference"):
        np.testing.assert_allclose(function(batch, points), expected, rtol=1e-5)
    np.testing.assert_allclose(tf.function(function, jit_compile=True)(batch, points), expected, rtol=1e-5)
    module = tf.Module()
    module.serve = tf.function(lambda batch: function(batch, points), input_signature=[tf.TensorSpec((1, 4, 5, 2))])
    tf.saved_model.save(module, str(tmp_path))
    assert b"TensorsmithResample" not in (tmp_path / "saved_model.pb").read_bytes()


def test_nan_and_empty():
    grid = RNG.random((1, 3, 4, 2))
    found = image.interpolate_bilinear(grid, [[[np.nan, 1.0], [np.inf, -np.inf]]]).numpy()[0]
    assert np.isnan(found[0]).all()
    assert image.interpolate_bilinear(grid, np.zeros((1, 0, 2))).shape == (1, 0, 2)
    assert image.dense_image_warp(tf.zeros((0, 3, 4, 2)), tf.zeros((0, 3, 4, 2))).shape == (0, 3, 4, 2)


def test_bad_input():
    grid, points = tf.zeros((1, 3, 4, 2)), tf.zeros((1, 5, 2))
    errors = (ValueError, tf.errors.InvalidArgumentError)
    for given, message in (
        ((tf.zeros((3, 4, 2)), points), "Grid must be 4D"),
        ((tf.zeros((1, 1, 4, 2)), points), "Grid height must be at least 2"),
        ((tf.zeros((1, 3, 1, 2)), points), "Grid width must be at least 2"),
        ((grid, tf.zeros((5, 2))), "Query points must be 3 dimensional"),
        ((grid, tf.zeros((1, 5, 3))), "Query points last dimension must be 2|Dimensions must be equal"),
    ):
        with pytest.raises(errors, match=message):
            image.interpolate_bilinear(*given)
    with raises_argument_error("indexing", received="'yx'", expected="one of"):
        image.interpolate_bilinear(grid, points, "yx")
    with raises_argument_error("order", received="0", expected="a positive integer"):
        image.interpolate_spline(points, points, points, 0)
    with raises_argument_error("train_points", received="shape (5, 2)", expected="have three axes"):
        image.interpolate_spline(points[0], points, points, 1)
    with raises_argument_error("num_boundary_points", received="-1", expected="a non-negative integer"):
        image.sparse_image_warp(grid, points, points, num_boundary_points=-1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
        image.interpolate_spline(tf.zeros((1, 3, 2)), tf.ones((1, 3, 1)), points, 1)
