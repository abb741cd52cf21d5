from functools import partial

from tensorsmith import ops
from tensorsmith.layers import Attention, LayerNormalization, MCDropout, MultiHeadAttention, RMSNormalization
from tensorsmith.testing import Data, LayerRow

WITHOUT_KERNELS = partial(ops.use, "reference")  # exported models must not need our library
BAD_NORMALIZATIONS = [
    ({"axis": "last"}, "an integer or a sequence of integers"),
    ({"axis": []}, "an integer or a sequence of integers"),
    ({"epsilon": -1e-3}, "a number of 0 or more"),
]

ROWS = [
    LayerRow(
        Attention,
        kwargs={"use_scale": True},
        inputs=([Data((6, 5)), Data((4, 5))],),
        exported_under=WITHOUT_KERNELS,
        bad=[({"dropout": 1.0}, "in [0, 1)"), ({"score_mode": "cosine"}, "'dot' or 'concat'")],
    ),
    LayerRow(
        Attention,
        name="Attention with dropout",
        kwargs={"dropout": 0.3, "seed": 5},
        inputs=([Data((6, 5)), Data((4, 5))],),
        random=True,
        exported_under=WITHOUT_KERNELS,
        bad=[({"dropout": "half"}, "in [0, 1)")],
    ),
    LayerRow(
        MultiHeadAttention,
        kwargs={"num_heads": 3, "key_dim": 4, "value_dim": 5, "output_shape": 7, "use_bias": False},
        inputs=(Data((6, 5)), Data((4, 8))),
        exported_under=WITHOUT_KERNELS,
        bad=[
            ({"num_heads": 0}, "a positive integer"),
            ({"key_dim": 2.5}, "a positive integer"),
            ({"dropout": 1.0}, "in [0, 1)"),
        ],
    ),
    LayerRow(
        MultiHeadAttention,
        name="MultiHeadAttention with dropout",
        kwargs={"num_heads": 2, "key_dim": 4, "dropout": 0.3, "seed": 5},
        inputs=(Data((6, 5)), Data((6, 5))),
        random=True,
        exported_under=WITHOUT_KERNELS,
        bad=[({"dropout": -0.1}, "in [0, 1)")],
    ),
    LayerRow(
        LayerNormalization,
        kwargs={"epsilon": 0.01, "beta_initializer": "uniform", "gamma_initializer": "uniform"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        exported_under=WITHOUT_KERNELS,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        LayerNormalization,
        name="LayerNormalization over two axes",
        kwargs={"axis": [1, 2], "epsilon": 0.01, "center": False},
        inputs=Data((6, 5)),
        passes_mask=True,
        exported_under=WITHOUT_KERNELS,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        RMSNormalization,
        kwargs={"epsilon": 0.01},
        inputs=Data((6, 5)),
        time_axis=1,
        exported_under=WITHOUT_KERNELS,
        bad=BAD_NORMALIZATIONS,
    ),
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
