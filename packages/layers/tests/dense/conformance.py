import keras

from tensorsmith.layers import Dense, DenseTranspose, EinsumDense, Maxout, NoisyDense, PolynomialCrossing
from tensorsmith.testing import Data, LayerRow


def tied(features=6, units=5, dense=None, **options):
    """Returns a `DenseTranspose` that is tied to a new dense layer."""
    if dense is None:
        dense = keras.layers.Dense(units)
        dense.build((None, features))
    return DenseTranspose(dense, **options)


ROWS = [
    LayerRow(
        Dense,
        kwargs={"units": 3, "activation": "gelu", "kernel_regularizer": "l2", "bias_initializer": "uniform"},
        inputs=Data((6, 4)),
        time_axis=1,
        passes_mask=True,
        bad=[({"units": 0}, "a positive integer"), ({"units": 2.5}, "a positive integer")],
    ),
    LayerRow(
        EinsumDense,
        kwargs={
            "equation": "abc,cde->abde",
            "output_shape": (None, 2, 3),
            "bias_axes": "de",
            "activation": "tanh",
            "kernel_regularizer": "l2",
        },
        inputs=Data((6, 4)),
        time_axis=1,
    ),
    LayerRow(
        Maxout,
        kwargs={"num_units": 3, "axis": 1},
        inputs=Data((6, 4)),
        bad=[
            ({"num_units": 0}, "a positive integer"),
            ({"axis": "last"}, "an integer"),
        ],
        bad_shapes=[
            ({"num_units": 4}, [(2, 6)], "a divisor of the number of features (6)"),
            ({"axis": 0}, [(2, 6)], "a valid axis for inputs of rank 2, other than the batch axis"),
        ],
    ),
    LayerRow(
        NoisyDense,
        kwargs={
            "units": 3,
            "sigma": 0.3,
            "activation": "tanh",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
            "activity_regularizer": "l2",
            "seed": 5,
        },
        inputs=Data((6, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[
            ({"units": 0}, "a positive integer"),
            ({"sigma": -1.0}, "a non-negative number"),
            ({"seed": 0.5}, "an integer or None"),
        ],
        bad_shapes=[({}, [(2, None)], "have a known number of features")],
    ),
    LayerRow(
        NoisyDense,
        name="NoisyDense with independent noise",
        kwargs={"units": 3, "use_factorised": False, "use_bias": False, "seed": 5},
        inputs=Data((5,)),
        bad=[({"units": "3"}, "a positive integer")],
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
            ({"diag_scale": -1.0}, "a non-negative number"),
        ],
        bad_shapes=[
            ({"projection_dim": 3}, [[(2, 5), (2, 5)]], "at most half the number of features (5)"),
            ({}, [(2, 5)], "a pair of tensors, (x0, x)"),
            ({}, [[(2, None), (2, None)]], "have a known number of features"),
        ],
    ),
    LayerRow(
        tied,
        name="DenseTranspose",
        kwargs={"activation": "tanh", "bias_initializer": "uniform"},
        inputs=Data((4, 5)),
        time_axis=1,
        passes_mask=True,
        bad=[({"dense": "dense"}, "a keras.layers.Dense layer")],
    ),
]
