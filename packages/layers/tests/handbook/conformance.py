import keras

from tensorsmith.layers import (
    DenseTranspose,
    FakeQuantization,
    GatedActivationUnit,
    LearnableExponential,
    LearnedPositionalEncoding,
    MCAlphaDropout,
    QuantizationAware,
    RotaryEmbedding,
    Sampling,
    SinusoidalPositionalEncoding,
    Standardization,
    WaveNetBlock,
)
from tensorsmith.testing import Data, LayerRow


def tied(features=6, units=5, dense=None, **options):
    """Tied to a dense layer of its own each time."""
    if dense is None:
        dense = keras.layers.Dense(units)
        dense.build((None, features))
    return DenseTranspose(dense, **options)


def quantized(layer=None, kind="Dense", num_bits=8, per_channel=True, **options):
    """Around a layer of its own each time."""
    layer = layer or getattr(keras.layers, kind)(**options)
    return QuantizationAware(layer, num_bits, per_channel, momentum=0.9)


ROWS = [
    LayerRow(
        tied,
        name="DenseTranspose",
        kwargs={"activation": "tanh", "bias_initializer": "uniform"},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"dense": "dense"}, "a keras.layers.Dense")],
    ),
    LayerRow(
        FakeQuantization,
        kwargs={"num_bits": 6, "narrow_range": True, "momentum": 0.9},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        straight_through=True,
        half_tolerance=0.04,  # more than a step: values near the middle of two levels go to another
        bad=[
            ({"num_bits": 1}, "an integer of 2 to 16"),
            ({"num_bits": 8.0}, "an integer of 2 to 16"),
            ({"momentum": 1.0}, "in [0, 1)"),
        ],
    ),
    LayerRow(
        quantized,
        name="QuantizationAware",
        kwargs={"num_bits": 8, "units": 3, "activation": "tanh", "kernel_regularizer": "l2"},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        straight_through=True,
        half_tolerance=0.03,
        bad=[
            ({"layer": keras.layers.ReLU()}, "one of the kinds"),
            ({"layer": "dense"}, "one of the kinds"),
            ({"num_bits": 20}, "an integer of 2 to 16"),
        ],
    ),
    LayerRow(
        quantized,
        name="QuantizationAware of a depthwise convolution",
        kwargs={
            "kind": "DepthwiseConv2D",
            "per_channel": False,
            "kernel_size": 3,
            "depth_multiplier": 2,
            "activity_regularizer": "l2",
        },
        inputs=Data((6, 7, 2)),
        straight_through=True,
        half_tolerance=0.03,
        bad=[({"num_bits": "8"}, "an integer of 2 to 16")],
    ),
    LayerRow(GatedActivationUnit, inputs=Data((4, 6)), time_axis=1, passes_mask=True, bad=()),
    LayerRow(
        LearnableExponential,
        kwargs={"scale_initializer": "uniform", "offset_initializer": "ones"},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        bad=(),
    ),
    LayerRow(
        LearnedPositionalEncoding,
        kwargs={"max_length": 9, "embeddings_initializer": "normal", "embeddings_regularizer": "l2"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"max_length": 0}, "a positive integer"), ({"max_length": 2.5}, "a positive integer")],
    ),
    LayerRow(
        MCAlphaDropout,
        kwargs={"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 5},
        inputs=Data((6, 4)),
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"rate": 1.0}, "in [0, 1)"),
            ({"rate": "half"}, "in [0, 1)"),
            ({"seed": 0.5}, "an integer or None"),
        ],
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
        Sampling,
        kwargs={"seed": 5},
        inputs=([Data((6, 4)), Data((6, 4))],),
        random=True,
        time_axis=1,
        bad=[({"seed": 0.5}, "an integer or None")],
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
        Standardization,
        kwargs={"axis": [-1]},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"axis": 0}, "an integer, a sequence of them, or None"),
            ({"axis": "last"}, "an integer, a sequence of them, or None"),
        ],
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
