from tensorsmith.metrics import (
    BLEU,
    AveragePrecision,
    ExpectedCalibrationError,
    FrechetDistance,
    MeanAveragePrecision,
    Perplexity,
    RoundedAccuracy,
)
from tensorsmith.testing import Data, MetricRow

# Small integers, which half precision holds: boxes of which some have no area, classes and places without one.
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
    ({"num_classes": 0}, "1 or more"),
    ({"iou_thresholds": ()}, "one at least"),
    ({"iou_thresholds": 0.5}, "(0, 1]"),
    ({"iou_thresholds": (0.5, 1.5)}, "(0, 1]"),
    ({"recall_levels": 1}, "2 or more"),
    ({"box_format": "xxyy"}, "did you mean"),
    ({"capacity": 0}, "a positive integer"),
]

ROWS = [
    MetricRow(AveragePrecision, kwargs=DETECTING, y_true=TRUTHS, y_pred=DETECTIONS, bad=BAD_DETECTING),
    MetricRow(
        MeanAveragePrecision,
        kwargs={**DETECTING, "recall_levels": None},
        y_true=TRUTHS,
        y_pred=DETECTIONS,
        bad=BAD_DETECTING,
    ),
    MetricRow(
        BLEU,
        kwargs={"max_order": 2, "name": "translations"},
        y_true=Data((3, 6), "int32", 0, 4),
        y_pred=Data((7,), "int32", 0, 4),
        bad=[({"max_order": 0}, "a positive integer"), ({"max_order": 2.0}, "a positive integer")],
    ),
    MetricRow(
        ExpectedCalibrationError,
        kwargs={"num_bins": 4, "name": "sureness"},
        y_true=Data((), "int32", 0, 3),
        y_pred=Data((3,), low=0.0, high=0.9),
        bad=[({"num_bins": 0}, "a positive integer"), ({"num_bins": 2.5}, "a positive integer")],
        half_tolerance=0.1,  # a rounded confidence may fall into another bin
    ),
    MetricRow(
        FrechetDistance,
        kwargs={"num_features": 3, "name": "far"},
        y_true=Data((3,)),
        y_pred=Data((3,), low=0.0, high=3.0),
        bad=[({"num_features": 0}, "a positive integer"), ({"num_features": "3"}, "a positive integer")],
    ),
    MetricRow(
        Perplexity,
        kwargs={"from_logits": True, "mask_token_id": 2, "name": "choices"},
        y_true=Data((4,), "int32", 0, 5),
        y_pred=Data((4, 5)),
        bad=[({"from_logits": 1}, "True or False"), ({"mask_token_id": "pad"}, "an integer or None")],
    ),
    MetricRow(
        RoundedAccuracy,
        kwargs={"name": "pixels"},
        y_true=Data((5,), "int32", 0, 2),
        y_pred=Data((5,), low=0.0),
        bad=(),
    ),
]
