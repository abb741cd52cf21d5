"""Tests of attention against its reference implementation, float64, a NumPy formula, and invalid input."""

import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

# batch, steps, keys, heads, groups, width, value_width
SIZES = [
    (2, 5, 5, 2, 2, 4, 4),
    (1, 1, 1, 1, 1, 1, 1),
    (2, 3, 7, 4, 2, 5, 3),
    (1, 17, 13, 6, 1, 8, 16),
    (2, 33, 33, 2, 1, 16, 16),
    (0, 3, 3, 1, 1, 2, 2),
    (1, 0, 3, 1, 1, 2, 2),
    (2, 3, 0, 2, 1, 2, 2),
    (1, 150, 131, 1, 1, 7, 5),
]


def draw(rng, sizes):
    batch, steps, keys, heads, groups, width, value_width = sizes
    query = rng.normal(size=(batch, steps, heads, width))
    key = rng.normal(size=(batch, keys, groups, width))
    return query, key, rng.normal(size=(batch, keys, groups, value_width))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_plain_and_causal(sizes, causal, dtype, agree, rng):
    agree(lambda q, k, v: ops.attention(q, k, v, causal=causal), *draw(rng, sizes), dtype=dtype)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_masks(sizes, causal, agree, rng):
    batch, steps, keys, heads, *_ = sizes
    lengths = rng.integers(0, keys + 1, batch)
    for shape in ((batch, heads, steps, keys), (batch, 1, 1, keys), (1, 1, steps, keys), (batch, heads, steps, 1)):
        mask = rng.random(shape) < 0.7

        def masked(q, k, v, lengths, mask):
            return ops.attention(q, k, v, causal=causal, lengths=lengths, mask=mask, scale=0.3)

        agree(masked, *draw(rng, sizes), lengths, mask)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_bias_and_its_gradient(sizes, causal, agree, rng):
    batch, steps, keys, heads, *_ = sizes
    for shape in ((batch, heads, steps, keys), (1, heads, steps, keys), (1, 1, 1, keys), (batch, 1, steps, 1)):

        def biased(q, k, v, bias):
            return ops.attention(q, k, v, bias=bias, causal=causal)

        agree(biased, *draw(rng, sizes), rng.normal(size=shape), tolerance=2e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_dropout_matches_reference(sizes, agree, rng):
    agree(lambda q, k, v: ops.attention(q, k, v, dropout=0.3, seed=[5, -7]), *draw(rng, sizes))


def test_formula(rng):
    query, key, value = draw(rng, (2, 4, 6, 4, 2, 3, 5))
    got = ops.attention(*(x.astype("float32") for x in (query, key, value)), lengths=[6, 2]).numpy()
    for b, length in enumerate((6, 2)):
        for h in range(4):
            scores = query[b, :, h] @ key[b, :length, h // 2].T / np.sqrt(3)
            shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
            np.testing.assert_allclose(got[b, :, h], shares @ value[b, :length, h // 2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_padded_keys_are_skipped(causal, rng):
    """A shared mask of padding equals `lengths`, also if the padding is not finite."""
    query, key, value = (rng.normal(size=(3, 40, 2, 8)).astype("float32") for _ in range(3))
    lengths = np.array([40, 17, 0])
    padding = np.arange(40) >= lengths[:, np.newaxis]
    key[padding], value[padding] = np.nan, np.inf
    results = []
    for options in ({"lengths": lengths}, {"mask": ~padding[:, np.newaxis, np.newaxis]}):
        tensors = [tf.constant(each) for each in (query, key, value)]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = ops.attention(*tensors, causal=causal, dropout=0.2, seed=[1, 2], **options)
        results.append([output, *tape.gradient(output, tensors)])
    for one, other in zip(*results, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


def test_query_without_visible_keys(rng):
    query, key, value = (tf.constant(x, tf.float32) for x in draw(rng, (2, 3, 3, 1, 1, 4, 4)))
    with tf.GradientTape() as tape:
        tape.watch([query, key, value])
        output = ops.attention(query, key, value, lengths=[0, 3])
    assert not output[0].numpy().any()
    for gradient in tape.gradient(output, [query, key, value]):
        assert not gradient[0].numpy().any()
        assert np.isfinite(gradient).all()


def test_large_scores_do_not_overflow():
    query = tf.constant([[[[300.0]], [[-300.0]]]])
    value = tf.constant([[[[1.0]], [[2.0]]]])
    np.testing.assert_array_equal(ops.attention(query, query, value)[0, :, 0, 0], [1.0, 2.0])


@pytest.mark.parametrize("spread", [1e4, 1e5, 1e9])
def test_saturated_softmax(spread, rng):
    query, key = rng.normal(scale=spread, size=(2, 1, 64, 1, 4)).astype("float32")
    value, upstream = rng.normal(size=(2, 1, 64, 1, 4)).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(inputs := [tf.constant(x) for x in (query, key, value)])
        output = ops.attention(*inputs, scale=0.3)
    best = np.argmax(query[0, :, 0].astype("float64") @ key[0, :, 0].T.astype("float64"), axis=1)
    np.testing.assert_array_equal(output[0, :, 0], value[0, best, 0])
    dquery, dkey, dvalue = tape.gradient(output, inputs, output_gradients=upstream)
    assert not np.any(dquery)
    assert not np.any(dkey)
    np.testing.assert_allclose(dvalue[0, :, 0], np.eye(64)[best].T @ upstream[0, :, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scale", [0.5, 0.0, -0.5])
def test_precision_of_large_scores(scale, biased, masked, rng):
    # Integers, so that all scores are exact in float32: about half a million, and small differences.
    query = np.float32([[1000, 1000, 1]] * 5)[np.newaxis, :, np.newaxis]
    key = np.stack([np.full(19, 500), np.full(19, 500), rng.integers(-5, 6, 19)], -1).astype("float32")
    value, upstream = rng.normal(size=(19, 2)).astype("float32"), rng.normal(size=(1, 5, 1, 2)).astype("float32")
    bias = rng.integers(-3, 4, (1, 1, 5, 19)).astype("float32") + 2e5
    mask = rng.random((1, 1, 5, 19)) < 0.7

    def slopes(dtype):
        inputs = [
            tf.constant(x, dtype) for x in (query, key[np.newaxis, :, np.newaxis], value[np.newaxis, :, np.newaxis])
        ]
        inputs.append(tf.constant(bias, dtype))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            options = {"mask": mask if masked else None, "bias": inputs[3] if biased else None}
            output = ops.attention(*inputs[:3], scale=scale, **options)
        gradients = tape.gradient(output, inputs, output_gradients=tf.constant(upstream, dtype))
        return [output, *(gradient for gradient in gradients if gradient is not None)]

    for ours, exact, size in zip(slopes("float32"), slopes("float64"), (1, 500, 1000, 1, 1), strict=False):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-6 * size)


@pytest.mark.parametrize("scale", [0.5, -0.5])
def test_infinite_bias_and_nan(scale, rng):
    query, key, value = (x.astype("float32") for x in draw(rng, (1, 4, 6, 1, 1, 3, 2)))
    bias = np.zeros((1, 1, 4, 6), "float32")
    bias[..., 3:] = -np.inf
    bias[0, 0, 1] = -np.inf
    query[0, 2] = np.nan
    with tf.GradientTape() as tape:
        tape.watch(inputs := [tf.constant(x) for x in (query, key, value, bias)])
        output = ops.attention(*inputs[:3], bias=inputs[3], scale=scale)
    dquery, dkey, dvalue, dbias = tape.gradient(output, inputs)
    sees_less = ops.attention(query, key[:, :3], value[:, :3], scale=scale)
    for step in (0, 3):
        np.testing.assert_allclose(output[0, step], sees_less[0, step], rtol=1e-6)
    assert not np.any(output[0, 1])  # no visible keys
    assert not np.any(dquery[0, 1])
    assert not np.any(dbias[0, 0, 1])
    assert np.isnan(output[0, 2]).all()
    for gradient in (dquery[0, 2], dkey[0, :3], dvalue[0, :3], dbias[0, 0, 2, :3]):
        assert np.isnan(gradient).all()


def test_dropout_statistics():
    steps, rate = 300, 0.3
    zeros = tf.zeros((1, steps, 2, 1))
    one = tf.eye(steps)[tf.newaxis, :, tf.newaxis] * steps  # the output is the row of probabilities, times `steps`
    outputs = [
        ops.attention(zeros, zeros[:, :, :1], one, dropout=rate, seed=[1, second]).numpy() for second in (2, 2, 3)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    kept = np.stack([outputs[0], outputs[2]]) > 0
    np.testing.assert_allclose(outputs[0][kept[0]], 1 / (1 - rate), rtol=1e-5)
    spread = np.sqrt(rate * (1 - rate))
    assert abs(kept.mean() - (1 - rate)) < 5 * spread / np.sqrt(kept.size)
    pairs = [
        (kept[0], kept[1]),
        (kept[:, 0, :, 0], kept[:, 0, :, 1]),
        (kept[..., 1:], kept[..., :-1]),
        (kept[:, :, 1:], kept[:, :, :-1]),
    ]  # neighboring seeds, heads, keys and queries are independent
    for one_draw, other in pairs:
        both = (one_draw & other).mean()
        assert abs(both - (1 - rate) ** 2) < 5 * np.sqrt(0.49 * 0.51 / one_draw.size)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_independent_of_thread_count(dropout, same_for_any_thread_count, rng):
    inputs = [x.astype("float32") for x in draw(rng, (3, 140, 90, 4, 2, 8, 8))]
    bias = rng.normal(size=(1, 4, 140, 90)).astype("float32")

    def biased(q, k, v, bias):
        return ops.attention(q, k, v, bias=bias, causal=True, dropout=dropout, seed=[1, 2])

    same_for_any_thread_count(biased, *inputs, bias)


# Sizes, and the shape of a bias or `None`, for every partition of the gradient over threads.
SHARED = [
    ((1, 140, 90, 4, 1, 8, 8), None),
    ((1, 300, 90, 1, 1, 8, 8), None),
    ((3, 140, 90, 4, 2, 8, 8), (1, 1, 1, 90)),
    ((2, 20, 20, 6, 3, 8, 8), (1, 1, 20, 20)),
    ((5, 20, 20, 3, 3, 8, 8), (5, 1, 20, 1)),
    ((1, 300, 200, 4, 1, 2, 2), (1, 1, 300, 200)),
    ((2, 300, 200, 4, 2, 2, 2), (1, 4, 300, 200)),
    ((1, 300, 200, 4, 2, 2, 2), (1, 1, 300, 200)),
    ((1, 4, 200, 16, 2, 1, 1), (1, 16, 1, 200)),
    ((2, 2, 300, 12, 1, 1, 1), (2, 1, 1, 300)),
]


@pytest.mark.parametrize(("sizes", "shape"), SHARED, ids=str)
def test_parallel_gradient_partitions(sizes, shape, agree, same_for_any_thread_count, rng):
    inputs = [*draw(rng, sizes), *([] if shape is None else [rng.normal(size=shape)])]

    def attend(q, k, v, bias=None):
        return ops.attention(q, k, v, bias=bias, causal=True)

    agree(attend, *inputs, tolerance=2e-5)
    same_for_any_thread_count(attend, *(x.astype("float32") for x in inputs))


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ((1, 512, 512, 8, 1, 32, 32), None),
        ((4, 512, 512, 2, 2, 32, 32), (1, 1, 512, 512)),
        ((16, 128, 128, 8, 8, 32, 32), (1, 1, 128, 128)),
        ((4, 512, 512, 2, 2, 32, 32), (1, 1, 1, 512)),
    ],
    ids=str,
)
def test_gradients_run_on_several_threads(sizes, shape, rng):
    query, key, value = (tf.constant(x, tf.float32) for x in draw(rng, sizes))
    options = [tf.zeros([0], tf.int32), tf.zeros([0], tf.bool), tf.zeros([0] if shape is None else shape)]
    options.append(tf.zeros([2], tf.int64))
    attributes = {"scale": 0.1, "causal": False, "dropout": 0.0}
    kernels = ops.library().ops
    ops.set_threads(2)

    def fraction():
        """Return the fraction of the time of all threads that this thread takes for some gradients."""
        own, all_threads = time.thread_time(), time.process_time()
        for _ in range(10):
            kernels.tensorsmith_attention_grad(output, query, key, value, *options, normalizer, **attributes)
        return (time.thread_time() - own) / (time.process_time() - all_threads)

    try:
        output, normalizer = kernels.tensorsmith_attention(query, key, value, *options, **attributes)
        assert any(fraction() < 0.8 for _ in range(10))  # on a busy machine, other threads may start late
    finally:
        ops.set_threads(0)


def test_numerical_gradients(rng):
    inputs = [x.astype("float32") for x in draw(rng, (1, 3, 4, 2, 1, 3, 2))]
    theory, numeric = tf.test.compute_gradient(lambda q, k, v: ops.attention(q, k, v, causal=True), inputs, delta=1e-2)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_second_gradients(second_gradients_agree, rng):
    def loss(query, key, value, bias):
        return tf.reduce_sum(ops.attention(query, key, value, bias=bias, lengths=[3, 2]) ** 2)

    second_gradients_agree(loss, [*draw(rng, (2, 3, 3, 2, 1, 4, 3)), rng.normal(size=(1, 2, 3, 3))])


def test_unknown_shapes(rng):
    unknown = tf.TensorSpec([None, None, 2, 4])

    @tf.function(input_signature=[unknown, unknown, unknown, tf.TensorSpec([None], tf.int64)])
    def partly(query, key, value, lengths):
        output = ops.attention(query, key, value, lengths=lengths)
        assert output.shape.as_list() == [None, None, 2, 4]
        return output

    inputs = [x.astype("float32") for x in draw(rng, (2, 3, 5, 2, 2, 4, 4))]
    np.testing.assert_array_equal(partly(*inputs, [5, 2]), ops.attention(*inputs, lengths=[5, 2]))
    with ops.use("reference"):
        reference = tf.function(partly.python_function, input_signature=partly.input_signature)
        np.testing.assert_allclose(reference(*inputs, [5, 2]), partly(*inputs, [5, 2]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_ranks(choice, rng):
    def everything(query, key, value, lengths, mask, bias):
        return ops.attention(query, key, value, scale=0.5, lengths=lengths, mask=mask, bias=bias)

    inputs = [x.astype("float32") for x in draw(rng, (2, 3, 5, 2, 2, 4, 4))]
    inputs += [np.array([5, 2]), rng.random((2, 1, 3, 5)) < 0.8, np.ones((1, 2, 1, 5), "float32")]
    signature = [tf.TensorSpec(None, value.dtype) for value in inputs]
    with ops.use(choice):
        output = tf.function(everything, input_signature=signature)(*inputs)
    np.testing.assert_allclose(output, everything(*inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"query": np.ones((2, 3, 4))}, "query", "shape (batch, steps, heads, width"),
        ({"query": np.ones((2, 3, 4, 5), "int32")}, "query", "have a floating-point dtype"),
        ({"key": np.ones((2, 6, 2, 4))}, "key", "the width (5) of `query`"),
        ({"key": np.ones((2, 6, 3, 5)), "value": np.ones((2, 6, 3, 5))}, "key", "divides the 4 heads of `query`"),
        ({"value": np.ones((2, 5, 2, 7))}, "value", "of `key` except for the width"),
        ({"lengths": [1, 2, 3]}, "lengths", "shape (batch,"),
        ({"mask": np.ones((2, 3, 6), bool)}, "mask", "or size 1 along shared axes"),
        ({"bias": np.ones((2, 3, 3, 6))}, "bias", "or size 1 along shared axes"),
        ({"dropout": 1.0, "seed": [0, 0]}, "dropout", "a number in [0, 1"),
        ({"dropout": 0.5}, "seed", "a pair of integers"),
        ({"seed": 5}, "seed", "have shape (2,)"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {"query": np.ones((2, 3, 4, 5)), "key": np.ones((2, 6, 2, 5)), "value": np.ones((2, 6, 2, 7))}
    ops.attention(**arguments)
    with raises_argument_error(name, expected=message):
        ops.attention(**{**arguments, **changes})


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_lengths_out_of_range(fails_cleanly, choice):
    x = tf.ones((2, 3, 1, 4))
    with ops.use(choice):
        assert fails_cleanly(ops.attention, query=x, key=x, value=x, lengths=[0, 3])
        assert not fails_cleanly(ops.attention, query=x, key=x, value=x, lengths=[0, 4])
        assert not fails_cleanly(ops.attention, query=x, key=x, value=x, lengths=[-1, 3])


shapes = st.lists(st.integers(0, 3), max_size=4)
near = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(list)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def tensor(dtype=tf.float32):
        return tf.cast(tf.ones(data.draw(shapes | near)), dtype)

    arguments = {name: tensor() for name in ("query", "key", "value")}
    arguments |= {
        "lengths": tf.constant(
            data.draw(st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3), max_size=3)), tf.int32
        ),
        "mask": tensor(tf.bool),
        "bias": tensor(),
        "seed": tensor(tf.int64),
        "scale": 1.0,
        "causal": data.draw(st.booleans()),
        "dropout": data.draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, float("nan")])),
    }
    fails_cleanly(ops.library().ops.tensorsmith_attention, **arguments)
    fails_cleanly(ops.library().ops.tensorsmith_attention_grad, doutput=tensor(), normalizer=tensor(), **arguments)
