from tensorsmith.losses import Huber
from tensorsmith.testing import Data, LossRow

ROWS = [
    LossRow(
        Huber,
        kwargs={"delta": 0.7, "reduction": "sum", "name": "robust"},
        y_true=Data((5,)),
        y_pred=Data((5,)),
        bad=[
            ({"delta": 0.0}, "above 0"),
            ({"delta": -1.0}, "above 0"),
            ({"delta": float("inf")}, "above 0"),
            ({"delta": "large"}, "above 0"),
        ],
    ),
]
