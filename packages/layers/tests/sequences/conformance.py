from functools import partial

from tensorsmith import ops
from tensorsmith.layers import (
    CRF,
    Attention,
    GatedActivationUnit,
    LearnedPositionalEncoding,
    MultiHeadAttention,
    RotaryEmbedding,
    SinusoidalPositionalEncoding,
    WaveNetBlock,
)
from tensorsmith.testing import Data, LayerRow

WITHOUT_KERNELS = partial(ops.use, "reference")  # exported models must not need our library

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
        CRF,
        kwargs={
            "units": 3,
            "chain_initializer": "uniform",
            "chain_regularizer": "l2",
            "boundary_initializer": "uniform",
            "boundary_constraint": "non_neg",
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "activation": "tanh",
        },
        inputs=Data((6, 5)),
        time_axis=1,
        shared_outputs=[3],
        exported_under=WITHOUT_KERNELS,
        bad=[({"units": 0}, "a positive integer"), ({"units": 2.5}, "a positive integer")],
    ),
    LayerRow(
        CRF,
        name="CRF alone",
        kwargs={"units": 5, "use_boundary": False, "use_kernel": False, "use_bias": False},
        inputs=Data((6, 5)),
        time_axis=1,
        shared_outputs=[3],
        exported_under=WITHOUT_KERNELS,
        bad=[({"units": "5"}, "a positive integer")],
    ),
    LayerRow(GatedActivationUnit, inputs=Data((4, 6)), time_axis=1, passes_mask=True, bad=()),
    LayerRow(
        LearnedPositionalEncoding,
        kwargs={"max_length": 9, "embeddings_initializer": "normal", "embeddings_regularizer": "l2"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"max_length": 0}, "a positive integer"), ({"max_length": 2.5}, "a positive integer")],
    ),
    LayerRow(
        MultiHeadAttention,
        kwargs={"num_heads": 3, "key_dim": 4, "value_dim": 5, "output_shape": 7, "use_bias": False},
        inputs=(Data((6, 5)), Data((4, 8))),
        passes_mask=True,
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
        RotaryEmbedding,
        kwargs={"max_wavelength": 100.0},
        inputs=Data((6, 2, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"max_wavelength": 0}, "a number above 0"), ({"max_wavelength": "long"}, "a number above 0")],
    ),
    LayerRow(
        SinusoidalPositionalEncoding,
        kwargs={"max_wavelength": 100.0},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"max_wavelength": -1.0}, "a number above 0")],
    ),
    LayerRow(
        WaveNetBlock,
        kwargs={
            "filters": 3,
            "num_layers": 2,
            "kernel_size": 3,
            "skip_filters": 4,
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
        },
        inputs=Data((9, 3)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"filters": 0}, "a positive integer"),
            ({"num_layers": 0}, "a positive integer"),
            ({"kernel_size": 1}, "an integer of 2 or more"),
            ({"skip_filters": 0.5}, "a positive integer or None"),
        ],
    ),
]
