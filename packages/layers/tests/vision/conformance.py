import keras

from tensorsmith.layers import (
    AdaIN,
    BottleneckUnit,
    EqualizedLearningRate,
    FilterResponseNormalization,
    InceptionModule,
    LearnedAveragePooling2D,
    LocalResponseNormalization,
    MinibatchStandardDeviation,
    ModulatedConv2D,
    NoiseInjection,
    PixelNormalization,
    RBFOutput,
    ResidualDense,
    ResidualUnit,
    SparselyConnectedConv2D,
    SqueezeExcitation,
)
from tensorsmith.testing import Data, LayerRow

IMAGES = Data((6, 5, 4))
STYLED = ([IMAGES, Data((3,))],)  # a list, i.e. a single argument
BAD_EPSILON = ({"epsilon": 0.0}, "a positive number")


def equalized(layer=..., gain=0.5, kind="Dense", **options):
    """Returns an `EqualizedLearningRate` around a new layer."""
    return EqualizedLearningRate(getattr(keras.layers, kind)(3, **options) if layer is ... else layer, gain)


ROWS = [
    LayerRow(
        AdaIN,
        kwargs={"epsilon": 0.1, "kernel_initializer": "uniform"},
        inputs=STYLED,
        bad=[BAD_EPSILON],
    ),
    LayerRow(
        BottleneckUnit,
        kwargs={"filters": 8, "strides": 2, "activation": "silu", "squeeze_ratio": 4, "kernel_regularizer": "l2"},
        inputs=IMAGES,
        time_axis=1,
        bad=[
            ({"filters": 6}, "a positive multiple of 4"),
            ({"strides": 0}, "a positive integer"),
            ({"squeeze_ratio": 0}, "a positive integer or None"),
            ({"normalization": "layer"}, "'batch', a Keras layer or None"),
        ],
    ),
    LayerRow(
        equalized,
        name="EqualizedLearningRate",
        kwargs={"activation": "elu", "bias_initializer": "uniform"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"layer": "dense"}, "a dense layer, a convolution or a transposed convolution"),
            ({"layer": keras.layers.DepthwiseConv2D(3)}, "a dense layer, a convolution or a transposed convolution"),
            ({"gain": 0}, "a positive number"),
        ],
    ),
    LayerRow(
        equalized,
        name="EqualizedLearningRate of a transposed convolution",
        kwargs={"kind": "Conv2DTranspose", "kernel_size": 3, "strides": 2},
        inputs=IMAGES,
        bad=[],
    ),
    LayerRow(
        InceptionModule,
        kwargs={
            "filters_1x1": 2,
            "filters_3x3_reduce": 3,
            "filters_3x3": 4,
            "filters_5x5_reduce": 2,
            "filters_5x5": 3,
            "filters_pool": 1,
            "activation": "elu",
            "kernel_initializer": "glorot_uniform",
            "kernel_regularizer": "l2",
        },
        inputs=IMAGES,
        time_axis=1,
        bad=[
            ({"filters_5x5": 0}, "a positive integer"),
            ({"filters_pool": 1.5}, "a positive integer"),
            ({"normalization": 3}, "'batch', a Keras layer or None"),
        ],
    ),
    LayerRow(
        LearnedAveragePooling2D,
        kwargs={
            "pool_size": [2, 3],
            "strides": 2,
            "padding": "same",
            "activation": "tanh",
            "coefficient_initializer": "uniform",
            "bias_initializer": "uniform",
        },
        inputs=IMAGES,
        time_axis=1,
        bad=[
            ({"pool_size": 0}, "a positive integer or a pair of positive integers"),
            ({"strides": [1, 2, 3]}, "a positive integer, a pair of positive integers, or None"),
            ({"padding": "full"}, "'valid' or 'same'"),
            ({"data_format": "last"}, "'channels_last'"),
        ],
    ),
    LayerRow(
        LocalResponseNormalization,
        kwargs={"alpha": 0.7, "beta": 0.6, "bias": 1.5, "depth_radius": 1},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"alpha": -1.0}, "a non-negative number"),
            ({"beta": 0}, "a positive number"),
            ({"bias": 0}, "a positive number"),
            ({"depth_radius": -1}, "a non-negative integer"),
        ],
    ),
    LayerRow(
        LocalResponseNormalization,
        name="LocalResponseNormalization of a size",
        kwargs={"alpha": 0.7, "beta": 0.6, "size": 4},
        inputs=IMAGES,
        bad=[({"size": 0}, "a positive integer")],
    ),
    LayerRow(
        MinibatchStandardDeviation,
        kwargs={"group_size": 3, "epsilon": 0.01},
        inputs=IMAGES,
        bad=[({"group_size": 0}, "a positive integer or None"), BAD_EPSILON],
    ),
    LayerRow(
        ModulatedConv2D,
        kwargs={
            "filters": 3,
            "kernel_size": 3,
            "activation": "silu",
            "epsilon": 0.01,
            "kernel_initializer": "he_normal",
            "bias_initializer": "uniform",
        },
        inputs=STYLED,
        bad=[
            ({"filters": 0}, "a positive integer"),
            ({"kernel_size": [3, 3]}, "a positive integer"),
            BAD_EPSILON,
        ],
    ),
    LayerRow(
        ModulatedConv2D,
        name="ModulatedConv2D without demodulation",
        kwargs={"filters": 3, "kernel_size": 1, "demodulate": False, "use_bias": False},
        inputs=STYLED,
        bad=[],
    ),
    LayerRow(
        NoiseInjection,
        kwargs={"strength_initializer": "ones", "seed": 5},
        inputs=IMAGES,
        random=True,
        time_axis=1,
        passes_mask=True,
        bad=[({"seed": 0.5}, "an integer or None")],
    ),
    LayerRow(
        PixelNormalization,
        kwargs={"epsilon": 0.1},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[BAD_EPSILON],
    ),
    LayerRow(
        RBFOutput,
        kwargs={"units": 3, "kernel_initializer": "uniform", "kernel_regularizer": "l2"},
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"units": 0}, "a positive integer")],
    ),
    LayerRow(
        ResidualDense,
        kwargs={
            "units": 5,
            "num_layers": 3,
            "activation": "tanh",
            "kernel_initializer": "he_uniform",
            "kernel_regularizer": "l2",
        },
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"units": 0}, "a positive integer"), ({"num_layers": 0}, "a positive integer")],
    ),
    LayerRow(
        ResidualDense,
        name="ResidualDense that changes the number of features",
        kwargs={"units": 3},
        inputs=Data((5,)),
        bad=[({"units": "3"}, "a positive integer")],
    ),
    LayerRow(
        ResidualUnit,
        kwargs={"filters": 4, "activation": "elu", "kernel_initializer": "he_uniform"},
        inputs=IMAGES,
        time_axis=1,
        bad=[({"filters": 0}, "a positive integer"), ({"strides": 1.5}, "a positive integer")],
    ),
    LayerRow(
        ResidualUnit,
        name="ResidualUnit with another normalization",
        kwargs={"filters": 3, "strides": 2, "activation": "elu", "normalization": FilterResponseNormalization(0.1)},
        inputs=IMAGES,
        bad=[({"squeeze_ratio": 1.5}, "a positive integer or None")],
    ),
    LayerRow(
        SparselyConnectedConv2D,
        kwargs={
            "connections": [[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1]],
            "kernel_size": [2, 3],
            "strides": 2,
            "padding": "same",
            "activation": "tanh",
            "kernel_initializer": "he_normal",
            "bias_initializer": "uniform",
            "kernel_regularizer": "l2",
        },
        inputs=IMAGES,
        time_axis=1,
        bad=[
            ({"connections": [[1, 0], [1, 0]]}, "at least one 1 in each column"),
            ({"connections": [[1, 2]]}, "a table of zeros and ones"),
            ({"connections": [[1, 0], [1]]}, "a table of zeros and ones"),
            ({"connections": 3}, "a table of zeros and ones"),
            ({"kernel_size": 0}, "a positive integer or a pair of positive integers"),
            ({"strides": [1, 2, 3]}, "a positive integer or a pair of positive integers"),
            ({"padding": "full"}, "'valid' or 'same'"),
        ],
    ),
    LayerRow(
        SqueezeExcitation,
        kwargs={"ratio": 2, "activation": "elu", "kernel_initializer": "uniform", "kernel_regularizer": "l2"},
        inputs=IMAGES,
        time_axis=1,
        bad=[({"ratio": 0}, "a positive integer")],
    ),
]
