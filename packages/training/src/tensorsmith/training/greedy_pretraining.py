"""Greedy layer-wise pretraining of stacked autoencoders."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike


def pretrain_layers(
    encoder: Sequence[keras.Layer],
    decoder: Sequence[keras.Layer],
    inputs: TensorLike,
    train: Callable[[keras.Model, np.ndarray, int], object],
    batch_size: int = 500,
) -> None:
    """Pretrain the layers of a stacked autoencoder one after another.

    Each layer of the encoder forms a shallow autoencoder with the layer of the decoder that inverts it. The first one
    is trained on the inputs, and each of the next ones on the codes that the layers before it compute. The layers are
    trained in place. Use them afterwards in one model, with or without training it further.

    Sources: Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006; Bengio et al.,
    "Greedy Layer-Wise Training of Deep Networks", 2007.

    Args:
        encoder: Layers of the encoder, from the inputs to the code.
        decoder: As many layers of the decoder, from the code to the outputs. Its last layer inverts the first one of
            the encoder.
        inputs: Training examples, with a batch axis.
        train: Function that trains a model. It is called with the shallow autoencoder, its inputs, which are also its
            targets, and the index of the layer in the encoder.
        batch_size: Number of examples per step when codes are computed.

    Raises:
        ValueError: If there are no layers, if the numbers of layers differ, or if a layer of the decoder does not
            restore the shape of the inputs of its layer of the encoder.

    Example:
        >>> import keras, numpy as np
        >>> encoder = [keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
        >>> decoder = [keras.layers.Dense(8, "relu"), keras.layers.Dense(16)]
        >>> def train(model, inputs, index):
        ...     model.compile("adam", "mse")
        ...     model.fit(inputs, inputs, verbose=0)
        >>> pretrain_layers(encoder, decoder, np.random.default_rng(0).random((64, 16)), train)
        >>> model = keras.Sequential([keras.Input((16,)), *encoder, *decoder])
    """
    check(len(encoder) > 0, "encoder", Verbatim("no layers"), "at least one layer")
    received = Verbatim(f"{len(decoder)} layers")
    check(len(decoder) == len(encoder), "decoder", received, f"{len(encoder)} layers, as the encoder")
    codes = np.asarray(keras.ops.convert_to_numpy(inputs))
    for index, (encode, decode) in enumerate(zip(encoder, reversed(decoder), strict=True)):
        shape = codes.shape[1:]
        half = keras.Sequential([keras.Input(shape), encode])
        model = keras.Sequential([half.inputs[0], half, decode])
        received = Verbatim(f"layer {len(decoder) - 1 - index} with the output shape {model.output_shape[1:]}")
        check(
            model.output_shape[1:] == shape, "decoder", received, f"{shape}, the input shape of encoder layer {index}"
        )
        train(model, codes, index)
        if index + 1 < len(encoder):
            codes = half.predict(codes, batch_size=batch_size, verbose=0)
