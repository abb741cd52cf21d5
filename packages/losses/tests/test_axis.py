"""Tests of losses with `axis` in their config against NumPy, SciPy and Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cosine
from scipy.special import log_softmax

from tensorsmith.losses import CosineSimilarity, SparseCategoricalCrossentropy
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(2, 3, 4, 5)).astype("float32")
LOGITS = RNG.normal(size=(3, 4, 2, 5)).astype("float32")


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_cosine_similarity(axis):
    y_true, y_pred = VECTORS
    pairs = zip(*(np.moveaxis(y, axis, -1).reshape((-1, y.shape[axis])) for y in (y_true, y_pred)), strict=True)
    expected = [cosine(one, other) - 1 for one, other in pairs]
    found = CosineSimilarity(axis, reduction=None)(y_true, y_pred)
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(CosineSimilarity(axis)(y_true, y_pred), np.mean(expected), rtol=1e-5)
    np.testing.assert_array_equal(found, keras.losses.CosineSimilarity(axis, reduction=None)(y_true, y_pred))


def test_cosine_similarity_in_float16():
    y_true, y_pred = (1e4 * VECTORS).astype("float16")
    expected = CosineSimilarity()(y_true.astype("float32"), y_pred.astype("float32"))
    np.testing.assert_allclose(CosineSimilarity(dtype="float16")(y_true, y_pred), expected, rtol=1e-2)


def entropies(axis, classes):
    logs = log_softmax(np.moveaxis(LOGITS, axis, -1).astype("float64"), axis=-1)
    return -np.take_along_axis(logs, classes[..., None], axis=-1)[..., 0]


@pytest.mark.parametrize("axis", [1, -2, 3])
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_sparse_categorical_crossentropy(axis, from_logits, kept):
    shape = np.delete(LOGITS.shape, axis)
    classes = RNG.integers(0, LOGITS.shape[axis], shape)
    y_pred = LOGITS if from_logits else tf.nn.softmax(LOGITS, axis=axis)
    y_true = np.expand_dims(classes, axis) if kept else classes
    found = SparseCategoricalCrossentropy(from_logits, reduction=None, axis=axis)(y_true, y_pred)
    np.testing.assert_allclose(found, entropies(axis, classes), rtol=1e-5)


def test_ignore_class():
    classes = RNG.integers(0, 4, (3, 2, 5))
    classes[0, 1] = 3
    loss = SparseCategoricalCrossentropy(True, ignore_class=3, axis=1)
    expected = entropies(1, classes)[classes != 3].mean()
    np.testing.assert_allclose(loss(classes, LOGITS), expected, rtol=1e-5)
    last = np.moveaxis(LOGITS, 1, -1)
    np.testing.assert_allclose(
        keras.losses.SparseCategoricalCrossentropy(True, ignore_class=3)(classes, last), expected, rtol=1e-5
    )


def test_matches_keras_along_last_axis():
    classes, weights = RNG.integers(0, 5, 12), RNG.uniform(size=12)
    y_pred = tf.nn.softmax(LOGITS.reshape((-1, 5))[:12])
    mine, theirs = SparseCategoricalCrossentropy(), keras.losses.SparseCategoricalCrossentropy()
    np.testing.assert_array_equal(mine(classes, y_pred, weights), theirs(classes, y_pred, weights))


@pytest.mark.parametrize("axis", ["last", 1.0, None])
def test_bad_axes(axis):
    for loss in (CosineSimilarity, SparseCategoricalCrossentropy):
        with raises_argument_error("axis", expected="an integer"):
            loss(axis=axis)


def test_axis_is_saved(tmp_path):
    inputs = keras.Input((2, 3))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    y_pred = tf.nn.softmax(RNG.normal(size=(4, 2, 3)), axis=1)
    cases = [
        (CosineSimilarity, keras.losses.CosineSimilarity, RNG.normal(size=(4, 2, 3))),
        (SparseCategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy, RNG.integers(0, 2, (4, 3))),
    ]
    for mine, theirs, y_true in cases:
        loss = mine(axis=1)
        model.compile(loss=loss)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras").loss
        assert loaded.axis == 1
        np.testing.assert_array_equal(loaded(y_true, y_pred), loss(y_true, y_pred))
        # If this fails, Keras has added the axis to the config, and the class docstring must be updated.
        assert "axis" not in theirs(axis=1).get_config()
    with pytest.raises(ValueError, match="Only axis=-1 is currently supported"):
        keras.losses.SparseCategoricalCrossentropy(axis=1)(y_true, y_pred)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_with_many_classes(dtype):
    logits = np.zeros((1, 4096), "float32")
    logits[0, 4001] = 5
    expected = -log_softmax(logits)[0, 4001]
    loss = SparseCategoricalCrossentropy(True, dtype=dtype)
    found = loss([4001], logits)
    assert found.dtype == dtype
    rounded = keras.ops.cast(expected, dtype)  # computed in float32, then rounded
    assert float(found) == float(rounded)
    assert loss.get_config()["dtype"] == dtype
