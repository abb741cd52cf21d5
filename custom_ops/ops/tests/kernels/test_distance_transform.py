"""Tests of distance_transform against SciPy, NumPy, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

DTYPES = [tf.float16, tf.float32, tf.float64]


def by_hand(images):
    """Returns the distances from each pixel to all pixels that are 0, reduced to the smallest one."""
    squared = np.full(images.shape, np.inf)
    y, x = np.indices(images.shape[1:3])
    for image, top, left, channel in np.argwhere(images == 0):
        target = squared[image, :, :, channel]
        np.minimum(target, (y - top) ** 2 + (x - left) ** 2, out=target)
    return np.sqrt(squared)


def limited(distances, dtype):
    return np.minimum(distances, np.sqrt(dtype.max)).astype(dtype.as_numpy_dtype)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("shape", [(2, 9, 14, 3), (1, 1, 40, 1), (3, 40, 1, 1), (1, 1, 1, 2), (2, 17, 300, 1)])
def test_matches_loop_over_pixels(shape, density, dtype, choice, rng):
    images = (rng.random(shape) < density) * rng.integers(1, 256, shape, "uint8")
    with ops.use(choice):
        for function in (ops.distance_transform, tf.function(ops.distance_transform)):
            found = function(images, dtype)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, limited(by_hand(images), dtype))


@pytest.mark.parametrize("smooth", [0, 5, 20])
def test_large_images_match_scipy(smooth, rng):
    image = ndimage.gaussian_filter(rng.normal(size=(301, 517)), smooth) > 0
    found = ops.distance_transform(image.astype("uint8")[np.newaxis, :, :, np.newaxis], tf.float64)
    np.testing.assert_array_equal(found[0, :, :, 0], ndimage.distance_transform_edt(image))


@pytest.mark.parametrize(
    ("choice", "shape"),
    [("compiled", (1, 3, 5000, 1)), pytest.param("reference", (1, 1, 4200, 1), marks=pytest.mark.slow)],
)
def test_long_distances(choice, shape):
    """The squares of the distances are not representable in float32."""
    images = np.ones(shape, "uint8")
    images[0, 0, 0] = 0
    with ops.use(choice):
        found = ops.distance_transform(images, tf.float64)
        np.testing.assert_array_equal(ops.distance_transform(images, tf.float16).numpy().max(), np.float16(255.9))
    np.testing.assert_array_equal(found, by_hand(images))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("shape", [(0, 4, 5, 1), (2, 0, 5, 1), (2, 4, 0, 1), (2, 4, 5, 0)])
def test_images_without_pixels(shape, choice):
    """The shapes are known at run time only, or statically."""
    with ops.use(choice):
        unknown = tf.function(ops.distance_transform, input_signature=[tf.TensorSpec(None, tf.uint8)])
        for function in (unknown, ops.distance_transform):
            assert function(tf.zeros(shape, tf.uint8)).shape == shape


def test_unknown_rank():
    unknown = tf.function(ops.distance_transform, input_signature=[tf.TensorSpec(None, tf.uint8)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="images: got shape .*, expected rank 4"):
        unknown(tf.ones(3, tf.uint8))


def test_xla_uses_reference(rng):
    images = rng.integers(0, 5, (2, 9, 14, 3)).astype("uint8")
    found = tf.function(ops.distance_transform, jit_compile=True)(images)
    np.testing.assert_allclose(found, by_hand(images), rtol=1e-6)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    images = (rng.random((3, 101, 97, 2)) < 0.99).astype("uint8")
    same_for_any_thread_count(ops.distance_transform, images)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"images": np.ones((1, 2, 2, 1))}, {"name": "images", "received": "float64", "expected": "have dtype uint8"}),
        ({"images": np.ones((2, 2), "uint8")}, {"name": "images", "expected": "have shape (batch, height, width"}),
        ({"dtype": tf.int32}, {"name": "`dtype`", "received": "int32", "expected": "float32, float16 or float64"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        ops.distance_transform(**{"images": np.ones((1, 2, 2, 1), "uint8"), **arguments})


def small(shape):
    """Returns `True` if an array of the shape has few elements, and is supported by NumPy."""
    return np.prod(shape, dtype=float) < 1e5 and np.prod(np.maximum(shape, 1), dtype=float) < 2**59


shapes = st.lists(st.integers(0, 6) | st.sampled_from([100, 2**31 - 1, 2**33]), max_size=5).filter(small)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    shape = data.draw(shapes)
    images = np.resize(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=7)), shape).astype("uint8")
    worked = fails_cleanly(
        ops.library().ops.tensorsmith_distance_transform, images=images, T=data.draw(st.sampled_from(DTYPES))
    )
    assert worked == (len(shape) == 4 and shape[1] < 2**31 - 1)
