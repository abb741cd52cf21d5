"""Wrapper that calls a layer in training mode at inference."""

import functools
import inspect
from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import NestedTensors, Shapes


@export
class MonteCarlo(keras.layers.Wrapper):
    """Wrapper that always calls a layer in training mode, for example to apply the dropout of recurrent layers.

    Around dropout and noise layers, it corresponds to what `MCDropout` does for `keras.layers.Dropout`. Around a layer
    with batch normalization, it would normalize with the statistics of the batch, and update the moving statistics.

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016.

    Args:
        layer: Layer whose `call` method accepts the argument `training`.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        Same as those of the wrapped layer. `training` is ignored.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is not a Keras layer, or its `call` does not accept `training`.

    Example:
        >>> import keras
        >>> layer = MonteCarlo(keras.layers.LSTM(8, recurrent_dropout=0.5, seed=1))
        >>> x = keras.ops.ones((1, 5, 3))
        >>> bool(keras.ops.all(layer(x) == layer(x)))
        False
    """

    def __init__(self, layer: keras.Layer, **kwargs: Any):
        check(isinstance(layer, keras.layers.Layer), "layer", layer, "a Keras layer")
        arguments = inspect.signature(layer.call).parameters
        check("training" in arguments, "layer", layer, "a layer whose `call` method accepts `training`")
        # Keras distinguishes tensors, masks and other arguments by the signature of the layer.
        self.call = functools.wraps(layer.call)(functools.partial(self.call))  # type: ignore[method-assign]
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Builds the wrapped layer. If no shapes are given, it is built on the first call."""
        if (args or kwargs) and not self.layer.built:
            self.layer.build(*args, **kwargs)

    def get_build_config(self) -> None:
        """Returns `None`, because the wrapped layer stores its own input shapes."""

    def call(self, *args: Any, **kwargs: Any) -> NestedTensors:
        """Calls the wrapped layer in training mode."""
        return self.layer(*args, **{**kwargs, "training": True})

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the output spec of a call, and builds the wrapped layer."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Shapes:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(*args, **kwargs)

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """Returns the output mask of the wrapped layer."""
        return self.layer.compute_mask(*args, **kwargs)
