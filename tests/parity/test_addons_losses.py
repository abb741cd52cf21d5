"""Comparison of losses with TensorFlow Addons: values and gradients, for random sizes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from side import differentiated

from tensorsmith import losses

pytestmark = pytest.mark.pairwise

sizes = st.integers(1, 6)
several = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expect_same(addons, arrays, name, tolerance=1e-5, **options):
    """Compare the values and gradients of a function with those of the function of the same name in Addons."""
    function = getattr(losses, name)
    found = differentiated(lambda *tensors: [function(*tensors, **options)], arrays)
    compare(found, addons("loss", arrays, name=name, **options), tolerance)


def compare(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def normal(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def boxes(rng, count):
    """Return random boxes, including disjoint ones and ones with negative size."""
    return rng.uniform(0, 4, (count, 4)).astype("float32") + np.array([0, 0, 2, 2], "float32")


def labelled(rng, batch, features=4):
    """Return random embeddings and labels, with at least one pair of equal and one pair of different labels."""
    labels = np.concatenate([[0, 0, 1], rng.integers(0, 3, batch - 3)]) + 7
    return [rng.permutation(labels), normal(rng, batch, features)]


@several
@given(sizes, st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 99))
def test_contrastive(addons, batch, margin, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 2, batch), np.abs(normal(rng, batch))]
    expect_same(addons, arrays, "contrastive_loss", margin=margin)


@pytest.mark.parametrize("mode", ["giou", "iou"])
@several
@given(st.integers(2, 6), st.integers(0, 99))  # Addons returns another shape for a batch of one
def test_giou(addons, mode, count, seed):
    rng = np.random.default_rng(seed)
    expect_same(addons, [boxes(rng, count), boxes(rng, count)], "giou_loss", mode=mode)


@several
@given(sizes, sizes, st.sampled_from([0.1, 0.5, 1.0]), st.booleans(), st.integers(0, 99))
def test_pinball(addons, batch, columns, tau, each, seed):
    rng = np.random.default_rng(seed)
    arrays = [normal(rng, batch, columns), normal(rng, batch, columns)]
    expect_same(addons, arrays, "pinball_loss", tau=[tau] * columns if each else tau)


@pytest.mark.parametrize("from_logits", [True, False])
@several
@given(
    sizes, sizes, st.sampled_from([None, 0.0, 0.25, 0.9]), st.sampled_from([None, 0.0, 0.5, 2.0]), st.integers(0, 99)
)
def test_sigmoid_focal(addons, from_logits, batch, columns, alpha, gamma, seed):
    rng = np.random.default_rng(seed)
    y_pred = 3 * normal(rng, batch, columns)
    # Probabilities closer to 1 lose precision in 1 - p, differently in each implementation.
    y_pred = y_pred if from_logits else np.clip(1 / (1 + np.exp(-y_pred)), 0.01, 0.99)
    arrays = [rng.integers(0, 2, (batch, columns)), y_pred]
    options = {"alpha": alpha, "gamma": gamma, "from_logits": from_logits}
    expect_same(addons, arrays, "sigmoid_focal_crossentropy", 2e-5, **options)


@several
@given(sizes, sizes, st.integers(0, 99))
def test_sparsemax(addons, batch, classes, seed):
    rng = np.random.default_rng(seed)
    wanted = np.eye(classes, dtype="float32")[rng.integers(0, classes, batch)]
    arrays = [wanted, normal(rng, batch, classes)]
    ours = differentiated(lambda *arrays: [losses.SparsemaxLoss(reduction=None)(*arrays)], arrays)
    compare(ours[::2], addons("loss", arrays, name="SparsemaxLoss", made_with={"reduction": "none"})[::2])
    three = [*arrays[::-1], rng.dirichlet(np.ones(classes), batch).astype("float32")]
    expect_same(addons, three, "sparsemax_loss")


def test_sparsemax_with_time_axis(addons):
    """The loss of inputs with more than two axes is computed per step. Addons always sums over axis 1, the steps."""
    rng = np.random.default_rng(8)
    wanted, logits = np.eye(2, dtype="float32")[rng.integers(0, 2, (4, 3))], normal(rng, 4, 3, 2)
    theirs = addons("loss", [wanted, logits], name="SparsemaxLoss", made_with={"reduction": "none"})[0]
    assert theirs.shape == (4, 2)
    flat = [wanted.reshape(12, 2), logits.reshape(12, 2)]
    theirs = addons("loss", flat, name="SparsemaxLoss", made_with={"reduction": "none"})[0]
    np.testing.assert_allclose(losses.SparsemaxLoss(reduction=None)(wanted, logits), theirs.reshape(4, 3), rtol=1e-5)


@pytest.mark.parametrize("name", ["triplet_semihard_loss", "lifted_struct_loss"])
def test_batches_without_pairs(addons, name):
    """Batches without equal labels have zero loss and gradients; Addons returns NaN (#1676, #2408)."""
    arrays = [np.arange(4), normal(np.random.default_rng(9), 4, 3)]
    assert np.isnan(addons("loss", arrays, name=name)[0])
    value, slopes = differentiated(lambda *tensors: [getattr(losses, name)(*tensors)], arrays)
    assert value == 0
    assert (slopes == 0).all()


@pytest.mark.parametrize("distance", ["L2", "squared-L2", "angular"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("triplet_hard_loss", {}), ("triplet_hard_loss", {"soft": True}), ("triplet_semihard_loss", {})],
)
@several
@given(st.integers(3, 12), st.sampled_from([0.3, 1.0]), st.integers(0, 99))
def test_triplets(addons, name, options, distance, batch, margin, seed):
    arrays = labelled(np.random.default_rng(seed), batch)
    expect_same(addons, arrays, name, 1e-4, margin=margin, distance_metric=distance, **options)


@several
@given(st.integers(2, 8), st.integers(0, 99))
def test_hard_triplets_of_equal_or_distinct_labels(addons, batch, seed):
    embeddings = normal(np.random.default_rng(seed), batch, 3)
    for labels in (np.zeros(batch, "int64"), np.arange(batch)):
        expect_same(addons, [labels, embeddings], "triplet_hard_loss", 1e-4)
    expect_same(addons, [np.zeros(batch, "int64"), embeddings], "triplet_semihard_loss", 1e-4)


@several
@given(st.integers(3, 12), st.sampled_from([0.3, 1.0]), st.integers(0, 99))
def test_lifted_structure(addons, batch, margin, seed):
    arrays = labelled(np.random.default_rng(seed), batch)
    expect_same(addons, arrays, "lifted_struct_loss", 1e-4, margin=margin)


@pytest.mark.parametrize("squared", [False, True])
@several
@given(st.integers(0, 6), sizes, st.integers(0, 99))
def test_pairwise_distance(addons, squared, batch, features, seed):
    x = 3 * normal(np.random.default_rng(seed), batch, features)
    ours = differentiated(lambda x: [losses.pairwise_distance(x, squared)], [x])
    compare(ours, addons("function", [x], name="losses.metric_learning.pairwise_distance", squared=squared), 1e-3)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 5e-3), ("float32", 1e-5), ("float64", 1e-12)])
@several
@given(st.integers(0, 6), st.integers(2, 6), st.integers(0, 99))
def test_angular_distance(addons, dtype, tolerance, batch, features, seed):
    """Values only in half precision, in which the gradients of Addons on the diagonal are rounding errors."""
    x = np.random.default_rng(seed).normal(size=(batch, features)).astype(dtype)
    ours = differentiated(lambda x: [losses.angular_distance(x)], [x])
    theirs = addons("function", [x], name="losses.metric_learning.angular_distance")
    used = 1 if dtype == "float16" else 2
    compare(ours[:used], theirs[:used], tolerance)


@several
@given(sizes, st.integers(0, 99))
def test_npairs(addons, batch, seed):
    rng = np.random.default_rng(seed)
    expect_same(addons, [rng.integers(0, 3, batch), 3 * normal(rng, batch, batch)], "npairs_loss")
    labels = rng.integers(0, 2, (batch, 4))
    labels[:, 0] = 1  # Addons returns NaN for a sample without positive labels
    expect_same(addons, [labels, 3 * normal(rng, batch, batch)], "npairs_multilabel_loss")


@pytest.mark.parametrize("weightage", ["linear", "quadratic"])
@several
@given(sizes, st.integers(2, 6), st.integers(0, 99))
def test_weighted_kappa(addons, weightage, batch, classes, seed):
    rng = np.random.default_rng(seed)
    y_true = np.eye(classes, dtype="float32")[rng.integers(0, classes, batch)]
    arrays = [y_true, rng.dirichlet(np.ones(classes), batch).astype("float32")]
    options = {"num_classes": classes, "weightage": weightage}
    loss = losses.WeightedKappaLoss(**options)
    (ours, _, slope), (theirs, _, other) = (
        differentiated(lambda *arrays: [loss(*arrays)], arrays),
        addons("loss", arrays, name="WeightedKappaLoss", made_with=options),
    )
    compare([ours, slope], [theirs, other], 1e-4)


FLOATS = ((5, 3), (5, 3))
CLASSES = [
    ("ContrastiveLoss", {"margin": 0.4}, ((5,), (5,))),
    ("GIoULoss", {"mode": "iou"}, ((5, 4), (5, 4))),
    ("PinballLoss", {"tau": 0.3}, FLOATS),
    ("SigmoidFocalCrossEntropy", {"from_logits": True, "gamma": 3.0}, FLOATS),
    ("SparsemaxLoss", {}, FLOATS),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", [None, "none", "sum", "sum_over_batch_size"])
@pytest.mark.parametrize(("name", "options", "shapes"), CLASSES)
def test_loss_classes_with_reductions_and_weights(addons, name, options, shapes, reduction, weighted):
    rng = np.random.default_rng(5)
    arrays = [rng.uniform(0.1, 1, shape).astype("float32") for shape in (*shapes, (5,))][: 3 if weighted else 2]
    if reduction is not None:  # otherwise compare the defaults
        options = {**options, "reduction": reduction}
    theirs = addons("loss", arrays, name=name, made_with=options)
    compare(differentiated(lambda *arrays: [getattr(losses, name)(**options)(*arrays)], arrays)[:1], theirs[:1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LiftedStructLoss", {"margin": 0.6}),
        ("NpairsLoss", {}),
        ("TripletHardLoss", {"margin": 0.6, "soft": True, "distance_metric": "squared-L2"}),
        ("TripletSemiHardLoss", {"margin": 0.6, "distance_metric": "angular"}),
    ],
)
def test_loss_classes_with_integer_labels(addons, name, options):
    arrays = labelled(np.random.default_rng(6), 7, 7)
    theirs = addons("loss", arrays, name=name, made_with=options)
    compare(differentiated(lambda *arrays: [getattr(losses, name)(**options)(*arrays)], arrays), theirs, 1e-4)


def test_npairs_multilabel_class(addons):
    rng = np.random.default_rng(7)
    arrays = [1 + rng.integers(0, 2, (5, 3)), normal(rng, 5, 5)]
    theirs = addons("loss", arrays, name="NpairsMultilabelLoss", made_with={})
    compare(differentiated(lambda *arrays: [losses.NpairsMultilabelLoss()(*arrays)], arrays), theirs)
