import itertools

import keras

from tensorsmith.losses import (
    ContrastiveLoss,
    CosineSimilarity,
    GaussianNLL,
    GIoULoss,
    Huber,
    LiftedStructLoss,
    NpairsLoss,
    NpairsMultilabelLoss,
    PinballLoss,
    ReconstructionLoss,
    SequenceLoss,
    SigmoidFocalCrossEntropy,
    SparseCategoricalCrossentropy,
    SparsemaxLoss,
    TripletHardLoss,
    TripletSemiHardLoss,
    TverskyLoss,
    WeightedKappaLoss,
    YOLOLoss,
)
from tensorsmith.testing import Data, LossRow


@keras.saving.register_keras_serializable("tensorsmith_tests")
def city_block(embeddings):
    """Return the matrix of city block distances, as an example of a custom metric."""
    return keras.ops.sum(keras.ops.abs(embeddings[:, None] - embeddings[None]), axis=-1)


@keras.saving.register_keras_serializable("tensorsmith_tests")
def squared_error(labels, logits):
    """Return the squared error of each step, as an example of a custom loss function."""
    return keras.ops.square(logits[..., 0] - keras.ops.cast(labels, logits.dtype))


def broadcasting(*shapes, **arguments):
    """Return pairs of shapes, in both orders, that would broadcast to a wrong loss."""
    message = "y_true must have shape {} to match `y_pred`, got {}"
    return [(arguments, pair, message.format(pair[1], pair[0])) for pair in itertools.permutations(shapes, 2)]


def mismatched_labels():
    """Return cases in which the number of labels differs from the number of embeddings."""
    shapes = [((1,), (4, 2)), ((1, 1), (4, 2)), ((3,), (4, 2)), ((5, 1), (4, 2)), ((3,), (1, 2))]
    return [({}, pair, f"embeddings, got {pair[0][0]} labels") for pair in shapes]


LABELS = Data((), "int32", 0, 2)
EMBEDDINGS = Data((3,))
SIMILARITIES = Data((None,))
OTHER_SIMILARITIES = [(3, 1), (1, 3), (4, 4), (3,)]
BAD_MARGINS = [({"margin": -1.0}, "a non-negative number"), ({"margin": "wide"}, "a non-negative number")]
BAD_METRICS = [
    ({"distance_metric": "l2"}, "L2"),
    ({"distance_metric": 2}, "a function of embeddings"),
]
STEPS = Data((4,), "int32", 0, 3)
LOGITS = Data((4, 3))
NO_WEIGHTS = (-1.0, float("nan"), "much")

ROWS = [
    LossRow(
        ContrastiveLoss,
        kwargs={"margin": 0.7, "reduction": "sum", "name": "pairs"},
        y_true=Data((), "int32", 0, 2),
        y_pred=Data((), low=0.0, high=1.5),
        bad=BAD_MARGINS,
        bad_shapes=broadcasting((3, 1), (3, 4)) + broadcasting((1, 4), (3, 4)),
    ),
    LossRow(
        CosineSimilarity,
        kwargs={"axis": 1, "reduction": "sum", "name": "angles"},
        y_true=Data((4,)),
        y_pred=Data((4,)),
        compares_shapes=False,  # as in Keras, vectors are broadcast
        bad=[({"axis": "last"}, "an integer")],
    ),
    LossRow(
        GaussianNLL,
        kwargs={"reduction": "sum", "name": "sure"},
        y_true=Data((2,)),
        y_pred=Data((4,)),
        bad_shapes=[({}, ((1, 2), (5, 4)), "for targets of (1, 2)")],
    ),
    LossRow(
        GIoULoss,
        kwargs={"name": "boxes"},
        y_true=Data((4,), low=0.0),
        y_pred=Data((4,)),
        bad=[({"mode": "diou"}, "Did you mean")],
        bad_shapes=broadcasting((3, 4), (3, 1, 4)),
    ),
    LossRow(
        GIoULoss,
        name="GIoULoss of plain IoU",
        kwargs={"mode": "iou", "reduction": None},
        y_true=Data((4,), low=0.0),
        y_pred=Data((4,)),
    ),
    LossRow(
        Huber,
        kwargs={"delta": 0.7, "reduction": "sum", "name": "robust"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad=[
            ({"delta": 0.0}, "a positive number"),
            ({"delta": -1.0}, "a positive number"),
            ({"delta": float("inf")}, "a positive number"),
            ({"delta": "large"}, "a positive number"),
        ],
        bad_shapes=broadcasting((3, 1), (3, 4)) + broadcasting((1, 4), (3, 4)),
    ),
    LossRow(
        LiftedStructLoss,
        kwargs={"margin": 0.7, "name": "lifted"},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        per_sample=False,
        bad=BAD_MARGINS,
        bad_shapes=mismatched_labels(),
    ),
    LossRow(
        NpairsLoss,
        kwargs={"name": "pairs"},
        y_true=LABELS,
        y_pred=SIMILARITIES,
        per_sample=False,
        bad_shapes=[({}, ((3,), shape), "a similarity matrix of shape (3, 3)") for shape in OTHER_SIMILARITIES],
    ),
    LossRow(
        NpairsMultilabelLoss,
        kwargs={"name": "sets"},
        y_true=Data((5,), "int32", 0, 2),
        y_pred=SIMILARITIES,
        per_sample=False,
        bad_shapes=[({}, ((3, 3), shape), "a similarity matrix of shape (3, 3)") for shape in OTHER_SIMILARITIES],
    ),
    LossRow(
        PinballLoss,
        kwargs={"tau": [0.1, 0.5, 0.9], "name": "quantiles"},
        y_true=Data((3,)),
        y_pred=Data((3,)),
        bad=[({"tau": 1.5}, "[0, 1]"), ({"tau": [0.5, -0.1]}, "[0, 1]"), ({"tau": "median"}, "[0, 1]")],
        bad_shapes=broadcasting((3, 1), (3, 4), tau=0.5) + broadcasting((1, 4), (3, 4), tau=0.5),
    ),
    LossRow(
        ReconstructionLoss,
        kwargs={"from_logits": True, "pixels": "mean", "name": "painted"},
        y_true=Data((3, 4), low=0.0),
        y_pred=Data((3, 4)),
        bad=[
            ({"kind": "bernouli"}, "Did you mean bernoulli?"),
            ({"pixels": "summ"}, "Did you mean sum?"),
            ({"kind": "gaussian", "from_logits": True}, "True or False, and False if `kind` is 'gaussian'"),
        ],
        bad_shapes=broadcasting((2, 3, 1), (2, 3, 4)) + broadcasting((1, 3), (2, 3)),
    ),
    LossRow(
        ReconstructionLoss,
        name="ReconstructionLoss of probabilities",
        kwargs={"reduction": None},
        y_true=Data((3, 4), low=0.0),
        y_pred=Data((3, 4), low=0.05, high=0.95),
    ),
    LossRow(
        ReconstructionLoss,
        name="ReconstructionLoss, gaussian",
        kwargs={"kind": "gaussian"},
        y_true=Data((3, 4)),
        y_pred=Data((3, 4)),
    ),
    LossRow(
        SequenceLoss,
        kwargs={"name": "words"},
        y_true=STEPS,
        y_pred=LOGITS,
        per_sample=False,
        bad=[
            ({"average_across_timesteps": True}, "each axis takes a single reduction"),
            (
                {"average_across_batch": True, "sum_over_batch": False},
                "both axes must be averaged, or both summed",
            ),
            ({"softmax_loss_function": "softmax"}, "a function of"),
        ],
    ),
    LossRow(
        SequenceLoss,
        name="SequenceLoss of each sequence, with a user's loss",
        kwargs={"sum_over_batch": False, "softmax_loss_function": squared_error},
        y_true=STEPS,
        y_pred=LOGITS,
    ),
    LossRow(
        SigmoidFocalCrossEntropy,
        kwargs={"from_logits": True, "alpha": 0.4, "gamma": 1.5, "name": "focal", "reduction": "sum_over_batch_size"},
        y_true=Data((5,), "int32", 0, 2),
        y_pred=Data((5,)),
        bad=[
            ({"alpha": 1.5}, "[0, 1]"),
            ({"gamma": -1.0}, "a non-negative number"),
            ({"class_reduction": "means"}, "Did you mean mean?"),
        ],
        bad_shapes=broadcasting((3, 1), (3, 4)) + broadcasting((1, 4), (3, 4)),
    ),
    LossRow(
        SigmoidFocalCrossEntropy,
        name="SigmoidFocalCrossEntropy of probabilities",
        kwargs={"gamma": 0.5, "class_reduction": "mean"},
        y_true=Data((5,), "int32", 0, 2),
        y_pred=Data((5,), low=0.05, high=0.95),
    ),
    LossRow(
        SparseCategoricalCrossentropy,
        kwargs={"from_logits": True, "ignore_class": 7, "axis": 1, "name": "classes"},
        y_true=Data((), "int32", 0, 3),
        y_pred=Data((3,)),
        bad=[
            ({"axis": 0}, "an integer other than 0"),
            ({"axis": "last"}, "an integer other than 0"),
            *(({"label_smoothing": value}, "a number in [0, 1)") for value in (1.0, *NO_WEIGHTS)),
        ],
    ),
    LossRow(
        SparseCategoricalCrossentropy,
        name="SparseCategoricalCrossentropy with label smoothing",
        kwargs={"from_logits": True, "label_smoothing": 0.2, "ignore_class": 7},
        y_true=Data((), "int32", 0, 3),
        y_pred=Data((3,)),
    ),
    LossRow(
        SparsemaxLoss,
        kwargs={"reduction": "sum", "name": "sparse"},
        y_true=Data((5,), low=0.0),
        y_pred=Data((5,)),
        bad=[({"from_logits": False}, "True")],
        bad_shapes=broadcasting((3, 1), (3, 4)),
    ),
    LossRow(
        TripletHardLoss,
        kwargs={"margin": 0.7, "distance_metric": "angular", "name": "hard"},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        per_sample=False,
        bad=BAD_MARGINS + BAD_METRICS,
        bad_shapes=mismatched_labels(),
    ),
    LossRow(
        TripletHardLoss,
        name="TripletHardLoss, soft, of a user's distance",
        kwargs={"soft": True, "distance_metric": city_block},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        per_sample=False,
    ),
    LossRow(
        TripletSemiHardLoss,
        kwargs={"margin": 0.7, "distance_metric": "squared-L2", "name": "semihard"},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        per_sample=False,
        bad=BAD_MARGINS + BAD_METRICS,
        bad_shapes=mismatched_labels(),
    ),
    LossRow(
        TverskyLoss,
        kwargs={"alpha": 0.3, "beta": 0.8, "smooth": 0.5, "name": "masks"},
        y_true=Data((3, 2, 2), "int32", 0, 2),
        y_pred=Data((3, 2, 2), low=0.0),
        bad=[({name: value}, "a non-negative number") for name in ("alpha", "beta", "smooth") for value in NO_WEIGHTS],
        bad_shapes=broadcasting((2, 3, 1), (2, 3, 4)),
    ),
    LossRow(
        WeightedKappaLoss,
        kwargs={"num_classes": 5, "weightage": "linear", "epsilon": 1e-3, "name": "kappa"},
        y_true=Data((5,), low=0.0),
        y_pred=Data((5,), low=0.1),
        per_sample=False,
        bad=[
            ({"num_classes": 1}, "an integer >= 2"),
            ({"weightage": "quadratics"}, "Did you mean quadratic?"),
            ({"epsilon": -1.0}, "a non-negative number"),
        ],
        bad_shapes=broadcasting((1, 3), (4, 3), num_classes=3),
    ),
    LossRow(
        YOLOLoss,
        kwargs={"boxes": 2, "box_weight": 3.0, "no_object_weight": 0.2, "name": "once"},
        y_true=Data((2, 3, 13), low=0.0),
        y_pred=Data((2, 3, 13)),
        bad=[
            ({"boxes": 0}, "a positive integer"),
            *(
                ({name: value}, "a non-negative number")
                for name in ("box_weight", "no_object_weight")
                for value in NO_WEIGHTS
            ),
        ],
        bad_shapes=broadcasting((1, 7, 7, 45), (1, 7, 7, 26), boxes=5),
    ),
]
