"""Encoder-decoder Transformer."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.layers import Dropout, LayerNormalization, SinusoidalPositionalEncoding
from tensorsmith.models.networks._support.arguments import check_transformer, chosen_size
from tensorsmith.models.networks._support.blocks import scaled
from tensorsmith.models.networks._support.transformer_blocks import Sublayers
from tensorsmith.models.networks._support.transformer_decoder import (
    Step,
    TransformerState,
    decode_features,
    decoder_step,
    token_embedding,
)


class Size(NamedTuple):
    """Size of a Transformer.

    Attributes:
        blocks: Number of blocks of the encoder, and of the decoder.
        width: Number of features of a token.
        heads: Number of attention heads.
        hidden: Number of units of the hidden dense layer of a block.
    """

    blocks: int
    width: int
    heads: int
    hidden: int


SIZES = {"base": Size(6, 512, 8, 2048), "big": Size(6, 1024, 16, 4096)}  # Vaswani et al., 2017, table 3


def transformer(
    size: str = "base",
    source_vocabulary: int = 37_000,
    target_vocabulary: int | None = None,
    width: float = 1.0,
    blocks: int | None = None,
    dropout: float = 0.1,
    normalize_first: bool = False,
) -> keras.Model:
    """Build a Transformer with an encoder and a decoder, which maps a source sequence to a target sequence.

    Each block of the encoder has attention and dense layers, and each block of the decoder causal attention, attention
    to the encoder, and dense layers. The embeddings of tokens are multiplied by the square root of their size, and a
    sinusoidal positional encoding is added. The embedding matrix of the target also computes the logits. The encoding
    has a value for each position, so that sequences may be longer than those of the training data, although the model
    has not learned to use such positions.

    The token 0 is padding at the end of a sequence. Logits have no mask, so that padded target steps must be excluded
    by the loss, such as `keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)`.
    `transformer_step` returns the step for the functions of `tensorsmith.seq2seq`.

    Source: Vaswani et al., "Attention Is All You Need", 2017; normalization of the inputs: Xiong et al., "On Layer
    Normalization in the Transformer Architecture", 2020.

    Args:
        size: "base" or "big".
        source_vocabulary: Number of tokens in the vocabulary of the source, including that of padding.
        target_vocabulary: Number of tokens in the vocabulary of the target, including that of padding. If `None`,
            source and target have the same vocabulary and embeddings.
        width: Factor of the number of features and of hidden units. The number of features is rounded to a multiple of
            8 times the number of heads.
        blocks: Number of blocks of the encoder, and of the decoder. If `None`, that of the size.
        dropout: Dropout rate of the embeddings, of the attention weights, and of the output of each layer in a block.
        normalize_first: If `True`, layer normalization is applied to the inputs of attention and dense layers, which
            makes training stable without warm-up, and not to their outputs as in the original.

    Returns:
        A functional model with the inputs "source", int32 tokens of shape `(batch, source_steps)`, and "target", int32
        tokens of shape `(batch, target_steps)` that start with a start token. The outputs are logits of the next target
        tokens, of shape `(batch, target_steps, target_vocabulary)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = transformer("base", source_vocabulary=40, target_vocabulary=30, width=0.125, blocks=2)
        >>> source, target = [[5, 7, 9, 0]], [[2, 4]]
        >>> model({"source": keras.ops.array(source), "target": keras.ops.array(target)}).shape.as_list()
        [1, 2, 30]
    """
    chosen = chosen_size(size, SIZES)
    valid = is_integer(source_vocabulary) and source_vocabulary > 0
    check(valid, "source_vocabulary", source_vocabulary, "a positive integer")
    valid = target_vocabulary is None or (is_integer(target_vocabulary) and target_vocabulary > 0)
    check(valid, "target_vocabulary", target_vocabulary, "a positive integer or None")
    check_transformer(width, blocks, dropout)
    features = scaled(chosen.width, width, 8 * chosen.heads)
    hidden = scaled(chosen.hidden, width)
    sublayers = Sublayers(chosen.heads, dropout, hidden, "relu", 1e-6, normalize_first)
    blocks = chosen.blocks if blocks is None else blocks

    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    if target_vocabulary is None:
        source_embedding = target_embedding = token_embedding(source_vocabulary, features, "embedding")
    else:
        source_embedding = token_embedding(source_vocabulary, features, "source_embedding")
        target_embedding = token_embedding(target_vocabulary, features, "target_embedding")
    scale = layers.Rescaling(math.sqrt(features), name="scale")
    positions = SinusoidalPositionalEncoding(name="positions")

    x = Dropout(dropout)(positions(scale(source_embedding(source))))
    for block in range(blocks):
        x = sublayers.dense(sublayers.attention(x, f"encoder_{block}"), f"encoder_{block}")
    memory = LayerNormalization(epsilon=1e-6, name="encoder_normalization")(x) if normalize_first else x

    x = Dropout(dropout)(positions(scale(target_embedding(target))))
    logits = target_embedding(decode_features(x, memory, sublayers, blocks), reverse=True)
    return keras.Model({"source": source, "target": target}, logits, name=f"transformer_{size}")


def transformer_step(model: keras.Model, source: TensorLike, length: int = 256) -> tuple[Step, TransformerState]:
    """Encode source sequences, and return the step and the initial state for their target sequences.

    They are arguments of `tensorsmith.seq2seq.decode` and `beam_search`. The step stores the keys and values of the
    target tokens before. Those of the source are not part of the state, so that a beam search does not copy them. Call
    the function in the `tf.function` that decodes, if any.

    Args:
        model: Model of `transformer`, which may have been loaded from a file.
        source: int32 tokens of shape `(batch, source_steps)`, with 0 for padding at the end.
        length: Maximum number of target tokens that are read, including the start token.

    Returns:
        The function `step(tokens, state)`, whose tokens have the shape `(batch,)` or, with several adjacent rows for
        each source sequence, `(batch * rows,)`; and the initial `TransformerState` with `batch` rows.

    Raises:
        ValueError: If `model` is not a model of `transformer`, `source` does not have the rank 2, or `length` is not
            positive, or when the step is called with a state of another number of rows than the tokens.
        tf.errors.InvalidArgumentError: When the step is called, if `length` tokens have been read, or if the numbers of
            rows differ and are unknown in a graph.

    Example:
        >>> model = transformer("base", source_vocabulary=40, target_vocabulary=30, width=0.125, blocks=2)
        >>> step, state = transformer_step(model, [[5, 7, 9, 0], [6, 0, 0, 0]], length=20)
        >>> logits, state = step(keras.ops.array([2, 2]), state)
        >>> logits.shape.as_list(), state.count.numpy().tolist()
        ([2, 30], [1, 1])
    """
    parts = {layer.name: layer for layer in getattr(model, "layers", [])}
    valid = {"scale", "positions", "encoder_0_attention", "decoder_0_source_attention"} <= parts.keys()
    check(valid, "model", Verbatim(getattr(model, "name", repr(model))), "a model of `transformer`")
    check(is_integer(length) and length > 0, "length", length, "a positive integer")
    source = tf.cast(tf.convert_to_tensor(source), tf.int32)
    check(source.shape.rank == 2, "source", Verbatim(source.shape), "have shape (batch, steps)")
    last = max(int(name.split("_")[1]) for name in parts if name.startswith("encoder_") and name.endswith("_attention"))
    final = "encoder_normalization" if "encoder_normalization" in parts else f"encoder_{last}_dense_normalization"
    memory = tf.identity(keras.Model(model.input["source"], parts[final].output)(source))  # without its mask
    embedding = parts["target_embedding" if "target_embedding" in parts else "embedding"]
    return decoder_step(parts, embedding, memory, source != 0, length)
