"""Tests of color operations and cutout: against Pillow and NumPy, and with bad input."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from tensorsmith import image
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("highest", [1, 2, 40, 200, 256])
@pytest.mark.parametrize("size", [(3, 5), (16, 16), (40, 50)])
def test_equalize_equals_pillow(size, highest):
    batch = RNG.integers(0, highest, (3, *size, 3)).astype("uint8")
    expected = np.stack([ImageOps.equalize(Image.fromarray(each)) for each in batch])
    np.testing.assert_array_equal(image.equalize(batch), expected)
    for dtype in ("int64", "float16", "float32"):
        found = image.equalize(batch.astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0, 1.5, 3.0])
def test_sharpness_against_pillow(factor):
    batch = RNG.integers(0, 256, (4, 6, 7, 3)).astype("uint8")
    expected = np.stack([ImageEnhance.Sharpness(Image.fromarray(each)).enhance(factor) for each in batch])
    # Pillow rounds to the nearest integer after smoothing, Addons toward zero.
    difference = np.abs(image.sharpness(batch, factor).numpy().astype(int) - expected)
    assert difference.max() <= max(1, factor)


def test_sharpness_of_small_images():
    for shape in ((2, 5, 3), (1, 1, 1), (0, 4, 4, 3)):
        array = RNG.integers(0, 256, shape).astype("uint8")
        np.testing.assert_array_equal(image.sharpness(array, 0.3), array)


@pytest.mark.parametrize("factor", [-0.5, 0.0, 0.3, 1.0, 1.7])
def test_blend(factor):
    first, second = (RNG.uniform(0, 255, (4, 5)).astype("float32") for _ in range(2))
    exact = first + np.float32(factor) * (second - first)
    expected = {0.0: first, 1.0: second}.get(factor, np.rint(exact.clip(0, 255)))
    np.testing.assert_allclose(image.blend(first, second, factor), expected, atol=1e-4)
    traced = tf.function(image.blend)(first, second, tf.constant(factor))
    np.testing.assert_allclose(traced, expected, atol=1e-4)
    if 0 < factor < 1:
        pillow = ImageChops.blend(*(Image.fromarray(each.astype("uint8")) for each in (first, second)), factor)
        found = image.blend(first.astype("uint8"), second.astype("uint8"), factor)
        assert np.abs(found - np.asarray(pillow)).max() <= 1


def test_cutout():
    batch = RNG.random((2, 7, 8, 3))
    centers = np.array([[1, 2], [6, 7]])
    expected = batch.copy()
    expected[0, 0:3, 0:5] = 0.5  # rows -1 to 2, and columns -1 to 4, within the image
    expected[1, 4:7, 4:8] = 0.5
    np.testing.assert_array_equal(image.cutout(batch, (4, 6), centers, 0.5), expected)
    np.testing.assert_array_equal(image.cutout(batch[0, :, :, 0], (4, 6), centers[0], 0.5), expected[0, :, :, 0])
    np.testing.assert_array_equal(image.cutout(batch, 4, (-9, 40)), batch)


def test_random_cutout():
    tf.random.set_seed(1)
    batch = tf.ones((200, 9, 12, 1))
    empty = image.random_cutout(batch, (4, 2), seed=3).numpy()[..., 0] == 0
    assert (empty.sum((1, 2)) == 8).all()
    rows, columns = empty.any(2).argmax(1), empty.any(1).argmax(1)  # of the upper left corners
    assert set(rows) == set(range(5 + 1 - 1))  # Addons never draws the last position
    assert set(columns) == set(range(10 + 1 - 1))
    tf.random.set_seed(1)
    np.testing.assert_array_equal(image.random_cutout(batch, (4, 2), seed=3).numpy()[..., 0] == 0, empty)
    assert not image.random_cutout(batch, (20, 20)).numpy().any()


def test_random_numbers_in_graphs_are_independent():
    @tf.function
    def drawn():
        empty = image.random_cutout(tf.ones((100, 20, 20, 1)), 2, seed=1)[..., 0] == 0
        colors = image.random_hsv_in_yiq(tf.constant([[[0.5, 0.2, 0.2]]]), 0, 0.5, 1.5, 0.5, 1.5, seed=1)
        return empty, colors

    empty, colors = drawn()
    rows, columns = empty.numpy().any(2).argmax(1), empty.numpy().any(1).argmax(1)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.5
    gray = colors.numpy()[0, 0] @ [0.299, 0.587, 0.114]
    value = gray / (np.array([0.5, 0.2, 0.2]) @ [0.299, 0.587, 0.114])
    saturation = (colors.numpy()[0, 0, 0] - gray) / (value * (0.5 - gray / value))
    assert abs(value - saturation) > 1e-3


@pytest.mark.parametrize("shape", [(6, 8, 3), (2, 6, 8, 3)])
def test_hue_saturation_and_value(shape):
    array = RNG.random(shape)
    gray = (array @ [0.299, 0.587, 0.114])[..., None]
    found = image.adjust_hsv_in_yiq(array, scale_saturation=0.4)
    np.testing.assert_allclose(found, gray + 0.4 * (array - gray), atol=2e-4)
    np.testing.assert_allclose(image.adjust_hsv_in_yiq(array, scale_value=0.3), 0.3 * array, atol=2e-4)
    turned = image.adjust_hsv_in_yiq(array, delta_hue=0.7)
    np.testing.assert_allclose(image.adjust_hsv_in_yiq(turned, delta_hue=-0.7), array, atol=5e-4)
    expected = [colorsys.rgb_to_yiq(*pixel)[0] for pixel in array.reshape(-1, 3)]
    found = [colorsys.rgb_to_yiq(*pixel)[0] for pixel in turned.numpy().reshape(-1, 3)]
    np.testing.assert_allclose(found, expected, atol=0.02)  # the luminance does not change; colorsys rounds differently


def test_integer_images_keep_their_dtype():
    array = RNG.integers(0, 256, (4, 5, 3)).astype("uint8")
    np.testing.assert_array_equal(image.adjust_hsv_in_yiq(array), array)
    np.testing.assert_allclose(image.adjust_hsv_in_yiq(array, scale_value=0.5), array / 2, atol=1)


def test_random_hue_is_the_same_for_all_images():
    batch = tf.repeat(tf.constant(RNG.random((1, 4, 5, 3))), 3, axis=0)
    found = image.random_hsv_in_yiq(batch, 1.0, 0.5, 1.5, 0.5, 1.5, seed=1).numpy()
    assert np.abs(found - batch).max() > 0.01
    np.testing.assert_array_equal(found, found[:1].repeat(3, 0))
    np.testing.assert_allclose(image.random_hsv_in_yiq(batch), batch, atol=1e-3)


@pytest.mark.usefixtures("without_source")
@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3), (2, 6, 8, 3)])
def test_unknown_rank(shape):
    array = RNG.integers(0, 256, shape).astype("uint8")
    functions = [image.equalize, lambda each: image.sharpness(each, 0.5), lambda each: image.cutout(each, 2, (3, 3))]
    functions += [lambda each: image.adjust_hsv_in_yiq(each, 0.5)] if len(shape) > 2 else []
    for function in functions:
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None, tf.uint8)])
        np.testing.assert_array_equal(unknown(array), function(array))
        assert function(array).shape == shape


def test_bad_input():
    array = tf.zeros((4, 5, 3))
    for function in (image.equalize, lambda each: image.sharpness(each, 1.0), lambda each: image.cutout(each, 2)):
        with raises_argument_error("`image`", received="shape (4,)", expected="2/3/4D tensor"):
            function(tf.zeros(4))
    with raises_argument_error("bins", received="1", expected="an integer >= 2"):
        image.equalize(array, bins=1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask_size should be divisible by 2"):
        image.cutout(array, 3)
    with raises_argument_error("mask_size", received="shape (3,)", expected="have shape () or (2,)"):
        image.cutout(array, (2, 2, 2))
    with raises_argument_error("offset", received="shape (3,)", expected="have shape (2,) or (batch, 2)"):
        image.cutout(array, 2, (1, 2, 3))
    with pytest.raises(ValueError, match="input must be at least 3-D"):
        image.adjust_hsv_in_yiq(tf.zeros((4, 3)))
    with pytest.raises(ValueError, match="input must have 3 channels but instead has 4"):
        image.adjust_hsv_in_yiq(tf.zeros((4, 5, 4)))
    with raises_argument_error("max_delta_hue", received="-1", expected="non-negative"):
        image.random_hsv_in_yiq(array, -1)
    with raises_argument_error("lower_value", received="2", expected="<= upper_value, which is 1"):
        image.random_hsv_in_yiq(array, lower_value=2)
