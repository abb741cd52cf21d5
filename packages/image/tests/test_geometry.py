"""Tests of geometric transforms: against SciPy, and with unknown shapes, empty images and bad input."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tensorsmith import image
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
# SciPy's names of the fill modes.
MODES = {"constant": "grid-constant", "reflect": "reflect", "nearest": "nearest"}
TRANSFORM = (1.137, 0.219, -0.471, -0.317, 0.913, 1.43, 0.0, 0.0)
PERSPECTIVE = (*TRANSFORM[:6], 0.021, -0.013)


def mapped(array, transform, order, mode, shape, fill=0.0):
    """Returns an image after a transform, computed by SciPy."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype("float64")
    a0, a1, a2, b0, b1, b2, c0, c1 = transform
    k = c0 * x + c1 * y + 1
    positions = [(b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k]
    return ndimage.map_coordinates(array, positions, order=order, mode=MODES[mode], cval=fill)


@pytest.mark.parametrize(("interpolation", "fill_mode"), [("nearest", "reflect"), ("BILINEAR", "constant")])
def test_transform_against_scipy(interpolation, fill_mode):
    array = RNG.random((9, 7)).astype("float32")
    found = image.transform(array, PERSPECTIVE, interpolation, fill_mode, [8, 11], fill_value=0.5)
    expected = mapped(array, PERSPECTIVE, int(interpolation == "BILINEAR"), fill_mode, (8, 11), fill=0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_wrapped_translation_is_a_roll():
    array = RNG.random((4, 5, 2)).astype("float32")
    found = image.translate(array, [2.0, -1.0], fill_mode="wrap")
    np.testing.assert_array_equal(found, np.roll(array, (-1, 2), (0, 1)))


def test_each_image_has_its_own_transform():
    batch = RNG.random((3, 8, 8, 2)).astype("float32")
    angles = np.array([0.0, math.pi / 2, math.pi], "float32")
    found = image.rotate(batch, angles)
    for turns, (array, rotated) in enumerate(zip(batch, found, strict=True)):
        np.testing.assert_allclose(rotated, np.rot90(array, turns), rtol=1e-6)
    shifts = [[1.0, 0.0], [0.0, 2.0], [-3.0, 1.0]]
    for (dx, dy), array, moved in zip(shifts, batch, image.translate(batch, shifts), strict=True):
        np.testing.assert_array_equal(moved, ndimage.shift(array, (dy, dx, 0), order=0))


def test_rotation_against_scipy():
    array = RNG.random((9, 9)).astype("float32")
    found = image.rotate(array, 0.6, "bilinear", "nearest")
    expected = ndimage.rotate(array, math.degrees(0.6), order=1, mode="nearest", reshape=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_composition_applies_the_first_transform_first():
    array = RNG.random((9, 9)).astype("float32")
    turn = image.angles_to_projective_transforms(math.pi / 2, 9, 9)
    move = image.translations_to_projective_transforms([2.0, 1.0])
    found = image.transform(array, image.compose_transforms([turn, move]))
    np.testing.assert_allclose(found, image.translate(image.rotate(array, math.pi / 2), [2.0, 1.0]), atol=1e-5)
    matrices = image.flat_transforms_to_matrices(image.compose_transforms([turn, move]))
    inverse = image.matrices_to_flat_transforms(tf.linalg.inv(matrices))
    identity = image.compose_transforms([turn, move, inverse])
    np.testing.assert_allclose(identity, [[1, 0, 0, 0, 1, 0, 0, 0]], atol=1e-5)


def test_color_of_empty_pixels_in_batches():
    batch = RNG.integers(1, 200, (3, 6, 5, 3)).astype("uint8")
    for function in (
        lambda each: image.shear_x(each, 0.5, 7),
        lambda each: image.shear_y(each, 0.5, [7, 8, 9]),
        lambda each: image.translate_xy(each, [2, 1], 7),
    ):
        np.testing.assert_array_equal(function(batch), np.stack([function(each) for each in batch]))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shear_and_translation_fill_with_a_color(channels):
    array = RNG.integers(1, 200, (6, 5, channels)).astype("uint8")
    color = np.arange(channels) + 201
    rows, columns = np.mgrid[:6, :5]
    for function, source_row, source_column in (
        (lambda each: image.shear_x(each, 0.5, color), rows, columns + 0.5 * rows),
        (lambda each: image.shear_y(each, 0.5, color), rows + 0.5 * columns, columns),
        (lambda each: image.translate_xy(each, tf.constant([2, 1], tf.uint8), color), rows - 1, columns - 2),
    ):
        row, column = np.rint(source_row).astype(int), np.rint(source_column).astype(int)
        inside = (row >= 0) & (row < 6) & (column >= 0) & (column < 5)
        expected = np.where(inside[..., None], array[row.clip(0, 5), column.clip(0, 4)], color)
        halves = (source_row % 1 == 0.5) | (source_column % 1 == 0.5)  # the nearest pixel is not unique
        np.testing.assert_array_equal(function(array).numpy()[~halves], expected[~halves])


def test_gradient_of_a_translation_is_the_opposite_translation():
    array = tf.constant(RNG.random((1, 5, 6, 2)))
    weights = RNG.random((1, 5, 6, 2))
    with tf.GradientTape() as tape:
        tape.watch(array)
        total = tf.reduce_sum(weights * image.translate(array, [2.0, 1.0]))
    np.testing.assert_array_equal(tape.gradient(total, array), ndimage.shift(weights, (0, -1, -2, 0), order=0))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (2, 4, 5, 3)])
def test_unknown_rank_and_pipelines(shape):
    array = RNG.random(shape).astype("float32")
    for function in (
        lambda each: image.rotate(each, 0.3),
        lambda each: image.translate(each, [1.0, 2.0]),
        lambda each: image.transform(each, TRANSFORM),
    ):
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None)])
        np.testing.assert_array_equal(unknown(array), function(array))
        dataset = tf.data.Dataset.from_tensors(array).map(function)
        assert dataset.element_spec.shape == shape
        np.testing.assert_array_equal(next(iter(dataset)), function(array))


@pytest.mark.parametrize("shape", [(0, 4, 5, 3), (2, 4, 5, 0)])
def test_empty_batches(shape):
    assert image.rotate(tf.zeros(shape), 0.3).shape == shape
    assert image.translate(tf.zeros(shape), [1.0, 2.0]).shape == shape


def test_singular_transforms_and_nan():
    array = tf.constant(RNG.random((3, 3)), tf.float32)
    collapsed = image.transform(array, [0.0] * 8)  # all pixels are the first one
    np.testing.assert_array_equal(collapsed, np.full((3, 3), array[0, 0]))
    vanishing = image.transform(array, [1, 0, 0, 0, 1, 0, -1, 0], fill_value=7)  # the denominator of column 1 is 0
    np.testing.assert_array_equal(vanishing[:, 1], [7, 7, 7])
    assert np.isnan(image.translate(tf.fill((2, 2), math.nan), [0.0, 0.0])).all()


def test_bad_input():
    array = tf.zeros((4, 5))
    with raises_argument_error("`image`", received="shape (4,)", expected="2/3/4D tensor"):
        image.rotate(tf.zeros(4), 0.3)
    with raises_argument_error("`image`", received="shape (1, 2, 3, 4, 5)", expected="2/3/4D tensor"):
        image.translate(tf.zeros((1, 2, 3, 4, 5)), [0, 0])
    with pytest.raises(TypeError, match="dtype int8"):  # the tests of the kernel compare its errors
        image.rotate(tf.zeros((4, 5), tf.int8), 0.3)
    with raises_argument_error("image", received="shape (4, 5)", expected="have three or four axes"):
        image.shear_x(array, 0.5, 0)
    with raises_argument_error("replace", received="shape (2,)", expected="have shape (3,)"):
        image.translate_xy(tf.zeros((4, 5, 3)), [1, 0], [1, 2])
    with raises_argument_error("interpolation", received="None", expected="one of"):
        image.rotate(array, 0.3, interpolation=None)
    with raises_argument_error("transforms", received="shape (6,)", expected="have shape (8,) or (batch, 8)"):
        image.transform(array, [0.0] * 6)
    with raises_argument_error("output_shape", received="shape (3,)", expected="have two elements"):
        image.transform(array, TRANSFORM, output_shape=[4, 5, 3])
    with raises_argument_error("angles", received="shape (1, 1)", expected="have rank 0 or 1"):
        image.rotate(array, [[0.3]])
    with raises_argument_error("translations", received="shape (3,)", expected="have shape (2,) or (batch, 2)"):
        image.translate(array, [1, 2, 3])
    with raises_argument_error("transforms", received="[]", expected="a list of at least one"):
        image.compose_transforms([])
    with raises_argument_error("transform_matrices", received="shape (2, 2)", expected="have shape (3, 3)"):
        image.matrices_to_flat_transforms(tf.eye(2))
    unknown = tf.function(lambda each: image.rotate(each, 0.3), input_signature=[tf.TensorSpec(None)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be 2/3/4D tensor"):
        unknown(tf.zeros((1, 2, 3, 4, 5)))
