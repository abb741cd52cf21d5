"""Decoder with a beam search."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.arguments import check_in_vocabulary
from tensorsmith.seq2seq._support.beam_rows import merged, repeated, split
from tensorsmith.seq2seq._support.beams import coverage_penalty, extend, length_penalty, reordered, rows_of
from tensorsmith.seq2seq._support.cell_memory import as_tensors
from tensorsmith.seq2seq._support.dropout_masks import draw_masks
from tensorsmith.seq2seq._support.functions import restored, saved, saved_layer
from tensorsmith.seq2seq._support.initial_states import completed_state
from tensorsmith.seq2seq._support.rnn_cells import (
    build_cell,
    check_cell,
    check_layer,
    compute,
    outputs_of,
)
from tensorsmith.seq2seq._support.sampler_inputs import checked_function, checked_tokens, embedding_function, size_of
from tensorsmith.seq2seq._support.structures import is_array
from tensorsmith.seq2seq._support.top_tokens import top_tokens
from tensorsmith.seq2seq.addons.attention_wrapper_state import AttentionWrapperState
from tensorsmith.seq2seq.addons.base_decoder import BaseDecoder
from tensorsmith.seq2seq.gather_tree_from_array import gather_tree_from_array


class BeamSearchDecoderState(NamedTuple):
    """State of a `BeamSearchDecoder`.

    Attributes:
        cell_state: State of the cell, with tensors of shape `(batch, beams, ...)`.
        log_probs: Log-probabilities of the sequences, of shape `(batch, beams)`.
        finished: Boolean tensor of shape `(batch, beams)` with the sequences that have ended.
        lengths: int64 tensor of shape `(batch, beams)` with the lengths of the sequences, including the end token.
        accumulated_attention_probs: Sums of the attention weights of all steps, of shape `(batch, beams, positions)`,
            if there is a coverage penalty, or an empty tuple.
    """

    cell_state: NestedTensors
    log_probs: Tensor
    finished: Tensor
    lengths: Tensor
    accumulated_attention_probs: Any


class BeamSearchDecoderOutput(NamedTuple):
    """Outputs of the steps of a `BeamSearchDecoder`.

    Attributes:
        scores: Log-probabilities of the sequences after the penalties, of shape `(batch, time, beams)`, or `(batch,
            time, beams, vocabulary)` for all continuations with `output_all_scores=True`.
        predicted_ids: Tokens of the steps, of shape `(batch, time, beams)`. They are not those of one sequence, because
            beams are reordered at each step.
        parent_ids: Indices of the beams that have been continued, of shape `(batch, time, beams)`.
    """

    scores: Any
    predicted_ids: Any
    parent_ids: Any


class FinalBeamSearchDecoderOutput(NamedTuple):
    """Outputs of a `BeamSearchDecoder`.

    Attributes:
        predicted_ids: Tokens of the sequences, of shape `(batch, time, beams)`, in descending order of their scores.
            After the end of a sequence, all tokens are the end token.
        beam_search_decoder_output: `BeamSearchDecoderOutput` with the outputs of the steps.
    """

    predicted_ids: Tensor
    beam_search_decoder_output: BeamSearchDecoderOutput


@export
class BeamSearchDecoder(BaseDecoder):
    """Decoder for inference that searches for the most probable sequences.

    At each step, it keeps the `beam_width` continuations with the highest scores. `beam_search` does the same for
    models that are written as functions.

    Formula, with the length l of a sequence, and the sum a[t] of the attention weights of all steps for position t:

        score = log_prob / ((5 + l) / 6)^length_penalty_weight + coverage_penalty_weight sum_t log(min(a[t], 1))

    As in TensorFlow Addons, the end token is part of the length from the step after it, and the coverage is part of the
    score of sequences that have ended before. Positions with a sum of 0 are ignored. NaN logits raise no error, unlike
    in `beam_search`: log-probabilities that depend on them are NaN, and the tokens of their sequence are arbitrary.

    Source: Wu et al., "Google's Neural Machine Translation System", 2016; `BeamSearchDecoder` of TensorFlow Addons.

    Args:
        cell: Recurrent cell, such as `keras.layers.LSTMCell(8)` or an `AttentionWrapper`.
        beam_width: Number of beams.
        embedding_fn: Function or layer that embeds tokens of shape `(batch, beams)`. If `None`, an embedding matrix is
            passed to the call.
        output_layer: Layer that computes logits from the outputs of the cell, or `None`.
        length_penalty_weight: Exponent of the length penalty. 0 disables it.
        coverage_penalty_weight: Factor of the coverage penalty, which requires an `AttentionWrapper`. 0 disables it.
        reorder_tensor_arrays: If `True`, each `TensorArray` in the final state, such as an alignment history, becomes a
            tensor of shape `(time, batch * beams, ...)`, in the order of the final beams.
        output_all_scores: If `True`, return the scores of all continuations.
        **kwargs: Arguments of `BaseDecoder`, such as `maximum_iterations`, and base layer keyword arguments.

    Call arguments:
        embedding: Embedding matrix of shape `(vocabulary, features)`, which replaces `embedding_fn`, or `None`.
        start_tokens: Integer tensor of shape `(batch,)` with the first tokens.
        end_token: Token that ends a sequence. If it is negative, sequences do not end.
        initial_state: Initial state of the cell. Tensors have a row for each beam, as from `tile_batch`, or a row for
            each sequence, which is repeated. If `None`, it is that of `cell.get_initial_state`. For an
            `AttentionWrapper`, also the state of the wrapped cell.
        training: Boolean, passed to the cell.
        memory: Memory of the attention mechanisms, and `memory_sequence_length` and `memory_mask`, as in `BaseDecoder`,
            with a row for each beam or for each sequence.

    Input shape:
        `(batch,)`.

    Output shape:
        A `FinalBeamSearchDecoderOutput`, a `BeamSearchDecoderState`, and the lengths of the sequences, `(batch,
        beams)`.

    Raises:
        ValueError: If an argument is invalid, or a tensor has another batch size.
        tf.errors.InvalidArgumentError: In a graph, if values that are only known at run time are invalid.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BeamSearchDecoder
        >>> cell, embedding = keras.layers.LSTMCell(8), keras.layers.Embedding(10, 3)
        >>> decoder = BeamSearchDecoder(cell, 4, embedding, keras.layers.Dense(10), maximum_iterations=5)
        >>> outputs, state, lengths = decoder(None, start_tokens=[1, 1], end_token=-1)
        >>> outputs.predicted_ids.shape, lengths.shape
        (TensorShape([2, 5, 4]), TensorShape([2, 4]))
    """

    def __init__(
        self,
        cell: keras.Layer,
        beam_width: int,
        embedding_fn: Callable[[Tensor], Tensor] | None = None,
        output_layer: keras.Layer | None = None,
        length_penalty_weight: Scalar = 0.0,
        coverage_penalty_weight: Scalar = 0.0,
        reorder_tensor_arrays: bool = True,
        output_all_scores: bool = False,
        **kwargs: Any,
    ):
        check_cell("cell", cell)
        check(is_integer(beam_width) and beam_width > 0, "beam_width", beam_width, "a positive integer")
        checked_function("embedding_fn", embedding_fn)
        check_layer("output_layer", output_layer)
        weights = {"length_penalty_weight": length_penalty_weight, "coverage_penalty_weight": coverage_penalty_weight}
        for name, weight in weights.items():
            check(tf.is_tensor(weight) or is_number(weight), name, weight, "a number")
        imputed, expected = kwargs.get("impute_finished", False), "False, because beams are reordered at each step"
        check(not imputed, "impute_finished", imputed, expected)
        super().__init__(**kwargs)
        self.cell = cell
        self.beam_width = plain(beam_width)
        self.embedding_fn = embedding_fn
        self.output_layer = output_layer
        self.length_penalty_weight = plain(length_penalty_weight)
        self.coverage_penalty_weight = plain(coverage_penalty_weight)
        self.reorder_tensor_arrays = reorder_tensor_arrays
        self.output_all_scores = output_all_scores

    @property
    def batch_size(self) -> Tensor:
        """Batch size of the last call, a scalar."""
        return self._batch_size

    @property
    def tracks_own_finished(self) -> bool:
        """`True`, because the beams are reordered at each step."""
        return True

    @property
    def output_size(self) -> BeamSearchDecoderOutput:
        """Shapes of the outputs of a step without the batch axis."""
        beams = tf.TensorShape([self.beam_width])
        scores = beams.concatenate(outputs_of(self.cell, self.output_layer).shape[1:])
        return BeamSearchDecoderOutput(scores if self.output_all_scores else beams, beams, beams)

    @property
    def output_dtype(self) -> BeamSearchDecoderOutput:
        """Data types of the outputs of a step. Scores are float64 for logits in float64, and float32 otherwise."""
        dtype = tf.as_dtype(outputs_of(self.cell, self.output_layer).dtype)
        return BeamSearchDecoderOutput(dtype if dtype == tf.float64 else tf.float32, tf.int32, tf.int32)

    def call(  # type: ignore[override] # the arguments of TensorFlow Addons
        self,
        embedding: TensorLike | None,
        start_tokens: TensorLike | None = None,
        end_token: TensorLike | None = None,
        initial_state: NestedTensors | None = None,
        training: bool | None = None,
        memory: NestedTensors | None = None,
        memory_sequence_length: NestedTensors | None = None,
        memory_mask: NestedTensors | None = None,
        **kwargs: Any,
    ) -> tuple[FinalBeamSearchDecoderOutput, BeamSearchDecoderState, Tensor]:
        """Return the outputs of all steps, the final state, and the lengths of the sequences."""
        if memory is not None:
            if memory_sequence_length is None and memory_mask is None:
                memory_mask = tf.nest.map_structure(keras_mask, memory)
            tokens, _ = checked_tokens(start_tokens, end_token)
            rows = size_of(tokens, 0) * self.beam_width
            names = ("memory", "memory_sequence_length", "memory_mask")
            parts = zip(names, (memory, memory_sequence_length, memory_mask), strict=True)
            memory, memory_sequence_length, memory_mask = (
                repeated(name, as_tensors(part), rows) for name, part in parts
            )
        return super().call(
            embedding,
            initial_state,
            training,
            memory,
            memory_sequence_length,
            memory_mask,
            start_tokens=start_tokens,
            end_token=end_token,
            **kwargs,
        )

    def initialize(
        self,
        embedding: TensorLike | None,
        start_tokens: TensorLike | None = None,
        end_token: TensorLike | None = None,
        initial_state: NestedTensors | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor, BeamSearchDecoderState]:
        """Return the values before the first step, in which all beams but the first one have a probability of 0.

        Args:
            embedding: Embedding matrix, or `None`.
            start_tokens: Integer tensor of shape `(batch,)` with the first tokens.
            end_token: Token that ends a sequence.
            initial_state: Initial state of the cell, or `None`.
            **kwargs: Not used.
        """
        self._embed = embedding_function(self.embedding_fn if embedding is None else None, embedding)
        tokens, self._end_token = checked_tokens(start_tokens, end_token)
        self._batch_size = size_of(tokens, 0)
        rows = size_of(tokens, 0) * self.beam_width
        self._start_inputs = self._embed(tf.repeat(tokens[:, tf.newaxis], self.beam_width, axis=1))
        build_cell(self.cell, (None, *self._start_inputs.shape[2:]), self.output_layer)
        vocabulary = outputs_of(self.cell, self.output_layer).shape[-1]
        if vocabulary is not None:
            check_in_vocabulary("end_token", self._end_token, vocabulary)
        if initial_state is not None:
            initial_state = repeated("initial_state", initial_state, rows)
        flat_state = completed_state(self.cell, initial_state, rows)
        draw_masks(self.cell, merged(self._start_inputs), flat_state)
        cell_state = split(flat_state, self.beam_width)
        first = tf.zeros_like(tokens)
        finished = tf.one_hot(first, self.beam_width, False, True, dtype=tf.bool)
        dtype = self.output_dtype.scores
        state = BeamSearchDecoderState(
            cell_state=cell_state,
            log_probs=tf.where(finished, tf.constant(float("-inf"), dtype), tf.zeros([], dtype)),
            finished=finished,
            lengths=tf.zeros_like(finished, tf.int64),
            accumulated_attention_probs=self._attention(cell_state, dtype),
        )
        return finished, self._start_inputs, state

    def step(
        self, time: Scalar, inputs: Tensor, state: BeamSearchDecoderState, training: bool | None = None
    ) -> tuple[BeamSearchDecoderOutput, BeamSearchDecoderState, Tensor, Tensor]:
        """Compute one step.

        Args:
            time: Number of the step, starting from 0.
            inputs: Embeddings of the last tokens, of shape `(batch, beams, features)`.
            state: State of the search.
            training: If `True`, the step is part of training.
        """
        logits, rows = compute(self.cell, self.output_layer, merged(inputs), merged(state.cell_state), training)
        coverage = self._coverage(state, split(rows, self.beam_width))

        def penalize(totals: Tensor, ended: Tensor) -> Tensor:
            return self._penalized(state, coverage, totals, ended)

        top = top_tokens(logits, self._candidates(logits))
        best = extend(top, state.log_probs, state.finished, self.beam_width, self._end_token, penalize)
        scores = self._all_scores(state, logits, penalize) if self.output_all_scores else best.scores

        def chosen(tensor: Tensor) -> Tensor:
            return tf.gather(tensor, best.parents, batch_dims=1)

        new = BeamSearchDecoderState(
            cell_state=split(_reordered(rows, rows_of(best.parents, self.beam_width)), self.beam_width),
            log_probs=best.log_probabilities,
            finished=chosen(state.finished) | (best.tokens == self._end_token),
            lengths=chosen(state.lengths) + tf.cast(~chosen(state.finished), tf.int64),
            accumulated_attention_probs=chosen(coverage) if self._covers else (),
        )
        embedded = self._embed(best.tokens)
        next_inputs = tf.where(tf.reduce_all(new.finished), self._start_inputs, embedded)
        return BeamSearchDecoderOutput(scores, best.tokens, best.parents), new, next_inputs, new.finished

    @property
    def _covers(self) -> bool:
        """`True` if there is a coverage penalty."""
        return tf.is_tensor(self.coverage_penalty_weight) or self.coverage_penalty_weight != 0

    def _attention(self, cell_state: NestedTensors, dtype: tf.DType) -> Any:
        """Return the attention weights in a state, of shape `(batch, beams, positions)`, or `()` without penalty."""
        if not self._covers:
            return ()
        states = [cell_state] if isinstance(cell_state, AttentionWrapperState) else cell_state
        states = [each for each in states if isinstance(each, AttentionWrapperState)]
        remedy = "use an AttentionWrapper as the cell"
        check(bool(states), "coverage_penalty_weight", self.coverage_penalty_weight, "0 without attention", remedy)
        weights = [tf.reduce_mean(tf.stack(tf.nest.flatten(each.alignments)), 0) for each in states]
        return tf.cast(tf.reduce_mean(tf.stack(weights), 0), dtype)

    def _coverage(self, state: BeamSearchDecoderState, cell_state: NestedTensors) -> Any:
        """Return the sums of the attention weights after a step, or `()` without penalty."""
        if not self._covers:
            return ()
        weights = self._attention(cell_state, state.log_probs.dtype)
        added = tf.where(state.finished[..., tf.newaxis], tf.zeros([], weights.dtype), weights)
        return state.accumulated_attention_probs + added

    def _candidates(self, logits: Tensor) -> Any:
        """Return the number of candidates for the next token of each beam.

        A negative weight can prefer the end token to more probable ones, so that all tokens are candidates.
        """
        weight = self.length_penalty_weight
        bounded = not tf.is_tensor(weight) and weight >= 0
        return self.beam_width + 1 if bounded else logits.shape[-1] or tf.shape(logits)[-1]

    def _penalized(self, state: BeamSearchDecoderState, coverage: Any, totals: Tensor, ended: Tensor) -> Tensor:
        """Return the scores of continuations, given their log-probabilities and a mask of end tokens.

        As in TensorFlow Addons, the length does not include an end token that is added in this step.
        """
        if tf.is_tensor(self.length_penalty_weight) or self.length_penalty_weight != 0:
            added = ~state.finished[..., tf.newaxis] & ~ended
            lengths = state.lengths[..., tf.newaxis] + tf.cast(added, tf.int64)
            weight = tf.cast(self.length_penalty_weight, totals.dtype)
            totals /= length_penalty(lengths, weight, totals.dtype)
        if self._covers:
            weight = tf.cast(self.coverage_penalty_weight, totals.dtype)
            penalty = tf.where(state.finished, coverage_penalty(coverage, weight), tf.zeros([], totals.dtype))
            totals += penalty[..., tf.newaxis]
        return totals

    def _all_scores(
        self, state: BeamSearchDecoderState, logits: Tensor, penalize: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Return the scores of all continuations, of shape `(batch, beams, vocabulary)`."""
        dtype = state.log_probs.dtype
        added = split(tf.nn.log_softmax(tf.cast(logits, dtype)), self.beam_width)
        ended = tf.broadcast_to(tf.range(tf.shape(added)[-1]) == self._end_token, tf.shape(added))
        itself = tf.where(ended, tf.zeros([], dtype), tf.constant(dtype.min, dtype))
        added = tf.where(state.finished[..., tf.newaxis], itself, added)
        return penalize(state.log_probs[..., tf.newaxis] + added, ended)

    def finalize(
        self, outputs: BeamSearchDecoderOutput, final_state: BeamSearchDecoderState, sequence_lengths: Tensor
    ) -> tuple[FinalBeamSearchDecoderOutput, BeamSearchDecoderState]:
        """Return the tokens of the sequences, and the final state with reordered arrays.

        Args:
            outputs: Outputs of all steps, of shape `(time, batch, beams)`.
            final_state: State after the last step.
            sequence_lengths: Not used, because the state contains the lengths.
        """
        longest = tf.cast(tf.reduce_max(final_state.lengths, axis=1), tf.int32)
        tokens = ops.gather_tree(outputs.predicted_ids, outputs.parent_ids, longest, self._end_token)
        if self.reorder_tensor_arrays:

            def ordered(part: Any) -> Any:
                if not is_array(part):
                    return part
                return gather_tree_from_array(part.stack(), outputs.parent_ids, final_state.lengths)

            cell_state = tf.nest.map_structure(ordered, final_state.cell_state)
            final_state = final_state._replace(cell_state=cell_state)
        return FinalBeamSearchDecoderOutput(tokens, outputs), final_state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer."""
        weights = {name: getattr(self, name) for name in ("length_penalty_weight", "coverage_penalty_weight")}
        own = {
            "cell": saved_layer(self.cell),
            "beam_width": self.beam_width,
            "embedding_fn": saved("embedding_fn", self.embedding_fn),
            "output_layer": saved_layer(self.output_layer),
            **{name: float(weight) for name, weight in weights.items()},
            "reorder_tensor_arrays": self.reorder_tensor_arrays,
            "output_all_scores": self.output_all_scores,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BeamSearchDecoder":
        """Create the layer from its config."""
        return cls(**restored(config, "cell", "output_layer", "embedding_fn"))


def _reordered(state: NestedTensors, rows: Tensor) -> NestedTensors:
    """Return the rows of a state. A `TensorArray` is reordered after the search."""
    return tf.nest.map_structure(lambda each: each if is_array(each) else reordered(each, rows), state)
