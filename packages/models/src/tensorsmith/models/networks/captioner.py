"""Image captioning model: a Transformer decoder that attends to the feature map of a convolutional network."""

import math

import keras
import tensorflow as tf
from keras import layers

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers import (
    Dense,
    Dropout,
    LayerNormalization,
    LearnedPositionalEncoding,
    SinusoidalPositionalEncoding,
)
from tensorsmith.models.networks._support.arguments import check_transformer, chosen_size, end_point
from tensorsmith.models.networks._support.blocks import scaled
from tensorsmith.models.networks._support.transformer_blocks import Sublayers
from tensorsmith.models.networks._support.transformer_decoder import (
    Step,
    TransformerState,
    decode_features,
    decoder_step,
    token_embedding,
)
from tensorsmith.models.networks.transformer import SIZES


def captioner(
    backbone: keras.Model,
    vocabulary_size: int,
    stride: int = 16,
    size: str = "base",
    width: float = 1.0,
    blocks: int | None = None,
    dropout: float = 0.1,
) -> keras.Model:
    """Build a model that describes an image: a Transformer decoder with attention to the cells of a feature map.

    The features of each cell are projected to the number of features of the decoder, a learned position is added, and
    the decoder is that of `transformer`, with layer normalization before attention and dense layers. `captioner_step`
    returns the step for the functions of `tensorsmith.seq2seq`, and `captioner_attention` the attention to the cells.

    The token 0 is padding at the end of a caption. Logits have no mask, so that padded steps must be excluded by the
    loss, such as `keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)`.

    Source: Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", 2015, with a
    recurrent decoder; decoder: Vaswani et al., "Attention Is All You Need", 2017.

    Args:
        backbone: Model with a dict of feature maps, such as `resnet("18", (96, 96, 1), classes=None)`, for images of
            known height and width.
        vocabulary_size: Number of tokens in the vocabulary of captions, including that of padding.
        stride: Height and width of a cell in pixels. The backbone has a feature map of this stride.
        size: "base" or "big", the size of the decoder as for `transformer`.
        width: Factor of the number of features and of hidden units of the decoder.
        blocks: Number of blocks of the decoder. If `None`, that of the size.
        dropout: Dropout rate of the embeddings, of the attention weights, and of the output of each layer in a block.

    Returns:
        A functional model with the inputs "image", of shape `(batch, height, width, channels)`, and "target", int32
        tokens of shape `(batch, steps)` that start with a start token. The outputs are logits of the next tokens, of
        shape `(batch, steps, vocabulary_size)`.

    Raises:
        ValueError: If an argument is invalid, or the backbone lacks a feature map of a known size.

    Example:
        >>> from tensorsmith.models import resnet
        >>> backbone = resnet("18", (64, 64, 1), classes=None, width=0.25)
        >>> model = captioner(backbone, vocabulary_size=30, stride=8, width=0.25, blocks=2)
        >>> model({"image": keras.ops.zeros((1, 64, 64, 1)), "target": keras.ops.array([[2, 7]])}).shape.as_list()
        [1, 2, 30]
    """
    chosen = chosen_size(size, SIZES)
    for name, number in {"vocabulary_size": vocabulary_size, "stride": stride}.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_transformer(width, blocks, dropout)
    feature_map = end_point(backbone, stride)
    shape = feature_map.shape
    received = Verbatim(f"a feature map of shape {shape}")
    check(None not in shape[1:], "backbone", received, "one for images of known size")
    features = scaled(chosen.width, width, 8 * chosen.heads)
    sublayers = Sublayers(chosen.heads, dropout, scaled(chosen.hidden, width), "relu", 1e-6)

    image = keras.Input(backbone.input.shape[1:], name="image")
    encoder = keras.Model(backbone.input, feature_map, name="encoder")  # without coarser feature maps
    cells = layers.Reshape((-1, shape[-1]), name="cells")(encoder(image))
    memory = LearnedPositionalEncoding(math.prod(shape[1:3]), name="cell_positions")(Dense(features)(cells))
    memory = LayerNormalization(epsilon=1e-6, name="memory")(memory)

    target = keras.Input((None,), dtype="int32", name="target")
    embedding = token_embedding(vocabulary_size, features, "embedding")
    x = layers.Rescaling(math.sqrt(features), name="scale")(embedding(target))
    x = Dropout(dropout)(SinusoidalPositionalEncoding(name="positions")(x))
    x = decode_features(x, memory, sublayers, chosen.blocks if blocks is None else blocks)
    return keras.Model({"image": image, "target": target}, embedding(x, reverse=True), name="captioner")


def captioner_step(model: keras.Model, image: TensorLike, length: int = 64) -> tuple[Step, TransformerState]:
    """Compute the feature maps of images, and return the step and the initial state for their captions.

    They are arguments of `tensorsmith.seq2seq.decode` and `beam_search`, as those of `transformer_step`.

    Args:
        model: Model of `captioner`, which may have been loaded from a file.
        image: Tensor of shape `(batch, height, width, channels)`.
        length: Maximum number of target tokens that are read, including the start token.

    Returns:
        The function `step(tokens, state)`, whose tokens have the shape `(batch,)` or, with several adjacent rows for
        each image, `(batch * rows,)`; and the initial `TransformerState` with `batch` rows.

    Raises:
        ValueError: If `model` is not a model of `captioner`, `image` does not have the rank 4, or `length` is not
            positive, or when the step is called with a state of another number of rows than the tokens.
        tf.errors.InvalidArgumentError: When the step is called, if `length` tokens have been read, or if the numbers of
            rows differ and are unknown in a graph.

    Example:
        >>> from tensorsmith.models import resnet
        >>> backbone = resnet("18", (64, 64, 1), classes=None, width=0.25)
        >>> model = captioner(backbone, vocabulary_size=30, stride=8, width=0.25, blocks=2)
        >>> step, state = captioner_step(model, keras.ops.zeros((1, 64, 64, 1)))
        >>> logits, state = step(keras.ops.array([2]), state)
        >>> logits.shape.as_list(), state.count.numpy().tolist()
        ([1, 30], [1])
    """
    parts = _parts_of(model)
    check(is_integer(length) and length > 0, "length", length, "a positive integer")
    image = tf.convert_to_tensor(image)
    check(image.shape.rank == 4, "image", Verbatim(image.shape), "have shape (batch, height, width, channels)")
    memory = keras.Model(model.input["image"], parts["memory"].output)(image)
    return decoder_step(parts, parts["embedding"], memory, None, length)


def captioner_attention(model: keras.Model, image: TensorLike, target: TensorLike) -> Tensor:
    """Return the attention of the last block to the cells of images, as the mean over its heads.

    Args:
        model: Model of `captioner`.
        image: Tensor of shape `(batch, height, width, channels)`.
        target: int32 tokens of shape `(batch, steps)` that start with a start token.

    Returns:
        A tensor of shape `(batch, steps, rows, columns)`, with the weights of the cells for the prediction of the token
        after each target step.

    Raises:
        ValueError: If `model` is not a model of `captioner`.

    Example:
        >>> from tensorsmith.models import resnet
        >>> backbone = resnet("18", (64, 64, 1), classes=None, width=0.25)
        >>> model = captioner(backbone, vocabulary_size=30, stride=8, width=0.25, blocks=2)
        >>> captioner_attention(model, keras.ops.zeros((1, 64, 64, 1)), [[2, 7, 9]]).shape.as_list()
        [1, 3, 8, 8]
    """
    parts = _parts_of(model)
    last = [name for name in parts if name.endswith("_source_attention")][-1]
    inner = [parts[f"{last}_normalization"].output, parts["memory"].output]
    inputs = {"image": tf.convert_to_tensor(image), "target": tf.cast(tf.convert_to_tensor(target), tf.int32)}
    query, memory = keras.Model(model.input, inner)(inputs)
    _, weights = parts[last](query, memory, return_attention_scores=True)  # (batch, heads, steps, cells)
    steps = tf.shape(weights)[2]
    return tf.reshape(tf.reduce_mean(weights, axis=1), [-1, steps, *parts["cells"].input.shape[1:3]])


def _parts_of(model: keras.Model) -> dict[str, keras.Layer]:
    parts = {layer.name: layer for layer in getattr(model, "layers", [])}
    valid = {"memory", "cell_positions", "decoder_0_source_attention"} <= parts.keys()
    check(valid, "model", Verbatim(getattr(model, "name", repr(model))), "a model of `captioner`")
    return parts
