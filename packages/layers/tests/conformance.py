from tensorsmith.layers import MCDropout
from tensorsmith.testing import Data, LayerRow

ROWS = [
    LayerRow(
        MCDropout,
        kwargs={"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 5},
        inputs=Data((6, 4)),
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"rate": 1.0}, "in [0, 1)"),
            ({"rate": -0.1}, "in [0, 1)"),
            ({"rate": "half"}, "in [0, 1)"),
            ({"seed": 0.5}, "an integer or None"),
        ],
    ),
]
