"""Tests of augment_images against SciPy, its reference implementation, and invalid input."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

MODES = {"constant": "nearest", "reflect": "reflect", "nearest": "nearest"}


def draw(rng, channels, dtype, projective=False, batch=2):
    images = rng.integers(0, 256, (batch, 17, 23, channels)).astype(dtype)
    transforms = np.tile([1.1, 0.2, -3.0, -0.3, 0.9, 2.0, 0.0, 0.0], (batch, 1))
    transforms += rng.normal(size=(batch, 8)) * [0.2, 0.2, 5, 0.2, 0.2, 5, 0, 0]
    if projective:
        transforms[:, 6:] = rng.uniform(0.001, 0.02, (batch, 2))
    colors = rng.normal(size=(batch, channels, channels + 1))
    return images, transforms.astype("float32"), colors.astype("float32")


def by_scipy(images, transforms, colors, size, mode, fill):
    """Return warped and recolored images in float64."""
    rows, columns = np.indices(size)
    results = []
    for image, (a0, a1, a2, b0, b1, b2, c0, c1), color in zip(
        images, transforms.astype("float64"), colors, strict=True
    ):
        k = c0 * columns + c1 * rows + 1
        positions = [(b0 * columns + b1 * rows + b2) / k, (a0 * columns + a1 * rows + a2) / k]
        warped = [
            scipy.ndimage.map_coordinates(channel.astype("float64"), positions, order=1, mode=MODES[mode])
            for channel in np.moveaxis(image, -1, 0)
        ]
        if mode == "constant":  # from the edges of the image, half a pixel from the centers of the border
            y, x = positions
            inside = (x >= -0.5) & (x < image.shape[1] - 0.5) & (y >= -0.5) & (y < image.shape[0] - 0.5)
            warped = [np.where(inside, channel, fill) for channel in warped]
        results.append(np.stack(warped, -1) @ color[:, :-1].T + color[:, -1])
    return np.stack(results)


@pytest.mark.pairwise
@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (3, "uint8"), (3, "float32"), (9, "float32")])
@pytest.mark.parametrize("projective", [False, True])
def test_matches_scipy(choice, mode, channels, dtype, projective, rng):
    images, transforms, colors = draw(rng, channels, dtype, projective)
    expected = by_scipy(images, transforms, colors, (19, 13), mode, fill=9.0)
    scale, offset = np.linspace(0.5, 2, channels), np.linspace(-1, 1, channels)
    expected = np.clip(expected, -50, 200) * scale + offset
    options = {
        "scale": np.float32(scale),
        "offset": np.float32(offset),
        "limits": (-50, 200),
        "fill_mode": mode,
        "fill_value": 9.0,
    }
    with ops.use(choice):
        for function in (ops.augment_images, tf.function(ops.augment_images, autograph=False)):
            np.testing.assert_allclose(function(images, transforms, colors, [19, 13], **options), expected, atol=0.02)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_integers_are_rounded(choice, channels, rng):
    images, transforms, colors = draw(rng, channels, "uint8")
    expected = by_scipy(images, transforms, colors, (8, 8), "nearest", fill=0)
    with ops.use(choice):
        result = ops.augment_images(images, transforms, colors, [8, 8], fill_mode="nearest")
    assert result.dtype == tf.uint8
    difference = np.abs(result.numpy() - np.clip(expected, 0, 255))
    assert difference.max() <= 0.51


def test_identity_returns_the_images(rng):
    for shape, dtype in (((2, 5, 7, 3), "uint8"), ((1, 1, 1, 3), "uint8"), ((3, 2, 2, 8), "float32")):
        images = rng.integers(0, 256, shape).astype(dtype)
        identity = (
            np.tile([1.0, 0, 0, 0, 1, 0, 0, 0], (shape[0], 1)),
            np.eye(shape[3], shape[3] + 1)[None].repeat(shape[0], 0),
        )
        np.testing.assert_array_equal(ops.augment_images(images, *identity, shape[1:3]), images)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    images, transforms, colors = draw(rng, 3, "uint8", batch=5)
    same_for_any_thread_count(
        lambda *maps: ops.augment_images(images, *maps, [31, 33], scale=[1.0, 2, 3]), transforms, colors
    )


def test_unknown_shapes(rng):
    specs = [tf.TensorSpec(None, dtype) for dtype in (tf.uint8, tf.float32, tf.float32, tf.int32)]
    unknown = tf.function(ops.augment_images, input_signature=specs, autograph=False)
    inputs = [*draw(rng, 3, "uint8"), [4, 5]]
    np.testing.assert_array_equal(unknown(*inputs), ops.augment_images(*inputs))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"images": np.zeros((2, 3, 1), "uint8")}, "images"),
        ({"images": np.zeros((2, 3, 4, 1), "int32")}, "images"),
        ({"transforms": np.zeros((1, 8), "float32")}, "transforms"),
        ({"colors": np.zeros((2, 1, 1), "float32")}, "colors"),
        ({"size": [1, 2, 3]}, "size"),
        ({"scale": [1.0, 2.0]}, "scale"),
        ({"fill_mode": "wrap"}, "fill_mode"),
    ],
)
def test_bad_arguments(change, name, rng):
    images, transforms, colors = draw(rng, 1, "uint8")
    arguments = {"images": images, "transforms": transforms, "colors": colors, "size": [4, 4], **change}
    with raises_argument_error(name=name):
        ops.augment_images(**arguments)


sides = st.integers(0, 5)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    op = ops.library().ops.tensorsmith_augment_images
    batch, channels = data.draw(st.integers(0, 2)), data.draw(st.sampled_from([0, 1, 3, 3, 3, 4, 9]))
    dtype = data.draw(st.sampled_from([tf.uint8, tf.float32]))
    images = tf.cast(
        tf.fill([batch, data.draw(sides), data.draw(sides), channels], data.draw(st.integers(0, 255))), dtype
    )
    transforms = np.array(data.draw(st.lists(numbers, min_size=8 * batch, max_size=8 * batch)), "float32")
    color = data.draw(numbers)
    arguments = {
        "images": images,
        "transforms": transforms.reshape(batch, 8),
        "colors": tf.fill([batch, channels, channels + 1], tf.constant(color, tf.float32)),
        "scale": tf.ones([channels]),
        "offset": tf.ones([channels]),
        "size": data.draw(st.lists(st.integers(-1, 7), min_size=2, max_size=2)),
        "U": data.draw(st.sampled_from([tf.uint8, tf.float32])),
        "fill_mode": data.draw(st.integers(-1, 3)),
        "fill_value": data.draw(numbers),
        "low": 0.0,
        "high": 255.0,
    }
    name = data.draw(st.sampled_from([None, "images", "transforms", "colors", "scale", "offset", "size"]))
    if name is not None:
        shape = data.draw(st.lists(sides, max_size=4))
        arguments[name] = tf.zeros(shape, tf.convert_to_tensor(arguments[name]).dtype)
    fails_cleanly(op, **arguments)
