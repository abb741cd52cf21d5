"""Splits of sequences into contiguous parts."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.data.pipelines import split_sequence
from tensorsmith.testing import raises_argument_error


@given(st.integers(200, 1000), st.integers(0, 10), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_parts_are_contiguous_with_gaps(count, gap, ratios):
    fractions = [ratio / sum(ratios) for ratio in ratios]
    parts = split_sequence(range(count), fractions, gap)
    left = count - gap * (len(fractions) - 1)
    assert sum(map(len, parts)) == left
    assert (parts[0][0], parts[-1][-1]) == (0, count - 1)
    for part, following in itertools.pairwise(parts):
        assert following[0] - part[-1] == gap + 1
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - fraction * left) <= 1


def test_types_of_parts():
    array = np.arange(40).reshape(20, 2)
    train, validation, test = split_sequence(array)
    assert (train.shape, validation.shape, test.shape) == ((18, 2), (1, 2), (1, 2))
    assert np.shares_memory(train, array)
    assert split_sequence(list("abcd"), (0.5, 0.5)) == (["a", "b"], ["c", "d"])
    assert split_sequence("abcd", (0.5, 0.5), gap=2) == ("a", "d")
    assert [int(part[0]) for part in split_sequence(tf.range(10), (0.2, 0.8))] == [0, 2]
    assert split_sequence("abc", (1.0,), gap=9) == ("abc",)


def test_windows_of_two_parts_have_no_common_elements():
    """With a gap of the length of the windows, a target of one part is not an input of a window of another part."""
    train, test = split_sequence(np.arange(100), (0.8, 0.2), gap=10)
    assert train[-1] + 10 < test[0]


@pytest.mark.parametrize(
    ("sequence", "fractions", "gap", "name"),
    [
        ("abcdef", (), 0, "fractions"),
        ("abcdef", (0.5, 0.4), 0, "fractions"),
        ("abcdef", (1.5, -0.5), 0, "fractions"),
        ("abcdef", (1.0, 0.0), 0, "fractions"),
        ("abcdef", (0.5, 0.5), -1, "gap"),
        ("abcdef", (0.5, 0.5), 1.5, "gap"),
        ("abcdef", (0.5, 0.5), 5, "sequence"),
        ("abcdef", (0.5, 0.5), 50, "sequence"),
        ("abcdef", (0.98, 0.02), 0, "sequence"),
    ],
)
def test_bad_arguments(sequence, fractions, gap, name):
    with raises_argument_error(name):
        split_sequence(sequence, fractions, gap)
