"""Packed sequences contain all tokens once, in nearly as few rows as possible."""

import numpy as np
import pytest

from tensorsmith.data.pipelines import pack_sequences
from tensorsmith.testing import raises_argument_error


def unpacked(packed):
    """Returns the sequences, found by segments and sorted by positions, in an arbitrary order."""
    found = []
    for tokens, segments, positions in zip(*packed, strict=True):
        for segment in range(1, segments.max() + 1):
            places = np.flatnonzero(segments == segment)
            assert positions[places].tolist() == list(range(len(places)))
            found.append(tuple(tokens[places].tolist()))
        assert not np.stack([tokens, positions])[:, segments == 0].any()
    return sorted(found)


@pytest.mark.parametrize("seed", range(5))
def test_all_tokens_once(seed):
    generator = np.random.default_rng(seed)
    sequences = [generator.integers(1, 99, generator.integers(0, 33)).tolist() for _ in range(500)]
    packed = pack_sequences(sequences, 32)
    assert unpacked(packed) == sorted(tuple(each) for each in sequences if each)
    # Best fit decreasing needs at most 11/9 of the fewest rows, of which this is a lower bound (Johnson, 1973).
    fewest = -(-sum(map(len, sequences)) // 32)
    assert len(packed.tokens) <= 11 / 9 * fewest + 4
    assert all(array.dtype == np.int32 for array in packed)


def test_fewest_rows():
    """Pairs that fill a row exactly are found."""
    sequences = [[1] * size for size in (1, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert pack_sequences(sequences, 10).tokens.shape == (5, 10)
    assert pack_sequences([[1] * 10] * 3, 10).tokens.all()
    assert pack_sequences([], 10).tokens.shape == (0, 10)
    assert pack_sequences([[], []], 10).tokens.shape == (0, 10)


def test_invalid_arguments():
    with raises_argument_error("sequences", received="one of length 5", expected="at most 4 long"):
        pack_sequences([[1], [1, 2, 3, 4, 5]], 4)
    with raises_argument_error("length"):
        pack_sequences([[1]], 0)
