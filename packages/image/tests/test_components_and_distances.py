"""Tests of connected components and the distance transform: ranks, unusual images, and bad input.

The tests of the kernels compare them with a flood fill, loops over pixels and SciPy.
"""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tensorsmith import image
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def labelled(batch):
    """Returns the labels of a batch of images with several values, computed by SciPy value by value."""
    first_pixels = []
    labels = np.zeros(batch.shape, int)
    for index, array in enumerate(batch):
        for value in np.unique(array[array != 0]):
            found, count = ndimage.label(array == value)
            for number in range(1, count + 1):
                labels[index][found == number] = len(first_pixels) + 1
                first_pixels.append(np.flatnonzero(found == number)[0] + index * array.size)
    order = np.argsort(np.argsort(first_pixels)) + 1 if first_pixels else np.zeros(0, int)
    return np.concatenate([[0], order])[labels]


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_components_of_one_image_and_of_batches(dtype):
    batch = RNG.integers(0, 3, (4, 20, 30)).astype(dtype)
    np.testing.assert_array_equal(image.connected_components(batch), labelled(batch))
    np.testing.assert_array_equal(image.connected_components(batch[0]), labelled(batch[:1])[0])


def test_components_of_unusual_images():
    np.testing.assert_array_equal(image.connected_components(tf.zeros((3, 4, 5))), np.zeros((3, 4, 5)))
    ones = image.connected_components(tf.ones((3, 4, 5), tf.bool))
    np.testing.assert_array_equal(ones, np.arange(1, 4)[:, None, None] * np.ones((4, 5)))
    np.testing.assert_array_equal(image.connected_components([[np.nan, np.nan, 1.0]]), [[1, 2, 3]])
    for shape in ((0, 4, 5), (2, 0, 5), (2, 4, 0), (0, 0)):
        assert image.connected_components(tf.zeros(shape)).shape == shape
    traced = tf.function(image.connected_components, input_signature=[tf.TensorSpec((None, None, None))])
    batch = RNG.integers(0, 3, (2, 6, 7)).astype("float32")
    np.testing.assert_array_equal(traced(batch), labelled(batch))
    with raises_argument_error("images", received="shape (4,)", expected="have shape (height, width)"):
        image.connected_components(tf.zeros(4))
    with pytest.raises(TypeError, match="images must have shape"):
        image.connected_components(tf.zeros((1, 2, 3, 4)))


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float16, 1e-3), (tf.float32, 1e-6)])
def test_distances_in_one_image_and_in_batches(dtype, tolerance):
    batch = (RNG.random((3, 20, 31, 2)) < 0.9).astype("uint8")
    found = image.euclidean_dist_transform(batch, dtype)
    assert found.dtype == dtype
    array = batch[1, :, :, 1]
    np.testing.assert_allclose(found[1, :, :, 1], ndimage.distance_transform_edt(array), rtol=tolerance)
    np.testing.assert_array_equal(image.euclidean_dist_transform(array, dtype), found[1, :, :, 1])
    np.testing.assert_array_equal(image.euclidean_dist_transform(batch[1], dtype), found[1])


def test_distances_of_unusual_images():
    infinite = image.euclidean_dist_transform(tf.ones((3, 4), tf.uint8))
    np.testing.assert_allclose(infinite, np.full((3, 4), np.sqrt(np.finfo("float32").max)), rtol=1e-6)
    np.testing.assert_array_equal(image.euclidean_dist_transform(tf.zeros((3, 4), tf.uint8)), np.zeros((3, 4)))
    for shape in ((0, 4, 5, 1), (2, 4, 5, 0), (2, 0, 5, 1)):
        assert image.euclidean_dist_transform(tf.zeros(shape, tf.uint8)).shape == shape
    traced = tf.function(image.euclidean_dist_transform, input_signature=[tf.TensorSpec(None, tf.uint8)])
    for shape in ((0, 4, 5, 1), (2, 0, 5, 1), (0, 4), (4, 0)):
        assert traced(tf.zeros(shape, tf.uint8)).shape == shape
    array = np.array([[0, 1, 1], [1, 1, 1]], "uint8")
    np.testing.assert_allclose(traced(array), [[0, 1, 2], [1, 2**0.5, 5**0.5]], rtol=1e-6)
    with raises_argument_error("images", received="float32", expected="of dtype uint8"):
        image.euclidean_dist_transform(tf.zeros((3, 4)))
    with pytest.raises(TypeError, match="`dtype` must be float16, float32 or float64"):
        image.euclidean_dist_transform(array, tf.int32)
    with raises_argument_error("`image`", received="shape (3,)", expected="2/3/4D tensor"):
        image.euclidean_dist_transform(array[0])
