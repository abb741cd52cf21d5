"""Tests of Cohen's kappa, Matthews' coefficient and multi-label confusion matrices against scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn

from tensorsmith.metrics import CohenKappa, MatthewsCorrelationCoefficient, MultiLabelConfusionMatrix
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def data(request):
    rng = np.random.default_rng(1)
    true = rng.integers(0, 4, 1000)
    predicted = np.where(rng.random(1000) < 0.6, true, rng.integers(0, 4, 1000))
    return true, predicted, rng.uniform(0.0, 2.0, 1000) if request.param else None


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float16", "float64"])
def test_kappa_of_two_classes_given_as_numbers(dtype):
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    metric = CohenKappa(2)
    metric.update_state(true, predicted.astype(dtype))
    np.testing.assert_allclose(metric.result(), sklearn.cohen_kappa_score(true, predicted), rtol=1e-6)


def one_hot(labels, classes=4):
    return np.eye(classes, dtype="float32")[labels]


def streamed(metric, *arrays, sample_weight, batches):
    weights = [None] * batches if sample_weight is None else np.split(sample_weight, batches)
    for *batch, weight in zip(*(np.split(array, batches) for array in arrays), weights, strict=True):
        metric.update_state(*batch, sample_weight=weight)
    return metric.result()


@pytest.mark.parametrize("batches", [1, 10])
@pytest.mark.parametrize("weightage", [None, "linear", "quadratic"])
def test_kappa(data, weightage, batches):
    true, predicted, weights = data
    expected = sklearn.cohen_kappa_score(true, predicted, weights=weightage, sample_weight=weights)
    for sparse, regression, arrays in (
        (True, False, (true, one_hot(predicted))),
        (True, False, (true[:, None], predicted.astype("float32"))),
        (False, False, (one_hot(true), 0.3 * one_hot(predicted))),
        (True, True, (true, predicted[:, None] - 0.4)),
    ):
        metric = CohenKappa(4, weightage=weightage, sparse_labels=sparse, regression=regression)
        found = streamed(metric, *arrays, sample_weight=weights, batches=batches)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_kappa_of_two_classes(data):
    true, predicted, weights = data
    true, predicted = true % 2, predicted % 2
    expected = sklearn.cohen_kappa_score(true, predicted, sample_weight=weights)
    for scores in (0.2 + 0.5 * predicted, (0.2 + 0.5 * predicted)[:, None]):
        found = streamed(CohenKappa(2), true, scores, sample_weight=weights, batches=10)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("batches", [1, 10])
def test_matthews(data, batches):
    true, predicted, weights = data
    metric = MatthewsCorrelationCoefficient(4)
    found = streamed(metric, one_hot(true), one_hot(predicted) - 0.5, sample_weight=weights, batches=batches)
    np.testing.assert_allclose(found, sklearn.matthews_corrcoef(true, predicted, sample_weight=weights), rtol=1e-6)


@pytest.mark.parametrize("batches", [1, 10])
def test_multilabel_confusion_matrix(data, batches):
    weights = data[2]
    true, predicted = np.random.default_rng(2).integers(0, 2, (2, 1000, 3))
    found = streamed(MultiLabelConfusionMatrix(3), true, predicted, sample_weight=weights, batches=batches)
    expected = sklearn.multilabel_confusion_matrix(true, predicted, sample_weight=weights)
    assert found.shape == (3, 2, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_result_without_updates():
    assert float(CohenKappa(3).result()) == 0.0
    assert float(MatthewsCorrelationCoefficient(3).result()) == 0.0
    assert not np.any(MultiLabelConfusionMatrix(3).result())


def test_single_class():
    kappa, matthews = CohenKappa(3, sparse_labels=True), MatthewsCorrelationCoefficient(3)
    kappa.update_state([1, 1], [1, 1])
    matthews.update_state(one_hot([1, 1], 3), one_hot([1, 2], 3))
    assert np.isnan(kappa.result())
    assert float(matthews.result()) == sklearn.matthews_corrcoef([1, 1], [1, 2]) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_matthews_of_single_class_with_fractional_weights(classes):
    """n^2 and sum(t_k^2) are rounded differently; their difference must not be negative."""
    rng = np.random.default_rng(15)
    draws = [(np.zeros(3, int), np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3]))]
    draws += [(np.full(20, rng.integers(classes)), rng.integers(0, classes, 20), rng.random(20)) for _ in range(20)]
    for one, several, weights in draws:
        for true, predicted in ((one, several), (several, one), (one, one)):
            metric = MatthewsCorrelationCoefficient(classes)
            metric.update_state(one_hot(true, classes), one_hot(predicted, classes), weights)
            assert float(metric.result()) == 0.0


def test_labels_out_of_range():
    metric = CohenKappa(3, sparse_labels=True)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"labels must contain class indices from 0 to 2",
    ):
        metric.update_state([0, 1, 3], [0, 1, 2])
    metric.update_state([0, 1, -1], [0, 1, 2], sample_weight=[1, 1, 0])
    assert float(metric.result()) == 1.0


def test_masked_steps_are_ignored():
    true, predicted = np.random.default_rng(3).integers(0, 4, (2, 5, 6))
    mask = np.random.default_rng(4).random((5, 6)) < 0.7
    scores = keras.layers.Masking(9.0)(np.where(mask[..., None], one_hot(predicted), 9.0))
    metric = MatthewsCorrelationCoefficient(4)
    metric.update_state(one_hot(true), scores, sample_weight=np.ones(5))
    np.testing.assert_allclose(metric.result(), sklearn.matthews_corrcoef(true[mask], predicted[mask]), rtol=1e-6)


def test_counts_exceeding_float32_precision():
    metric = MultiLabelConfusionMatrix(1, dtype="float64")
    metric.update_state([[1]], [[1]], sample_weight=[2.0**24])
    metric.update_state([[1]], [[1]])
    assert float(metric.result()[0, 1, 1]) == 2**24 + 1


def test_invalid_shapes():
    with raises_argument_error("y_pred", received="(2, 3)", expected="have shape (..., 4)"):
        MatthewsCorrelationCoefficient(4).update_state(one_hot([0, 1]), one_hot([0, 1], 3))
