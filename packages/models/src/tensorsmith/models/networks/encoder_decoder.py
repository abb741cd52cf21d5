"""Recurrent encoder-decoder, with and without attention."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from tensorsmith.core import Verbatim, check, is_integer, is_number
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers import LSTM, AdditiveAttention, Attention, Dropout, ScheduledSampling
from tensorsmith.models.networks._support.arguments import check_option

ATTENTIONS = ("luong", "bahdanau")


def encoder_decoder(
    source_vocabulary: int,
    target_vocabulary: int,
    embedding: int = 128,
    units: int = 256,
    attention: str | None = "luong",
    bidirectional: bool = True,
    dropout: float = 0.0,
    scheduled_sampling: bool = False,
) -> keras.Model:
    """Build a recurrent encoder-decoder, which maps a source sequence to a target sequence.

    The final states of the encoder are the initial states of the decoder. With attention, each state of the decoder is
    also compared with the states of the encoder at all steps, whose weighted mean contributes to the prediction:

        score = query keyᵀ (Luong, "general"), or sum(scale * tanh(query + key)) (Bahdanau; Luong, "concat")
        context = softmax(score) memory
        output = tanh(W [context, query])

    As in Luong's global attention, but without input feeding, the query is the current state of the decoder, so that
    all steps of a target sequence are computed at once. Bahdanau's decoder compares its previous state instead.

    The token 0 is padding at the end of a sequence. The loss of padded target steps has the weight 0.
    `encoder_decoder_step` returns the step for the functions of `tensorsmith.seq2seq`.

    Source: Sutskever et al., "Sequence to Sequence Learning with Neural Networks", 2014; Bahdanau et al., "Neural
    Machine Translation by Jointly Learning to Align and Translate", 2014; Luong et al., "Effective Approaches to
    Attention-based Neural Machine Translation", 2015.

    Args:
        source_vocabulary: Number of tokens in the vocabulary of the source, including that of padding.
        target_vocabulary: Number of tokens in the vocabulary of the target, including that of padding.
        embedding: Dimension of the embeddings.
        units: Number of units of the LSTM layer of the decoder. A bidirectional encoder has half of them in each
            direction.
        attention: Score function of the attention: "luong", "bahdanau", or `None` for a decoder without attention.
        bidirectional: If `True`, the encoder reads the source in both directions.
        dropout: Dropout rate of the embeddings and of the inputs of the logits.
        scheduled_sampling: If `True`, a layer named "scheduled_sampling" replaces input tokens of the decoder during
            training, with the probability `rate`, a variable that is initially 0. See `layers.ScheduledSampling`.

    Returns:
        A functional model with the inputs "source", int32 tokens of shape `(batch, source_steps)`, and "target", int32
        tokens of shape `(batch, target_steps)` that start with a start token. The outputs are logits of the next target
        tokens, of shape `(batch, target_steps, target_vocabulary)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = encoder_decoder(source_vocabulary=40, target_vocabulary=30, embedding=8, units=16)
        >>> source, target = [[5, 7, 9, 0]], [[2, 4]]
        >>> model({"source": keras.ops.array(source), "target": keras.ops.array(target)}).shape.as_list()
        [1, 2, 30]
    """
    sizes = {"source_vocabulary": source_vocabulary, "target_vocabulary": target_vocabulary}
    for name, number in {**sizes, "embedding": embedding, "units": units}.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    if attention is not None:
        check_option("attention", attention, ATTENTIONS)
    check(not bidirectional or units % 2 == 0, "units", units, "an even number, for a bidirectional encoder")
    check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "in [0, 1)")

    parts = _layers(source_vocabulary, target_vocabulary, embedding, units, attention, bidirectional, dropout)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    encoded = _encode(parts, source)
    logits = _next_tokens(parts, target, encoded)
    if scheduled_sampling:
        sampling = ScheduledSampling(name="scheduled_sampling")
        logits = _next_tokens(parts, sampling([target, logits]), encoded)
    return keras.Model({"source": source, "target": target}, logits, name="encoder_decoder")


class EncoderDecoderState(NamedTuple):
    """State of the decoder of `encoder_decoder`.

    Attributes:
        h: Output of the LSTM layer, of shape `(rows, units)`.
        c: Cell state of the LSTM layer, of shape `(rows, units)`.
        weights: Attention weights of the last step, of shape `(rows, source_steps)`, or 0 without attention.
    """

    h: Tensor
    c: Tensor
    weights: Tensor


def encoder_decoder_step(
    model: keras.Model, source: TensorLike
) -> tuple[Callable[[Tensor, EncoderDecoderState], tuple[Tensor, EncoderDecoderState]], EncoderDecoderState]:
    """Encode source sequences, and return the step and the initial state for their target sequences.

    They are arguments of `tensorsmith.seq2seq.decode` and `beam_search`. A source sequence of padding only has the
    initial states 0 and, with attention, equal weights at all steps. The state of the encoder is not part of the
    state, so that a beam search does not copy it. Call the function in the `tf.function` that decodes, if any.

    Args:
        model: Model of `encoder_decoder`, which may have been loaded from a file.
        source: int32 tokens of shape `(batch, source_steps)`, with 0 for padding at the end.

    Returns:
        The function `step(tokens, state)`, whose tokens have the shape `(batch,)` or, with several adjacent rows for
        each source sequence, `(batch * rows,)`; and the initial `EncoderDecoderState` with `batch` rows.

    Raises:
        ValueError: If `model` is not a model of `encoder_decoder`, or `source` does not have the rank 2, or no steps.
        tf.errors.InvalidArgumentError: If `source` has no steps, which is only known at run time, in a graph.

    Example:
        >>> model = encoder_decoder(source_vocabulary=40, target_vocabulary=30, embedding=8, units=16)
        >>> step, state = encoder_decoder_step(model, [[5, 7, 9, 0], [6, 0, 0, 0]])
        >>> logits, state = step(keras.ops.array([2, 2]), state)
        >>> logits.shape.as_list(), state.weights.shape.as_list()
        ([2, 30], [2, 4])
    """
    parts, source = _parts_of(model), _checked_source(source)
    encoded = _encode(parts, source)
    batch, steps = (source.shape[axis] or tf.shape(source)[axis] for axis in (0, 1))  # static if they are known

    def step(tokens: Tensor, state: EncoderDecoderState) -> tuple[Tensor, EncoderDecoderState]:
        y, (h, c) = _decode(parts, tokens[:, tf.newaxis], [state.h, state.c])
        weights = state.weights
        if encoded.keys is not None:
            # The rows of a source sequence are queries of the same memory.
            rows = tokens.shape[0] or tf.shape(tokens)[0]
            query = tf.reshape(y, [batch, rows // batch, y.shape[-1]])
            y, weights = _attend(parts, query, encoded, return_attention_scores=True)
            y, weights = tf.reshape(y, [rows, 1, y.shape[-1]]), tf.reshape(weights, [rows, steps])
        return _logits(parts, y)[:, 0], EncoderDecoderState(h, c, weights)

    h, c = encoded.states
    return step, EncoderDecoderState(h, c, tf.zeros([batch, steps if encoded.keys is not None else 1], h.dtype))


def encoder_decoder_alignment(model: keras.Model, source: TensorLike, target: TensorLike) -> Tensor:
    """Return the attention weights of the decoder for given source and target sequences.

    `tensorsmith.seq2seq.plot_alignment` plots them.

    Args:
        model: Model of `encoder_decoder` with attention.
        source: int32 tokens of shape `(batch, source_steps)`, with 0 for padding at the end.
        target: int32 tokens of shape `(batch, target_steps)` that start with a start token.

    Returns:
        A tensor of shape `(batch, target_steps, source_steps)`, with the weights for the prediction of the token after
        each target step.

    Raises:
        ValueError: If `model` is not a model of `encoder_decoder` with attention, or `source` does not have the rank 2,
            or no steps.
        tf.errors.InvalidArgumentError: If `source` has no steps, which is only known at run time, in a graph.

    Example:
        >>> model = encoder_decoder(source_vocabulary=40, target_vocabulary=30, embedding=8, units=16)
        >>> encoder_decoder_alignment(model, source=[[5, 7, 9, 0]], target=[[2, 4]]).shape.as_list()
        [1, 2, 4]
    """
    parts = _parts_of(model)
    check("attention" in parts, "model", Verbatim("a model without attention"), "built with `attention`")
    encoded = _encode(parts, _checked_source(source))
    y, _ = _decode(parts, tf.cast(tf.convert_to_tensor(target), tf.int32), encoded.states)
    return _attend(parts, y, encoded, return_attention_scores=True)[1]


class _Encoded(NamedTuple):
    """Result of the encoder: states of all steps, keys of the attention if there is one, mask and final states."""

    memory: Tensor
    keys: Tensor | None
    mask: Tensor
    states: list[Tensor]


def _layers(
    source_vocabulary: int,
    target_vocabulary: int,
    embedding: int,
    units: int,
    attention: str | None,
    bidirectional: bool,
    dropout: float,
) -> dict[str, keras.Layer]:
    encoder = LSTM(units // 2 if bidirectional else units, return_sequences=True, return_state=True, name="encoder")
    found = [
        layers.Embedding(source_vocabulary, embedding, mask_zero=True, name="source_embedding"),
        Dropout(dropout, name="source_dropout"),
        layers.Bidirectional(encoder, name="encoder") if bidirectional else encoder,
        layers.Embedding(target_vocabulary, embedding, mask_zero=True, name="target_embedding"),
        Dropout(dropout, name="target_dropout"),
        LSTM(units, return_sequences=True, return_state=True, name="decoder"),
        Dropout(dropout, name="dropout"),
        layers.Dense(target_vocabulary, dtype="float32", name="logits"),
    ]
    if attention is not None:
        found += [
            layers.Dense(units, use_bias=False, name="keys"),
            layers.Concatenate(name="context"),
            layers.Dense(units, "tanh", use_bias=False, name="attention_output"),
        ]
    if attention == "luong":
        found += [Attention(name="attention")]
    if attention == "bahdanau":
        found += [layers.Dense(units, name="query"), AdditiveAttention(name="attention")]
    return {layer.name: layer for layer in found}


def _parts_of(model: keras.Model) -> dict[str, keras.Layer]:
    """Return the layers of a model of `encoder_decoder` by name."""
    parts = {layer.name: layer for layer in getattr(model, "layers", [])}
    received = Verbatim(getattr(model, "name", repr(model)))
    check(
        {"encoder", "decoder", "target_embedding", "logits"} <= parts.keys(),
        "model",
        received,
        "a model of `encoder_decoder`",
    )
    return parts


def _checked_source(source: TensorLike) -> Tensor:
    """Return the tokens of source sequences, which must have at least one step."""
    tokens = tf.cast(tf.convert_to_tensor(source), tf.int32)
    expected = "have shape (batch, steps) with at least one step"
    check(tokens.shape.rank == 2 and tokens.shape[1] != 0, "source", Verbatim(tokens.shape), expected)
    if tokens.shape[1] is not None:
        return tokens
    with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(tokens)[1], f"source must {expected}")]):
        return tf.identity(tokens)


def _encode(parts: dict[str, keras.Layer], source: Tensor) -> _Encoded:
    embeddings = parts["source_embedding"](source)
    mask = parts["source_embedding"].compute_mask(source)
    memory, *states = parts["encoder"](parts["source_dropout"](embeddings), mask=mask)
    if len(states) == 4:  # h and c of both directions
        states = [keras.ops.concatenate([states[0], states[2]], -1), keras.ops.concatenate([states[1], states[3]], -1)]
    return _Encoded(memory, parts["keys"](memory) if "keys" in parts else None, mask, states)


def _decode(parts: dict[str, keras.Layer], target: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the outputs of the LSTM layer of the decoder and its final states."""
    embeddings = parts["target_dropout"](parts["target_embedding"](target))
    y, *states = parts["decoder"](embeddings, initial_state=states)
    return y, states


def _next_tokens(parts: dict[str, keras.Layer], target: Tensor, encoded: _Encoded) -> Tensor:
    """Return the logits of the next tokens at all steps of a target sequence."""
    y, _ = _decode(parts, target, encoded.states)
    if encoded.keys is not None:
        y, *_ = _attend(parts, y, encoded, mask=parts["target_embedding"].compute_mask(target))
    return _logits(parts, y)


def _attend(
    parts: dict[str, keras.Layer], y: Tensor, encoded: _Encoded, mask: Tensor | None = None, **options: bool
) -> list[Tensor]:
    """Return the outputs of the decoder combined with their contexts, and the attention weights if requested."""
    query = parts["query"](y) if "query" in parts else y
    inputs = [query, encoded.memory, encoded.keys]
    context, *weights = keras.tree.flatten(parts["attention"](inputs, mask=[mask, encoded.mask], **options))
    return [parts["attention_output"](parts["context"]([context, y])), *weights]


def _logits(parts: dict[str, keras.Layer], y: Tensor) -> Tensor:
    return parts["logits"](parts["dropout"](y))
