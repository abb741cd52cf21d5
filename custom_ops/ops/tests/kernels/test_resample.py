"""Tests of resample against SciPy, its reference implementation, finite differences, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

MODES = {"zeros": "grid-constant", "border": "nearest"}  # names of SciPy


def between_pixels(rng, shape, low=-3, high=9):
    """Returns positions that are not those of pixels, where derivatives are one-sided."""
    return rng.integers(low, high, (*shape, 2)) + rng.uniform(0.1, 0.9, (*shape, 2))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(6, 7), (1, 7), (6, 1), (1, 1), (2, 2)])
def test_matches_scipy(size, mode, choice, rng):
    images, positions = rng.normal(size=(2, *size, 19)), rng.uniform(-3, 9, (2, 40, 2))
    positions[:, ::3] = positions[:, ::3].round()
    with ops.use(choice):
        found = ops.resample(images.astype("float32"), positions.astype("float32"), mode)
    for image, at, values in zip(images, positions, found, strict=True):
        for channel in range(19):
            expected = ndimage.map_coordinates(image[..., channel], at.T[::-1], order=1, mode=MODES[mode])
            np.testing.assert_allclose(values[:, channel], expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("mode", MODES)
def test_matches_reference(mode, dtype, agree, rng):
    for channels in (1, 3, 16, 150):
        images = rng.normal(size=(2, 6, 7, channels))
        positions = rng.integers(-3, 9, (2, 11, 2)) + rng.integers(1, 8, (2, 11, 2)) / 8  # exact in half precision
        agree(lambda a, b: ops.resample(a, b, mode), images, positions, dtype=dtype)
    for batch, points, channels in ((0, 5, 3), (2, 0, 3), (2, 5, 0)):
        agree(lambda a, b: ops.resample(a, b, mode), np.ones((batch, 4, 5, channels)), np.ones((batch, points, 2)))


def test_images_without_pixels(agree):
    for size in ((0, 4), (4, 0)):
        agree(ops.resample, np.ones((2, *size, 3)), np.ones((2, 5, 2)))
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected at least one pixel"):
            ops.resample(tf.ones((2, *size, 3)), tf.ones((2, 5, 2)), "border")


@pytest.mark.parametrize("mode", MODES)
def test_finite_differences(mode, rng):
    images, positions = rng.normal(size=(1, 3, 4, 2)), between_pixels(rng, (1, 6), -2, 5)
    with ops.use("reference"):
        _, numerical = tf.test.compute_gradient(lambda *inputs: ops.resample(*inputs, mode), [images, positions])
    inputs = [tf.constant(images, tf.float32), tf.constant(positions, tf.float32)]
    theoretical, _ = tf.test.compute_gradient(lambda *inputs: ops.resample(*inputs, mode), inputs)
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_infinite_and_unknown_numbers(mode, rng):
    """Only the pixels around a position influence it, and positions of any magnitude are valid."""
    images = rng.normal(size=(1, 4, 5, 3)).astype("float32")
    images[0, 0, 0] = np.nan  # outside of the neighborhood of all other positions
    far = [np.inf, -np.inf, np.nan, 3e38, -3e38, 2.0**31, -(2.0**31), 2.0**63, 1e-40]
    positions = np.float32([[[x, y] for x in [*far, 2.5] for y in [*far, 2.5]]])
    found = []
    for choice in ("compiled", "reference"):
        with ops.use(choice), tf.GradientTape() as tape:
            inputs = [tf.constant(images), tf.constant(positions)]
            tape.watch(inputs)
            values = ops.resample(*inputs, mode)
        found.append([values, *tape.gradient(values, inputs)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    unknown = np.isnan(found[0][0]).all(axis=-1)[0]
    at_corner = (positions[0] <= 1e-40).all(axis=-1) & (mode == "border" or (positions[0] == np.float32(1e-40)).all(-1))
    expected = at_corner | (np.isnan(positions[0]).any(axis=-1) & (mode == "border"))
    np.testing.assert_array_equal(unknown, expected)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    for batch, channels in ((1, 200), (5, 3)):
        images = rng.normal(size=(batch, 20, 21, channels)).astype("float32")
        positions = rng.uniform(-2, 22, (batch, 900, 2)).astype("float32")
        same_for_any_thread_count(lambda a, b: ops.resample(a, b, "border"), images, positions)


@pytest.mark.parametrize("mode", MODES)
def test_second_gradients(mode, rng):
    images = tf.constant(rng.normal(size=(1, 5, 4, 3)), tf.float32)
    positions = tf.constant(between_pixels(rng, (1, 8), 0, 3), tf.float32)

    def penalty():
        with tf.GradientTape() as outer:
            outer.watch([images, positions])
            with tf.GradientTape() as inner:
                inner.watch([images, positions])
                loss = tf.reduce_sum(ops.resample(images, positions, mode) ** 2)
            value = sum(tf.reduce_sum(gradient**2) for gradient in inner.gradient(loss, [images, positions]))
        return outer.gradient(value, [images, positions])

    ours = penalty()
    with ops.use("reference"):
        for one, other in zip(ours, penalty(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
            assert np.abs(one).max() > 0


def test_mixed_precision(rng):
    images, positions = rng.normal(size=(2, 4, 5, 3)), between_pixels(rng, (2, 7))
    expected = ops.resample(images, positions)
    for image_type, position_type in (("float32", "float64"), ("float64", "float32"), ("float16", "float32")):
        found = ops.resample(images.astype(image_type), positions.astype(position_type))
        assert found.dtype == image_type
        np.testing.assert_allclose(found, expected, atol=1e-2 if image_type == "float16" else 1e-5)


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec(None)] * 2)
    def unknown(images, positions):
        return ops.resample(images, positions)

    images, positions = np.float32(rng.normal(size=(2, 4, 5, 3))), np.float32(between_pixels(rng, (2, 7)))
    np.testing.assert_array_equal(unknown(images, positions), ops.resample(images, positions))
    for wrong in (
        (images[0], positions),
        (images, positions[0]),
        (images, positions[:1]),
        (images, positions[..., :1]),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="images|positions"):
            unknown(*wrong)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"padding_mode": "wrap"}, {"name": "padding_mode", "expected": "one of"}),
        ({"images": np.ones((3, 3, 1), "float32")}, {"name": "images", "expected": "(batch, height, width, channels)"}),
        ({"images": np.ones((1, 3, 3, 1), "int32")}, {"name": "images", "expected": "floating-point"}),
        ({"positions": np.ones((1, 2), "float32")}, {"name": "positions", "expected": "(batch, points, 2)"}),
        ({"positions": np.ones((1, 3, 2), "int32")}, {"name": "positions", "expected": "floating-point"}),
    ],
)
def test_bad_arguments(arguments, error):
    good = {"images": np.ones((1, 3, 3, 1), "float32"), "positions": np.ones((1, 3, 2), "float32")}
    ops.resample(**good)
    with raises_argument_error(**error):
        ops.resample(**{**good, **arguments})


sizes = st.integers(0, 4)
numbers = st.floats(width=32) | st.sampled_from([-2.0, -1.0, 0.0, 2.0, 3.0])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    batch, rows, columns, channels, points = (data.draw(sizes) for _ in range(5))
    shape = (batch, rows, columns, channels) if data.draw(st.booleans()) else data.draw(st.lists(sizes, max_size=5))
    at = (batch, points, 2) if data.draw(st.booleans()) else data.draw(st.lists(sizes, max_size=4))
    up = (batch, points, channels) if data.draw(st.booleans()) else data.draw(st.lists(sizes, max_size=4))
    pool = np.float32(data.draw(st.lists(numbers, min_size=8, max_size=8)))
    images, positions, dy = (tf.constant(np.resize(pool, given)) for given in (shape, at, up))
    border = data.draw(st.booleans())
    kernels = ops.library().ops
    fails_cleanly(kernels.tensorsmith_resample, images=images, positions=positions, border=border)
    fails_cleanly(kernels.tensorsmith_resample_grad, dy=dy, images=images, positions=positions, border=border)
