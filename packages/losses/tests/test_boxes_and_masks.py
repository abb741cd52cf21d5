"""Tests of mask losses and the YOLO loss against loops over pixels and cells."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_expit, log_softmax, logit

from tensorsmith import losses
from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.testing import raises_argument_error


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def masks(rng, count=1_000):
    shape = (count, 3, 4, 2)
    return rng.integers(0, 2, shape).astype("float32"), rng.random(shape).astype("float32")


@pytest.mark.parametrize(("alpha", "beta", "smooth"), [(0.5, 0.5, 0.0), (1.0, 1.0, 1.0), (0.3, 0.7, 0.1)])
def test_tversky(rng, alpha, beta, smooth):
    y_true, y_pred = masks(rng, 6)
    found = losses.tversky_loss(y_true, y_pred, alpha, beta, smooth)
    for sample, loss in enumerate(found.numpy()):
        parts = []
        for number in range(2):
            true, score = y_true[sample, ..., number].ravel(), y_pred[sample, ..., number].ravel()
            hits, extra, missed = score[true == 1].sum(), score[true == 0].sum(), (1 - score[true == 1]).sum()
            parts.append((hits + smooth) / (hits + alpha * extra + beta * missed + smooth))
        np.testing.assert_allclose(loss, 1 - np.mean(parts), rtol=1e-5)


def test_tversky_special_cases(rng):
    y_true, y_pred = masks(rng, 5)
    dice = losses.tversky_loss(y_true, y_pred, smooth=0.0)
    per_class = [keras.losses.dice(y_true[..., k], y_pred[..., k], axis=(1, 2)) for k in range(2)]
    np.testing.assert_allclose(dice, np.mean(per_class, axis=0), rtol=1e-5)
    hard = (y_pred > 0.5).astype("float32")
    iou = keras.metrics.MeanIoU(2)
    iou.update_state(y_true[0], hard[0])
    both = [np.stack([1 - each, each], axis=-1)[None] for each in (y_true[0].ravel(), hard[0].ravel())]
    np.testing.assert_allclose(losses.tversky_loss(*both, 1.0, 1.0, smooth=0.0), [1 - iou.result()], rtol=1e-5)


def test_alpha_weights_false_positives():
    """Keras 3.15 documents the same but does the opposite. If this test fails, Keras has fixed its loss."""
    y_true, too_much, missed = [[[1.0], [0.0]]], [[[1.0], [1.0]]], [[[0.0], [0.0]]]
    np.testing.assert_allclose(losses.TverskyLoss(0.9, 0.1, smooth=0.0)(y_true, too_much), 1 - 1 / 1.9, rtol=1e-6)
    theirs = keras.losses.Tversky(alpha=0.9, beta=0.1)(y_true, too_much)
    np.testing.assert_allclose(theirs, 1 - 1 / 1.1, rtol=1e-5)
    assert losses.TverskyLoss(0.9, 0.1, smooth=0.0)(y_true, missed) == 1


def grids(rng, count=1_000, boxes=2, classes=3):
    shape = (count, 2, 3, 5 * boxes + classes)
    y_true, y_pred = rng.random(shape).astype("float32"), rng.normal(scale=2, size=shape).astype("float32")
    there = rng.integers(0, 2, (*shape[:3], boxes))
    y_true[..., 4 : 5 * boxes : 5] = there
    one_hot = np.eye(classes)[rng.integers(0, classes, shape[:3])]
    y_true[..., 5 * boxes :] = one_hot * there.max(axis=-1, keepdims=True)
    return y_true, y_pred


def test_yolo_matches_loop_over_cells(rng):
    y_true, y_pred = grids(rng, 4)
    found = losses.YOLOLoss(2, box_weight=3.0, no_object_weight=0.2, reduction=None)(y_true, y_pred)
    for image in range(4):
        total = 0.0
        for true, cell in zip(
            y_true[image].reshape(6, 13), y_pred[image].reshape(6, 13).astype("float64"), strict=True
        ):
            for start in (0, 5):
                x, y, height, width, there = true[start : start + 5]
                if there:
                    centers = (expit(cell[start]) - x) ** 2 + (expit(cell[start + 1]) - y) ** 2
                    sizes = (cell[start + 2] - height) ** 2 + (cell[start + 3] - width) ** 2
                    total += 3.0 * (centers + sizes) - log_expit(cell[start + 4])
                else:
                    total -= 0.2 * log_expit(-cell[start + 4])
            if true[10:].any():
                total -= log_softmax(cell[10:])[true[10:].argmax()]
        np.testing.assert_allclose(found[image], total, rtol=1e-5)


def test_yolo_minimum_and_training(rng):
    y_true, _ = grids(rng, 3)
    logits = logit(np.clip(y_true, 1e-6, 1 - 1e-6))
    for position in (2, 3, 7, 8):
        logits[..., position] = y_true[..., position]
    loss = losses.YOLOLoss(2)
    assert loss(y_true, logits) < 1e-3
    guess, optimizer = tf.Variable(0 * y_true), keras.optimizers.Adam(0.2)
    before = float(loss(y_true, guess))
    for _ in range(60):
        with tf.GradientTape() as tape:
            value = loss(y_true, guess)
        optimizer.apply([tape.gradient(value, guess)], [guess])
    assert value < 0.1 * before


def test_yolo_ignores_boxes_without_objects(rng):
    y_true, y_pred = grids(rng, 4)
    without = np.argwhere(y_true[..., 4] == 0)
    found = []
    for filler in (0.0, -np.inf, np.nan):  # the logarithm of a height of 0 is -inf
        for image, row, column in without:
            y_true[image, row, column, :4] = filler
        logits = tf.Variable(y_pred)
        with tf.GradientTape() as tape:
            loss = losses.YOLOLoss(2)(y_true, logits)
        found.append(np.append(tape.gradient(loss, logits), loss))
    assert len(without) > 0
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_invalid_shapes():
    with raises_argument_error("y_pred", received="(1, 2, 2, 10)", expected="have shape (batch, rows, columns, 10"):
        losses.YOLOLoss(2)(np.zeros((1, 2, 2, 11)), np.zeros((1, 2, 2, 10)))
    with pytest.raises(ValueError, match="an axis of size 1"):
        losses.tversky_loss([1.0, 0.0], [1.0, 0.0])


def made(name, rng, count):
    """Return a loss with matching targets and predictions."""
    return {
        "tversky": lambda: (losses.TverskyLoss, {}, *masks(rng, count)),
        "yolo": lambda: (losses.YOLOLoss, {"boxes": 2}, *grids(rng, count)),
        "reconstruction": lambda: (losses.ReconstructionLoss, {}, *masks(rng, count)),
        "gaussian": lambda: (losses.GaussianNLL, {}, rng.normal(size=(count, 2)), rng.normal(size=(count, 4))),
    }[name]()


@pytest.mark.parametrize("name", ["tversky", "yolo", "reconstruction", "gaussian"])
def test_batches_masks_and_weights(rng, name):
    make, options, y_true, y_pred = made(name, rng, 1_000)
    whole = make(**options)(y_true, y_pred)
    parts = [make(**options)(y_true[i : i + 100], y_pred[i : i + 100]) for i in range(0, 1_000, 100)]
    np.testing.assert_allclose(whole, np.mean(parts), rtol=1e-5)

    y_true, y_pred = y_true[:9], y_pred[:9]
    weights, mask = np.linspace(0, 2, 9, dtype="float32"), np.arange(9) % 3 > 0
    each = make(reduction=None, **options)(y_true, y_pred).numpy()
    assert each.shape == (9,)
    masked = tf.constant(y_pred)
    set_keras_mask(masked, tf.constant(mask))
    np.testing.assert_allclose(make(**options)(y_true, masked, weights), np.mean((each * weights)[mask]), rtol=1e-5)

    @tf.function(input_signature=[tf.TensorSpec([None, *y.shape[1:]], y.dtype) for y in (y_true, y_pred)])
    def run(y_true, y_pred):
        return make(**options)(y_true, y_pred)

    assert run(y_true[:0], y_pred[:0]) == 0


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_masks(fill):
    """Correct predictions have a loss of 0, also in half precision, where a sum over 90,000 pixels overflows."""
    mask = tf.fill((2, 300, 300, 1), tf.constant(fill, "float16"))
    loss = losses.TverskyLoss()
    assert loss(mask, mask) == 0
    assert loss(mask, 1 - mask) > 0.999
    with tf.GradientTape() as tape:
        tape.watch(mask)
        value = losses.TverskyLoss(smooth=0.0)(mask, mask)
    assert np.isfinite(tape.gradient(value, mask)).all()
