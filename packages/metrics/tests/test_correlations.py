"""Tests of correlations against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.metrics import (
    KendallsTauB,
    KendallsTauC,
    PearsonsCorrelation,
    SpearmansRank,
    kendalls_tau_b,
    kendalls_tau_c,
    spearmans_rank,
)
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise


def tau_b(x, y):
    return stats.kendalltau(x, y, variant="b").statistic


def tau_c(x, y):
    return stats.kendalltau(x, y, variant="c").statistic


def spearman(x, y):
    return stats.spearmanr(x, y).statistic


def pearson(x, y):
    return stats.pearsonr(x, y).statistic


FUNCTIONS = [(kendalls_tau_b, tau_b), (kendalls_tau_c, tau_c), (spearmans_rank, spearman)]
RANKS = [(KendallsTauB, tau_b), (KendallsTauC, tau_c), (SpearmansRank, spearman)]
EXACT = [*((metric, {"capacity": 1000}, reference) for metric, reference in RANKS)]
EXACT.append((PearsonsCorrelation, {"exact": True}, pearson))
LEVELS = {"actual_max": 9.0, "preds_max": 9.0, "actual_cutpoints": 10, "preds_cutpoints": 10}
ALL = [*EXACT, *((metric, LEVELS, reference) for metric, reference in RANKS)]


def levels(n, seed=7, count=9):
    """Return correlated non-negative integers."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, count, n)
    return x, np.where(rng.random(n) < 0.5, x, rng.integers(0, count, n))


def streamed(metric, x, y, weights=None, batches=10):
    weights = np.ones(len(x)) if weights is None else weights
    for batch in zip(*(np.array_split(array, batches) for array in (x, y, weights)), strict=True):
        metric.update_state(*batch)
    return metric.result()


@pytest.mark.parametrize(("function", "reference"), FUNCTIONS)
@settings(max_examples=30, deadline=None)
@given(st.integers(2, 70), st.sampled_from([2, 3, 10, 10**6]), st.integers(0, 99))
def test_functions(function, reference, n, count, seed):
    x, y = levels(n, seed, count)
    x[0], y[0] = count, count  # neither is constant
    found = function(x, y.astype("float32"))
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, reference(x, y), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("function", "reference"), FUNCTIONS)
def test_functions_in_graphs(function, reference):
    compiled = tf.function(function, input_signature=[tf.TensorSpec([None], "float64")] * 2)
    for n in (1024, 5000):
        x = np.random.default_rng(n).normal(size=n)
        y = x + np.random.default_rng(n + 1).normal(size=n)
        np.testing.assert_allclose(compiled(x, y), reference(x, y), rtol=1e-12)


@pytest.mark.parametrize(("function", "reference"), FUNCTIONS)
def test_functions_of_degenerate_inputs(function, reference):
    for x, y in (([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5]), ([], []), ([1], [2])):
        assert np.isnan(function(x, y))
    with raises_argument_error("y", received="(2,)", expected="have shape (3,) to match `x`"):
        function([1, 2, 3], [1, 2])


@pytest.mark.parametrize(("metric", "options", "reference"), EXACT)
@pytest.mark.parametrize("batches", [1, 10])
def test_exact_metrics(metric, options, reference, batches):
    for x, y in (levels(1000), np.random.default_rng(8).normal(size=(2, 1000))):
        found = streamed(metric(**options, dtype="float64"), x, y, batches=batches)
        np.testing.assert_allclose(found, reference(x, y), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("metric", "reference"), RANKS)
@pytest.mark.parametrize("batches", [1, 10])
def test_histogram_of_discrete_values_is_exact(metric, reference, batches):
    x, y = levels(1000)
    found = streamed(metric(**LEVELS, dtype="float64"), x, y, batches=batches)
    np.testing.assert_allclose(found, reference(x, y), rtol=1e-12)


@pytest.mark.parametrize("metric", [PearsonsCorrelation, *(metric for metric, _ in RANKS)])
def test_histogram_approximation(metric):
    x, y = np.random.default_rng(9).beta(2.0, 2.0, (2, 1000))
    y = (x + y) / 2
    reference = {PearsonsCorrelation: pearson, **dict(RANKS)}[metric]
    np.testing.assert_allclose(streamed(metric(), x, y), reference(x, y), atol=0.02)


@pytest.mark.parametrize(
    ("metric", "options", "reference"), [*EXACT, *((metric, LEVELS, reference) for metric, reference in RANKS)]
)
def test_weights_are_repetitions(metric, options, reference):
    x, y = levels(200)
    weights = np.random.default_rng(10).integers(0, 4, 200)
    found = streamed(metric(**options, dtype="float64"), x, y, weights)
    np.testing.assert_allclose(found, reference(np.repeat(x, weights), np.repeat(y, weights)), rtol=1e-12)
    scaled = streamed(metric(**options, dtype="float64"), x, y, weights / 8)
    np.testing.assert_allclose(scaled, found, rtol=1e-12)


@pytest.mark.parametrize(("metric", "options", "reference"), EXACT)
def test_masked_steps_are_ignored(metric, options, reference):
    x, y = (array.reshape(10, 10) for array in levels(100))
    mask = np.random.default_rng(11).random((10, 10)) < 0.7
    predictions = tf.constant(np.where(mask, y, 99))
    set_keras_mask(predictions, tf.constant(mask))  # as set by layers
    metric = metric(**options)
    metric.update_state(x, predictions)
    np.testing.assert_allclose(metric.result(), reference(x[mask], y[mask]), rtol=1e-6)


@pytest.mark.parametrize(
    ("metric", "options"), [*((metric, options) for metric, options, _ in EXACT), *((m, LEVELS) for m, _ in RANKS)]
)
def test_no_updates_and_constant_inputs(metric, options):
    metric = metric(**options)
    assert float(metric.result()) == 0.0
    metric.update_state([1, 2, 3], [5, 5, 5])
    assert np.isnan(metric.result())
    metric.reset_state()
    metric.update_state([1, 2, 3], [1, 2, 3])
    assert float(metric.result()) == pytest.approx(1.0)


@pytest.mark.parametrize(("metric", "options"), [*(row[:2] for row in ALL), (PearsonsCorrelation, LEVELS)])
@pytest.mark.parametrize("batches", [1, 3])
def test_constant_inputs_with_rounding_errors(metric, options, batches):
    rng = np.random.default_rng(14)
    for _ in range(3):
        varied, constant, weights = rng.integers(0, 9, 30), np.full(30, rng.uniform(0, 9)), rng.random(30)
        for x, y in ((varied, constant), (constant, varied), (constant, constant)):
            assert np.isnan(streamed(metric(**options), x, y, weights, batches))


def test_pearson_of_inexact_constants():
    for value in (0.1, 1e-3, 1 / 3, 1e9 + 0.1):
        metric = PearsonsCorrelation(exact=True)
        metric.update_state(np.full(3, value), [1, 2, 3])
        metric.update_state(np.full(7, value), np.arange(7), np.arange(7))
        assert np.isnan(metric.result())


@pytest.mark.parametrize(
    ("metric", "options", "reference"), [*ALL, *((metric, {"capacity": 5}, reference) for metric, reference in RANKS)]
)
@pytest.mark.parametrize("position", [0, 1, 3])
def test_nan_of_weight_zero_is_ignored(metric, options, reference, position):
    x, y = [1.0, 2.0, 3.0, 5.0], [1.0, 3.0, 2.0, 2.0]
    x[position] = y[position] = np.nan
    weights = 1.0 - np.eye(4)[position]
    metric = metric(**options)
    metric.update_state(x, y, weights)
    np.testing.assert_allclose(metric.result(), reference(*np.array([x, y])[:, weights > 0]), rtol=1e-6)


@pytest.mark.parametrize(("metric", "options", "reference"), [*ALL, (PearsonsCorrelation, LEVELS, pearson)])
def test_nan_propagates(metric, options, reference):
    for x, y in (([1, np.nan, 3, 4], [1, 3, 2, 4]), ([1, 2, 3, 4], [1, 3, 2, np.nan])):
        assert np.isnan(reference(x, y))
        for weights in (None, [0.5, 0.5, 0.0, 0.25]):
            found = metric(**options)
            found.update_state(x, y, weights)
            found.update_state([1.0, 2.0], [1.0, 2.0])
            assert np.isnan(found.result())


@pytest.mark.parametrize(("function", "reference"), FUNCTIONS)
def test_functions_of_nan(function, reference):
    x, y = [1.0, np.nan, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]
    assert np.isnan(reference(x, y))
    assert np.isnan(function(x, y))
    assert np.isnan(function(y, x))


def test_exact_ranks_in_xla():
    metric = SpearmansRank(capacity=50)
    x, y = levels(50)
    tf.function(metric.update_state, jit_compile=True)(x, y)
    np.testing.assert_allclose(tf.function(metric.result, jit_compile=True)(), spearman(x, y), rtol=1e-6)


def test_pearson_precision_with_large_mean():
    """Sums of squares would suffer from cancellation: they need 34 digits here."""
    rng = np.random.default_rng(12)
    x, noise = rng.normal(size=(2, 1000))
    y = x + noise
    metric = PearsonsCorrelation(exact=True, dtype="float64")
    found = streamed(metric, 1e9 + x, y - 1e9)
    np.testing.assert_allclose(found, pearson(x, y), rtol=1e-6)


def test_pearson_in_float16():
    x, y = (tf.constant(array, "float16") for array in np.random.default_rng(13).uniform(500, 1000, (2, 1000)))
    found = streamed(PearsonsCorrelation(exact=True), x, y)
    np.testing.assert_allclose(found, pearson(np.array(x, "float64"), np.array(y, "float64")), rtol=1e-5)


def test_values_out_of_range_use_outer_bins():
    inside, outside = KendallsTauB(**LEVELS), KendallsTauB(**LEVELS)
    inside.update_state([0, 8, 4, 0], [0, 8, 5, 8])
    outside.update_state([-7, 9, 4, 0], [-1, 99, 5, 9])
    assert float(inside.result()) == float(outside.result())


@pytest.mark.parametrize(("metric", "reference"), RANKS)
def test_capacity_exceeded(metric, reference):
    metric = metric(capacity=5)
    update = tf.function(metric.update_state)
    x, y = levels(6)
    update(x[:3], y[:3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="capacity must be at least the number of samples, got 5"):
        update(x[3:], y[3:])
    update(x[3:5], y[3:5])
    np.testing.assert_allclose(metric.result(), reference(x[:5], y[:5]), rtol=1e-6)


@pytest.mark.parametrize(("metric", "options", "reference"), ALL)
@pytest.mark.parametrize(("true", "predicted"), [((1,), (3,)), ((3,), (1,)), ((3, 1), (1, 3)), ((3, 1), (3, 4))])
def test_mismatched_shapes(metric, options, reference, true, predicted):
    with raises_argument_error("y_true", expected="to match `y_pred`"):
        metric(**options).update_state(np.zeros(true), np.zeros(predicted))


def test_in_a_model():
    x, y = (array.astype("float32") for array in levels(100))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    metrics = [KendallsTauB(name="tau", capacity=100), PearsonsCorrelation(name="line", exact=True)]
    model.compile(loss="mean_squared_error", metrics=metrics)
    found = model.evaluate(x[:, None], y[:, None], batch_size=30, return_dict=True, verbose=0)
    np.testing.assert_allclose(found["tau"], tau_b(x, y), rtol=1e-6)
    np.testing.assert_allclose(found["line"], pearson(x, y), rtol=1e-6)


def test_distribution_strategy():
    x, y = (array.astype("float32") for array in levels(120))
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
        metrics = [SpearmansRank(name="ranks", capacity=120), PearsonsCorrelation(name="line", exact=True)]
        model.compile(loss="mean_squared_error", metrics=metrics)
        model.compute_metrics(x[:1, None], y[:1, None], x[:1, None])  # build the metrics

    # The iterator of Keras' `evaluate` under strategies occasionally crashes TensorFlow 2.21.
    step = tf.function(lambda *batch: strategy.run(model.test_step, (batch,)), autograph=False)
    for _ in range(2):  # the second pass starts from a reset state
        model.reset_metrics()
        for i in range(0, 120, 30):
            step(x[i : i + 30, None], y[i : i + 30, None])
        found = model.get_metrics_result()
        np.testing.assert_allclose(found["ranks"], spearman(x, y), rtol=1e-6)
        np.testing.assert_allclose(found["line"], pearson(x, y), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.parametrize(("function", "expected"), FUNCTIONS)
def test_integers_exceeding_float_precision(function, expected, dtype):
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 6, (2, 40)).astype(dtype)
    np.testing.assert_allclose(function(x + 2**60, y + 2**61), expected(x, y), rtol=1e-12)
    np.testing.assert_allclose(function(2**60 + np.arange(3), np.arange(3)), 1, rtol=1e-12)
