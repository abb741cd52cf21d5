"""Comparison of the functions for decoders with TensorFlow Addons: results and gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_addons import several, sizes
from test_addons_text import compare

from tensorsmith import seq2seq

in_dtypes = pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])


def drawn(shape, dtype, seed):
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


@in_dtypes
@several
@given(st.integers(0, 4), sizes, st.integers(0, 99))
def test_hardmax(addons, dtype, batch, classes, seed):
    """Small integers, so that some logits are equal."""
    compare(addons, seq2seq.hardmax, [drawn((batch, classes), dtype, seed)], "seq2seq.hardmax", 0)


@in_dtypes
@several
@given(st.integers(0, 4), sizes, st.integers(1, 4), st.integers(0, 99))
def test_tile_batch(addons, dtype, batch, width, multiplier, seed):
    x = drawn((batch, width), dtype, seed)
    compare(addons, seq2seq.tile_batch, [x], "seq2seq.tile_batch", 1e-2, multiplier=multiplier)


@in_dtypes
@pytest.mark.parametrize("flat", [False, True])
@several
@given(sizes, sizes, sizes, st.sampled_from([(), (3,), (2, 2)]), st.integers(0, 99))
def test_gather_tree_from_array(addons, flat, dtype, steps, batch, beams, more, seed):
    rng = np.random.default_rng(seed)
    shape = (steps, batch * beams) if flat else (steps, batch, beams)
    parents = rng.integers(0, beams, (steps, batch, beams)).astype("int32")
    lengths = rng.integers(0, steps + 1, (batch, beams)).astype("int32")
    arrays = [drawn((*shape, *more), dtype, seed), parents, lengths]
    compare(addons, seq2seq.gather_tree_from_array, arrays, "seq2seq.gather_tree_from_array", 1e-2)
