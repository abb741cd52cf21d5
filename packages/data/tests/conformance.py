import keras

from tensorsmith.data.preprocessing import Bucketizer, CalendarPart, FeatureModel, Imputer, Vocabulary
from tensorsmith.testing import Data, LayerRow

TOKENS = [7, 2, 5, -1]
BAD = [
    ({"oov": "middle"}, "'first' or 'last'"),
    ({"output": "ints"}, "'int' or 'one_hot'"),
    ({"keys": "bytes"}, "'string' or 'int64'"),
    ({"oov_buckets": 0}, "a positive integer"),
    ({"limit": 0}, "a positive integer or None"),
    ({"vocabulary": [1, 1]}, "a sequence of distinct tokens of type int"),
    ({"vocabulary": ["1"]}, "tokens of type int"),
    ({"reserved": [1, 1]}, "a sequence of distinct tokens of type int"),
]


def feature_model(units=3, **features):
    """Returns a model with a dense layer whose inputs are `x` and `y`; other features are ignored."""
    dtype = keras.config.dtype_policy().variable_dtype
    inputs = {name: keras.Input((2,), dtype=dtype, name=name) for name in ("x", "y")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    return FeatureModel(inputs, keras.layers.Dense(units, kernel_initializer="glorot_normal")(joined))


ROWS = [
    LayerRow(
        Bucketizer,
        kwargs={"boundaries": [-0.5, 0.1, 0.7], "bins": 5, "output": "one_hot"},
        inputs=Data((6, 4)),
        time_axis=1,
        straight_through=True,  # the layer has no gradient
        bad=[
            ({"boundaries": [1.0, 1.0]}, "strictly increasing, finite numbers"),
            ({"boundaries": []}, "strictly increasing, finite numbers"),
            ({"boundaries": [0.0, float("inf")]}, "strictly increasing, finite numbers"),
            ({"boundaries": None, "bins": None}, "numbers"),
            ({"bins": 1}, "an integer >= 2"),
            ({"output": "count"}, "'int' or 'one_hot'"),
        ],
    ),
    LayerRow(
        CalendarPart,
        kwargs={"part": "month", "unit": "seconds", "output": "one_hot"},
        inputs=Data((6,), "int64", -(10**9), 10**9),
        time_axis=1,
        bad=[
            ({"output": "count"}, "'int' or 'one_hot'"),
            ({"part": "week"}, "'month' or 'day' or 'weekday' or 'hour'"),
            ({"unit": "hours"}, "'days' or 'seconds'"),
            ({"part": "hour", "unit": "days"}, "'seconds' for the hour"),
        ],
    ),
    LayerRow(
        Imputer,
        kwargs={"fill_value": 0.5, "missing_value": -1, "output": "indicator"},
        inputs=Data((6,), "int64", -1, 2),
        time_axis=1,
        bad=[
            ({"output": "mask"}, "'values' or 'indicator'"),
            ({"cast": "int32"}, "None or 'int64' or 'float32' or 'float64'"),
            ({"fill_value": None}, "a number or a string"),
            ({"missing_value": "?"}, "None or a number, like `fill_value`"),
            ({"fill_value": "a", "missing_value": None, "cast": "int64"}, "None for strings"),
        ],
    ),
    LayerRow(
        Vocabulary,
        kwargs={
            "vocabulary": TOKENS,
            "oov_buckets": 3,
            "oov": "last",
            "output": "multi_hot",
            "limit": 9,
            "keys": "int64",
        },
        inputs=Data((6,), "int64", -5, 9),
        supports_jit=False,
        time_axis=1,
        bad=BAD,
    ),
    LayerRow(
        Vocabulary,
        name="Vocabulary of one-hot vectors",
        kwargs={"vocabulary": TOKENS, "output": "one_hot", "keys": "int64"},
        inputs=Data((6,), "int32", -5, 9),
        supports_jit=False,
        time_axis=1,
        bad=BAD,
    ),
    LayerRow(
        Vocabulary,
        name="Vocabulary of TF-IDF",
        kwargs={
            "vocabulary": TOKENS,
            "oov_buckets": 2,
            "output": "tf_idf",
            "formula": "inverse_log",
            "idf_weights": [0.5, 1.0, 1.5, 3.0],
            "keys": "int64",
        },
        inputs=Data((6,), "int64", -5, 9),
        supports_jit=False,
        time_axis=1,
        bad=[
            *BAD,
            ({"formula": "sklearn"}, "'keras' or 'inverse_log'"),
            ({"idf_weights": None}, "one for each token"),
            ({"idf_weights": [1.0]}, "one for each token"),
        ],
    ),
    LayerRow(
        feature_model,
        name="FeatureModel",
        inputs=({"x": Data((2,)), "y": Data((2,))},),
    ),
]
