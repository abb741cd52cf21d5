"""Tests of SequenceLoss against SciPy, and of features that TensorFlow Addons lacks: masks and sequence weights."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.losses import SequenceLoss, sequence_loss
from tensorsmith.testing import raises_argument_error


def drawn(count=6, time=5, classes=4):
    rng = np.random.default_rng(3)
    targets, logits = rng.integers(0, classes, (count, time)), rng.normal(scale=3, size=(count, time, classes))
    return targets, logits.astype("float32"), rng.uniform(0.1, 2, (count, time)).astype("float32")


def entropies(targets, logits):
    return -np.take_along_axis(log_softmax(logits.astype("float64"), axis=-1), targets[..., None], axis=-1)[..., 0]


def test_normalization():
    targets, logits, weights = drawn()
    weights[:, 3:] = 0
    total = np.sum(weights * entropies(targets, logits))
    np.testing.assert_allclose(sequence_loss(logits, targets, weights), total / weights.sum(), rtol=1e-5)
    np.testing.assert_allclose(SequenceLoss()(targets, logits, weights), total / (6 * 3), rtol=1e-5)


def test_loss_is_mean_over_batches():
    targets, logits, _ = drawn(1_000)
    parts = [SequenceLoss()(targets[i : i + 100], logits[i : i + 100]) for i in range(0, 1_000, 100)]
    np.testing.assert_allclose(SequenceLoss()(targets, logits), np.mean(parts), rtol=1e-5)


def test_masks_and_sequence_weights():
    targets, logits, _ = drawn()
    weights, mask = np.linspace(0.5, 2, 6, dtype="float32"), np.arange(5) < np.array([[5], [4], [3], [2], [1], [0]])
    masked = tf.constant(logits)
    set_keras_mask(masked, tf.constant(mask))
    expected = np.sum(entropies(targets, logits) * weights[:, None] * mask) / mask.sum()
    padded = np.where(mask, targets, -1)  # not a valid class
    np.testing.assert_allclose(SequenceLoss()(padded, masked, weights), expected, rtol=1e-5)


def test_masks_in_model():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, (8, 6)), rng.integers(0, 3, (8, 6))
    model = keras.Sequential([keras.layers.Embedding(5, 4, mask_zero=True), keras.layers.Dense(3)])
    model.compile(loss=SequenceLoss())
    logits = model(x).numpy()
    expected = np.sum(entropies(y, logits) * (x > 0)) / np.sum(x > 0)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"sum_over_batch": False}])
def test_zero_weights_and_empty_batch(options):
    targets, logits, weights = drawn()
    assert np.all(SequenceLoss(**options)(targets, logits, 0 * weights) == 0)
    assert np.all(SequenceLoss(**options)(targets[:0], logits[:0]) == 0)


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_steps_of_weight_zero_may_be_nan(own, probabilities):
    targets, logits, weights = drawn()
    expected = np.sum((entropies(targets, logits) * weights)[:, :3]) / weights[:, :3].sum()
    weights[:, 3:], logits[:, 3:], targets[:, 3:] = 0, np.nan, -7
    if probabilities:
        targets = np.where(targets[..., None] < 0, np.nan, targets[..., None] == np.arange(4)).astype("float32")
    crossentropy = keras.losses.get(f"{'' if probabilities else 'sparse_'}categorical_crossentropy")

    def function(labels, logits):
        return crossentropy(labels, logits, from_logits=True)

    logits = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = sequence_loss(logits, targets, weights, softmax_loss_function=function if own else None)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[:, 3:].any()


def test_custom_loss_function():
    _, logits, weights = drawn()
    targets = np.random.default_rng(4).dirichlet(np.ones(4), (6, 5)).astype("float32")
    found = sequence_loss(logits, targets, weights, softmax_loss_function=tf.nn.softmax_cross_entropy_with_logits)
    each = -np.sum(targets * log_softmax(logits.astype("float64"), axis=-1), axis=-1)
    np.testing.assert_allclose(found, np.sum(each * weights) / weights.sum(), rtol=1e-5)


def test_half_precision():
    targets, logits, weights = drawn(40, 200)
    found = SequenceLoss()(targets, tf.cast(logits, "float16"), weights)
    expected = np.sum(entropies(targets, logits.astype("float16")) * weights) / weights.size
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found.dtype == "float32"


def test_invalid_ranks():
    targets, logits, weights = drawn()
    with raises_argument_error("logits", received="(6, 5)", expected="have shape (batch, time, classes)"):
        sequence_loss(logits[..., 0], targets, weights)
    with raises_argument_error("targets", received="(6,)", expected="have shape"):
        sequence_loss(logits, targets[:, 0], weights)
    with raises_argument_error("weights", received="(6,)", expected="have shape"):
        sequence_loss(logits, targets, weights[:, 0])


@pytest.mark.parametrize("shape", [(6, 1), (5, 6), (6, 1, 4), (6, 5, 1)])
def test_invalid_target_shapes(shape):
    _, logits, weights = drawn()
    functions = tf.nn.sparse_softmax_cross_entropy_with_logits, tf.nn.softmax_cross_entropy_with_logits
    targets = np.zeros(shape, "int32" if len(shape) == 2 else "float32")
    message = re.escape(f"targets must have shape {(6, 5, 4)[: len(shape)]} to match `logits`, got {shape}")
    for function in (None, functions[len(shape) - 2]):
        with pytest.raises(ValueError, match=message):
            sequence_loss(logits, targets, weights, softmax_loss_function=function)
    with pytest.raises(ValueError, match=message):
        SequenceLoss()(targets, logits)


@pytest.mark.parametrize("shape", [(6, 1), (1, 5), (1,)])
def test_invalid_weight_shapes(shape):
    targets, logits, _ = drawn()
    with pytest.raises(ValueError, match=re.escape(f"weights must have shape (batch, time) = (6, 5), got {shape}")):
        sequence_loss(logits, targets, np.ones(shape, "float32"))
    message = re.escape(
        f"sample_weight must have one weight for each step, (6, 5), or one for each sequence, got {shape}"
    )
    with pytest.raises(ValueError, match=message):
        SequenceLoss()(targets, logits, np.ones(shape, "float32"))


def test_scalar_weight():
    targets, logits, _ = drawn()
    np.testing.assert_allclose(SequenceLoss()(targets, logits, 3.0), 3 * entropies(targets, logits).mean(), rtol=1e-5)


def test_unknown_shapes():
    targets, logits, weights = drawn()
    signature = [tf.TensorSpec([None, None, None]), tf.TensorSpec([None, None], "int64"), tf.TensorSpec([None, None])]
    run = tf.function(sequence_loss, input_signature=signature)
    np.testing.assert_allclose(run(logits, targets, weights), sequence_loss(logits, targets, weights), rtol=1e-6)
