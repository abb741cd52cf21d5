"""Tests of losses that average over samples, against float64 reference implementations, SciPy and scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score, mean_pinball_loss

from tensorsmith import losses
from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.testing import raises_argument_error


def boxes(rng, count):
    corners = np.sort(rng.uniform(0, 10, (count, 2, 2)), axis=1)
    return corners.reshape(count, 4).astype("float32")


def made(name, count, seed=4):
    """Return a loss with matching targets and predictions."""
    rng = np.random.default_rng(seed)
    floats = rng.normal(size=(count, 3)).astype("float32")
    choices = rng.integers(0, 2, (count, 3)).astype("float32")
    return {
        "contrastive": (losses.ContrastiveLoss, choices[:, 0], np.abs(floats[:, 0])),
        "giou": (losses.GIoULoss, boxes(rng, count), boxes(rng, count)),
        "pinball": (losses.PinballLoss, choices, floats),
        "focal": (losses.SigmoidFocalCrossEntropy, choices, expit(floats)),
        "sparsemax": (losses.SparsemaxLoss, np.eye(3, dtype="float32")[rng.integers(0, 3, count)], floats),
    }[name]


NAMES = ["contrastive", "giou", "pinball", "focal", "sparsemax"]
SUMMED = {"reduction": "sum_over_batch_size"}


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_mean_over_batches(name):
    make, y_true, y_pred = made(name, 1_000)
    whole = make(**SUMMED)(y_true, y_pred)
    parts = [make(**SUMMED)(y_true[i : i + 100], y_pred[i : i + 100]) for i in range(0, 1_000, 100)]
    np.testing.assert_allclose(whole, np.mean(parts), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_masks_and_sample_weights(name):
    make, y_true, y_pred = made(name, 9)
    weights, mask = np.linspace(0, 2, 9, dtype="float32"), np.arange(9) % 3 > 0
    each = make(reduction=None)(y_true, y_pred).numpy()
    assert each.shape == (9,)
    np.testing.assert_allclose(make(reduction="sum")(y_true, y_pred, weights), np.sum(each * weights), rtol=1e-5)
    predictions = tf.constant(y_pred)
    set_keras_mask(predictions, tf.constant(mask))
    found = make(**SUMMED)(y_true, predictions, weights)
    np.testing.assert_allclose(found, np.mean((each * weights)[mask]), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_empty_batch(name):
    make, y_true, y_pred = made(name, 3)

    @tf.function(input_signature=[tf.TensorSpec([None, *y.shape[1:]]) for y in (y_true, y_pred)])
    def run(y_true, y_pred):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            loss = make(**SUMMED)(y_true, y_pred)
        return loss, tape.gradient(loss, y_pred)

    loss, gradient = run(y_true[:0], y_pred[:0])
    assert loss == 0
    assert gradient.shape == y_pred[:0].shape


def test_contrastive():
    found = losses.contrastive_loss([1, 1, 0, 0, 0], [0.0, 2.0, 0.0, 0.5, 3.0], margin=2.0)
    np.testing.assert_allclose(found, [0.0, 4.0, 4.0, 2.25, 0.0])
    columns = losses.contrastive_loss([[1], [0]], [0.5, 0.5])
    np.testing.assert_allclose(columns, [[0.25], [0.25]])  # not (2, 2)
    half = losses.contrastive_loss([1], tf.constant([300.0], "float16"))
    assert float(half[0]) == 90_000  # above the maximum of float16


def test_giou_broadcasts_boxes():
    rng = np.random.default_rng(0)
    one, many = boxes(rng, 1), boxes(rng, 6)
    each = [losses.giou_loss(one, many[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(losses.giou_loss(one, many), each, rtol=1e-6)
    np.testing.assert_allclose(losses.giou_loss(many[:, None], many[None]).numpy().diagonal(), 0, atol=1e-6)
    with raises_argument_error("y_true", expected="have a shape that can be broadcast"):
        losses.giou_loss(many[:2], many[:3])


def test_giou_of_empty_boxes_and_in_float16():
    empty = tf.zeros((2, 4))
    with tf.GradientTape() as tape:
        tape.watch(empty)
        loss = losses.giou_loss(empty, empty)
    np.testing.assert_array_equal(loss, [1.0, 1.0])
    assert np.isfinite(tape.gradient(loss, empty)).all()
    pixels = tf.constant([[0, 0, 1000, 1000]], "float16")
    np.testing.assert_allclose(losses.giou_loss(pixels, pixels / 2), [0.75])
    with raises_argument_error("y_pred", received="(1, 3)", expected="have 4 coordinates along the last axis"):
        losses.giou_loss(np.zeros((1, 4)), np.zeros((1, 3)))


@pytest.mark.parametrize("tau", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_pinball_matches_scikit_learn(tau):
    y_true, y_pred = np.random.default_rng(0).normal(size=(2, 50))
    np.testing.assert_allclose(losses.pinball_loss(y_true, y_pred, tau), mean_pinball_loss(y_true, y_pred, alpha=tau))


@pytest.mark.parametrize("tau", [0.25, 0.9])
def test_pinball_minimum_is_quantile(tau):
    y, loss = np.random.default_rng(1).gamma(2.0, size=(501, 1)), losses.PinballLoss(tau, dtype="float64")
    fitted = minimize(lambda q: float(loss(y, 0 * y + q)), [1.0], method="Powell")
    np.testing.assert_allclose(fitted.x[0], np.quantile(y, tau), rtol=1e-2)


def test_multiple_quantiles_per_target():
    y_true, y_pred = np.array([[0.0], [2.0]]), np.array([[-1.0, 2.0], [1.0, 5.0]])
    expected = losses.pinball_loss(np.repeat(y_true, 2, axis=1), y_pred, [0.25, 0.75])
    np.testing.assert_array_equal(losses.pinball_loss(y_true, y_pred, [0.25, 0.75]), expected)


@pytest.mark.parametrize(("y_true", "y_pred"), [((4,), (4, 1)), ((4, 2), (4, 2)), ((3,), (3,)), ((2, 3, 1), (2, 3, 1))])
def test_invalid_number_of_quantiles(y_true, y_pred):
    with raises_argument_error("tau", received="[0.1, 0.5, 0.9]", expected="a number, or an array that broadcasts"):
        losses.pinball_loss(np.zeros(y_true), np.zeros(y_pred), [0.1, 0.5, 0.9])


def test_quantiles_of_sequences():
    rng = np.random.default_rng(0)
    y_true, y_pred, tau = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 3)), np.array([0.1, 0.5, 0.9])
    error = y_true - y_pred
    expected = np.mean(np.where(error > 0, tau, tau - 1) * error, axis=-1)
    np.testing.assert_allclose(losses.pinball_loss(y_true, y_pred, tau), expected)


@pytest.mark.parametrize(
    "loss",
    [losses.contrastive_loss, losses.pinball_loss, losses.reconstruction_loss, losses.sigmoid_focal_crossentropy],
)
def test_trailing_axis_of_size_1(loss):
    y_true, y_pred = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4])
    expected = loss(y_true[:, None], y_pred[:, None])
    np.testing.assert_array_equal(loss(y_true, y_pred[:, None]), expected)
    np.testing.assert_array_equal(loss(y_true[:, None], y_pred), expected)


def focal(y, p, alpha, gamma):
    miss = np.where(y == 1, 1 - p, p)
    return np.where(y == 1, alpha, 1 - alpha) * miss**gamma * -np.log1p(-miss)


def test_focal():
    rng = np.random.default_rng(2)
    y, x = rng.integers(0, 2, (6, 4)), rng.normal(scale=3, size=(6, 4))
    expected = focal(y, expit(x), 0.3, 1.5)
    options = {"alpha": 0.3, "gamma": 1.5}
    for found in (
        losses.sigmoid_focal_crossentropy(y, x, from_logits=True, **options),
        losses.sigmoid_focal_crossentropy(y, expit(x), **options),
    ):
        np.testing.assert_allclose(found, expected.sum(axis=-1), rtol=1e-4)
    mean = losses.SigmoidFocalCrossEntropy(from_logits=True, class_reduction="mean", dtype="float64", **options)
    np.testing.assert_allclose(mean(y, x), expected.mean(axis=-1), rtol=1e-6)
    theirs = keras.losses.BinaryFocalCrossentropy(True, 0.3, 1.5, from_logits=True, reduction=None, dtype="float64")
    np.testing.assert_allclose(mean(y, x), theirs(y, x), rtol=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_finite_at_extremes(gamma, from_logits):
    ends = tf.constant([[-200.0, 200.0, -200.0, 200.0]] if from_logits else [[0.0, 1.0, 0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(ends)
        loss = losses.sigmoid_focal_crossentropy([[0, 0, 1, 1]], ends, gamma=gamma, from_logits=from_logits)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, ends)).all()


@pytest.mark.parametrize("gamma", [0.5, 1.5, 2.0])
def test_focal_clips_probabilities(gamma):
    beyond, ends = tf.Variable([[1.0001, -0.0001] * 2]), [[1.0, 0.0] * 2]
    with tf.GradientTape() as tape:
        loss = losses.sigmoid_focal_crossentropy([[1, 1, 0, 0]], beyond, gamma=gamma)
    np.testing.assert_array_equal(loss, losses.sigmoid_focal_crossentropy([[1, 1, 0, 0]], ends, gamma=gamma))
    assert np.isfinite(tape.gradient(loss, beyond)).all()


def projection(z):
    """Return the Euclidean projection onto the simplex, found by testing all supports."""
    order = np.sort(z)[::-1]
    for size in range(len(z), 0, -1):
        threshold = (order[:size].sum() - 1) / size
        if order[size - 1] > threshold:
            return np.maximum(z - threshold, 0)
    raise AssertionError


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_sparsemax(scale):
    rng = np.random.default_rng(3)
    z, q = scale * rng.normal(size=(7, 5)), rng.dirichlet(np.ones(5), 7)
    p = np.array([projection(row) for row in z])
    # Half the squared distances from the logits: an equivalent formula of a different form.
    expected = (np.sum((q - z) ** 2, axis=1) - np.sum((p - z) ** 2, axis=1)) / 2
    logits = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.SparsemaxLoss(reduction=None, dtype="float64")(q, logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tape.gradient(loss, logits), p - q, atol=1e-12)
    np.testing.assert_allclose(losses.sparsemax_loss(z, p, q), expected, rtol=1e-9, atol=1e-12)


def test_sparsemax_of_infinite_logits():
    logits = tf.constant([[1.0, -np.inf, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.SparsemaxLoss()([[1.0, 0.0, 0.0]], logits)
    np.testing.assert_allclose(loss, 0.0625)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[-0.25, 0.0, 0.25]])


@pytest.mark.parametrize(("weightage", "repeated"), [("linear", False), ("quadratic", False), ("quadratic", True)])
def test_kappa_matches_scikit_learn(weightage, repeated):
    rng = np.random.default_rng(9)
    y_true, y_pred = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
    weights = rng.integers(0, 4, 40) if repeated else None
    kappa = cohen_kappa_score(y_true, y_pred, weights=weightage, sample_weight=weights)
    loss = losses.WeightedKappaLoss(4, weightage, epsilon=1e-6, dtype="float64")
    found = loss(np.eye(4)[y_true], np.eye(4)[y_pred], sample_weight=weights)
    np.testing.assert_allclose(found, np.log(1 - kappa + 1e-6), rtol=1e-9)


def test_kappa_of_single_class_and_empty_batch():
    loss = losses.WeightedKappaLoss(3)
    alike = tf.constant([[1.0, 0.0, 0.0]] * 2)
    with tf.GradientTape() as tape:
        tape.watch(alike)
        value = loss(alike, alike)
    np.testing.assert_allclose(value, np.log(1e-6), rtol=1e-5)
    assert np.isfinite(tape.gradient(value, alike)).all()
    run = tf.function(loss, input_signature=[tf.TensorSpec([None, 3])] * 2)
    assert run(alike[:0], alike[:0]) == 0
    with raises_argument_error("y_true", received="(2, 1)", expected="have shape (batch, 3)"):
        loss([[0], [1]], alike)


def test_kappa_with_zero_weights():
    y_pred = tf.Variable([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    with tf.GradientTape() as tape:
        loss = losses.WeightedKappaLoss(3)(np.eye(3)[:2], y_pred, np.zeros(2))
    assert loss == 0
    np.testing.assert_array_equal(tape.gradient(loss, y_pred), np.zeros((2, 3)))


@pytest.mark.parametrize("weights", [None, np.linspace(0.1, 2, 8)])
def test_kappa_of_masked_samples(weights):
    rng = np.random.default_rng(6)
    y_true, y_pred, mask = np.eye(3)[rng.integers(0, 3, 8)], rng.dirichlet(np.ones(3), 8), np.arange(8) % 3 > 0
    masked = tf.constant(y_pred, "float32")
    set_keras_mask(masked, tf.constant(mask))
    expected = losses.WeightedKappaLoss(3)(y_true[mask], y_pred[mask], None if weights is None else weights[mask])
    np.testing.assert_allclose(losses.WeightedKappaLoss(3)(y_true, masked, weights), expected, rtol=1e-5)
    each = losses.WeightedKappaLoss(3, reduction=None)(y_true, masked, weights)
    np.testing.assert_allclose(each, mask * expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("weights", [None, np.array([0.5, 1.0, 2.0, 0.0])])
def test_kappa_in_fit(weights):
    """Keras passes sample weights to the loss."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 3)).astype("float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Softmax()(inputs))
    model.compile(loss=losses.WeightedKappaLoss(3))
    expected = losses.WeightedKappaLoss(3)(y, tf.nn.softmax(x), weights)
    found = model.evaluate(x, y, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_training_with_unreduced_focal_loss():
    """With the default reduction of TensorFlow Addons, "none", the gradients of the samples are summed."""
    x, y = np.eye(4, dtype="float32"), np.eye(4, dtype="float32")
    weights = []
    for options in ({}, {"reduction": "sum"}):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, kernel_initializer="zeros")])
        model.compile("sgd", losses.SigmoidFocalCrossEntropy(from_logits=True, **options))
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(*weights, rtol=1e-6)
    assert np.abs(weights[0]).max() > 0
