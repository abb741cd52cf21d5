from tensorsmith.metrics import HuberMetric
from tensorsmith.testing import Data, MetricRow

ROWS = [
    MetricRow(
        HuberMetric,
        kwargs={"delta": 0.7, "name": "robust"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad=[
            ({"delta": 0.0}, "above 0"),
            ({"delta": float("nan")}, "above 0"),
            ({"delta": None}, "above 0"),
        ],
    ),
]
