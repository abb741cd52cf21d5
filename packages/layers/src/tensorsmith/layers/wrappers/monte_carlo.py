"""Layers that do in inference what they do in training."""

import functools
import inspect
from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import NestedTensors, Shapes


@export
class MonteCarlo(keras.layers.Wrapper):
    """A layer that behaves as in training whatever `training` says: recurrent layers and attention keep their dropout.

    Around layers of dropout and noise alone it does what `MCDropout` does for `keras.layers.Dropout`. Around a layer
    with batch normalization it would normalize by the batch, and move its statistics.

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016.

    Args:
        layer: A layer that `training` makes a difference to.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        Those of the layer, by the same names; `training` has no effect.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is no Keras layer, or its call does not take `training`.

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
        check("training" in arguments, "layer", layer, "a layer whose call takes `training`")
        # With the layer's signature, by which Keras tells its tensors, masks and options from each other.
        self.call = functools.wraps(layer.call)(functools.partial(self.call))  # type: ignore[method-assign]
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Builds the layer by shapes that are given; without any it builds itself when it is called."""
        if (args or kwargs) and not self.layer.built:
            self.layer.build(*args, **kwargs)

    def get_build_config(self) -> None:
        """None: the layer, whose shapes may be several, has them in its own."""

    def call(self, *args: Any, **kwargs: Any) -> NestedTensors:
        """Calls the layer as in training."""
        return self.layer(*args, **{**kwargs, "training": True})

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """That of a call, which builds the layer, too."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Shapes:
        """That of the layer."""
        return self.layer.compute_output_shape(*args, **kwargs)

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """That of the layer."""
        return self.layer.compute_mask(*args, **kwargs)
