"""Tests of connected_components against SciPy, a flood fill, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

DTYPES = [
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "bfloat16", "float32", "float64"),
]


def by_flood_fill(batch):
    """Labels the components one by one."""
    labels, last = np.zeros(batch.shape, int), 0
    for start in np.ndindex(batch.shape):
        if batch[start] == 0 or labels[start]:
            continue
        last += 1
        labels[start], waiting = last, [start]
        while waiting:
            image, y, x = waiting.pop()
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                to = image, y + dy, x + dx
                inside = 0 <= to[1] < batch.shape[1] and 0 <= to[2] < batch.shape[2]
                if inside and not labels[to] and batch[to] == batch[start]:
                    labels[to] = last
                    waiting.append(to)
    return labels


@pytest.mark.parametrize("dtype", DTYPES)
def test_matches_flood_fill(dtype, rng):
    batch = tf.cast(rng.integers(0, 3, (3, 20, 31)), dtype)
    for choice in ("compiled", "reference"):
        with ops.use(choice):
            for function in (ops.connected_components, tf.function(ops.connected_components)):
                labels = function(batch)
                assert labels.dtype == tf.int32
                np.testing.assert_array_equal(labels, by_flood_fill(batch.numpy()))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("shape", [(1, 1, 50), (2, 50, 1), (5, 1, 1), (0, 4, 5), (2, 0, 5), (2, 4, 0)])
def test_lines_and_images_without_pixels(shape, choice, rng):
    batch = rng.integers(0, 3, shape)
    with ops.use(choice):
        np.testing.assert_array_equal(ops.connected_components(batch), by_flood_fill(batch))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_long_components(choice):
    """A spiral, whose ends are far from each other."""
    spiral = np.zeros((1, 41, 41), bool)
    row, column, step = 20, 20, (0, 1)
    for length in range(1, 20):
        for _ in range(2):
            for _ in range(2 * length):
                spiral[0, row, column] = True
                row, column = row + step[0], column + step[1]
            step = (step[1], -step[0])
    assert ndimage.label(spiral)[1] == 1
    with ops.use(choice):
        np.testing.assert_array_equal(ops.connected_components(spiral), spiral)


@pytest.mark.parametrize("dtype", ["bool", "float64"])
@pytest.mark.parametrize("smooth", [0, 1, 4])
def test_large_images_match_scipy(smooth, dtype, rng):
    """Images of several work units, whose components extend across them."""
    image = (ndimage.gaussian_filter(rng.normal(size=(700, 301)), smooth) > 0).astype(dtype)
    np.testing.assert_array_equal(ops.connected_components(image[np.newaxis])[0], ndimage.label(image)[0])


def test_components_across_work_units():
    """Teeth of a comb that meet in the last row only."""
    comb = np.zeros((2, 900, 81), "uint8")
    comb[:, :, ::2] = comb[:, -1] = 7
    np.testing.assert_array_equal(ops.connected_components(comb), (comb > 0) * np.array([[[1]], [[2]]]))


def test_integers_use_all_bits():
    batch = np.array([[[2**40, 2**40 + 1, 2**41]]])
    np.testing.assert_array_equal(ops.connected_components(batch), [[[1, 2, 3]]])


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_zeros_and_nan(choice):
    with ops.use(choice):
        labels = ops.connected_components([[[-0.0, 0.0, np.nan, np.nan, np.inf, np.inf]]])
    np.testing.assert_array_equal(labels, [[[0, 0, 1, 2, 3, 3]]])


def test_complex_numbers_use_reference():
    np.testing.assert_array_equal(ops.connected_components([[[1j, 1j, 0, 1]]]), [[[1, 1, 0, 2]]])


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    same_for_any_thread_count(ops.connected_components, rng.integers(0, 2, (3, 401, 97)))


def test_unknown_shapes(rng):
    unknown = tf.function(ops.connected_components, input_signature=[tf.TensorSpec(None, tf.int32)])
    batch = rng.integers(0, 3, (2, 6, 7))
    np.testing.assert_array_equal(unknown(batch.astype("int32")), by_flood_fill(batch))
    with pytest.raises(tf.errors.InvalidArgumentError, match="images: got shape .*, expected rank 3"):
        unknown(tf.ones(3, tf.int32))


def test_xla_uses_reference(rng):
    batch = rng.integers(0, 3, (2, 6, 7))
    np.testing.assert_array_equal(tf.function(ops.connected_components, jit_compile=True)(batch), by_flood_fill(batch))


def test_bad_arguments():
    with raises_argument_error("images", received="(2, 3)", expected="have shape (batch, height, width)"):
        ops.connected_components(np.ones((2, 3)))


def small(shape):
    """Returns `True` if an array of the shape has few elements, and is supported by NumPy."""
    return np.prod(shape, dtype=float) < 1e5 and np.prod(np.maximum(shape, 1), dtype=float) < 2**59


shapes = st.lists(st.integers(0, 6) | st.sampled_from([100, 2**33]), max_size=4).filter(small)
numbers = st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    shape = data.draw(shapes)
    dtype = data.draw(st.sampled_from(["bool", "uint8", "int16", "int32", "int64", "float32", "float64"]))
    pattern = data.draw(st.lists(numbers, min_size=1, max_size=7))
    with np.errstate(invalid="ignore"):
        images = tf.constant(np.resize(pattern, shape).astype(dtype))
    assert fails_cleanly(ops.library().ops.tensorsmith_connected_components, images=images) == (len(shape) == 3)
