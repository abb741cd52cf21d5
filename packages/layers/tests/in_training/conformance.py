import keras

from tensorsmith.layers import (
    LSTM,
    ContractivePenalty,
    MCDropout,
    MonteCarlo,
    Recomputed,
    ScheduledDropout,
    ScheduledSampling,
)
from tensorsmith.testing import Data, LayerRow


def recomputed(layer=..., units=3):
    """Returns a `Recomputed` around a new block with weights, statistics and random draws at inference."""
    parts = [keras.layers.Dense(units, "tanh"), keras.layers.BatchNormalization(), MCDropout(0.3, seed=5)]
    return Recomputed(keras.Sequential(parts) if layer is ... else layer)


def recomputed_lstm(layer=..., **options):
    """Returns a `Recomputed` around a new layer that uses masks and passes them on."""
    return Recomputed(LSTM(**options) if layer is ... else layer)


def contractive(layer=..., weight=0.3, **options):
    """Returns a `ContractivePenalty` around a new layer."""
    return ContractivePenalty(keras.layers.Dense(**options) if layer is ... else layer, weight)


def monte_carlo(layer=..., kind="LSTM", **options):
    """Returns a `MonteCarlo` around a new layer."""
    return MonteCarlo(getattr(keras.layers, kind)(**options) if layer is ... else layer)


ROWS = [
    LayerRow(
        ScheduledDropout,
        kwargs={"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 5},
        inputs=Data((6, 4)),
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"rate": 1.1}, "in [0, 1]"),
            ({"rate": "half"}, "in [0, 1]"),
            ({"seed": 0.5}, "an integer or None"),
            ({"noise_shape": (0,)}, "positive integers"),
        ],
    ),
    LayerRow(
        ScheduledSampling,
        kwargs={"rate": 0.5, "seed": 5},
        inputs=([Data((6,), "int32", 1, 9), Data((6, 9))],),
        random=True,
        bad=[
            ({"rate": 1.1}, "in [0, 1]"),
            ({"seed": 0.5}, "an integer or None"),
        ],
    ),
    LayerRow(
        monte_carlo,
        name="MonteCarlo around LSTM",
        kwargs={"units": 3, "recurrent_dropout": 0.4, "return_sequences": True, "seed": 5},
        inputs=Data((6, 4)),
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[({"layer": "lstm"}, "a Keras layer"), ({"layer": keras.layers.Flatten()}, "accepts `training`")],
    ),
    LayerRow(
        contractive,
        name="ContractivePenalty",
        kwargs={"units": 3, "activation": "sigmoid"},
        inputs=Data((4, 5)),
        supports_jit=False,
        time_axis=1,
        passes_mask=True,
        bad=[({"layer": "dense"}, "a Keras layer"), ({"weight": -1.0}, "a non-negative number")],
    ),
    LayerRow(
        recomputed,
        name="Recomputed",
        kwargs={"units": 5},
        inputs=Data((6, 4)),
        random=True,
        passes_mask=True,
        bad=[({"layer": "dense"}, "a Keras layer")],
    ),
    LayerRow(
        recomputed_lstm,
        name="Recomputed around LSTM",
        kwargs={"units": 3, "return_sequences": True},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"layer": None}, "a Keras layer")],
    ),
]
