"""Tests of label smoothing for integer labels, against NumPy in float64 and Keras with one-hot targets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.losses import SparseCategoricalCrossentropy
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(3, 4, 5, 6))).astype("float32")
in_both_modes = pytest.mark.parametrize("execute", [lambda function: function, tf.function], ids=["eager", "graph"])


def labels(axis=-1):
    return RNG.integers(0, LOGITS.shape[axis], np.delete(LOGITS.shape, axis))


def reference(classes, smoothing, axis=-1, logits=LOGITS):
    """Return the loss of each label in float64."""
    logs = log_softmax(np.moveaxis(logits, axis, -1).astype("float64"), axis=-1)
    of_label = np.take_along_axis(logs, classes[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * of_label - smoothing * logs.mean(axis=-1)


def of_one_hot(smoothing, from_logits=True, **options):
    """Return the loss of Keras as a function of labels."""
    loss = keras.losses.CategoricalCrossentropy(from_logits, smoothing, **options)
    return lambda classes, y_pred, *weights: loss(tf.one_hot(classes, y_pred.shape[-1]), y_pred, *weights)


@in_both_modes
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_equals_keras_with_one_hot_targets(execute, from_logits, smoothing):
    classes = labels()
    y_pred = tf.constant(LOGITS if from_logits else tf.nn.softmax(LOGITS))
    loss = SparseCategoricalCrossentropy(from_logits, reduction=None, label_smoothing=smoothing)
    found = execute(loss)(classes, y_pred)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, of_one_hot(smoothing, from_logits, reduction=None)(classes, y_pred), rtol=1e-5)
    np.testing.assert_allclose(found, reference(classes, smoothing), rtol=1e-5)


@pytest.mark.parametrize("axis", [1, -2, 3])
@pytest.mark.parametrize("kept", [True, False])
def test_axis_in_float64(axis, kept):
    classes, logits = labels(axis), LOGITS.astype("float64")
    y_true = np.expand_dims(classes, axis) if kept else classes
    loss = SparseCategoricalCrossentropy(True, reduction=None, axis=axis, dtype="float64", label_smoothing=0.3)
    np.testing.assert_allclose(loss(y_true, logits), reference(classes, 0.3, axis), rtol=1e-12)


@in_both_modes
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("ignored", [-1, 3, 255])
def test_ignore_class(execute, from_logits, ignored):
    """Predictions of ignored labels have no gradients, even if they are NaN."""
    classes = labels()
    classes[0, 1:] = classes[2, 0, 3] = ignored
    valid = classes != ignored
    predictions = np.where(valid[..., None], LOGITS if from_logits else tf.nn.softmax(LOGITS), np.nan)
    y_pred = tf.constant(predictions, tf.float32)
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class=ignored, label_smoothing=0.2)

    @execute
    def run():
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(classes, y_pred)
        return value, tape.gradient(value, y_pred)

    found, gradient = run()
    np.testing.assert_allclose(found, reference(np.where(valid, classes, 0), 0.2)[valid].mean(), rtol=1e-5)
    assert not gradient.numpy()[~valid].any()
    assert (gradient.numpy()[valid] != 0).any(-1).all()


def test_weights_and_masks():
    classes, weights = labels(), RNG.uniform(size=(3, 4, 5))
    mask = RNG.random((3, 4, 5)) < 0.6
    y_pred = tf.constant(LOGITS)
    for masked in (False, True):
        if masked:
            set_keras_mask(y_pred, tf.constant(mask))
        kept = mask if masked else np.ones_like(mask)
        found = SparseCategoricalCrossentropy(True, label_smoothing=0.2)(classes, y_pred, weights)
        np.testing.assert_allclose(found, of_one_hot(0.2)(classes, y_pred, weights), rtol=1e-5)
        np.testing.assert_allclose(found, (reference(classes, 0.2) * weights)[kept].mean(), rtol=1e-5)


@in_both_modes
@pytest.mark.parametrize("from_logits", [True, False])
def test_gradients(execute, from_logits):
    classes = labels()
    y_pred = tf.constant(LOGITS if from_logits else tf.nn.softmax(LOGITS))
    loss = SparseCategoricalCrossentropy(from_logits, label_smoothing=0.2)

    def gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = function(classes, y_pred)
        return tape.gradient(value, y_pred)

    found = execute(lambda: gradient(loss))().numpy()
    if from_logits:  # softmax minus the smoothed target
        target = 0.8 * np.eye(6)[classes] + 0.2 / 6
        np.testing.assert_allclose(found, (tf.nn.softmax(LOGITS) - target) / classes.size, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(found, gradient(of_one_hot(0.2, from_logits)), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    """The loss is computed in float32, then rounded."""
    classes, logits = labels(), tf.cast(LOGITS, dtype)
    expected = reference(classes, 0.2, logits=tf.cast(logits, "float64").numpy()).mean()
    found = SparseCategoricalCrossentropy(True, dtype=dtype, label_smoothing=0.2)(classes, logits)
    assert found.dtype == dtype
    np.testing.assert_allclose(tf.cast(found, "float32"), tf.cast(expected, dtype).numpy().astype("float32"), rtol=1e-2)


def test_loss_of_a_saved_model(tmp_path):
    inputs = keras.Input((2, 3))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss=SparseCategoricalCrossentropy(True, label_smoothing=0.3))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert loaded.label_smoothing == 0.3
    classes, logits = RNG.integers(0, 3, (4, 2)), RNG.normal(size=(4, 2, 3)).astype("float32")
    np.testing.assert_allclose(loaded(classes, logits), reference(classes, 0.3, logits=logits).mean(), rtol=1e-5)


def test_without_smoothing():
    classes = labels()
    found = SparseCategoricalCrossentropy(True, reduction=None)(classes, LOGITS)
    theirs = keras.losses.SparseCategoricalCrossentropy(True, reduction=None)
    np.testing.assert_allclose(found, theirs(classes, LOGITS), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [1, -0.1, float("nan"), "0.1", None, True])
def test_invalid_smoothing(smoothing):
    with raises_argument_error("label_smoothing", expected="a number in [0, 1)"):
        SparseCategoricalCrossentropy(label_smoothing=smoothing)
