"""Tests of mismatched shapes of targets and predictions, which would silently broadcast to a wrong loss."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import losses
from tensorsmith.testing import raises_argument_error

ELEMENTWISE = [losses.contrastive_loss, losses.huber, losses.pinball_loss, losses.sigmoid_focal_crossentropy]

MEETING = [
    (losses.gaussian_kl, ("mean", "log_variance")),
    (losses.hinge_discriminator_loss, ("real", "fake")),
    (losses.minimax_discriminator_loss, ("real", "fake")),
    (losses.wasserstein_critic_loss, ("real", "fake")),
    (lambda real, fake: losses.gradient_penalty(tf.identity, real, fake), ("real", "fake")),
    (lambda labels, logits: losses.sparsemax_loss(logits, logits, labels), ("labels", "logits")),
    (lambda sparsemax, logits: losses.sparsemax_loss(logits, sparsemax, logits), ("sparsemax", "logits")),
]


@pytest.mark.parametrize("shapes", [((4,), (4, 1)), ((4, 3), (1, 3))])
@pytest.mark.parametrize(("loss", "names"), MEETING)
def test_mismatched_shapes(loss, names, shapes):
    message = re.escape(f"{names[0]} must have shape {shapes[1]} to match `{names[1]}`, got {shapes[0]}")
    with pytest.raises(ValueError, match=message):
        loss(*(np.zeros(shape) for shape in shapes))


def test_unknown_number_of_labels():
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2])]
    run = tf.function(losses.triplet_hard_loss, input_signature=signature)
    x = tf.constant([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose(run([0, 1, 0], x), losses.triplet_hard_loss([0, 1, 0], x))


@pytest.mark.parametrize("loss", [*ELEMENTWISE, losses.reconstruction_loss])
def test_trailing_axis_of_size_1(loss):
    y_true, y_pred = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4])
    expected = loss(y_true[:, None], y_pred[:, None])
    np.testing.assert_array_equal(loss(y_true, y_pred[:, None]), expected)
    np.testing.assert_array_equal(loss(y_true[:, None], y_pred), expected)


def test_unknown_shapes():
    run = tf.function(losses.huber, input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None, 4])])
    assert run(tf.zeros((3, 4)), tf.ones((3, 4))).shape == (3,)


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
