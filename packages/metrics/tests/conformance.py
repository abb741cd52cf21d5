from tensorsmith.metrics import (
    BLEU,
    AveragePrecision,
    BitsPerCharacter,
    CohenKappa,
    ExpectedCalibrationError,
    F1Score,
    FBetaScore,
    FrechetDistance,
    GeometricMean,
    HammingLoss,
    HarmonicMean,
    HuberMetric,
    IntervalCoverage,
    KendallsTauB,
    KendallsTauC,
    MatthewsCorrelationCoefficient,
    MeanAbsoluteScaledError,
    MeanAveragePrecision,
    MultiLabelConfusionMatrix,
    PearsonsCorrelation,
    Perplexity,
    RoundedAccuracy,
    RSquare,
    SpearmansRank,
    SymmetricMeanAbsolutePercentageError,
)
from tensorsmith.testing import Data, MetricRow


def other_weights(true, predicted):
    """Return shapes of sample weights that do not match four samples."""
    message = "have a shape that matches the leading axes of the samples ("
    return [({}, (true, predicted, shape), message) for shape in [(1,), (3,), (1, 4), (4, 4), (1, 1), (4, 3, 2)]]


def other_targets(shapes, **arguments):
    """Return shapes of targets and predictions that would broadcast to a wrong result."""
    return [(arguments, pair, "to match `y_pred`") for pair in shapes]


LABELS = Data((3,), "int32", 0, 2)  # three classes
ONE_HOT = [((4, 3), (1, 3)), ((1, 3), (4, 3)), ((2, 3, 3), (6, 3)), ((2, 3, 3), (3, 2, 3))]
SCORES = Data((3,), low=0.01)
# Numbers that half precision represents exactly: rounded ones may fall into another bin or become ties.
LEVELS = Data((), "int32", -3, 4)
RANGES = {"actual_min": -3.0, "actual_max": 3.0, "preds_min": -4.0, "preds_max": 3.0}
BAD_RANGES = [
    ({"actual_max": -3.0}, "greater than `actual_min` (-3.0)"),
    ({"preds_min": float("nan")}, "finite"),
    ({"actual_cutpoints": 1}, "an integer >= 2"),
    ({"preds_cutpoints": 4.0}, "an integer >= 2"),
]
BAD_SCORES = [
    ({"num_classes": 0}, "an integer >= 1"),
    ({"average": "mean"}, "'macro'"),
    ({"threshold": 0.0}, "(0, 1]"),
    ({"threshold": 1.5}, "(0, 1]"),
]
# Small integers, which half precision represents exactly: boxes, some without area, with classes or padding.
TRUTHS = Data((6, 6), "int32", -1, 4)
DETECTIONS = Data((8, 6), "int32", -1, 4)
DETECTING = {
    "num_classes": 4,
    "iou_thresholds": (0.2, 0.5),
    "recall_levels": 11,
    "box_format": "center_xywh",
    "capacity": 200,
    "name": "boxes",
}
BAD_DETECTING = [
    ({"num_classes": 0}, "an integer >= 1"),
    ({"iou_thresholds": ()}, "a non-empty sequence of numbers in (0, 1]"),
    ({"iou_thresholds": 0.5}, "(0, 1]"),
    ({"iou_thresholds": (0.5, 1.5)}, "(0, 1]"),
    ({"recall_levels": 1}, "an integer >= 2"),
    ({"box_format": "xxyy"}, "Did you mean"),
    ({"capacity": 0}, "a positive integer"),
]

ROWS = [
    MetricRow(
        FBetaScore,
        kwargs={"num_classes": 3, "average": "macro", "beta": 2.0, "threshold": 0.4},
        y_true=LABELS,
        y_pred=SCORES,
        bad=[
            *BAD_SCORES,
            ({"beta": 0.0}, "a positive number"),
            ({"beta": "2"}, "a positive number"),
            ({"beta": float("inf")}, "a positive number"),
        ],
    ),
    MetricRow(AveragePrecision, kwargs=DETECTING, y_true=TRUTHS, y_pred=DETECTIONS, bad=BAD_DETECTING),
    MetricRow(
        BitsPerCharacter,
        kwargs={"from_logits": True, "name": "bits"},
        y_true=Data((4,), "int32", 0, 5),
        y_pred=Data((4, 5)),
        bad=[({"from_logits": 1}, "True or False")],
    ),
    MetricRow(
        BLEU,
        kwargs={"max_order": 2, "name": "translations"},
        y_true=Data((3, 6), "int32", 0, 4),
        y_pred=Data((7,), "int32", 0, 4),
        bad=[({"max_order": 0}, "a positive integer"), ({"max_order": 2.0}, "a positive integer")],
    ),
    MetricRow(
        CohenKappa,
        kwargs={"num_classes": 3, "weightage": "linear", "sparse_labels": True, "name": "raters"},
        y_true=Data((), "int32", 0, 3),
        y_pred=Data((3,)),
        bad=[
            ({"num_classes": 1}, "an integer >= 2"),
            ({"num_classes": 2.5}, "an integer >= 2"),
            ({"weightage": "cubic"}, "linear"),
        ],
        bad_shapes=other_targets([((4,), (1,)), ((1,), (4, 3)), ((4, 3), (4, 3))])
        + other_targets([((4,), (1, 1))], regression=True)
        + other_targets([((4,), ()), ((4, 1), (4, 3)), ((4, 3), (3, 4))], num_classes=2, sparse_labels=False)
        + other_targets(ONE_HOT, sparse_labels=False),
    ),
    MetricRow(
        CohenKappa,
        kwargs={"num_classes": 4, "sparse_labels": True, "regression": True},
        y_true=Data((), "int32", 0, 4),
        y_pred=Data((1,), "int32", 0, 4),
        name="CohenKappa, regression",
    ),
    MetricRow(
        ExpectedCalibrationError,
        kwargs={"num_bins": 4, "name": "sureness"},
        y_true=Data((), "int32", 0, 3),
        y_pred=Data((3,), low=0.0, high=0.9),
        bad=[({"num_bins": 0}, "a positive integer"), ({"num_bins": 2.5}, "a positive integer")],
        half_tolerance=0.1,  # a rounded confidence may fall into another bin
        bad_shapes=other_weights((4,), (4, 3)),
    ),
    MetricRow(
        F1Score,
        kwargs={"num_classes": 3, "average": "weighted", "threshold": 0.4, "name": "f"},
        y_true=LABELS,
        y_pred=SCORES,
        bad=BAD_SCORES,
        bad_shapes=other_weights((4, 3), (4, 3)),
    ),
    MetricRow(
        FBetaScore,
        kwargs={"num_classes": 3, "sparse_labels": True},
        y_true=Data((2,), "int32", 0, 3),
        y_pred=Data((2, 3)),
        name="FBetaScore, sparse",
        bad_shapes=[
            ({}, (true, (4, 3)), f"y_true must have a shape that matches predictions of shape (4, 3), got {true}")
            for true in [(1,), (3,), (1, 1), (4, 2), (1, 3), ()]
        ],
    ),
    MetricRow(
        FrechetDistance,
        kwargs={"num_features": 3, "name": "far"},
        y_true=Data((3,)),
        y_pred=Data((3,), low=0.0, high=3.0),
        compares_shapes=False,  # the two sets of samples may differ in size
        bad=[({"num_features": 0}, "a positive integer"), ({"num_features": "3"}, "a positive integer")],
        bad_shapes=other_weights((4, 3), (4, 3)),
    ),
    MetricRow(GeometricMean, kwargs={"name": "growth"}, y_true=Data((5,), low=0.5, high=3.0), y_pred=None),
    MetricRow(
        HammingLoss,
        kwargs={"mode": "multilabel", "threshold": 0.4, "name": "wrong"},
        y_true=LABELS,
        y_pred=SCORES,
        bad=[
            ({"mode": "binary"}, "multiclass"),
            ({"threshold": "high"}, "a number or None"),
            ({"threshold": float("nan")}, "a number or None"),
        ],
    ),
    MetricRow(HarmonicMean, kwargs={"name": "speed"}, y_true=Data((5,), low=0.5, high=3.0), y_pred=None),
    MetricRow(
        HuberMetric,
        kwargs={"delta": 0.7, "name": "robust"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad=[
            ({"delta": 0.0}, "a positive number"),
            ({"delta": float("nan")}, "a positive number"),
            ({"delta": None}, "a positive number"),
        ],
        bad_shapes=other_weights((4,), (4,)),
    ),
    MetricRow(
        IntervalCoverage,
        kwargs={"lower": -1, "upper": 1, "name": "covered"},
        y_true=LEVELS,
        y_pred=Data((3,), "int32", -3, 4),
        bad=[
            ({"lower": 0.1}, "an integer"),
            ({"upper": True}, "an integer"),
            ({"upper": -1}, "different from `lower` (-1)"),
        ],
        bad_shapes=[
            *other_weights((4,), (4, 3)),
            ({"lower": 3}, ((4,), (4, 3)), "an index of the 3 quantiles"),
            ({"upper": -4}, ((4,), (4, 3)), "an index of the 3 quantiles"),
            ({}, ((4, 3), (4, 3)), "to match `y_pred[..., lower]`"),
        ],
    ),
    *(
        MetricRow(
            metric,
            kwargs={**RANGES, "actual_cutpoints": 7, "preds_cutpoints": 8, "name": "order"},
            y_true=LEVELS,
            y_pred=LEVELS,
            bad=[*BAD_RANGES, ({"capacity": 0}, "a positive integer"), ({"capacity": True}, "a positive integer")],
        )
        for metric in (KendallsTauB, KendallsTauC, SpearmansRank)
    ),
    *(
        MetricRow(
            metric,
            kwargs={"capacity": 50},
            y_true=LEVELS,
            y_pred=LEVELS,
            name=f"{metric.__name__}, exact",
        )
        for metric in (KendallsTauB, KendallsTauC, SpearmansRank)
    ),
    MetricRow(
        MatthewsCorrelationCoefficient,
        kwargs={"num_classes": 3, "name": "mcc"},
        y_true=Data((3,), "int32", 0, 5),
        y_pred=Data((3,)),
        bad=[({"num_classes": 1}, "an integer >= 2"), ({"num_classes": "3"}, "an integer >= 2")],
        bad_shapes=other_targets(ONE_HOT) + other_weights((4, 3), (4, 3)),
    ),
    MetricRow(
        MeanAbsoluteScaledError,
        kwargs={"scale": 0.7, "name": "mase"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad=[
            ({"scale": 0.0}, "a positive number"),
            ({"scale": float("nan")}, "a positive number"),
            ({"scale": [1.0, 2.0]}, "a positive number"),
        ],
        bad_shapes=other_targets([((4, 3), (1, 3)), ((4, 3), (4,))]) + other_weights((4, 3), (4, 3)),
    ),
    MetricRow(
        MeanAveragePrecision,
        kwargs={**DETECTING, "recall_levels": None},
        y_true=TRUTHS,
        y_pred=DETECTIONS,
        bad=BAD_DETECTING,
    ),
    MetricRow(
        MultiLabelConfusionMatrix,
        kwargs={"num_classes": 3, "name": "confusion"},
        y_true=LABELS,
        y_pred=LABELS,
        bad=[({"num_classes": 0}, "an integer >= 1")],
        bad_shapes=other_targets(ONE_HOT),
    ),
    MetricRow(
        PearsonsCorrelation,
        kwargs={**RANGES, "actual_cutpoints": 7, "preds_cutpoints": 8, "name": "line"},
        y_true=LEVELS,
        y_pred=LEVELS,
        bad=[*BAD_RANGES, ({"exact": 1}, "True or False")],
    ),
    MetricRow(
        PearsonsCorrelation,
        kwargs={"exact": True},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        name="PearsonsCorrelation, exact",
        bad_shapes=other_weights((4,), (4,)),
    ),
    MetricRow(
        Perplexity,
        kwargs={"from_logits": True, "mask_token_id": 2, "name": "choices"},
        y_true=Data((4,), "int32", 0, 5),
        y_pred=Data((4, 5)),
        bad=[({"from_logits": 1}, "True or False"), ({"mask_token_id": "pad"}, "an integer or None")],
    ),
    MetricRow(
        RSquare,
        kwargs={"name": "fit", "multioutput": "variance_weighted", "num_regressors": 2},
        y_true=Data((3,), "int32", 0, 5),
        y_pred=Data((3,)),
        weighted=False,  # as in TensorFlow Addons, examples of weight 0 count for the adjusted score
        bad=[
            ({"multioutput": "mean"}, "one of raw_values"),
            ({"num_regressors": -1}, "an integer >= 0"),
            ({"num_regressors": 1.5}, "an integer >= 0"),
        ],
        bad_shapes=other_targets([((4, 3), (1, 3)), ((4, 3), (4,))]) + other_weights((4, 3), (4, 3)),
    ),
    MetricRow(RSquare, name="RSquare, raw", kwargs={"multioutput": "raw_values"}, y_true=SCORES, y_pred=SCORES),
    MetricRow(
        RoundedAccuracy,
        kwargs={"name": "pixels"},
        y_true=Data((5,), "int32", 0, 2),
        y_pred=Data((5,), low=0.0),
        bad_shapes=other_weights((4, 3), (4, 3)),
    ),
    MetricRow(
        SymmetricMeanAbsolutePercentageError,
        kwargs={"name": "smape"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad_shapes=other_targets([((4, 3), (1, 3)), ((4, 3), (4,))]) + other_weights((4, 3), (4, 3)),
    ),
]
