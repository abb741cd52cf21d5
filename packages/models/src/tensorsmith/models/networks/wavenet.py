"""WaveNet for sequences of numbers."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation
from tensorsmith.layers import WaveNetBlock
from tensorsmith.models.networks._support.arguments import chosen_size


class Size(NamedTuple):
    """Size of a WaveNet.

    Attributes:
        blocks: Number of stacks of dilated convolutions.
        layers: Number of convolutions of a stack, with the dilations 1, 2, 4, ...
        filters: Number of filters of each convolution.
        gated: If `True`, the convolutions have gated activations, residual and skip connections, as in the paper.
        parameters: Number of parameters with 1 input feature and 10 outputs.
    """

    blocks: int
    layers: int
    filters: int
    gated: bool
    parameters: int


# Simplified: Géron, 2019, chapter 15. Original: van den Oord et al., 2016, section 2.4, with three stacks of dilations
# up to 512; the number of filters is not published.
SIZES = {
    "simplified": Size(2, 4, 20, False, 6_010),
    "original": Size(3, 10, 32, True, 189_642),
}


def wavenet(
    size: str,
    input_shape: tuple[int | None, int] = (None, 1),
    outputs: int = 1,
    filters: int | None = None,
    blocks: int | None = None,
    output_activation: Activation | None = None,
) -> keras.Model:
    """Build a WaveNet: stacks of causal convolutions whose dilation doubles from layer to layer.

    The outputs at each step depend on the inputs of this step and of earlier ones only. The simplified network of
    convolutions with ReLU sees 31 steps, the original one 3,071.

    Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016.

    Args:
        size: "simplified" (2 stacks of 4 convolutions) or "original" (3 stacks of 10 gated convolutions with residual
            and skip connections).
        input_shape: Number of steps, which may be `None`, and number of features.
        outputs: Number of outputs at each step, such as the number of steps to forecast.
        filters: Number of filters of each convolution. If `None`, that of the size.
        blocks: Number of stacks. If `None`, that of the size.
        output_activation: Activation of the outputs. If `None`, there is none.

    Returns:
        A functional model that maps sequences to a tensor of shape `(batch, steps, outputs)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> wavenet("simplified", (None, 1), outputs=10).count_params()
        6010
    """
    chosen = chosen_size(size, SIZES)
    valid = isinstance(input_shape, tuple | list) and len(input_shape) == 2
    steps, features = input_shape if valid else (0, 0)
    valid = valid and (steps is None or _is_positive(steps)) and _is_positive(features)
    check(
        valid, "input_shape", input_shape, "(steps, features) with positive integers, or None for any number of steps"
    )
    check(_is_positive(outputs), "outputs", outputs, "a positive integer")
    for name, number in (("filters", filters), ("blocks", blocks)):
        check(number is None or _is_positive(number), name, number, "a positive integer or None")
    filters = chosen.filters if filters is None else filters
    count = chosen.blocks if blocks is None else blocks

    inputs = x = keras.Input(tuple(input_shape))
    if chosen.gated:
        x = layers.Conv1D(filters, 2, padding="causal")(x)
        skipped = []
        for _ in range(count):
            x, skip = WaveNetBlock(filters, chosen.layers)(x)
            skipped.append(skip)
        x = layers.ReLU()(layers.Add()([*skipped, x]))  # with x, as else the last residual weights would not be used
        x = layers.Conv1D(filters, 1, activation="relu")(x)
    else:
        for _ in range(count):
            for layer in range(chosen.layers):
                x = layers.Conv1D(filters, 2, padding="causal", dilation_rate=2**layer, activation="relu")(x)
    x = layers.Conv1D(outputs, 1)(x)
    x = layers.Activation(output_activation, dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name=f"wavenet_{size}")


def _is_positive(number: object) -> bool:
    return bool(is_integer(number) and number > 0)  # type: ignore[operator]
