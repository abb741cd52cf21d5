"""Decoder of Transformers: its blocks, and the step that reads target tokens one after another."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from tensorsmith import ops
from tensorsmith.core.types import Tensor
from tensorsmith.layers import LayerNormalization
from tensorsmith.models.networks._support.transformer_blocks import Sublayers
from tensorsmith.models.networks._support.transformer_steps import cached_attention, checked_counts, product


class TransformerState(NamedTuple):
    """State of the decoder of a Transformer: the number of target tokens before, and their keys and values.

    Attributes:
        count: int32 tensor of shape `(rows,)` with the number of tokens that have been read.
        keys: Tensor of shape `(rows, heads, size, length)` for each block.
        values: Tensor of the same shape for each block.
    """

    count: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


Step = Callable[[Tensor, TransformerState], tuple[Tensor, TransformerState]]


def token_embedding(vocabulary: int, features: int, name: str) -> layers.ReversibleEmbedding:
    """Return the embeddings of tokens, which have unit variance after their multiplication."""
    normal = keras.initializers.RandomNormal(stddev=features**-0.5)
    return layers.ReversibleEmbedding(
        vocabulary,
        features,
        embeddings_initializer=normal,
        mask_zero=True,
        reverse_dtype="float32",
        name=name,
    )


def decode_features(x: Tensor, memory: Tensor, sublayers: Sublayers, blocks: int) -> Tensor:
    """Apply the blocks of the decoder to the embedded target tokens."""
    for block in range(blocks):
        x = sublayers.attention(x, f"decoder_{block}", causal=True)
        x = sublayers.attention(x, f"decoder_{block}_source", memory)
        x = sublayers.dense(x, f"decoder_{block}")
    if sublayers.normalize_first:
        x = LayerNormalization(epsilon=sublayers.epsilon, name="decoder_normalization")(x)
    return x


def decoder_step(
    parts: Mapping[str, keras.Layer], embedding: keras.Layer, memory: Tensor, mask: Tensor | None, length: int
) -> tuple[Step, TransformerState]:
    """Return the step and the initial state of a decoder for a memory.

    Args:
        parts: Layers of the model by name.
        embedding: Embeddings of the target tokens.
        memory: Tensor of shape `(batch, memory_steps, features)`, without a mask of Keras.
        mask: Boolean tensor of shape `(batch, memory_steps)`, or `None`.
        length: Maximum number of target tokens that are read.
    """
    normalize_first = "decoder_normalization" in parts
    blocks = [name.removesuffix("_source_attention") for name in parts if name.endswith("_source_attention")]
    batch = memory.shape[0] or tf.shape(memory)[0]  # static if it is known
    mask = None if mask is None else mask[:, tf.newaxis, tf.newaxis]
    read = [
        tuple(dense(memory) for dense in (attention.key_dense, attention.value_dense))
        for attention in (parts[f"{block}_source_attention"] for block in blocks)
    ]
    attention = parts["decoder_0_attention"]
    features = attention.num_heads * attention.key_dim
    encoding = parts["positions"](tf.zeros([1, length, features]))[0]

    def inputs_of(sublayer: str, x: Tensor) -> Tensor:
        return parts[f"{sublayer}_normalization"](x) if normalize_first else x

    def added(sublayer: str, x: Tensor, outputs: Tensor) -> Tensor:
        return x + outputs if normalize_first else parts[f"{sublayer}_normalization"](x + outputs)

    def attend_to_memory(x: Tensor, block: str, key: Tensor, value: Tensor) -> Tensor:
        attention = parts[f"{block}_source_attention"]
        # The rows of a source are queries of the same memory.
        heads = [batch, tf.shape(x)[0] // tf.maximum(batch, 1), attention.num_heads, attention.key_dim]
        query = tf.reshape(product(x, attention.query_dense), heads)
        return product(tf.reshape(ops.attention(query, key, value, mask=mask), tf.shape(x)), attention.output_dense)

    def step(tokens: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        state = state._replace(count=checked_counts(state.count, tokens))
        x = parts["scale"](embedding(tokens))
        x += tf.gather(tf.cast(encoding, x.dtype), tf.minimum(state.count, length - 1))
        keys, values, one = [], [], tf.ones_like(state.count)
        for block, keys_before, values_before, pair in zip(blocks, state.keys, state.values, read, strict=True):
            name = f"{block}_attention"
            before = keys_before, values_before, state.count
            attended = cached_attention(parts[name], inputs_of(name, x), *before, one)
            x = added(name, x, attended.output)
            name = f"{block}_source_attention"
            x = added(name, x, attend_to_memory(inputs_of(name, x), block, *pair))
            name = f"{block}_dense"
            x = added(name, x, parts[f"{block}_output"](parts[f"{block}_hidden"](inputs_of(name, x))))
            keys.append(attended.keys)
            values.append(attended.values)
        if normalize_first:
            x = parts["decoder_normalization"](x)
        return embedding(x, reverse=True), TransformerState(state.count + 1, tuple(keys), tuple(values))

    shape = [batch, attention.num_heads, attention.key_dim, length]
    empty = tuple(tf.zeros(shape, attention.compute_dtype) for _ in blocks)
    return step, TransformerState(tf.zeros([batch], tf.int32), empty, empty)
