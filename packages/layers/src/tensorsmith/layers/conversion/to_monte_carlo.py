"""Conversion of trained models to Monte Carlo dropout, for uncertainty estimates."""

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.layers._support.inner_layers import inner_layers
from tensorsmith.layers.attention.addons_multi_head_attention import AddonsMultiHeadAttention
from tensorsmith.layers.conversion.convert_layers import convert_layers
from tensorsmith.layers.regularization.dropout import Dropout
from tensorsmith.layers.regularization.mc_alpha_dropout import MCAlphaDropout
from tensorsmith.layers.regularization.mc_dropout import MCDropout
from tensorsmith.layers.regularization.scheduled_dropout import ScheduledDropout
from tensorsmith.layers.wrappers.monte_carlo import MonteCarlo

DROPOUT = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    ScheduledDropout,
)
ATTENTION = (
    keras.layers.Attention,
    keras.layers.GroupQueryAttention,
    keras.layers.MultiHeadAttention,
    AddonsMultiHeadAttention,
)
DONE = (MCDropout, MCAlphaDropout, MonteCarlo)
SPATIAL = {keras.layers.SpatialDropout1D: 1, keras.layers.SpatialDropout2D: 2, keras.layers.SpatialDropout3D: 3}


def to_monte_carlo(model: keras.Model) -> keras.Model:
    """Returns a copy of a trained model whose dropout stays active at inference, for uncertainty estimates.

    `keras.layers.Dropout` and `SpatialDropout1D`, `2D` and `3D` become `MCDropout`, and `AlphaDropout` becomes
    `MCAlphaDropout`, also in nested models. Other layers with dropout are wrapped in `MonteCarlo`: subclasses of these,
    `GaussianDropout`, `ScheduledDropout`, recurrent and attention layers with dropout, and all of these inside
    `keras.layers.Bidirectional` or `TimeDistributed`. All other layers run in inference mode, including batch
    normalization and additive noise. The weights are copied: training one of the two models does not change the other.

    Source: Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016.

    Args:
        model: Built functional or Sequential model.

    Returns:
        A copy of the model.

    Raises:
        ValueError: If `model` is not a built functional or Sequential model, has no dropout, or has dropout inside
            layers where it cannot be replaced.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)])
        >>> x = keras.ops.ones((1, 100))
        >>> sorted({float(y) for y in to_monte_carlo(model)(x)[0]})
        [0.0, 2.0]
    """
    count = 0
    left: list[str] = []

    def convert(layer: keras.Layer) -> keras.Layer | None:
        nonlocal count
        new = _monte_carlo(layer)
        count += isinstance(new, DONE)
        if new is layer and not isinstance(layer, DONE):
            inner = inner_layers(layer, skipped=DONE)
            left.extend(f"{layer.name}/{one.name}" for one in inner if _drops(one))
        return new

    copy = convert_layers(model, convert)
    remedy = "add the dropout layers to the model directly, or wrap the layers that contain them in `MonteCarlo`"
    check(
        not left,
        "model",
        Verbatim(f"dropout in {', '.join(left)}"),
        "use separate layers for dropout",
        remedy,
    )
    check(count > 0, "model", Verbatim(f"{model.name!r} without dropout"), "contain dropout layers")
    return copy


def _monte_carlo(layer: keras.Layer) -> keras.Layer:
    kind, config = type(layer), layer.get_config()
    if kind in (keras.layers.Dropout, Dropout):
        return MCDropout.from_config(config)
    if kind is keras.layers.AlphaDropout:
        return MCAlphaDropout.from_config(config)
    if kind in SPATIAL:
        shared = [1] * SPATIAL[kind]
        first = config.pop("data_format", "channels_last") == "channels_first"
        return MCDropout.from_config(
            {**config, "noise_shape": [None, None, *shared] if first else [None, *shared, None]}
        )
    if _drops(layer) and not isinstance(layer, DONE):
        return MonteCarlo(kind.from_config(config), name=layer.name)
    return layer


def _drops(layer: keras.Layer) -> bool:
    """Returns `True` if the layer is a dropout layer or applies dropout internally."""
    if isinstance(layer, keras.layers.Bidirectional):
        return _drops(layer.forward_layer) or _drops(layer.backward_layer)
    if isinstance(layer, keras.layers.TimeDistributed):
        return _drops(layer.layer)
    if isinstance(layer, keras.layers.RNN):
        cells = getattr(layer.cell, "cells", [layer.cell])  # stacked cells, or a single one
        return any(getattr(cell, name, 0) > 0 for cell in cells for name in ("dropout", "recurrent_dropout"))
    return isinstance(layer, DROPOUT) or (isinstance(layer, ATTENTION) and layer.dropout > 0)
