"""Comparison of metrics with TensorFlow Addons: results after several batches, for random sizes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorsmith import metrics

pytestmark = pytest.mark.pairwise

several = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
draws = (st.integers(1, 3), st.integers(1, 8), st.integers(0, 99))  # batches, samples in each, seed
RANGES = {"actual_min": -2.0, "actual_max": 2.0, "preds_min": -3.0, "preds_max": 3.0}


def expect_same(addons, name, batches, weighted, **options):
    """Compare a metric over batches of arrays, the last of which are sample weights if `weighted` is `True`."""
    metric = getattr(metrics, name)(**options)
    for batch in batches:
        arguments, weights = (batch[:-1], batch[-1]) if weighted else (batch, None)
        metric.update_state(*map(tf.constant, arguments), sample_weight=weights)
    arrays = [array for batch in batches for array in batch]
    theirs = addons("metric", arrays, name=name, size=len(batches[0]), weighted=weighted, **options)[0]
    ours = np.array(metric.result())
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def drawn(count, samples, seed, make, weighted):
    """Return `count` batches created by `make` from a random generator, with sample weights."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        batch = tuple(array.astype("float32") for array in make(rng, samples))
        yield (*batch, rng.uniform(0.1, 2.0, samples).astype("float32")) if weighted else batch


def classes(rng, samples):
    return np.eye(3)[rng.integers(0, 3, samples)], rng.random((samples, 3))


def numbers(rng, samples):
    return rng.integers(0, 3, (2, samples))


def numbers_and_scores(rng, samples):
    return rng.integers(0, 3, samples), rng.random((samples, 3))


def numbers_and_ratings(rng, samples):
    return rng.integers(0, 3, samples), rng.uniform(-2.0, 2.0, (samples, 1))


def one_label(rng, samples):
    return rng.integers(0, 2, samples), rng.random((samples, 1))


def labels(rng, samples):
    return rng.integers(0, 2, (samples, 3)), rng.random((samples, 3))


def positive(rng, samples):
    return (rng.uniform(0.5, 2.0, samples),)


def targets(rng, samples):
    true = rng.normal(size=(samples + 5, 3))
    return true, true + rng.normal(size=true.shape)


def one_target(rng, samples):
    true, noise = rng.normal(size=(2, samples))
    return true, true + noise


def decided(rng, samples):
    return rng.integers(0, 2, (2, samples, 3))


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        *(
            ("CohenKappa", make, {"num_classes": count, "weightage": weightage, **options})
            for weightage in (None, "linear", "quadratic")
            for make, count, options in (
                (classes, 3, {}),
                (numbers_and_scores, 3, {"sparse_labels": True}),
                (numbers, 3, {"sparse_labels": True}),
                (numbers_and_ratings, 3, {"sparse_labels": True, "regression": True}),
                (one_label, 2, {}),
            )
        ),
        *(
            ("FBetaScore", labels, {"num_classes": 3, "average": average, "beta": 2.0, "threshold": threshold})
            for average in (None, "micro", "macro", "weighted")
            for threshold in (None, 0.4)
        ),
        ("F1Score", labels, {"num_classes": 3}),
        ("F1Score", classes, {"num_classes": 3, "average": "macro"}),
        ("HammingLoss", classes, {"mode": "multiclass"}),
        ("HammingLoss", classes, {"mode": "multiclass", "threshold": 0.6}),
        ("HammingLoss", labels, {"mode": "multilabel", "threshold": 0.6}),
        ("HammingLoss", labels, {"mode": "multilabel"}),
        ("MatthewsCorrelationCoefficient", classes, {"num_classes": 3}),
        ("GeometricMean", positive, {}),
        ("HarmonicMean", positive, {}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@several
@given(*draws)
def test_weighted(addons, name, make, options, weighted, count, samples, seed):
    expect_same(addons, name, list(drawn(count, samples, seed, make, weighted)), weighted, **options)


@pytest.mark.parametrize("regressors", [0, 2])
@pytest.mark.parametrize("multioutput", ["raw_values", "uniform_average", "variance_weighted"])
@several
@given(*draws)
def test_r_square(addons, multioutput, regressors, count, samples, seed):
    batches = list(drawn(count, samples, seed, targets, weighted=False))
    expect_same(addons, "RSquare", batches, False, multioutput=multioutput, num_regressors=regressors)


@several
@given(st.integers(1, 3), st.integers(5, 8), st.integers(0, 99))
def test_weighted_r_square(addons, count, samples, seed):
    """Addons accepts weights for vectors of targets only."""
    expect_same(addons, "RSquare", list(drawn(count, samples, seed, one_target, weighted=True)), True)


@several
@given(*draws)
def test_multilabel_confusion_matrix(addons, count, samples, seed):
    batches = list(drawn(count, samples, seed, decided, weighted=False))
    expect_same(addons, "MultiLabelConfusionMatrix", batches, False, num_classes=3)


@pytest.mark.parametrize("name", ["KendallsTauB", "KendallsTauC", "SpearmansRank", "PearsonsCorrelation"])
@pytest.mark.parametrize(
    ("low", "high", "options"),
    [(0.0, 1.0, {}), (-2.5, 2.5, RANGES), (-2.5, 2.5, {**RANGES, "actual_cutpoints": 7, "preds_cutpoints": 9})],
)
@several
@given(st.integers(1, 3), st.integers(8, 20), st.integers(0, 99))
def test_correlations(addons, name, low, high, options, count, samples, seed):
    """Targets stay below the upper end of the range, where Addons fails if float32 rounding drops its epsilon."""

    def correlated(rng, samples):
        x, noise = rng.uniform(low, high, (2, samples))
        return np.minimum(x, options.get("actual_max", 1.0) - 1e-3), (x + noise) / 2

    expect_same(addons, name, list(drawn(count, samples, seed, correlated, weighted=False)), False, **options)


@several
@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 99))
def test_hamming_distance(addons, samples, columns, seed):
    arrays = np.random.default_rng(seed).integers(0, 2, (2, samples, columns)).astype("float32")
    theirs = addons("metric_function", list(arrays), name="hamming_distance")[0]
    ours = np.array(metrics.hamming_distance(*arrays))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("name", ["F1Score", "FBetaScore"])
def test_labels_with_time_axis(addons, name):
    """Each step of labels with several axes is a sample; Addons rejects more than two axes (#746, #2262, #2653)."""
    batch = labels(np.random.default_rng(4), 12)
    steps = [array.reshape(4, 3, 3).astype("float32") for array in batch]
    with pytest.raises(AssertionError, match="Error"):
        addons("metric", steps, name=name, size=2, weighted=False, num_classes=3)
    theirs = addons(
        "metric", [array.astype("float32") for array in batch], name=name, size=2, weighted=False, num_classes=3
    )[0]
    metric = getattr(metrics, name)(num_classes=3)
    metric.update_state(*steps)
    np.testing.assert_allclose(metric.result(), theirs, rtol=1e-5)
