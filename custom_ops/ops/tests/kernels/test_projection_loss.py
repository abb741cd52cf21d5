"""Tests of the projection loss against stored logits in float64, its reference implementation, and invalid input."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

loss = ops.softmax_cross_entropy_with_projection

# Tokens, width, words: zeros, ones, primes, and sizes around the vector width.
SMALL = [(0, 3, 5), (1, 1, 1), (1, 7, 13), (5, 1, 17), (3, 0, 4), (7, 13, 1), (6, 31, 33), (9, 16, 32), (17, 5, 511)]
# Several tiles of 512 words, several blocks of tokens, and so many words that blocks have the minimum size.
LARGE = [(19, 6, 1025), (450, 3, 4999), (37, 2, 140_001)]


def draw(rng, tokens, width, words, dtype="float64"):
    """Returns random features, kernel, bias and labels."""
    floats = [rng.normal(size=shape).astype(dtype) for shape in ((tokens, width), (width, words), (words,))]
    return *floats, rng.integers(0, words, tokens)


def by_definition(features, kernel, bias, labels, weights, smoothing=0.0, mean=True):
    """Computes the loss and its gradients with all logits in float64."""
    features, kernel = features.astype("float64"), kernel.astype("float64")
    logs = log_softmax(features @ kernel + bias, axis=1)
    targets = smoothing / logs.shape[1] + (1 - smoothing) * np.eye(logs.shape[1])[np.where(weights == 0, 0, labels)]
    shares = weights[:, np.newaxis] / (weights.sum() if mean else 1)
    slopes = shares * (np.exp(logs) - targets)
    return -(shares * targets * logs).sum(), [slopes @ kernel.T, features.T @ slopes, slopes.sum(0)]


@pytest.mark.parametrize("sizes", SMALL + LARGE, ids=str)
def test_matches_reference(sizes, agree, rng):
    inputs = draw(rng, *sizes)
    weights = rng.integers(0, 4, sizes[0]) / 4
    agree(lambda f, k, b, y: loss(f, k, y, bias=b), *inputs)
    options = {"weights": weights, "label_smoothing": 0.2, "reduction": "sum"}
    agree(lambda f, k, b, y: loss(f, k, y, bias=b, **options), *inputs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, agree, rng):
    features, kernel, bias, labels = draw(rng, 9, 7, 35)
    agree(lambda f, k, b: loss(f, k, labels, bias=b), features, kernel, bias, dtype=dtype)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_matches_cross_entropy_of_logits(smoothing, reduction, rng):
    *floats, labels = draw(rng, 23, 11, 601, "float32")
    weights = np.where(rng.random(23) < 0.3, 0, rng.random(23)).astype("float32")
    labels[weights == 0] = -7  # labels of weight 0 are ignored
    inputs = [tf.constant(value) for value in floats]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        options = {"weights": weights, "label_smoothing": smoothing, "reduction": reduction}
        got = loss(*inputs[:2], labels, bias=inputs[2], **options)
        upstream = -2.5 * got  # the upstream gradient is not 1
    wanted, slopes = by_definition(*floats, labels, weights.astype("float64"), smoothing, reduction == "mean")
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    for gradient, slope in zip(tape.gradient(upstream, inputs), slopes, strict=True):
        np.testing.assert_allclose(gradient, -2.5 * slope, rtol=1e-4, atol=2e-5 * np.abs(slope).max())


def test_without_bias_and_leading_axes(rng):
    features, kernel, bias, labels = draw(rng, 24, 5, 40, "float32")
    flat = loss(features, kernel, labels)
    np.testing.assert_allclose(flat, by_definition(features, kernel, 0 * bias, labels, np.ones(24))[0], rtol=1e-6)
    np.testing.assert_array_equal(loss(features.reshape(2, 3, 4, 5), kernel, labels.reshape(2, 3, 4)), flat)
    np.testing.assert_array_equal(loss(features[0], kernel, labels[0]), loss(features[:1], kernel, labels[:1]))


@pytest.mark.parametrize("ignored", [-1, 3, 10**9])
def test_ignored_index(ignored, rng):
    *floats, labels = draw(rng, 30, 5, 21, "float32")
    labels[::3] = ignored
    counts = labels != ignored
    inputs = [tf.constant(value) for value in floats]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        got = loss(*inputs[:2], labels, bias=inputs[2], ignored_index=ignored, label_smoothing=0.1)
    wanted, slopes = by_definition(*floats, labels, counts.astype("float64"), 0.1)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    gradients = tape.gradient(got, inputs)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, slope, atol=1e-6)
    assert not gradients[0].numpy()[~counts].any()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("tokens", [0, 4])
def test_all_tokens_ignored(tokens, reduction, rng):
    inputs = [tf.constant(value) for value in draw(rng, tokens, 3, 5, "float32")[:3]]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        labels = tf.fill([tokens], -1)
        value = loss(*inputs[:2], labels, bias=inputs[2], ignored_index=-1, reduction=reduction)
    assert value == 0
    for gradient, tensor in zip(tape.gradient(value, inputs), inputs, strict=True):
        np.testing.assert_array_equal(gradient, np.zeros(tensor.shape))


def test_extreme_logits_and_forbidden_words():
    """Logits whose exponentials are out of range of float32."""
    kernel = tf.constant([[300.0, -300.0, 0.0, 299.0]])
    bias = tf.constant([0.0, 0.0, -np.inf, 0.0])
    with tf.GradientTape() as tape:
        tape.watch([kernel, bias])
        value = loss([[1.0]], kernel, [1], bias=bias)
    np.testing.assert_allclose(value, 600 + np.log1p(np.exp(-1)), rtol=1e-6)
    share = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(tape.gradient(value, bias), [share, -1, 0, 1 - share], atol=1e-6)
    assert np.isnan(loss([[1.0]], [[1.0] * 40 + [np.nan]], [1]))


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    features, kernel, bias, labels = draw(rng, 450, 9, 4999, "float32")
    same_for_any_thread_count(lambda f, k, b: loss(f, k, labels, bias=b, label_smoothing=0.1), features, kernel, bias)


def test_numerical_gradients(rng):
    features, kernel, bias, labels = draw(rng, 3, 4, 5, "float32")
    inputs = [features, kernel, bias]
    theory, numeric = tf.test.compute_gradient(lambda f, k, b: loss(f, k, labels, bias=b), inputs, delta=1e-2)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_second_gradients(rng):
    *floats, labels = draw(rng, 6, 4, 7, "float32")
    inputs = [tf.constant(value) for value in floats]
    options = {"weights": [1.0, 0, 2, 1, 0.5, 1], "label_smoothing": 0.2}

    def gradients():
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                value = loss(*inputs[:2], labels, bias=inputs[2], **options) ** 2
            penalty = sum(tf.reduce_sum(gradient**2) for gradient in inner.gradient(value, inputs))
        return outer.gradient(penalty, inputs)

    ours, graphs = gradients(), tf.function(gradients)()
    with ops.use("reference"):
        reference = gradients()
    for one, graph, other in zip(ours, graphs, reference, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(graph, other, rtol=1e-3, atol=1e-3)
        assert np.abs(other).max() > 0.1


def test_without_gradients(rng):
    features, kernel, bias, labels = (tf.constant(value) for value in draw(rng, 5, 3, 600, "float32"))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        value = loss(features, kernel, labels, bias=bias, gradients=False)
    assert value == loss(features, kernel, labels, bias=bias)
    with raises_argument_error("gradients", received="False"):
        tape.gradient(value, kernel)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("rank", [None, 3])
def test_unknown_shapes(rank, choice, rng):
    specs = [
        tf.TensorSpec(rank and [None] * rank),
        tf.TensorSpec([None, None]),
        tf.TensorSpec(rank and [None, None], tf.int64),
    ]

    @tf.function(input_signature=specs)
    def partly(features, kernel, labels):
        with tf.GradientTape() as tape:
            tape.watch([features, kernel])
            value = loss(features, kernel, labels, ignored_index=0)
        assert value.shape.rank == 0
        return value, *tape.gradient(value, [features, kernel])

    features, kernel, _, labels = draw(rng, 12, 5, 30, "float32")
    features, labels = features.reshape(3, 4, 5), labels.reshape(3, 4)
    with ops.use(choice):
        value, dfeatures, dkernel = partly(features, kernel, labels)
    counts = (labels.ravel() != 0).astype("float64")
    wanted, slopes = by_definition(features.reshape(12, 5), kernel, np.zeros(30), labels.ravel(), counts)
    np.testing.assert_allclose(value, wanted, rtol=1e-6)
    np.testing.assert_allclose(dfeatures, slopes[0].reshape(3, 4, 5), atol=1e-6)
    np.testing.assert_allclose(dkernel, slopes[1], atol=1e-6)


def test_training_matches_reference():
    """Two words predict the next one, in sequences that increase by one or two."""
    rng = np.random.default_rng(0)
    text = np.cumsum(rng.integers(1, 3, 400)) % 50
    pairs, following = np.stack([text[:-2], text[1:-1]], 1), text[2:]

    def losses():
        rng = np.random.default_rng(1)
        weights = [
            tf.Variable(0.3 * rng.normal(size=shape), dtype=tf.float32)
            for shape in ((50, 12), (24, 20), (20, 50), (50,))
        ]

        @tf.function
        def step():
            embedding, hidden, kernel, bias = weights
            with tf.GradientTape() as tape:
                words = tf.reshape(tf.gather(embedding, pairs), [-1, 24])
                value = loss(tf.tanh(words @ hidden), kernel, following, bias=bias, label_smoothing=0.05)
            for weight, gradient in zip(weights, tape.gradient(value, weights), strict=True):
                weight.assign_sub(2 * tf.convert_to_tensor(gradient))
            return value

        return [float(step()) for _ in range(80)]

    ours = losses()
    with ops.use("reference"):
        np.testing.assert_allclose(ours, losses(), rtol=1e-4)
    assert ours[0] > 3.5  # log 50 is 3.9
    assert ours[-1] < 1.6  # log 2, plus the effect of label smoothing


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"features": np.float32(1)}, "features", "have shape (..., width)"),
        ({"features": np.ones((2, 3), "int32")}, "features", "have a floating-point dtype"),
        ({"kernel": np.ones((4, 5))}, "kernel", "shape (3, num_words)"),
        ({"kernel": np.ones(3)}, "kernel", "shape (3, num_words)"),
        ({"kernel": np.ones((3, 0))}, "kernel", "have one column for each word, and at least one column"),
        ({"bias": np.ones(4)}, "bias", "shape (5,)"),
        ({"labels": [0, 1, 2]}, "labels", "have shape (2,) with one value for each token"),
        ({"weights": [[1.0, 1.0]]}, "weights", "have shape (2,) with one value for each token"),
        ({"label_smoothing": 1.0}, "label_smoothing", "a number in [0, 1)"),
        ({"reduction": "none"}, "reduction", "'mean' or 'sum'"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {"features": np.ones((2, 3), "float32"), "kernel": np.ones((3, 5)), "labels": [0, 1]}
    loss(**arguments)
    with raises_argument_error(name, expected=message):
        loss(**{**arguments, **changes})


def test_labels_out_of_range(fails_cleanly):
    call = functools.partial(fails_cleanly, loss, features=tf.ones((2, 3)), kernel=tf.ones((3, 5)))
    assert call(labels=tf.constant([0, 4]))
    assert not call(labels=tf.constant([0, 2**32 + 1]))
    for bad in (-1, 5, 2**31 - 1, -(2**31)):
        assert not call(labels=tf.constant([0, bad]))
        assert call(labels=tf.constant([0, bad]), weights=tf.constant([1.0, 0.0]))
        assert call(labels=tf.constant([0, bad]), ignored_index=bad)
        assert not call(labels=tf.constant([0, bad]), weights=tf.constant([1.0, np.nan]))


sizes = st.lists(st.integers(0, 3), max_size=3)
integers = st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 3)
ones = st.just(1.0)
floats = st.sampled_from([0.0, 1.0, -1.0, 1e-45, 3e38, np.inf, np.nan])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def tensor(*fitting, values=ones, dtype=tf.float32):
        shape = data.draw(st.just(fitting) | sizes)
        count = int(np.prod(shape))
        return tf.reshape(tf.constant(data.draw(st.lists(values, min_size=count, max_size=count)), dtype), shape)

    tokens, width, words = (data.draw(st.integers(0, 3)) for _ in range(3))
    inputs = {
        "features": tensor(tokens, width),
        "kernel": tensor(width, words),
        "bias": tensor(words),
        "labels": tensor(tokens, values=integers, dtype=tf.int32),
        "weights": tensor(tokens, values=floats),
    }
    options = {
        "label_smoothing": data.draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, np.nan, np.inf])),
        "mean": data.draw(st.booleans()),
    }
    saved = {
        "dloss": tensor(values=floats),
        "saved_dfeatures": tensor(tokens, width),
        "saved_dkernel": tensor(width, words),
        "saved_dbias": tensor(words),
    }
    library = ops.library().ops
    fails_cleanly(library.tensorsmith_projection_loss, **inputs, **options, gradients=data.draw(st.booleans()))
    fails_cleanly(library.tensorsmith_projection_loss_grad, **saved, **inputs, **options)
