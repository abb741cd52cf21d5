import keras

from tensorsmith.layers import (
    ESN,
    GRU,
    LSTM,
    DropoutCell,
    ESNCell,
    IndRNNCell,
    LayerNormLSTM,
    LayerNormLSTMCell,
    LayerNormSimpleRNN,
    LayerNormSimpleRNNCell,
    NASCell,
    PeepholeLSTM,
    PeepholeLSTMCell,
    SimpleRNN,
)
from tensorsmith.testing import Data, LayerRow

NAN = float("nan")
BAD_RATES = [
    *(({name: rate}, "in [0, 1)") for name in ("dropout", "recurrent_dropout") for rate in (1.0, -0.5, -3, NAN, "all")),
    *(({"units": units}, "a positive integer") for units in (0, 1.5, NAN, "zz", True)),
]


def recurrent(kind, bad, name=None, drop_in=False, **kwargs):
    """Returns rows of a recurrent layer: with all outputs and states, and backwards with dropout.

    Other drop-in replacements for layers of Keras than LSTM have the first row only: their dropout has the same code.
    """
    asked = {"units": 3, "return_sequences": True, "return_state": True, "bias_initializer": "uniform", **kwargs}
    dropout = {"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 5, "use_bias": False, "go_backwards": True}
    name = name or kind.__name__
    common = {
        "inputs": Data((3, 5)),
        "time_axis": 1,
        "uses_mask": True,
        "bad": bad,
    }
    rows = [
        LayerRow(kind, name=name, kwargs=asked, passes_mask=True, **common),
        LayerRow(kind, name=f"{name} with dropout", kwargs={"units": 3, **dropout, **kwargs}, random=True, **common),
    ]
    return rows[:1] if drop_in else rows


def ind_rnn(**options):
    """Returns a recurrent layer with an `IndRNNCell`."""
    return keras.layers.RNN(IndRNNCell(**options), return_sequences=True)


def dropout_cell(cell=..., **options):
    """Returns a `DropoutCell` around a new cell, unless `cell` is given."""
    return DropoutCell(keras.layers.GRUCell(3) if cell is ... else cell, **options)


def dropout_rnn(**options):
    """Returns a recurrent layer with a `DropoutCell`."""
    return keras.layers.RNN(DropoutCell(keras.layers.GRUCell(3), **options), return_sequences=True)


ROWS = [
    LayerRow(
        dropout_cell,
        name="DropoutCell",
        kwargs={"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 5},
        inputs=(Data((5,)), [Data((3,))]),
        random=True,
        bad=[
            ({"cell": 3}, "a recurrent cell"),
            ({"dropout": 1.0}, "a number in [0, 1)"),
            ({"recurrent_dropout": "all"}, "a number in [0, 1)"),
            ({"seed": 0.5}, "an integer or None"),
        ],
    ),
    LayerRow(
        dropout_rnn,
        name="DropoutCell in a layer",
        kwargs={"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 5},
        inputs=Data((3, 5)),
        random=True,
        time_axis=1,
        passes_mask=True,
        uses_mask=True,
        bad=[],
    ),
    LayerRow(
        ESNCell,
        kwargs={"units": 6, "connectivity": 0.5, "use_norm2": True, "use_bias": False, "seed": 5},
        inputs=(Data((5,)), [Data((6,))]),
        bad=[
            ({"connectivity": 1.5}, "in [0, 1]"),
            ({"leaky": -1}, "in [0, 1]"),
            ({"spectral_radius": -1.0}, "a non-negative number"),
            ({"seed": 0.5}, "an integer or None"),
        ],
    ),
    LayerRow(
        ESN,
        kwargs={
            "units": 6,
            "connectivity": 0.5,
            "leaky": 0.7,
            "spectral_radius": 0.8,
            "activation": "sigmoid",
            "bias_initializer": "uniform",
            "return_sequences": True,
            "return_state": True,
            "seed": 5,
        },
        inputs=Data((3, 5)),
        time_axis=1,
        passes_mask=True,
        uses_mask=True,
        bad=[({"units": 0}, "a positive integer")],
    ),
    LayerRow(
        IndRNNCell,
        kwargs={
            "units": 3,
            "activation": "tanh",
            "recurrent_initializer": "uniform",
            "recurrent_clip": 0.5,
            "recurrent_regularizer": "l2",
            "bias_initializer": "uniform",
        },
        inputs=(Data((5,)), [Data((3,))]),
        bad=[({"units": 0}, "a positive integer"), ({"recurrent_clip": 0.0}, "a positive number or None")],
    ),
    LayerRow(
        ind_rnn,
        name="IndRNNCell in a layer, with dropout",
        kwargs={"units": 3, "dropout": 0.2, "recurrent_dropout": 0.3, "use_bias": False, "seed": 5},
        inputs=Data((3, 5)),
        random=True,
        time_axis=1,
        passes_mask=True,
        uses_mask=True,
        supports_integers=False,  # keras.layers.RNN passes integers on to the dropout of Keras, which refuses them
        bad=[({"recurrent_clip": "one"}, "a positive number or None")],
    ),
    LayerRow(
        LayerNormLSTMCell,
        kwargs={
            "units": 3,
            "norm_gamma_initializer": "uniform",
            "norm_beta_initializer": "uniform",
            "norm_epsilon": 0.1,
        },
        inputs=(Data((5,)), [Data((3,)), Data((3,))]),
        bad=[*BAD_RATES, ({"norm_epsilon": -1.0}, "a non-negative number")],
    ),
    LayerRow(
        LayerNormSimpleRNNCell,
        kwargs={
            "units": 3,
            "layernorm_epsilon": 0.1,
            "gamma_initializer": "uniform",
            "gamma_regularizer": "l2",
            "gamma_constraint": "non_neg",
        },
        inputs=(Data((5,)), [Data((3,))]),
        bad=[*BAD_RATES, ({"layernorm_epsilon": NAN}, "a non-negative number")],
    ),
    LayerRow(
        PeepholeLSTMCell,
        kwargs={"units": 3, "unit_forget_bias": False, "bias_initializer": "uniform"},
        inputs=(Data((5,)), [Data((3,)), Data((3,))]),
        bad=BAD_RATES,
    ),
    LayerRow(
        NASCell,
        kwargs={
            "units": 3,
            "projection": 2,
            "use_bias": True,
            "kernel_initializer": "he_normal",
            "recurrent_initializer": "orthogonal",
            "projection_initializer": "he_normal",
            "bias_initializer": "uniform",
        },
        inputs=(Data((5,)), [Data((3,)), Data((2,))]),
        bad=[({"units": 0}, "a positive integer"), ({"projection": 0.5}, "a positive integer or None")],
    ),
    *recurrent(LSTM, BAD_RATES, unit_forget_bias=False, kernel_regularizer="l2"),
    *recurrent(GRU, BAD_RATES, drop_in=True),
    *recurrent(GRU, BAD_RATES, name="GRU that resets before", reset_after=False),
    *recurrent(SimpleRNN, BAD_RATES, drop_in=True, recurrent_constraint="max_norm"),
    *recurrent(PeepholeLSTM, BAD_RATES, unit_forget_bias=False, activity_regularizer="l2"),
    *recurrent(
        LayerNormLSTM,
        [*BAD_RATES, ({"norm_epsilon": -1.0}, "a non-negative number")],
        norm_gamma_initializer="uniform",
        norm_beta_initializer="uniform",
        norm_epsilon=0.1,
    ),
    *recurrent(
        LayerNormSimpleRNN,
        [*BAD_RATES, ({"layernorm_epsilon": -1.0}, "a non-negative number")],
        layernorm_epsilon=0.1,
        gamma_initializer="uniform",
        gamma_regularizer="l2",
        gamma_constraint="non_neg",
    ),
]
