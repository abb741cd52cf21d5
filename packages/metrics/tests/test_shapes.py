"""Tests of mismatched shapes of targets, predictions and weights, which would silently broadcast to a wrong result."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import metrics

SPARSE = {"num_classes": 3, "sparse_labels": True}


@pytest.mark.parametrize(("true", "predicted"), [((1,), (4,)), ((3,), (4,)), ((4, 1), (4, 3)), ((), (4,))])
def test_mismatched_class_indices(true, predicted):
    metric = metrics.F1Score(**SPARSE)
    message = re.escape(f"y_true must have a shape that matches predictions of shape {predicted}, got {true}")
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.zeros(true, int), np.zeros(predicted, int))


@pytest.mark.parametrize(("precision", "recall"), [((4, 3), (1, 3)), ((4, 3), (4, 1)), ((4, 1), (4,)), ((4,), (1,))])
def test_mismatched_precision_and_recall(precision, recall):
    message = re.escape(f"recall must have shape {precision} to match `precision`, got {recall}")
    with pytest.raises(ValueError, match=message):
        metrics.average_precision(np.zeros(precision, int), np.zeros(recall, int))


WEIGHTED = [
    (metrics.HuberMetric, {}, (4,), (4,)),
    (metrics.RoundedAccuracy, {}, (4, 3), (4, 3)),
    (metrics.ExpectedCalibrationError, {}, (4,), (4, 3)),
    (metrics.F1Score, {"num_classes": 3}, (4, 3), (4, 3)),
    (metrics.MatthewsCorrelationCoefficient, {"num_classes": 3}, (4, 3), (4, 3)),
    (metrics.PearsonsCorrelation, {"exact": True}, (4,), (4,)),
    (metrics.FrechetDistance, {"num_features": 3}, (4, 3), (4, 3)),
]


@pytest.mark.parametrize(("kind", "options", "true", "predicted"), WEIGHTED)
def test_weights_with_trailing_axis(kind, options, true, predicted):
    rng = np.random.default_rng(7)
    labels, scores, weights = rng.integers(0, 2, true), rng.random(predicted), np.array([0.5, 1.0, 1.0, 2.0])
    values = []
    for given in (weights, weights[:, None]):
        metric = kind(**options)
        metric.update_state(labels, scores, given)
        values.append(np.array(metric.result()))
    np.testing.assert_array_equal(*values)


def test_unknown_shapes():
    metric = metrics.F1Score(**SPARSE, average="micro")
    metric.update_state([0], [0])  # build the metric
    metric.reset_state()
    vector = tf.TensorSpec([None], "int32")
    run = tf.function(metric.update_state, input_signature=[vector, vector, tf.TensorSpec([None])])
    run([0, 1, 2], [0, 2, 2], [1.0, 1.0, 2.0])
    assert metric.result() == 0.75


@pytest.mark.parametrize("labels", [[0, 3], [0, -1]])
@pytest.mark.parametrize("graph", [False, True])
def test_calibration_labels_out_of_range(labels, graph):
    metric = metrics.ExpectedCalibrationError()
    update = tf.function(metric.update_state) if graph else metric.update_state
    scores = tf.constant([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"labels must contain class indices from 0 to 2",
    ):
        update(tf.constant(labels), scores)
    update(tf.constant(labels), scores, tf.constant([1.0, 0.0]))  # samples of weight 0 may have any label
    assert metric.result() == 0.5


def test_box_iou_broadcasts_anchors():
    rng = np.random.default_rng(8)
    boxes, anchors = np.sort(rng.random((2, 3, 4))), np.sort(rng.random((5, 4)))
    expected = [metrics.box_iou(of_image, anchors) for of_image in boxes]
    np.testing.assert_array_equal(metrics.box_iou(boxes, anchors), expected)
