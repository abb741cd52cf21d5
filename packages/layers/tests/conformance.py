from functools import partial

import keras

from tensorsmith import ops
from tensorsmith.layers import (
    CRF,
    GRU,
    LSTM,
    TLU,
    Attention,
    DepthwiseMaxPool,
    FilterResponseNormalization,
    LayerNormalization,
    LayerNormLSTM,
    LayerNormSimpleRNN,
    Maxout,
    MCDropout,
    MultiHeadAttention,
    PeepholeLSTM,
    PoincareNormalize,
    PolynomialCrossing,
    RMSNormalization,
    RReLU,
    SimpleRNN,
    Snake,
    Sparsemax,
    StochasticDepth,
)
from tensorsmith.testing import Data, LayerRow

WITHOUT_KERNELS = partial(ops.use, "reference")  # exported models must not need our library
BAD_NORMALIZATIONS = [
    ({"axis": "last"}, "an integer or a sequence of integers"),
    ({"axis": []}, "an integer or a sequence of integers"),
    ({"epsilon": -1e-3}, "a number of 0 or more"),
]


def recurrent(kind, bad, name=None, **kwargs):
    """Rows of a recurrent layer: with all outputs and states, and backwards with dropout."""
    asked = {"units": 3, "return_sequences": True, "return_state": True, "bias_initializer": "uniform", **kwargs}
    dropout = {"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 5, "use_bias": False, "go_backwards": True}
    name = name or kind.__name__
    common = {
        "inputs": Data((4, 5)),
        "time_axis": 1,
        "uses_mask": True,
        "exported_under": WITHOUT_KERNELS,
        "bad": [({"units": 0}, "a positive integer"), *bad],
    }
    return [
        LayerRow(kind, name=name, kwargs=asked, passes_mask=True, **common),
        LayerRow(kind, name=f"{name} with dropout", kwargs={"units": 3, **dropout, **kwargs}, random=True, **common),
    ]


BAD_RATES = [({"dropout": 1.0}, "in [0, 1)"), ({"recurrent_dropout": -0.5}, "in [0, 1)")]

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
    LayerRow(
        DepthwiseMaxPool,
        kwargs={"pool_size": 3, "strides": 2, "padding": "same"},
        inputs=Data((6, 8)),
        time_axis=1,
        passes_mask=True,
        exported_under=WITHOUT_KERNELS,
        bad=[
            ({"pool_size": 0}, "a positive integer"),
            ({"strides": 1.5}, "a positive integer or None"),
            ({"padding": "full"}, "'valid' or 'same'"),
        ],
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
        passes_mask=True,
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
    LayerRow(
        FilterResponseNormalization,
        kwargs={
            "epsilon": 0.01,
            "beta_initializer": "uniform",
            "gamma_initializer": "uniform",
            "gamma_regularizer": "l2",
            "beta_constraint": "non_neg",
            "learned_epsilon": True,
            "learned_epsilon_constraint": "non_neg",
        },
        inputs=Data((6, 4, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"axis": 1}, "a list of integers"),
            ({"epsilon": "a"}, "a number"),
        ],
    ),
    LayerRow(
        Maxout,
        kwargs={"num_units": 3, "axis": 1},
        inputs=Data((6, 4)),
        bad=[
            ({"num_units": 0}, "a positive integer"),
            ({"axis": "last"}, "an integer"),
        ],
    ),
    LayerRow(
        PoincareNormalize,
        kwargs={"axis": [1, 2], "epsilon": 0.1},
        inputs=Data((3, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"axis": "last"}, "an integer, a list of them, or None"), ({"epsilon": 1.0}, "in [0, 1)")],
    ),
    LayerRow(
        PolynomialCrossing,
        kwargs={
            "projection_dim": 2,
            "diag_scale": 0.5,
            "kernel_initializer": "glorot_uniform",
            "bias_initializer": "uniform",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
        },
        inputs=((Data((5,)), Data((5,))),),
        bad=[
            ({"projection_dim": 0}, "a positive integer or None"),
            ({"diag_scale": -1.0}, "a number of 0 or more"),
        ],
    ),
    LayerRow(
        RReLU,
        kwargs={"lower": 0.2, "upper": 0.5, "seed": 5},
        inputs=Data((6, 4)),
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"lower": 0.6}, "more than `upper`"),
            ({"upper": "a"}, "a number"),
            ({"seed": 0.5}, "an integer or None"),
        ],
    ),
    LayerRow(
        Snake,
        kwargs={"frequency_initializer": keras.initializers.Constant(0.5)},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"frequency_initializer": "zeros"}, "other numbers than zeros")],
    ),
    LayerRow(
        Sparsemax,
        kwargs={"axis": 1},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"axis": 1.5}, "an integer")],
    ),
    LayerRow(
        StochasticDepth,
        kwargs={"survival_probability": 0.7, "seed": 5},
        inputs=([Data((6, 4)), Data((6, 4))],),
        random=True,
        time_axis=1,
        bad=[({"survival_probability": 1.5}, "in [0, 1]"), ({"seed": 0.5}, "an integer or None")],
    ),
    LayerRow(
        TLU,
        kwargs={
            "affine": True,
            "tau_initializer": "uniform",
            "tau_regularizer": "l2",
            "tau_constraint": "non_neg",
            "alpha_initializer": "uniform",
            "alpha_regularizer": "l1",
            "alpha_constraint": "max_norm",
            "shared_axes": [1],
        },
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"shared_axes": [0]}, "as 0 is the batch")],
    ),
    *recurrent(LSTM, [], unit_forget_bias=False, kernel_regularizer="l2"),
    *recurrent(GRU, []),
    *recurrent(GRU, [], name="GRU that resets before", reset_after=False),
    *recurrent(SimpleRNN, [], recurrent_constraint="max_norm"),
    *recurrent(PeepholeLSTM, BAD_RATES, unit_forget_bias=False, activity_regularizer="l2"),
    *recurrent(
        LayerNormLSTM,
        [*BAD_RATES, ({"norm_epsilon": -1.0}, "a number of 0 or more")],
        norm_gamma_initializer="uniform",
        norm_beta_initializer="uniform",
        norm_epsilon=0.1,
    ),
    *recurrent(
        LayerNormSimpleRNN,
        [*BAD_RATES, ({"layernorm_epsilon": -1.0}, "a number of 0 or more")],
        layernorm_epsilon=0.1,
        gamma_initializer="uniform",
        gamma_regularizer="l2",
        gamma_constraint="non_neg",
    ),
]
