"""Tests of losses that reduce each sample to one number, for samples with masked steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import losses
from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.testing import raises_argument_error

LOSSES = [
    (losses.ReconstructionLoss, {}),
    (losses.ReconstructionLoss, {"kind": "gaussian"}),
    (losses.ReconstructionLoss, {"pixels": "mean"}),
    (losses.TverskyLoss, {"smooth": 0.1, "alpha": 0.3}),
]
MASKS = {
    "ends": [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]],
    "gaps": [[0, 1, 0, 1], [1, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]],
    "padding": [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]],
}


@pytest.fixture
def drawn():
    """Return random data with as many sequences as steps, so that wrong broadcasting raises no error."""
    rng = np.random.default_rng(3)
    shape = (4, 4, 2)
    return rng.integers(0, 2, shape).astype("float32"), rng.random(shape).astype("float32")


def masked(y_pred, mask):
    y_pred = tf.identity(y_pred)
    set_keras_mask(y_pred, tf.constant(np.array(mask, bool)))
    return y_pred


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(("make", "options"), LOSSES)
def test_masked_steps_are_ignored(drawn, make, options, mask):
    """The loss equals that of each sequence cut to its valid steps."""
    y_true, y_pred = drawn
    loss, kept = make(**options), np.array(mask, bool)
    alone = [
        float(loss(y_true[[row]][:, kept[row]], y_pred[[row]][:, kept[row]])) for row in range(4) if kept[row].any()
    ]
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask)), np.mean(alone), rtol=1e-5)
    weights = np.array([0.5, 2.0, 1.0, 0.0], "float32")
    expected = np.mean(weights[kept.any(axis=1)] * alone)
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask), weights), expected, rtol=1e-5)
    np.testing.assert_allclose(loss(y_true, masked(y_pred, mask), weights[:, None]), expected, rtol=1e-5)
    total = make(reduction="sum", **options)(y_true, masked(y_pred, mask), weights)
    np.testing.assert_allclose(total, np.sum(weights[kept.any(axis=1)] * alone), rtol=1e-5)


@pytest.mark.parametrize(("make", "options"), LOSSES)
def test_masked_steps_have_no_gradient(drawn, make, options):
    y_true, y_pred = map(tf.constant, drawn)
    mask = np.array(MASKS["gaps"], bool)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = make(**options)(y_true, masked(y_pred, mask))
    slopes = tape.gradient(loss, y_pred).numpy()
    assert (slopes[~mask] == 0).all()
    assert (slopes[mask] != 0).all()


@pytest.mark.parametrize(("make", "options"), LOSSES)
def test_step_weights_are_repetitions(drawn, make, options):
    y_true, y_pred = drawn
    weights = np.array([[2, 1, 0, 1], [1, 1, 2, 0], [0, 2, 2, 0], [1, 1, 1, 1]], "float32")
    repeated = [
        [np.repeat(values[row], weights[row].astype(int), axis=0)[None] for values in drawn] for row in range(4)
    ]
    found = make(reduction=None, **options)(y_true, y_pred, weights)
    np.testing.assert_allclose(found, [float(make(**options)(*pair)) for pair in repeated], rtol=1e-5)


@pytest.mark.parametrize("make", [losses.ReconstructionLoss, losses.TverskyLoss])
def test_invalid_weights_and_masks(drawn, make):
    with raises_argument_error("sample_weight", received="(4, 3)", expected="have a shape that matches"):
        make()(*drawn, np.ones((4, 3)))
    with raises_argument_error("mask", received="(3,)", expected="have a shape that matches the leading axes"):
        make()(drawn[0], masked(drawn[1], np.ones(3)))


@pytest.mark.slow  # several seconds
@pytest.mark.parametrize(("make", "options"), LOSSES)
def test_sequence_autoencoder(make, options):
    """Train with batch sizes equal and unequal to the number of steps. Targets of padded steps are ignored."""
    x = np.random.default_rng(1).uniform(0.1, 1, (6, 4, 2)).astype("float32")
    x[:, 3:] = 0  # masked
    steps = [keras.layers.Masking(), keras.layers.SimpleRNN(3, return_sequences=True), keras.layers.Dense(2, "sigmoid")]
    model = keras.Sequential([keras.Input((4, 2)), *steps])
    model.compile("sgd", make(**options))
    for size in (6, 4):
        y = x[:size].copy()
        loss = model.evaluate(x[:size], y, batch_size=size, verbose=0)
        y[:, 3:] = 0.7
        assert model.evaluate(x[:size], y, batch_size=size, verbose=0) == loss
        assert np.isfinite(model.fit(x[:size], y, batch_size=size, verbose=0).history["loss"]).all()
