"""Tests of the functions for decoders: results by loops, shapes in graphs, and errors."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops, seq2seq
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "dtype"), [((5,), "float16"), ((2, 3, 4), "int32"), ((0, 4), "float32")])
def test_hardmax(shape, dtype):
    x = RNG.permutation(np.prod(shape)).reshape(shape)
    found = seq2seq.hardmax(tf.cast(x, dtype))
    assert found.dtype == dtype
    expected = np.zeros(shape)
    for row in np.ndindex(shape[:-1]):
        expected[(*row, max(range(shape[-1]), key=lambda column: x[(*row, column)]))] = 1
    np.testing.assert_array_equal(tf.cast(found, "float64"), expected)


def test_hardmax_in_graph():
    traced = tf.function(seq2seq.hardmax, input_signature=[tf.TensorSpec((None, None))])
    np.testing.assert_array_equal(traced([[1.0, 1.0], [0.0, 2.0]]), [[1, 0], [0, 1]])
    unknown = tf.function(seq2seq.hardmax, input_signature=[tf.TensorSpec(None)])
    np.testing.assert_array_equal(unknown([1.0, 3.0]), [0, 1])
    with raises_argument_error("logits", received="()", expected="have at least one axis"):
        seq2seq.hardmax(1.0)


@pytest.mark.parametrize(
    ("shape", "dtype", "multiplier"), [((2,), "string", 3), ((2, 1, 3, 2), "bfloat16", 1), ((0, 4), "bool", 3)]
)
def test_tile_batch(shape, dtype, multiplier):
    x = RNG.integers(0, 2, shape)
    tensor = tf.strings.as_string(x) if dtype == "string" else tf.cast(x, dtype)
    found = seq2seq.tile_batch([tensor, {"a": tensor}], multiplier)
    expected = tensor.numpy()[[row for row in range(shape[0]) for _ in range(multiplier)]]
    for each in (found[0], found[1]["a"]):
        np.testing.assert_array_equal(each, expected)


def test_tile_batch_gradient_and_static_shape():
    x = tf.constant(RNG.normal(size=(2, 3)))
    weights = RNG.normal(size=(4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(weights * seq2seq.tile_batch(x, 2))
    np.testing.assert_allclose(tape.gradient(value, x), weights.reshape(2, 2, 3).sum(1))

    @tf.function(input_signature=[tf.TensorSpec((2, None, 5)), tf.TensorSpec((None, 5))])
    def traced(known, unknown):
        shapes.extend(each.shape.as_list() for each in seq2seq.tile_batch((known, unknown), 3))

    shapes = []
    traced(tf.ones((2, 3, 5)), tf.ones((2, 5)))
    assert shapes == [[6, None, 5], [None, 5]]


def test_tile_batch_with_wrong_multiplier():
    for multiplier in (0, -1, 1.5, "2", None):
        with raises_argument_error("multiplier", expected="a positive integer"):
            seq2seq.tile_batch(tf.ones((2, 3)), multiplier)


def test_tile_batch_of_scalar():
    with raises_argument_error("t", received="()", expected="have shape (batch, ...) with a known rank"):
        seq2seq.tile_batch([tf.ones((2, 3)), 1.0], 2)


def followed(t, parents, lengths):
    """Return the values along the path of each beam, found by a loop from the end to the start."""
    steps, batch, beams = parents.shape
    result = t.copy()
    for b, beam in np.ndindex(batch, beams):
        last, at = min(max(lengths[b]), steps), beam
        for step in range(last - 1, -1, -1):
            if step < lengths[b, beam]:
                result[step, b, beam] = t[step, b, at]
            at = parents[step, b, at]
    return result


@pytest.mark.parametrize(
    ("sizes", "more", "dtype", "choice"),
    [
        ((5, 3, 4), (2, 3), "float16", "compiled"),
        ((5, 3, 4), (), "int32", "reference"),
        ((4, 2, 1), (3,), "float32", "compiled"),
        ((3, 0, 2), (3,), "float32", "compiled"),
        ((0, 2, 2), (2, 3), "float64", "compiled"),
    ],
)
def test_gather_tree_from_array(sizes, more, dtype, choice):
    t = RNG.permutation(np.prod([*sizes, *more])).reshape(*sizes, *more)
    parents, lengths = RNG.integers(0, sizes[2], sizes), RNG.integers(0, sizes[0] + 2, sizes[1:])
    expected = tf.cast(followed(t, parents, lengths), dtype)
    with ops.use(choice):
        found = seq2seq.gather_tree_from_array(tf.cast(t, dtype), parents, lengths)
        traced = tf.function(seq2seq.gather_tree_from_array)(
            tf.cast(t.reshape(sizes[0], sizes[1] * sizes[2], *more), dtype), tf.constant(parents, "int32"), lengths
        )
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(traced, tf.reshape(expected, traced.shape))


def test_gather_tree_from_array_gradient_and_static_shape():
    t, parents = tf.constant(RNG.normal(size=(4, 2, 3, 2))), RNG.integers(0, 3, (4, 2, 3))
    lengths, weights = np.array([[4, 2, 3], [1, 1, 1]]), RNG.normal(size=(4, 2, 3, 2))

    @tf.function(input_signature=[tf.TensorSpec((None, 2, 3, 2), "float64"), tf.TensorSpec([None] * 3, "int32")])
    def traced(t, parents):
        found = seq2seq.gather_tree_from_array(t, parents, lengths)
        assert found.shape.as_list() == [None, 2, 3, 2]
        return found

    with tf.GradientTape() as tape:
        tape.watch(t)
        value = tf.reduce_sum(weights * traced(t, parents))
    # The inverse of the selection: each weight is added to the value that was selected.
    indices = followed(np.arange(48).reshape(4, 2, 3, 2), parents, lengths)
    expected = np.bincount(indices.ravel(), weights.ravel(), 48).reshape(4, 2, 3, 2)
    np.testing.assert_allclose(tape.gradient(value, t), expected)


@pytest.mark.parametrize(
    ("t", "parents", "lengths", "name", "expected"),
    [
        ((4, 2, 3), (4, 2), (2, 3), "parent_ids", "have shape (steps, batch, beams)"),
        ((4, 2, 3), (4, 2, 3), (3, 2), "sequence_length", "have shape (batch, beams) = (2, 3)"),
        ((5, 2, 3), (4, 2, 3), (2, 3), "t", "have shape (4, 2, 3, ...) or (4, 6, ...) to match `parent_ids`"),
        ((4, 3, 2), (4, 2, 3), (2, 3), "t", "have shape (4, 2, 3, ...) or (4, 6, ...) to match `parent_ids`"),
        ((), (4, 2, 3), (2, 3), "t", "have shape (4, 2, 3, ...) or (4, 6, ...) to match `parent_ids`"),
    ],
)
def test_gather_tree_from_array_with_wrong_shapes(t, parents, lengths, name, expected):
    with raises_argument_error(name, expected=expected):
        seq2seq.gather_tree_from_array(tf.ones(t), tf.zeros(parents, "int32"), tf.ones(lengths, "int32"))


def test_gather_tree_from_array_with_wrong_parent():
    with pytest.raises(tf.errors.InvalidArgumentError):
        seq2seq.gather_tree_from_array(tf.ones((2, 1, 2)), [[[0, 0]], [[0, 2]]], [[2, 2]])
