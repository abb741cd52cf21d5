"""Monte Carlo dropout for models that are trained already."""

from typing import Any

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.layers.convert_layers import convert_layers
from tensorsmith.layers.mc_alpha_dropout import MCAlphaDropout
from tensorsmith.layers.mc_dropout import MCDropout

SPATIAL = {keras.layers.SpatialDropout1D: 1, keras.layers.SpatialDropout2D: 2, keras.layers.SpatialDropout3D: 3}


def to_monte_carlo(model: Any) -> Any:
    """A copy of a trained model whose dropout stays active in inference, for predictions that tell how sure they are.

    `keras.layers.Dropout`, `SpatialDropout1D`, `2D` and `3D` become `MCDropout`, and `AlphaDropout` becomes
    `MCAlphaDropout`, in models within the model, too. Everything else behaves as in inference, batch normalization
    included. The weights are copied: to train one of the two models does not change the other.

    Dropout that is no layer of the model stays what it is: the `dropout` of recurrent layers and of attention, and
    layers within other layers.

    Source: Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016.

    Args:
        model: A functional or Sequential model.

    Returns:
        The copy.

    Raises:
        ValueError: `model` is no such model, or has no dropout.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)])
        >>> x = keras.ops.ones((1, 100))
        >>> sorted({float(y) for y in to_monte_carlo(model)(x)[0]})
        [0.0, 2.0]
    """
    count = 0

    def convert(layer: Any) -> Any:
        nonlocal count
        new = _monte_carlo(layer)
        count += isinstance(new, MCDropout | MCAlphaDropout)
        return new

    copy = convert_layers(model, convert)
    check(count > 0, "model", Verbatim(f"{model.name!r} without dropout"), "a model with layers of dropout")
    return copy


def _monte_carlo(layer: Any) -> Any:
    kind, config = type(layer), layer.get_config()
    if kind is keras.layers.Dropout:
        return MCDropout.from_config(config)
    if kind is keras.layers.AlphaDropout:
        return MCAlphaDropout.from_config(config)
    if kind in SPATIAL:
        shared = [1] * SPATIAL[kind]
        first = config.pop("data_format", "channels_last") == "channels_first"
        return MCDropout.from_config(
            {**config, "noise_shape": [None, None, *shared] if first else [None, *shared, None]}
        )
    return layer
