"""Tests of projective_transform against TensorFlow's op, SciPy, and invalid input."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

DTYPES = ("uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "reflect", "wrap", "nearest")
MODES = list(itertools.product(INTERPOLATIONS, FILL_MODES))
# Names of SciPy, whose mode "grid-wrap" has the same period, but interpolates between the last and the first pixel.
SCIPY_MODES = {"constant": "grid-constant", "reflect": "reflect", "wrap": "grid-wrap", "nearest": "nearest"}
SMALLEST = np.float32(1e-40)


def theirs(images, transforms, output_shape, interpolation, fill_mode, fill_value=0.0):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=output_shape,
        interpolation=interpolation.upper(),
        fill_mode=fill_mode.upper(),
        fill_value=fill_value,
    )


def expect_same(*arguments):
    ours = ops.projective_transform(*arguments)
    wanted = theirs(*arguments)
    assert ours.dtype == wanted.dtype
    np.testing.assert_array_equal(ours, wanted)


def transforms_of(rng, kind, count):
    """Returns random transforms of a kind."""
    matrices = rng.normal(size=(count, 8)) * [1, 1, 5, 1, 1, 5, 0.1, 0.1]
    if kind == "affine":
        matrices[:, 6:] = 0
    if kind == "integer":
        matrices = np.tile([1.0, 0, 0, 0, 1, 0, 0, 0], (count, 1)) + np.eye(8)[[2, 5]].sum(0) * rng.integers(-9, 9)
    if kind == "singular":
        matrices[:, 3:6] = 2 * matrices[:, :3]
    if kind == "zero denominator":
        matrices[:, 6:] = [[-0.5, 0.0], [0.0, -1.0], [-0.25, -0.25]][: max(count, 1)]
    if kind == "huge":
        matrices *= 1e10
    return matrices.astype("float32")


@pytest.mark.parametrize("kind", ["projective", "affine", "integer", "singular", "zero denominator", "huge"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_as_tensorflow(dtype, kind, rng):
    for (interpolation, fill_mode), channels in itertools.product(MODES, (1, 2, 3)):
        rows, columns = rng.integers(1, 10, 2)
        images = tf.cast(rng.integers(0, 256, (3, rows, columns, channels)), dtype)
        for count in (1, 3):
            transforms = transforms_of(rng, kind, count)
            expect_same(images, transforms, [7, 11], interpolation, fill_mode, rng.integers(0, 256))


@pytest.mark.parametrize(("interpolation", "fill_mode"), MODES)
def test_same_as_tensorflow_for_large_images(interpolation, fill_mode, rng):
    """Rows have several chunks, and pixels inside have their own code, except for the last one."""
    angle = np.array([0.3, 0.0])
    cos, sin, zero = np.cos(angle), np.sin(angle), 0 * angle
    transforms = np.stack([cos, -sin, 20 * sin, sin, cos, -30 * sin, zero, zero], axis=1).astype("float32")
    for dtype, channels in (("uint8", 3), ("float32", 3), ("uint8", 1), ("float32", 4)):
        images = tf.cast(rng.integers(0, 256, (2, 80, 300, channels)), dtype)
        expect_same(images, transforms, [90, 600], interpolation, fill_mode, 7.0)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("fill_value", [-3.5, 1e10, -1e30, np.inf, np.nan, SMALLEST])
def test_special_numbers(fill_value, fill_mode, rng):
    """Fill values and pixels without an integer, and positions near and beyond the limits of integers."""
    special = np.float32([np.nan, np.inf, -np.inf, 3e38, 2.0**31, -(2.0**63), SMALLEST, -0.0])
    transforms = np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), (6, 1))
    transforms[:, 2] = [np.nan, 2.0**31, -(2.0**31), 1e18, -1e18, SMALLEST]
    pixels = {
        "float32": rng.permutation(special).reshape(1, 2, 4, 1),
        "int32": np.int32([-(2**31), 2**31 - 1, 5, 6]).reshape(1, 2, 2, 1),
        "int64": np.int64([-(2**63), 2**63 - 1, 5, 6]).reshape(1, 2, 2, 1),
        "uint8": np.uint8([0, 255, 5, 6]).reshape(1, 2, 2, 1),
    }
    for interpolation, images in itertools.product(INTERPOLATIONS, pixels.values()):
        expect_same(np.repeat(images, 6, axis=0), transforms, [3, 5], interpolation, fill_mode, fill_value)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_infinite_positions(fill_mode):
    """TensorFlow defines no result of these reflected or wrapped positions. Ours is a pixel of the image."""
    images = tf.fill((1, 4, 5, 3), 7.0)
    for far in (np.inf, -np.inf, 3e38, -3e38):
        for interpolation in INTERPOLATIONS if fill_mode != "constant" else ("nearest",):
            found = ops.projective_transform(images, [[1, 0, far, 0, 1, 0, 0, 0]], [3, 3], interpolation, fill_mode, 7)
            np.testing.assert_array_equal(found, tf.fill((1, 3, 3, 3), 7.0))


@pytest.mark.parametrize("fill_mode", ["constant", "reflect", "nearest"])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_matches_scipy(choice, order, fill_mode, rng):
    image, t = rng.random((9, 7)).astype("float32"), transforms_of(rng, "projective", 1)[0]
    y, x = np.mgrid[:8, :11].astype("float64")
    k = t[6] * x + t[7] * y + 1
    at = [(t[3] * x + t[4] * y + t[5]) / k, (t[0] * x + t[1] * y + t[2]) / k]
    expected = ndimage.map_coordinates(image, at, order=order, mode=SCIPY_MODES[fill_mode], cval=0.5)
    with ops.use(choice):
        arguments = [8, 11], INTERPOLATIONS[order], fill_mode, 0.5
        found = ops.projective_transform(image[None, :, :, None], t[None], *arguments)[0, :, :, 0]
    near = np.abs(k) > 0.05  # where positions are not too sensitive to rounding
    np.testing.assert_allclose(found.numpy()[near], expected[near], rtol=1e-3, atol=1e-3)


def test_wrapped_nearest_matches_scipy(rng):
    image, shift = rng.random((9, 7)).astype("float32"), (4, -5)  # TensorFlow is not periodic beyond
    transforms = np.float32([[1, 0, shift[1], 0, 1, shift[0], 0, 0]])
    y, x = np.mgrid[:9, :7]
    expected = ndimage.map_coordinates(image, [y + shift[0], x + shift[1]], order=0, mode="grid-wrap")
    found = ops.projective_transform(image[None, :, :, None], transforms, [9, 7], fill_mode="wrap")
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("interpolation", "fill_mode"), MODES)
def test_gradient_is_that_of_tensorflow(interpolation, fill_mode, dtype, rng):
    images = tf.cast(rng.normal(size=(3, 6, 7, 2)), dtype)
    for count in (1, 3):
        transforms = np.float32(np.eye(3).ravel()[:8] + rng.normal(size=(count, 8)) * 0.02)
        results = []
        for function in (ops.projective_transform, theirs):
            with tf.GradientTape() as outer:
                outer.watch(images)
                with tf.GradientTape() as inner:
                    inner.watch(images)
                    y = function(images, transforms, [5, 9], interpolation, fill_mode, 3.0) ** 2
                first = inner.gradient(y, images)
            results.append([first, outer.gradient(first, images)])
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)
            assert np.abs(one).max() > 0


def test_singular_transform_has_no_gradient():
    images = tf.ones((1, 3, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        y = ops.projective_transform(images, tf.zeros((1, 8)), [3, 3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
        tape.gradient(y, images)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    images, transforms = rng.normal(size=(5, 40, 50, 3)).astype("float32"), transforms_of(rng, "affine", 5)
    same_for_any_thread_count(lambda a: ops.projective_transform(a, transforms, [300, 30], "bilinear"), images)


def test_empty_and_static_shapes():
    transforms = tf.zeros((1, 8))
    for shape in ((0, 4, 5, 3), (2, 4, 5, 0)):
        assert ops.projective_transform(tf.zeros(shape), transforms, [2, 3]).shape == (shape[0], 2, 3, shape[3])
    for (interpolation, fill_mode), shape in itertools.product(MODES, ((1, 0, 5, 3), (1, 4, 0, 3))):
        found = ops.projective_transform(tf.zeros(shape), transforms, [2, 3], interpolation, fill_mode, 5.0)
        np.testing.assert_array_equal(found, tf.fill((1, 2, 3, 3), 5.0))

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([2], tf.int32)])
    def unknown(images, size):
        known = ops.projective_transform(tf.ensure_shape(images, [None, None, None, 3]), transforms, [2, 3])
        assert known.shape.as_list() == [None, 2, 3, 3]
        return ops.projective_transform(images, transforms, size)

    assert unknown(tf.zeros((2, 4, 5, 3)), [6, 7]).shape == (2, 6, 7, 3)
    for wrong in ([0, 7], [6, -1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="positive"):
            unknown(tf.zeros((2, 4, 5, 3)), wrong)
    with pytest.raises(tf.errors.InvalidArgumentError, match="rank"):
        unknown(tf.zeros((4, 5, 3)), [6, 7])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"images": np.ones((1, 3, 3, 1), "int8")}, {"name": "images", "expected": "of a dtype in"}),
        ({"images": np.ones((3, 3, 1))}, {"name": "images", "expected": "(batch, height, width, channels)"}),
        ({"transforms": np.ones(8)}, {"name": "transforms", "expected": "(batch, 8) or (1, 8)"}),
        ({"output_shape": 3}, {"name": "output_shape", "expected": "(2,)"}),
        ({"interpolation": "cubic"}, {"name": "interpolation", "expected": "one of"}),
        ({"fill_mode": "mirror"}, {"name": "fill_mode", "expected": "one of"}),
    ],
)
def test_bad_arguments(arguments, error):
    good = {"images": np.ones((1, 3, 3, 1)), "transforms": np.ones((1, 8)), "output_shape": [3, 3]}
    ops.projective_transform(**good)
    with raises_argument_error(**error):
        ops.projective_transform(**{**good, **arguments})


sizes = st.integers(0, 5)
numbers = st.floats(width=32) | st.sampled_from([-1.0, 0.0, 0.5, 1.0])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    batch, shape = data.draw(sizes), data.draw(st.lists(sizes, min_size=3, max_size=4))
    images = tf.cast(np.resize(np.arange(7), (batch, *shape)), data.draw(st.sampled_from(DTYPES)))
    at = (batch, 8) if data.draw(st.booleans()) else data.draw(st.sampled_from([(1, 8), (8,), (2, 8), (1, 7)]))
    transforms = tf.constant(np.resize(np.float32(data.draw(st.lists(numbers, min_size=8, max_size=8))), at))
    kernel = ops.library().ops.tensorsmith_projective_transform
    fails_cleanly(
        kernel,
        images=images,
        transforms=transforms,
        output_shape=tf.constant(data.draw(st.lists(st.integers(-1, 5), max_size=3) | st.just([2, 300])), tf.int32),
        fill_value=tf.constant(data.draw(numbers), tf.float32),
        bilinear=data.draw(st.booleans()),
        fill_mode=data.draw(st.integers(0, 3) | st.integers(-(2**62), 2**62)),
    )


def test_default_fill_has_no_sign():
    """TensorFlow returns a cached scalar for equal numbers, and -0.0 equals 0.0."""
    tf.constant(-0.0)
    shifted = ops.projective_transform(tf.ones((1, 2, 2, 1)), [[1.0, 0, -1, 0, 1, 0, 0, 0]], (2, 2))
    assert not np.signbit(shifted).any()
