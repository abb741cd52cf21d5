"""Tests of the softmax cross-entropy against its reference implementation, SciPy in float64, and invalid input."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error


def draw(rng, shape):
    return 3 * rng.normal(size=shape).astype("float32"), rng.integers(0, shape[-1], shape[:-1])


def by_definition(logits, labels, smoothing=0.0, ignored=None):
    """Computes the losses and the gradients of their sum in float64."""
    classes = logits.shape[-1]
    logs = log_softmax(logits.astype("float64"), axis=-1)
    targets = smoothing / classes + (1 - smoothing) * (labels[..., None] == np.arange(classes))
    counts = (labels != ignored)[..., None]
    return -(counts * targets * logs).sum(-1), counts * (np.exp(logs) - targets)


# Zeros, ones, sizes around the vector width, and more rows than one work unit has.
@pytest.mark.pairwise
@pytest.mark.parametrize("shape", [(0, 3), (4, 1), (3, 5), (2, 15), (2, 16), (3, 17), (2, 3, 33), (700, 70), (9, 9001)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("ignored", [None, 0, -1])
def test_definition_and_reference(shape, smoothing, ignored, agree, rng):
    logits, labels = draw(rng, shape)
    if ignored == -1 and labels.size:
        labels.flat[::3] = -1
    loss = partial(ops.softmax_cross_entropy, labels=labels, label_smoothing=smoothing, ignored_index=ignored)
    agree(loss, logits)
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = loss(x)
    wanted, slopes = by_definition(logits, labels, smoothing, ignored)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(losses, x), slopes, atol=1e-6)


def test_single_row(rng):
    logits, labels = draw(rng, (1, 7))
    single = ops.softmax_cross_entropy(logits[0], labels[0])
    assert single.shape == ()
    np.testing.assert_array_equal(single, ops.softmax_cross_entropy(logits, labels)[0])


@pytest.mark.parametrize(("dtype", "result"), [("float16", "float32"), ("bfloat16", "float32"), ("float64", "float64")])
def test_other_dtypes(dtype, result, rng):
    logits, labels = draw(rng, (4, 9))
    logits = tf.cast(logits, dtype)
    losses = ops.softmax_cross_entropy(logits, labels)
    assert losses.dtype == result
    wanted = by_definition(tf.cast(logits, "float64").numpy(), labels)[0]
    np.testing.assert_allclose(losses, wanted, rtol=1e-6 if result == "float32" else 1e-13)


def test_extreme_logits():
    """Exponentials out of range of float32, excluded classes, and large offsets, which do not reduce the precision."""
    x = tf.constant([[300.0, -300.0, -np.inf, 299.0], [1e8, 1e8, 1e8, 1e8]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        losses = ops.softmax_cross_entropy(x, [1, 0])
    np.testing.assert_allclose(losses, [600 + np.log1p(np.exp(-1)), np.log(4)], rtol=1e-6)
    other = 1 / (1 + np.exp(1))
    slopes = [[1 - other, -1, 0, other], [-0.75, 0.25, 0.25, 0.25]]
    np.testing.assert_allclose(tape.gradient(losses, x), slopes, atol=1e-6)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_not_a_number(choice):
    """It is reported by the loss, but has no effect in rows that are ignored."""
    x = tf.constant([[np.nan] * 20, [*[1.0] * 19, np.nan]])
    with ops.use(choice), tf.GradientTape() as tape:
        tape.watch(x)
        losses = ops.softmax_cross_entropy(x, [-1, 0], ignored_index=-1, label_smoothing=0.1)
    gradient = tape.gradient(losses, x)
    assert losses[0] == 0
    assert not gradient[0].numpy().any()
    assert np.isnan(losses[1])
    assert np.isnan(gradient[1]).all()


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    logits, labels = draw(rng, (900, 333))
    loss = partial(ops.softmax_cross_entropy, labels=labels, label_smoothing=0.1)
    same_for_any_thread_count(loss, logits)


def test_second_gradients(second_gradients_agree, rng):
    logits, labels = draw(rng, (5, 6))

    def loss(x):
        return tf.reduce_sum(
            ops.softmax_cross_entropy(x, labels, label_smoothing=0.2, ignored_index=labels[0].item()) ** 2
        )

    second_gradients_agree(loss, [logits])


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_shapes(choice, rng):
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec(None, tf.int64)])
    def unknown_rank(logits, labels):
        return ops.softmax_cross_entropy(logits, labels)

    logits, labels = draw(rng, (2, 3, 5))
    with ops.use(choice):
        np.testing.assert_allclose(unknown_rank(logits, labels), by_definition(logits, labels)[0], rtol=1e-5)
        with pytest.raises(tf.errors.InvalidArgumentError):  # the same number of labels
            unknown_rank(logits, labels.T)


def test_under_xla(rng):
    logits, labels = draw(rng, (4, 9))
    compiled = tf.function(partial(ops.softmax_cross_entropy, label_smoothing=0.1), jit_compile=True)
    np.testing.assert_allclose(compiled(logits, labels), by_definition(logits, labels, 0.1)[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"logits": np.float32(1)}, "logits", "have shape (..., num_classes)"),
        ({"logits": np.ones((2, 3), "int32")}, "logits", "have a floating-point dtype"),
        ({"logits": np.ones((2, 0), "float32")}, "logits", "have at least one class on the last axis"),
        ({"labels": [0, 1, 2]}, "labels", "have shape (2,) with one value for each row of logits"),
        ({"labels": [0.0, 1.0]}, "labels", "have an integer dtype"),
        ({"label_smoothing": 1.0}, "label_smoothing", "a number in [0, 1)"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {"logits": np.ones((2, 3), "float32"), "labels": [0, 1]}
    ops.softmax_cross_entropy(**arguments)
    with raises_argument_error(name, expected=message):
        ops.softmax_cross_entropy(**{**arguments, **changes})


def test_labels_out_of_range(fails_cleanly):
    call = partial(fails_cleanly, ops.softmax_cross_entropy, logits=tf.ones((2, 5)))
    assert call(labels=tf.constant([0, 4]))
    for bad in (-1, 5, 2**31 - 1, -(2**31), 2**32 + 1):
        assert not call(labels=tf.constant([0, bad]))
        assert call(labels=tf.constant([0, bad]), ignored_index=min(bad, 2**31 - 1))


@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def tensor(*fitting, dtype=tf.float32):
        shape = data.draw(st.just(fitting) | st.lists(st.integers(0, 3), max_size=3))
        count = int(np.prod(shape))
        values = st.integers(-1, 3) if dtype == tf.int32 else st.sampled_from([0.0, -1.0, 1e-45, 3e38, np.inf, np.nan])
        return tf.reshape(tf.constant(data.draw(st.lists(values, min_size=count, max_size=count)), dtype), shape)

    rows, classes = (data.draw(st.integers(0, 3)) for _ in range(2))
    inputs = {"logits": tensor(rows, classes), "labels": tensor(rows, dtype=tf.int32)}
    options = {
        "label_smoothing": data.draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, np.nan])),
        "ignored": data.draw(st.sampled_from([-1, 0, 2**31, -(2**63)])),
    }
    library = ops.library().ops
    fails_cleanly(library.tensorsmith_softmax_cross_entropy, **inputs, **options)
    saved = {"dlosses": tensor(rows), "statistics": tensor(rows, 2)}
    fails_cleanly(library.tensorsmith_softmax_cross_entropy_grad, **saved, **inputs, **options)
