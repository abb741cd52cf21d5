import atexit
import tempfile

import keras

from tensorsmith.layers import (
    GELU,
    TLU,
    BatchNormalization,
    CorrelationCost,
    DepthwiseMaxPool,
    Dropout,
    EmbeddingBag,
    FakeQuantization,
    FilterResponseNormalization,
    HubLayer,
    LayerNormalization,
    LearnableExponential,
    MaxUnpooling2D,
    MaxUnpooling2DV2,
    MCAlphaDropout,
    MCDropout,
    NetVLAD,
    PoincareNormalize,
    QuantizationAware,
    RMSNormalization,
    RReLU,
    Sampling,
    Snake,
    Sparsemax,
    SpatialPyramidPooling2D,
    Standardization,
    StochasticDepth,
    WeightNormalization,
)
from tensorsmith.testing import Data, LayerRow

BAD_NORMALIZATIONS = [
    ({"axis": "last"}, "an integer or a non-empty sequence of integers"),
    ({"axis": []}, "an integer or a non-empty sequence of integers"),
    ({"epsilon": -1e-3}, "a non-negative number"),
]


def exported_module():
    """Returns the folder of a small exported model, created once per process."""
    folder = tempfile.TemporaryDirectory(prefix="tensorsmith-module-")
    atexit.register(folder.cleanup)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3, kernel_initializer=keras.initializers.Orthogonal(seed=1))]
    )
    model.export(folder.name, verbose=False)
    return folder.name


def quantized(layer=None, kind="Dense", num_bits=8, per_channel=True, **options):
    """Returns a `QuantizationAware` around a new layer, unless `layer` is given."""
    layer = layer or getattr(keras.layers, kind)(**options)
    return QuantizationAware(layer, num_bits, per_channel, momentum=0.9)


def weight_normalized(layer=..., data_init=True, kind="Dense", **options):
    """Returns a `WeightNormalization` around a new layer, unless `layer` is given."""
    return WeightNormalization(getattr(keras.layers, kind)(3, **options) if layer is ... else layer, data_init)


ROWS = [
    LayerRow(
        DepthwiseMaxPool,
        kwargs={"pool_size": 3, "strides": 2, "padding": "same"},
        inputs=Data((6, 8)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"pool_size": 0}, "a positive integer"),
            ({"strides": 1.5}, "a positive integer or None"),
            ({"padding": "full"}, "'valid' or 'same'"),
        ],
    ),
    LayerRow(
        BatchNormalization,
        kwargs={"axis": [1, 3], "momentum": 0.7, "epsilon": 0.01, "beta_initializer": "uniform", "center": False},
        inputs=Data((3, 4, 2)),
        bad=[
            ({"axis": 0}, "a nonzero integer"),
            ({"axis": []}, "a nonzero integer or a sequence of distinct nonzero integers"),
            ({"axis": [1, 1]}, "a nonzero integer or a sequence of distinct nonzero integers"),
            ({"axis": "last"}, "a nonzero integer"),
        ],
    ),
    LayerRow(
        BatchNormalization,
        name="BatchNormalization of one axis",
        kwargs={"axis": 2, "gamma_initializer": "uniform"},
        inputs=Data((3, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"axis": 1.5}, "a nonzero integer")],
    ),
    LayerRow(
        LayerNormalization,
        kwargs={"epsilon": 0.01, "beta_initializer": "uniform", "gamma_initializer": "uniform"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        LayerNormalization,
        name="LayerNormalization over two axes",
        kwargs={"axis": [1, 2], "epsilon": 0.01, "center": False},
        inputs=Data((6, 5)),
        passes_mask=True,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        LayerNormalization,
        name="LayerNormalization with epsilon outside the root",
        kwargs={"epsilon": 0.01, "epsilon_outside": True, "gamma_initializer": "uniform"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        RMSNormalization,
        kwargs={"epsilon": 0.01},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=BAD_NORMALIZATIONS,
    ),
    LayerRow(
        Dropout,
        kwargs={"rate": 0.3, "seed": 5},
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
            ({"axis": 1}, "a non-empty list of integers"),
            ({"epsilon": "a"}, "a finite number"),
            ({"epsilon": float("nan")}, "a finite number"),
        ],
        bad_shapes=[
            ({"axis": [0, 1]}, [(2, 3, 4)], "distinct axes of inputs of rank 3, other than the batch and channel axes"),
            (
                {"axis": [1, -1]},
                [(2, 3, 4)],
                "distinct axes of inputs of rank 3, other than the batch and channel axes",
            ),
            (
                {"axis": [1, 1]},
                [(2, 3, 4, 5)],
                "distinct axes of inputs of rank 4, other than the batch and channel axes",
            ),
            ({}, [(2, 3)], "distinct axes of inputs of rank 2"),
        ],
    ),
    LayerRow(
        MaxUnpooling2D,
        kwargs={"pool_size": [3, 2], "strides": [2, 1], "padding": "VALID"},
        inputs=(Data((3, 4, 2)), Data((3, 4, 2), "int32", 0, 70)),
        bad=[
            ({"pool_size": 0}, "a positive integer"),
            ({"strides": [1, 2, 3]}, "a positive integer or a pair of positive integers"),
            ({"padding": "FULL"}, "'SAME' or 'VALID'"),
        ],
    ),
    LayerRow(
        MaxUnpooling2DV2,
        kwargs={"output_size": [None, 5, 7, None]},
        inputs=(Data((3, 4, 2)), Data((3, 4, 2), "int32", 0, 70)),
        bad=[
            ({"output_size": [5, 7]}, "a sequence (batch, height, width, channels) with positive integers"),
            ({"output_size": [1, None, 7, 1]}, "a sequence (batch, height, width, channels) with positive integers"),
        ],
    ),
    LayerRow(
        SpatialPyramidPooling2D,
        kwargs={"bins": [1, [2, 3]]},
        inputs=Data((6, 7, 2)),
        time_axis=1,
        bad=[
            ({"bins": [0]}, "positive integers"),
            ({"bins": []}, "positive integers"),
            ({"data_format": "last"}, "'channels_last'"),
        ],
    ),
    LayerRow(
        SpatialPyramidPooling2D,
        name="SpatialPyramidPooling2D with channels first",
        kwargs={"bins": [2], "data_format": "channels_first"},
        inputs=Data((2, 6, 7)),
        bad=[({"bins": [[1, 2, 3]]}, "pairs of positive integers")],
    ),
    LayerRow(
        PoincareNormalize,
        kwargs={"axis": [1, 2], "epsilon": 0.1},
        inputs=Data((3, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"axis": "last"}, "an integer, a list of integers, or None"), ({"epsilon": 1.0}, "in [0, 1)")],
        bad_shapes=[
            ({"axis": 5}, [(2, 3)], "distinct axes of inputs of rank 2"),
            ({"axis": [1, -1]}, [(2, 3)], "distinct axes of inputs of rank 2"),
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
            ({"lower": 0.6}, "<= `upper` (0.5)"),
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
        bad=[({"frequency_initializer": "zeros"}, "an initializer other than zeros")],
    ),
    LayerRow(
        GELU,
        kwargs={"approximate": False},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"approximate": "tanh"}, "True or False"), ({"approximate": None}, "True or False")],
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
        bad_shapes=[({}, [(2, 5)], "a list of two tensors")],
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
        bad=[({"shared_axes": [0]}, "positive integers (0 is the batch axis)")],
        bad_shapes=[
            ({"shared_axes": None}, [(2, None, 5)], "have a known shape except for the batch axis"),
            ({"shared_axes": [3]}, [(2, 3, 5)], "valid axes for inputs"),
        ],
    ),
    LayerRow(
        CorrelationCost,
        kwargs={"kernel_size": 3, "max_displacement": 2, "stride_1": 2, "stride_2": 1, "pad": 2},
        inputs=([Data((8, 7, 3)), Data((8, 7, 3))],),
        bad=[
            ({"kernel_size": 2}, "an odd integer"),
            ({"stride_2": 0}, "an integer >= 1"),
            ({"data_format": "last"}, "'channels_last'"),
        ],
    ),
    LayerRow(
        EmbeddingBag,
        kwargs={
            "input_dim": 9,
            "output_dim": 4,
            "embeddings_initializer": "normal",
            "embeddings_regularizer": "l2",
            "embeddings_constraint": "non_neg",
            "combiner": "mean",
        },
        inputs=Data((5, 6), "int32", 0, 9),
        time_axis=1,
        bad=[({"input_dim": 0}, "a positive integer"), ({"combiner": "max"}, "'sum', 'mean' or 'sqrtn'")],
    ),
    LayerRow(
        EmbeddingBag,
        name="EmbeddingBag with weights",
        kwargs={"input_dim": 9, "output_dim": 4},
        inputs=(Data((6,), "int32", 0, 9), Data((6,))),
        bad=[({"output_dim": 0.5}, "a positive integer")],
    ),
    LayerRow(
        HubLayer,
        kwargs={"handle": exported_module(), "save_weights": True, "output_key": "output_0", "output_shape": (3,)},
        inputs=Data((5,)),
        supports_jit=False,
        safe_mode=False,
        supports_integers=False,  # the module determines the dtypes of its inputs
        bad=[
            ({"handle": "nowhere"}, "a folder with a saved_model.pb"),
            ({"signature": "none"}, "one of the signatures ['serve',"),
        ],
    ),
    LayerRow(
        NetVLAD,
        kwargs={"num_clusters": 3},
        inputs=Data((6, 5)),
        time_axis=1,
        uses_mask=True,
        bad=[({"num_clusters": 0}, "a positive integer")],
    ),
    LayerRow(
        weight_normalized,
        name="WeightNormalization",
        kwargs={"data_init": False},
        inputs=Data((5,)),
        bad=[({"layer": "dense"}, "a Keras layer"), ({"data_init": "data"}, "True, False or 'paper'")],
    ),
    LayerRow(
        weight_normalized,
        name="WeightNormalization of a recurrent layer",
        kwargs={"data_init": False, "kind": "LSTM", "return_sequences": True},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        uses_mask=True,
        bad=[({"layer": None}, "a Keras layer")],
    ),
    LayerRow(
        FakeQuantization,
        kwargs={"num_bits": 6, "narrow_range": True, "momentum": 0.9},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        straight_through=True,
        half_tolerance=0.04,  # more than one step: values between two levels may be rounded to either
        bad=[
            ({"num_bits": 1}, "an integer from 2 to 16"),
            ({"num_bits": 8.0}, "an integer from 2 to 16"),
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
            ({"layer": keras.layers.ReLU()}, "an instance of one of the classes Dense, Conv1D,"),
            ({"layer": "dense"}, "an instance of one of the classes Dense, Conv1D,"),
            ({"num_bits": 20}, "an integer from 2 to 16"),
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
        bad=[({"num_bits": "8"}, "an integer from 2 to 16")],
    ),
    LayerRow(
        LearnableExponential,
        kwargs={"scale_initializer": "uniform", "offset_initializer": "ones"},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
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
            ({"noise_shape": "zz"}, "a sequence of positive integers"),
            ({"noise_shape": (0, 1)}, "a sequence of positive integers"),
        ],
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
        Standardization,
        kwargs={"axis": [-1]},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"axis": 0}, "a nonzero integer, a sequence of nonzero integers, or None"),
            ({"axis": "last"}, "a nonzero integer, a sequence of nonzero integers, or None"),
        ],
    ),
]
