"""Comparison of attention mechanisms and of `AttentionWrapper` with TensorFlow Addons: results and gradients."""

import functools
import itertools

import keras
import numpy as np
import pytest
import side_seq2seq
from hypothesis import given
from hypothesis import strategies as st
from side import differentiated
from test_addons import expect_same, several, sizes
from test_addons_text import compare

from tensorsmith import seq2seq
from tensorsmith.testing.covering import covering

pytestmark = pytest.mark.pairwise

in_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCES = {"float32": 2e-5, "float64": 1e-10}


def compare_uses(addons, name, arrays, **options):
    """Compare the results of a function of `side_seq2seq` with both libraries, for random weights."""
    function = functools.partial(getattr(side_seq2seq, name), libraries=(seq2seq, keras))
    dtype = next(each.dtype for each in arrays if each.dtype.kind == "f")
    weights = side_seq2seq.weights_of(function, arrays, **options)
    arrays = [*arrays, *(weight.astype(dtype) for weight in weights)]
    ours = differentiated(function, arrays, **options)
    expect_same(ours, addons(name, arrays, **options), TOLERANCES[dtype.name])
    return ours


def memory_of(rng, batch, positions, features, dtype, bounded):
    """Return a random memory and its lengths or mask."""
    lengths = rng.integers(1, positions + 1, batch).astype("int32")
    mask = rng.random((batch, positions)) < 0.7
    mask[:, 0] = True
    bounds = mask if bounded == "mask" else lengths
    return rng.normal(size=(batch, positions, features)).astype(dtype), bounds


@in_dtypes
@several
@given(sizes, sizes, st.integers(0, 99))
def test_safe_cumprod(addons, dtype, rows, columns, seed):
    x = np.random.default_rng(seed).uniform(-0.2, 1.2, (rows, columns)).astype(dtype)
    for options in ({}, {"axis": 1, "exclusive": True}, {"axis": 1, "reverse": True}):
        compare(addons, seq2seq.safe_cumprod, [x], "seq2seq.safe_cumprod", TOLERANCES[dtype], **options)


@in_dtypes
@pytest.mark.parametrize("mode", ["recursive", "parallel", "hard"])
@several
@given(sizes, sizes, st.integers(0, 99))
def test_monotonic_attention(addons, mode, dtype, batch, positions, seed):
    dtype = supported(dtype, mode)
    rng = np.random.default_rng(seed)
    p = rng.random((batch, positions)).astype(dtype)
    arrays = [p.round() if mode == "hard" else p, rng.dirichlet(np.ones(positions), batch).astype(dtype)]
    name, tolerance = "seq2seq.monotonic_attention", TOLERANCES[dtype]
    compare(addons, seq2seq.monotonic_attention, arrays, name, tolerance, mode=mode)


def supported(dtype, mode):
    """Return a dtype that the loop of Addons supports."""
    return "float32" if mode == "recursive" else dtype


def products(name, **values):
    """Return a mechanism with all combinations of values of its arguments."""
    combinations = itertools.product(*values.values())
    return [(name, dict(zip(values, each, strict=True))) for each in combinations]


MODES = {"mode": ["recursive", "parallel", "hard"], "score_bias_init": [0.0, -1.5]}
MECHANISMS = [
    *products("LuongAttention", units=[4], scale=[False, True], probability_fn=["softmax", "hardmax"]),
    *products("BahdanauAttention", units=[5], normalize=[False, True], probability_fn=["softmax", "hardmax"]),
    *products("LuongMonotonicAttention", units=[4], scale=[False, True], **MODES),
    *products("BahdanauMonotonicAttention", units=[5], normalize=[False, True], **MODES),
]


def compare_mechanisms(addons, mechanism, options, bounded, dtype, seed):
    """Compare three steps of a mechanism for a random batch."""
    rng = np.random.default_rng(seed)
    batch, positions = rng.integers(1, 7, 2)
    queries = rng.normal(size=(3, batch, 4)).astype(dtype)
    arrays = [*memory_of(rng, batch, positions, 3, dtype, bounded), queries]
    options = {**options, "dtype": dtype}
    compare_uses(addons, "mechanism_steps", arrays, mechanism=mechanism, options=options, bounded=bounded)


@pytest.mark.parametrize("mechanism", sorted({name for name, _ in MECHANISMS}))
def test_default_mechanisms(addons, mechanism):
    compare_mechanisms(addons, mechanism, {"units": 4}, "lengths", "float32", 1)


@pytest.mark.slow
@in_dtypes
@pytest.mark.parametrize("bounded", ["none", "lengths", "mask"])
@pytest.mark.parametrize(("mechanism", "options"), MECHANISMS, ids=str)
def test_mechanisms(addons, mechanism, options, bounded, dtype):
    seed = len(str(options)) + len(bounded)
    compare_mechanisms(addons, mechanism, options, bounded, supported(dtype, options.get("mode")), seed)


LUONG, BAHDANAU = ("LuongAttention", {"units": 4}), ("BahdanauAttention", {"units": 5, "normalize": True})
MOVING = ("BahdanauMonotonicAttention", {"units": 3, "mode": "recursive"})


def pairs(**values):
    """Return combinations of arguments that together contain all pairs of the values of two arguments.

    They are chosen from a random sample, because tests with all combinations take long to collect.
    """
    rng = np.random.default_rng(0)
    table = [tuple(int(rng.integers(len(each))) for each in values.values()) for _ in range(400)]
    chosen = covering(list(zip(*table, strict=True)), 2, len(table))
    rows = [table[number] for number in sorted(chosen)]
    return [{name: values[name][index] for name, index in zip(values, row, strict=True)} for row in rows]


WRAPPERS = pairs(
    cell=["LSTMCell", "GRUCell", "SimpleRNNCell"],
    mechanisms=[[LUONG], [BAHDANAU], [LUONG, BAHDANAU], [BAHDANAU, MOVING]],
    size=[None, 3],
    history=[False, True],
    output_attention=[False, True],
    special=[[], ["layer"], ["input"], ["layer", "input"]],
    bounded=["none", "lengths", "mask"],
    batch=[1, 3],
)


@pytest.mark.slow
@pytest.mark.parametrize("given", WRAPPERS, ids=range(len(WRAPPERS)))
def test_wrapper(addons, given):
    rng = np.random.default_rng(given["batch"])
    memory = memory_of(rng, given["batch"], 6, 3, "float32", given["bounded"])
    shapes = (4, given["batch"], 2), (given["batch"], 4)
    arrays = [*memory, *(rng.normal(size=shape).astype("float32") for shape in shapes)]
    options = {"alignment_history": given["history"], "output_attention": given["output_attention"]}
    size = given["size"]
    if size and "layer" not in given["special"]:
        options["attention_layer_size"] = size if len(given["mechanisms"]) == 1 else [size, size + 1]
    passed = {name: given[name] for name in ("cell", "mechanisms", "bounded", "special")}
    compare_uses(addons, "wrapper_steps", arrays, options=options, **passed)


@pytest.mark.slow
@pytest.mark.parametrize("mechanisms", [[LUONG], [BAHDANAU, MOVING]])
@pytest.mark.parametrize("bounded", ["none", "lengths"])
def test_wrapper_in_layer(addons, mechanisms, bounded):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(3, 5, 2)).astype("float32"), np.arange(5) < [[5], [2], [3]]
    arrays = [*memory_of(rng, 3, 6, 3, "float32", bounded), x, mask]
    compare_uses(
        addons, "wrapper_in_layer", arrays, cell="LSTMCell", mechanisms=mechanisms, bounded=bounded, options={}
    )
