"""Decoder-only Transformer language model."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Tensor
from tensorsmith.layers import Dropout, LayerNormalization, LearnedPositionalEncoding
from tensorsmith.layers.activations import gelu
from tensorsmith.models.networks._support.arguments import check_transformer, chosen_size
from tensorsmith.models.networks._support.blocks import scaled
from tensorsmith.models.networks._support.transformer_blocks import Sublayers
from tensorsmith.models.networks._support.transformer_steps import cached_attention, checked_counts


class Size(NamedTuple):
    """Size of a GPT.

    Attributes:
        blocks: Number of Transformer blocks.
        width: Number of features of a token.
        heads: Number of attention heads.
        parameters: Number of parameters with 50,257 tokens and a context of 1,024.
    """

    blocks: int
    width: int
    heads: int
    parameters: int


# Radford et al., 2019, table 2. The parameters are those of the published checkpoints, which differ from the table.
SIZES = {
    "small": Size(12, 768, 12, 124_439_808),
    "medium": Size(24, 1024, 16, 354_823_168),
    "large": Size(36, 1280, 20, 774_030_080),
    "xl": Size(48, 1600, 25, 1_557_611_200),
}


def gpt(
    size: str = "small",
    vocabulary_size: int = 50_257,
    context: int = 1024,
    width: float = 1.0,
    blocks: int | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Build a GPT: a Transformer with causal attention, which predicts the next token at each step.

    It is that of GPT-2: learned positions, layer normalization before attention and dense layers, GELU in the
    approximation with tanh, and logits from the transposed embedding matrix. `gpt_step` returns its step for the
    generation of text.

    Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.

    Args:
        size: "small", "medium", "large" or "xl".
        vocabulary_size: Number of tokens in the vocabulary.
        context: Maximum number of steps.
        width: Factor of the number of features, which is rounded to a multiple of 8 times the number of heads.
        blocks: Number of Transformer blocks. If `None`, that of the size.
        dropout: Dropout rate of the embeddings, of the attention weights, and of the output of each layer in a block.

    Returns:
        A functional model that maps int32 tokens of shape `(batch, steps)` to logits of shape `(batch, steps,
        vocabulary_size)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = gpt("small", vocabulary_size=100, context=64, width=0.125, blocks=2)
        >>> model.output_shape
        (None, None, 100)
    """
    chosen = chosen_size(size, SIZES)
    for name, number in {"vocabulary_size": vocabulary_size, "context": context}.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_transformer(width, blocks, dropout)
    features = scaled(chosen.width, width, 8 * chosen.heads)
    normal = keras.initializers.RandomNormal(stddev=0.02)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedding = layers.ReversibleEmbedding(
        vocabulary_size, features, embeddings_initializer=normal, reverse_dtype="float32", name="embedding"
    )
    x = LearnedPositionalEncoding(context, normal, name="positions")(embedding(tokens))
    x = Dropout(dropout)(x)
    sublayers = Sublayers(chosen.heads, dropout, 4 * features, gelu)
    for block in range(chosen.blocks if blocks is None else blocks):
        x = sublayers.dense(sublayers.attention(x, f"block_{block}", causal=True), f"block_{block}")
    x = LayerNormalization(epsilon=1e-5, name="normalization")(x)
    return keras.Model(tokens, embedding(x, reverse=True), name=f"gpt_{size}")


class GPTState(NamedTuple):
    """State of the step of a GPT: the tokens before, and their keys and values.

    Attributes:
        count: int32 tensor of shape `(batch,)` with the number of tokens in the context.
        tokens: int32 tensor of shape `(batch, context)`.
        keys: Tensor of shape `(batch, heads, size, context)` for each block.
        values: Tensor of the same shape for each block.
    """

    count: Tensor
    tokens: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


def gpt_step(model: keras.Model) -> tuple["_Step", Callable[[int], GPTState]]:
    """Return the step of a GPT, which stores the keys and values of the tokens before.

    A step reads one token instead of all tokens before, and prompts are read in a single pass. The size of the state
    does not depend on the number of tokens. A step with a full context forgets the older half of its tokens: it reads
    the others again, at positions from 0.

    Args:
        model: Model of `gpt`, which may have been loaded from a file.

    Returns:
        The function `step` for `tensorsmith.seq2seq.decode` and `beam_search`, and a function that returns the initial
        state for a batch size.

    Raises:
        ValueError: If `model` is not a model of `gpt`, or when the step is called with a state of another batch size
            than the tokens.
        tf.errors.InvalidArgumentError: When a prompt is read that is longer than the context, or when the batch sizes
            differ and are unknown in a graph.

    Example:
        >>> import tensorflow as tf
        >>> model = gpt("small", vocabulary_size=100, context=64, width=0.125, blocks=2)
        >>> step, initial_state = gpt_step(model)
        >>> logits, state = step(tf.constant([7, 9]), initial_state(2))
        >>> logits.shape.as_list(), state.count.numpy().tolist()
        ([2, 100], [1, 1])
    """
    parts = {layer.name: layer for layer in getattr(model, "layers", [])}
    valid = {"embedding", "positions", "block_0_attention", "normalization"} <= parts.keys()
    valid = valid and "segment_embedding" not in parts  # of BERT
    check(valid, "model", Verbatim(getattr(model, "name", repr(model))), "a model of `gpt`")
    step = _Step(parts)
    return step, step.initial_state


class _Step:
    """Step of a GPT, the result of `gpt_step`."""

    def __init__(self, parts: dict[str, keras.Layer]) -> None:
        self._parts = parts
        self._blocks = [name.removesuffix("_attention") for name in parts if name.endswith("_attention")]
        self._context = parts["positions"].max_length

    def initial_state(self, batch_size: int) -> GPTState:
        """Return the state before the first token."""
        attention = self._parts["block_0_attention"]
        shape = [batch_size, attention.num_heads, attention.key_dim, self._context]
        empty = tuple(tf.zeros(shape, attention.compute_dtype) for _ in self._blocks)
        count, tokens = tf.zeros([batch_size], tf.int32), tf.zeros([batch_size, self._context], tf.int32)
        return GPTState(count, tokens, empty, empty)

    def __call__(self, tokens: Tensor, state: GPTState) -> tuple[Tensor, GPTState]:
        """Read a token of each sequence.

        Args:
            tokens: int32 tensor of shape `(batch,)`.
            state: State of the tokens before.

        Returns:
            Logits of the next tokens, of shape `(batch, vocabulary)`, and the new state.
        """
        full = tf.reduce_any(state.count >= self._context)
        state = tf.cond(full, lambda: self._shortened(state), lambda: state)
        return self.read(tokens[:, tf.newaxis], tf.ones_like(tokens), state)

    def read(self, tokens: Tensor, lengths: Tensor, state: GPTState) -> tuple[Tensor, GPTState]:
        """Read several tokens of each sequence in a single pass.

        Args:
            tokens: int32 tensor of shape `(batch, steps)`.
            lengths: int32 tensor of shape `(batch,)` with the number of tokens of each sequence that are read.
            state: State of the tokens before.

        Returns:
            Logits after the last token that is read, of shape `(batch, vocabulary)`, and the new state.
        """
        state = state._replace(count=checked_counts(state.count, tokens))
        parts, (batch, steps) = self._parts, tf.unstack(tf.shape(tokens))
        positions = tf.minimum(state.count[:, tf.newaxis] + tf.range(steps), self._context - 1)
        x = parts["embedding"](tokens)
        x += tf.gather(tf.cast(parts["positions"].table, x.dtype), positions)
        # Products of matrices are faster with two axes than with three.
        x = tf.reshape(x, [batch * steps, x.shape[-1]])
        keys, values = [], []
        for block, keys_before, values_before in zip(self._blocks, state.keys, state.values, strict=True):
            normalized = parts[f"{block}_attention_normalization"](x)
            before = keys_before, values_before, state.count
            attended = cached_attention(parts[f"{block}_attention"], normalized, *before, lengths)
            x += attended.output
            hidden = parts[f"{block}_hidden"](parts[f"{block}_dense_normalization"](x))
            x += parts[f"{block}_output"](hidden)
            keys.append(attended.keys)
            values.append(attended.values)
        last = tf.gather(x, tf.range(batch) * steps + tf.maximum(lengths - 1, 0))
        logits = parts["embedding"](parts["normalization"](last), reverse=True)
        indices = tf.where(tf.range(steps) < lengths[:, tf.newaxis])  # of tokens that are not padding
        targets = tf.stack([tf.cast(indices[:, 0], tf.int32), tf.gather_nd(positions, indices)], axis=1)
        new = tf.gather_nd(tf.cast(tokens, tf.int32), indices)
        stored = tf.tensor_scatter_nd_update(state.tokens, targets, new)
        return logits, GPTState(state.count + lengths, stored, tuple(keys), tuple(values))

    def _shortened(self, state: GPTState) -> GPTState:
        """Return the state without the older half of the tokens of each sequence whose context is full."""
        kept = tf.where(state.count < self._context, state.count, self._context // 2)
        indices = (state.count - kept)[:, tf.newaxis] + tf.range(self._context)
        tokens = tf.gather(state.tokens, tf.minimum(indices, self._context - 1), batch_dims=1)
        return self.read(tokens, kept, self.initial_state(tf.shape(tokens)[0]))[1]
