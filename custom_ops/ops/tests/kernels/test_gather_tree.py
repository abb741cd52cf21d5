"""Tests of gather_tree against a loop over beams, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

END = 9


def draw(rng, steps, batch, beams):
    ids, parents = rng.integers(0, 12, (steps, batch, beams)), rng.integers(0, max(beams, 1), (steps, batch, beams))
    return ids, parents, rng.integers(-1, steps + 3, batch)


def by_hand(ids, parents, lengths):
    """Follows each beam from its last step to its first."""
    steps, batch, beams = ids.shape
    out = np.full(ids.shape, END)
    for b in range(batch):
        for beam in range(beams):
            tokens, at = [], beam
            for step in reversed(range(min(steps, max(lengths[b], 0)))):
                tokens.insert(0, ids[step, b, at])
                at = parents[step, b, at]
            if END in tokens:
                tokens = tokens[: tokens.index(END)]
            out[: len(tokens), b, beam] = tokens
    return out


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize(
    "sizes", [(5, 3, 4), (1, 1, 1), (7, 2, 17), (40, 5, 3), (0, 2, 2), (3, 0, 2), (3, 2, 0)], ids=str
)
def test_matches_loop_over_beams(sizes, choice, rng):
    inputs = draw(rng, *sizes)
    with ops.use(choice):
        got, graph = ops.gather_tree(*inputs, END), tf.function(ops.gather_tree)(*inputs, END)
    assert got.dtype == tf.int32
    np.testing.assert_array_equal(got, by_hand(*inputs))
    np.testing.assert_array_equal(got, graph)


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    inputs = draw(rng, 50, 41, 7)
    same_for_any_thread_count(lambda: ops.gather_tree(*inputs, END))


def test_unknown_shapes(rng):
    unknown = tf.TensorSpec([None, None, None], tf.int32)

    @tf.function(input_signature=[unknown, unknown, tf.TensorSpec([None], tf.int32)])
    def partly(ids, parents, lengths):
        return ops.gather_tree(ids, parents, lengths, END)

    inputs = [value.astype("int32") for value in draw(rng, 4, 3, 2)]
    np.testing.assert_array_equal(partly(*inputs), by_hand(*inputs))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_ranks(choice, rng):
    inputs = [value.astype("int32") for value in draw(rng, 4, 3, 2)]
    with ops.use(choice):
        unknown = tf.function(ops.gather_tree, input_signature=[tf.TensorSpec(None, tf.int32)] * 4)
        np.testing.assert_array_equal(unknown(*inputs, END), by_hand(*inputs))


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"step_ids": np.ones((2, 3), int)}, "step_ids", "shape (steps, batch, beams"),
        ({"parent_ids": np.ones((2, 3, 5), int)}, "parent_ids", "to match `step_ids`"),
        ({"max_sequence_lengths": [1]}, "max_sequence_lengths", "shape (3,"),
        ({"end_token": [1]}, "end_token", "a scalar with shape ()"),
    ],
)
def test_bad_arguments(changes, name, message):
    zeros = np.zeros((2, 3, 4), int)
    arguments = {"step_ids": zeros, "parent_ids": zeros, "max_sequence_lengths": [2, 2, 2], "end_token": END}
    ops.gather_tree(**arguments)
    with raises_argument_error(name, expected=message):
        ops.gather_tree(**{**arguments, **changes})


@pytest.mark.parametrize("parent", [-1, 4])
def test_parents_out_of_range(parent, fails_cleanly):
    ids, parents = tf.zeros((3, 1, 4), tf.int32), np.zeros((3, 1, 4), "int32")
    parents[2, 0, 1] = parent
    arguments = {"step_ids": ids, "parent_ids": tf.constant(parents), "end_token": END}
    assert not fails_cleanly(ops.gather_tree, **arguments, max_sequence_lengths=[3])
    assert fails_cleanly(ops.gather_tree, **arguments, max_sequence_lengths=[2])  # this parent is not used


sizes = st.lists(st.integers(0, 3), max_size=4) | st.tuples(*[st.integers(0, 2)] * 3).map(list)
numbers = st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def integers():
        shape = data.draw(sizes)
        count = int(np.prod(shape))
        return tf.reshape(tf.constant(data.draw(st.lists(numbers, min_size=count, max_size=count)), tf.int32), shape)

    names = ("step_ids", "parent_ids", "max_sequence_lengths", "end_token")
    fails_cleanly(ops.library().ops.tensorsmith_gather_tree, **{name: integers() for name in names})
