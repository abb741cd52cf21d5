"""Layer that replaces missing values."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, plain
from tensorsmith.core.types import Tensor

OUTPUTS = ("values", "indicator")
CASTS = ("int64", "float32", "float64")


@export
class Imputer(keras.layers.Layer):
    """Layer that replaces missing values, or indicates them.

    The arguments are those of `sklearn.impute.SimpleImputer` after its fit. A `FeatureSpec` computes `fill_value` from
    the data; see `Impute`.

    Formula:

        y = fill_value if x is NaN or x = missing_value, otherwise x

    Args:
        fill_value: Value that replaces missing values: a string for inputs of strings, otherwise a number.
        missing_value: Value that marks missing values. Numbers that are NaN are missing in addition. If `None`, it is
            an empty string for strings, and only NaN is missing for numbers.
        output: "values" for the inputs without missing values, or "indicator" for 1 at missing values and 0 elsewhere.
        cast: Dtype of the output of numbers: "int64", "float32" or "float64". If `None`, the dtype of the inputs.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`. `dtype` is the dtype of indicators.

    Call arguments:
        inputs: A tensor of numbers or strings.

    Input shape:
        Any shape.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If an argument is invalid, or if the inputs are strings and `fill_value` is a number or vice versa.

    Example:
        >>> import numpy as np
        >>> print(Imputer(2.0)(np.array([1.0, np.nan])).numpy())
        [1. 2.]
        >>> print(Imputer("?")(np.array(["a", ""])).numpy())
        [b'a' b'?']
    """

    def __init__(
        self,
        fill_value: str | float,
        missing_value: str | float | None = None,
        output: str = "values",
        cast: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would round the values
        check(output in OUTPUTS, "output", output, " or ".join(map(repr, OUTPUTS)))
        check(cast in (None, *CASTS), "cast", cast, f"None or {' or '.join(map(repr, CASTS))}")
        fill_value, missing_value = plain(fill_value), plain(missing_value)
        check(isinstance(fill_value, str | int | float), "fill_value", fill_value, "a number or a string")
        text = isinstance(fill_value, str)
        fits = missing_value is None or isinstance(missing_value, str if text else int | float)
        check(fits, "missing_value", missing_value, f"None or a {'string' if text else 'number'}, like `fill_value`")
        check(not (text and cast), "cast", cast, "None for strings")
        self.fill_value, self.missing_value, self.output_mode, self.cast = fill_value, missing_value, output, cast

    def call(self, inputs: Tensor) -> Tensor:
        """Replaces or indicates the missing values."""
        values = tf.convert_to_tensor(inputs)
        text = values.dtype == tf.string
        expected = "a tensor of strings" if isinstance(self.fill_value, str) else "a tensor of numbers"
        check(text == isinstance(self.fill_value, str), "inputs", values.dtype.name, expected)
        missing = tf.zeros_like(values, tf.bool)
        if text or self.missing_value is not None:
            missing = values == tf.cast(self.missing_value or ("" if text else 0), values.dtype)
        if values.dtype.is_floating:
            missing |= tf.math.is_nan(values)
        if self.output_mode == "indicator":
            return tf.cast(missing, self.compute_dtype)
        if text:
            return tf.where(missing, tf.constant(self.fill_value), values)
        # Missing values are replaced after the cast to float, and before the cast to integers, which have no NaN.
        values = tf.cast(values, self.cast) if self.cast in ("float32", "float64") else values
        filled = tf.where(missing, tf.cast(self.fill_value, values.dtype), values)
        return tf.cast(filled, self.cast) if self.cast else filled

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {
            **super().get_config(),
            "fill_value": self.fill_value,
            "missing_value": self.missing_value,
            "output": self.output_mode,
            "cast": self.cast,
        }
