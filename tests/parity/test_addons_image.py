"""Comparison of the functions for images with TensorFlow Addons: results and gradients."""

import math

import numpy as np
import pytest
import tensorflow as tf
from side import differentiated
from test_addons import expect_same

from tensorsmith import image

pytestmark = pytest.mark.pairwise
RNG = np.random.default_rng(0)
RANKS = {2: (7, 6), 3: (7, 6, 3), 4: (2, 7, 6, 3)}
HALF = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-10}
INTEGERS = ("uint8", "int32")


def pixels(shape, dtype):
    if dtype in INTEGERS:
        return RNG.integers(0, 256, shape).astype(dtype)
    return RNG.random(shape).astype(dtype)


def compare(addons, name, arrays, tolerance, **options):
    theirs = addons("function", arrays, name=f"image.{name}", **options)
    found = differentiated(lambda *tensors: _listed(getattr(image, name)(*tensors, **options)), arrays)
    assert [each.dtype for each in found] == [each.dtype for each in theirs]
    expect_same(found, theirs, tolerance)


def _listed(found):
    return [tf.convert_to_tensor(each) for each in (found if isinstance(found, tuple) else [found])]


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float32", "float64"])
@pytest.mark.parametrize("rank", RANKS)
def test_geometry(addons, rank, dtype):
    # TensorFlow interpolates in the dtype of the images, so that both results are equal bit by bit.
    fills = ("constant", "reflect", "wrap", "nearest")
    for fill_mode, interpolation in zip(fills, ("nearest", "bilinear") * 2, strict=True):
        options = {"interpolation": interpolation, "fill_mode": fill_mode}
        array = pixels(RANKS[rank], dtype)
        compare(addons, "rotate", [array], 0, angles=0.7, fill_value=1.0, **options)
        compare(addons, "translate", [array], 0, translations=[1.5, -2.0], **options)
        transform = [1.1, 0.2, -0.5, 0.1, 0.9, 0.3, 0.01, -0.02]
        compare(addons, "transform", [array], 0, transforms=transform, output_shape=[5, 8], **options)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32"])
def test_geometry_with_color(addons, dtype):
    array, color = pixels((7, 6, 3), dtype), [1, 0, 1]
    for options in ({"translate_to": [2, -1], "replace": color}, {"translate_to": [2, 1], "replace": 1}):
        compare(addons, "translate_xy", [array], 0, **options)
    for name in ("shear_x", "shear_y"):
        compare(addons, name, [array], 0, level=0.4, replace=color)


def test_transforms(addons):
    angles, translations = RNG.normal(size=3).astype("float32"), RNG.normal(size=(3, 2)).astype("float32")
    compare(addons, "angles_to_projective_transforms", [angles], 1e-6, image_height=5.0, image_width=7.0)
    compare(addons, "translations_to_projective_transforms", [translations], 0)
    first = image.angles_to_projective_transforms(angles, 5, 7).numpy()
    second = image.translations_to_projective_transforms(translations).numpy()
    compare(addons, "compose_transforms", [], 1e-6, transforms=[first.tolist(), second.tolist()])


@pytest.mark.parametrize(
    "dtype", ["int32", "float32", *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in ("float16", "float64"))]
)
@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("name", ["mean_filter2d", "gaussian_filter2d"])
def test_filters(addons, name, rank, dtype):
    # Addons adds half-precision numbers in half precision, and rounds blurred integers toward zero.
    tolerance = HALF.get(dtype, 1.0 if name == "gaussian_filter2d" else 0)
    for padding, window in (("REFLECT", 3), ("SYMMETRIC", [4, 3]), ("CONSTANT", [5, 2])):
        options = {"filter_shape": window, "padding": padding, "constant_values": 1}
        options |= {"sigma": [0.6, 1.7]} if name == "gaussian_filter2d" else {}
        compare(addons, name, [pixels(RANKS[rank], dtype)], tolerance, **options)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32"])
@pytest.mark.parametrize("rank", [3, 4])
def test_colors(addons, rank, dtype):
    array = RNG.integers(0, 200, RANKS[rank]).astype(dtype)
    for factor in (0.0, 0.3, 1.0, 1.8):
        compare(addons, "sharpness", [array], 1e-4, factor=factor)
    many = RNG.integers(0, 200, (*RANKS[rank][:-3], 40, 30, 3)).astype(dtype)
    compare(addons, "equalize", [many], 0)


def test_blend(addons):
    first, second = (RNG.integers(0, 256, (4, 5)).astype("uint8") for _ in range(2))
    for factor in (0.25, 0.5, 1.5, 4.0):
        compare(addons, "blend", [first, second], 0, factor=factor)
    for factor in (0.0, 1.0):  # Addons returns the dtype of the image
        theirs = addons("function", [first, second], name="image.blend", factor=factor)
        np.testing.assert_array_equal(image.blend(first, second, factor), theirs[0])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_cutout(addons, dtype):
    array = pixels(RANKS[4], dtype)
    for options in ({"mask_size": 4}, {"mask_size": [2, 6], "offset": [6, 1], "constant_values": 1}):
        compare(addons, "cutout", [array], 0, **options)
    compare(addons, "cutout", [array], 0, mask_size=2, offset=[[1, 2], [6, 5]])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_hsv_in_yiq(addons, dtype):
    array = pixels((2, 4, 5, 3), dtype)
    options = {"delta_hue": 0.4, "scale_saturation": 0.8, "scale_value": 0.7}
    compare(addons, "adjust_hsv_in_yiq", [array], HALF.get(dtype, 1), **options)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_warps(addons, dtype):
    # Positions between pixels, because gradients at pixels are one-sided.
    array = RNG.random(RANKS[4]).astype(dtype)
    flow = (RNG.integers(-4, 4, (2, 7, 6, 2)) + RNG.uniform(0.1, 0.9, (2, 7, 6, 2))).astype(dtype)
    compare(addons, "dense_image_warp", [array, flow], HALF[dtype])
    points = (RNG.integers(-2, 9, (2, 11, 2)) + RNG.uniform(0.1, 0.9, (2, 11, 2))).astype(dtype)
    for indexing in ("ij", "xy"):
        compare(addons, "interpolate_bilinear", [array, points], HALF[dtype], indexing=indexing)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_splines(addons, order):
    # Only points that do not coincide: the squared distance 0 is rounded differently.
    centers, points = RNG.random((2, 9, 2)), RNG.random((2, 5, 2))
    values = RNG.normal(size=(2, 9, 3))
    arrays = [centers, values, points]
    compare(addons, "interpolate_spline", arrays, 1e-5, order=order, regularization_weight=0.01)


def test_sparse_image_warp(addons):
    array = RNG.random((1, 9, 8, 2))
    source = RNG.uniform(2, 6, (1, 4, 2))
    destination = source + RNG.normal(size=source.shape)
    for boundary in (0, 1, 3):
        compare(addons, "sparse_image_warp", [array, source, destination], 1e-6, num_boundary_points=boundary)


def test_full_turn(addons):
    """The angle is counterclockwise, and in radians, on both sides."""
    array = pixels((6, 6), "float32")
    theirs = addons("function", [array], name="image.rotate", angles=math.pi / 2)
    np.testing.assert_array_equal(np.rot90(array), theirs[0])
    np.testing.assert_array_equal(np.rot90(array), image.rotate(array, math.pi / 2))


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
@pytest.mark.parametrize("rank", RANKS)
def test_median(addons, rank, dtype):
    for padding, window in (("REFLECT", 3), ("SYMMETRIC", [4, 3]), ("CONSTANT", [5, 2])):
        options = {"filter_shape": window, "padding": padding, "constant_values": 1}
        compare(addons, "median_filter2d", [pixels(RANKS[rank], dtype)], 1e-6, **options)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_resampler(addons_with_ops, dtype):
    data = RNG.random(RANKS[4]).astype(dtype)
    warp = (RNG.integers(-3, 9, (2, 5, 4, 2)) + RNG.uniform(0.1, 0.9, (2, 5, 4, 2))).astype(dtype)
    compare(addons_with_ops, "resampler", [data, warp], HALF[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
def test_connected_components(addons_with_ops, dtype):
    for shape in ((3, 20, 30), (20, 30)):
        compare(addons_with_ops, "connected_components", [RNG.integers(0, 3, shape).astype(dtype)], 0)


@pytest.mark.slow
def test_distances(addons_with_ops):
    array = (RNG.random((2, 20, 30, 3)) < 0.9).astype("uint8")
    array[1, :, :, 2] = 1  # no pixel that is 0
    compare(addons_with_ops, "euclidean_dist_transform", [array], 1e-6)
