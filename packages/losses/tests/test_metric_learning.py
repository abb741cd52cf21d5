"""Tests of metric learning losses against loops in float64, and of cases in which TensorFlow Addons returns NaN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import losses
from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.losses._support.distances import distance_matrix
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

LABELLED = [losses.LiftedStructLoss, losses.TripletHardLoss, losses.TripletSemiHardLoss]


def labelled(batch, features=5, classes=3, seed=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, batch), rng.normal(size=(batch, features))


def distance(a, b, metric="L2"):
    if metric == "angular":
        return 1 - a @ b / np.sqrt((a @ a) * (b @ b))
    return np.sum((a - b) ** 2) ** (0.5 if metric == "L2" else 1)


def partners(y, anchor):
    others = [position for position in range(len(y)) if position != anchor]
    return [i for i in others if y[i] == y[anchor]], [i for i in others if y[i] != y[anchor]]


def hard(y, x, margin, metric, soft=False):
    values = []
    for a in range(len(y)):
        same, other = partners(y, a)
        gap = max(distance(x[a], x[p], metric) for p in same) - min(distance(x[a], x[n], metric) for n in other)
        values.append(np.logaddexp(0, gap) if soft else max(gap + margin, 0))
    return np.mean(values)


def semihard(y, x, margin, metric):
    values = []
    for a in range(len(y)):
        same, other = partners(y, a)
        away = [distance(x[a], x[n], metric) for n in other]
        for p in same:
            near = distance(x[a], x[p], metric)
            negative = min([d for d in away if d > near], default=max(away))
            values.append(max(near - negative + margin, 0))
    return np.mean(values)


def lifted(y, x, margin):
    values = []
    for i in range(len(y)):
        for j in partners(y, i)[0]:
            away = [distance(x[k], x[n]) for k in (i, j) for n in partners(y, k)[1]]
            values.append(max(distance(x[i], x[j]) + np.log(np.sum(np.exp(margin - np.array(away)))), 0) ** 2 / 2)
    return np.mean(values)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("metric", ["L2", "squared-L2", "angular"])
def test_triplets(metric, seed):
    y, x = labelled(13, seed=seed)
    for soft in (False, True):
        found = losses.triplet_hard_loss(y, x, 0.6, soft, metric)
        np.testing.assert_allclose(found, hard(y, x, 0.6, metric, soft), rtol=1e-10)
    np.testing.assert_allclose(losses.triplet_semihard_loss(y, x, 0.6, metric), semihard(y, x, 0.6, metric), rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_lifted_structure(seed):
    y, x = labelled(13, seed=seed)
    np.testing.assert_allclose(losses.lifted_struct_loss(y, x, 0.6), lifted(y, x, 0.6), rtol=1e-10)


def test_custom_distance():
    y, x = labelled(9)

    def squared(embeddings):
        return keras.ops.sum(keras.ops.square(embeddings[:, None] - embeddings[None]), axis=-1)

    for function in (losses.triplet_hard_loss, losses.triplet_semihard_loss):
        own, named = (function(y, x, distance_metric=metric) for metric in (squared, "squared-L2"))
        np.testing.assert_allclose(own, named, rtol=1e-10)


@pytest.mark.parametrize("metric", ["L2", "squared-L2", "angular"])
def test_distance_precision(metric):
    x = tf.constant([[1000.0, 1000.5], [1000.0, 1000.5], [1003.0, 1004.5]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = distance_matrix(x, metric)
    expected = [[distance(a, b, metric) for a in x.numpy().astype("float64")] for b in x.numpy().astype("float64")]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.isfinite(tape.gradient(found, x)).all()


DISTANCES = {
    "L2": losses.pairwise_distance,
    "squared-L2": lambda x: losses.pairwise_distance(x, squared=True),
    "angular": losses.angular_distance,
}


@pytest.mark.parametrize("metric", DISTANCES)
@pytest.mark.parametrize("batch", [0, 1, 6])
def test_distance_functions(metric, batch):
    _, x = labelled(batch)
    expected = np.array([[distance(a, b, metric) for a in x] for b in x]).reshape(batch, batch)
    for dtype, tolerance in (("float16", 1e-2), ("float32", 1e-5), ("float64", 1e-12)):
        found = tf.function(DISTANCES[metric])(tf.constant(x, dtype))
        assert found.dtype == ("float64" if dtype == "float64" else "float32")
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_distance_functions_with_wrong_shape():
    for function in DISTANCES.values():
        with raises_argument_error("feature", received="(3,)", expected="have shape (batch, features)"):
            function(tf.ones(3))


@pytest.mark.parametrize("function", [losses.pairwise_distance, losses.angular_distance])
def test_distance_function_as_metric_of_a_loss(function):
    """The functions are registered, so that a loss that uses them can be restored from its config."""
    y, x = labelled(8)
    loss = losses.TripletHardLoss(distance_metric=function)
    restored = losses.TripletHardLoss.from_config(loss.get_config())
    named = losses.TripletHardLoss(distance_metric="L2" if function is losses.pairwise_distance else "angular")
    assert float(restored(y, x)) == pytest.approx(float(named(y, x)), rel=1e-6)


@pytest.mark.parametrize("make", [*LABELLED, losses.NpairsLoss])
def test_embeddings_as_variable(make):
    y, x = labelled(8, 8)
    variable = tf.Variable(x, dtype="float32")
    assert float(make()(y, variable)) == float(make()(y, x.astype("float32")))
    np.testing.assert_array_equal(variable, x.astype("float32"))


@pytest.mark.parametrize(
    ("labels", "embeddings"),
    [
        ([], np.zeros((0, 3))),
        ([4], np.ones((1, 3))),
        ([4, 4, 4], np.eye(3)),
        ([1, 2, 3], np.eye(3)),
        ([1, 1, 2, 2], np.ones((4, 3))),  # a collapsed model
        ([1, 1, 2, 2], np.zeros((4, 3))),
        (np.arange(300), np.random.default_rng(0).normal(size=(300, 3))),
        ([1, 1, 2], 1e3 * np.eye(3)),
    ],
    ids=["empty", "one", "one label", "no pairs", "equal", "zero", "many classes", "far"],
)
@pytest.mark.parametrize(
    "loss",
    [
        losses.LiftedStructLoss(),
        losses.TripletHardLoss(),
        losses.TripletHardLoss(soft=True, distance_metric="squared-L2"),
        losses.TripletSemiHardLoss(),
        losses.TripletSemiHardLoss(distance_metric="angular"),
    ],
    ids=["lifted", "hard", "soft", "semihard", "angular"],
)
def test_loss_and_gradients_are_finite(loss, labels, embeddings):
    @tf.function(input_signature=[tf.TensorSpec([None], "int64"), tf.TensorSpec([None, 3])])
    def run(labels, embeddings):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        return value, tape.gradient(value, embeddings)

    value, gradient = run(np.array(labels, "int64"), embeddings.astype("float32"))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if not len(labels):
        assert value == 0


def test_batches_without_valid_pairs():
    for labels in ([], [1], [1, 2, 3]):
        x = np.eye(3)[: len(labels)]
        assert float(losses.triplet_semihard_loss(labels, x)) == 0
        assert float(losses.lifted_struct_loss(labels, x)) == 0
    assert float(losses.lifted_struct_loss([5, 5, 5], np.eye(3))) == 0
    assert float(losses.triplet_hard_loss([], np.zeros((0, 3)))) == 0
    assert float(losses.triplet_hard_loss([5, 5, 5], np.eye(3), margin=0.7)) == pytest.approx(0.7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("make", [*LABELLED, losses.NpairsLoss])
def test_large_labels_are_distinct(make, dtype):
    """These labels are all equal in float32; those above 2,048 are also equal in float16."""
    small = np.array([0, 1, 0, 2, 1, 2])
    x = np.random.default_rng(1).normal(size=(6, 6)).astype("float32")
    expected = make(dtype=dtype)(small, x)
    for start in (2_049, 2**24 + 1, 2**53 + 1, -(2**62)):
        assert float(make(dtype=dtype)(start + small, x)) == float(expected)
    assert float(make(dtype=dtype)(np.zeros(6, int), x)) != float(expected)


@pytest.mark.parametrize(
    "make",
    [losses.TripletHardLoss]
    + [
        pytest.param(make, marks=pytest.mark.slow)
        for make in (losses.LiftedStructLoss, losses.TripletSemiHardLoss, losses.NpairsLoss)
    ],
)
def test_large_labels_in_fit(make):
    y, x = labelled(8, 4)
    values = []
    for labels in (y, 2**24 + y[:, None]):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, kernel_initializer="ones")])
        model.compile("sgd", make())
        values.append(model.fit(x, labels, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_array_equal(*values)


def test_unknown_number_of_labels():
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2])]
    run = tf.function(losses.triplet_hard_loss, input_signature=signature)
    x = tf.constant([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose(run([0, 1, 0], x), losses.triplet_hard_loss([0, 1, 0], x))


def test_invalid_shapes():
    for make in LABELLED:
        with raises_argument_error("y_true", received="(2, 3)", expected="have shape"):
            make()(np.eye(3)[:2], np.eye(3)[:2])
        with raises_argument_error("y_pred", received="(2,)", expected="have shape"):
            make()([0, 1], [0.0, 1.0])


@pytest.mark.parametrize("make", [*LABELLED, losses.NpairsLoss])
def test_sample_weights_of_anchors(make):
    y, x = labelled(8, 8)
    weights = np.arange(8) / 4
    each = make(reduction=None, dtype="float64")(y, x)
    assert each.shape == (8,)
    np.testing.assert_allclose(make(dtype="float64")(y, x, weights), np.mean(each * weights))
    np.testing.assert_allclose(make(reduction="sum", dtype="float64")(y, x), np.sum(each))
    predictions = tf.constant(x)
    set_keras_mask(predictions, tf.constant(weights > 1))
    np.testing.assert_allclose(make(dtype="float64")(y, predictions), np.mean(each.numpy()[weights > 1]))


def test_semihard_triplets_memory():
    y, x = labelled(1_500, 2, classes=200)  # cubic memory would be 13 GB
    assert 0 < float(losses.triplet_semihard_loss(y, x.astype("float32"))) < 2


def softmax_loss(targets, logits):
    targets, logits = np.asarray(targets, "float64"), np.asarray(logits, "float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.sum(targets * np.log(probabilities), axis=1)


def test_npairs():
    logits = np.random.default_rng(2).normal(size=(4, 4))
    targets = [[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(losses.npairs_loss([7, 5, 7, 6], logits), softmax_loss(targets, logits).mean())
    assert float(losses.npairs_loss([], np.zeros((0, 0)))) == 0


@pytest.mark.parametrize("sparse", [False, True])
def test_npairs_multilabel(sparse):
    labels, logits = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0]]), np.random.default_rng(2).normal(size=(3, 3))
    targets = [[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0], [0, 0, 0]]  # the third has no labels
    expected = softmax_loss(targets, logits)
    given = tf.sparse.from_dense(labels) if sparse else labels
    np.testing.assert_allclose(losses.npairs_multilabel_loss(given, logits), expected.mean())
    loss = losses.NpairsMultilabelLoss(reduction=None, dtype="float64")
    np.testing.assert_allclose(loss(given, logits), expected)


def test_npairs_multilabel_in_float16():
    logits = np.random.default_rng(2).normal(size=(2, 2)).astype("float16")
    labels = np.ones((2, 5_000))  # float16 counts only to 2,048
    found = losses.npairs_multilabel_loss(labels, logits)
    np.testing.assert_allclose(found, softmax_loss(np.full((2, 2), 0.5), logits).mean(), rtol=1e-6)
