"""Step of a recurrent cell for `decode`, `stream` and `beam_search`."""

from collections.abc import Callable

import keras

from tensorsmith.core import check
from tensorsmith.core.types import Scalar, Tensor
from tensorsmith.seq2seq._support.attention_memory import Memory
from tensorsmith.seq2seq._support.cell_memory import has_history, mechanisms_of
from tensorsmith.seq2seq._support.rnn_cells import check_cell, check_layer, compute, initial_state_of
from tensorsmith.seq2seq._support.types import InitialState, State, Step


def cell_step(
    cell: keras.Layer, embedding_fn: Callable[[Tensor], Tensor], output_layer: keras.Layer | None = None
) -> tuple[Step, InitialState]:
    """Return the step of a recurrent cell, such as an `AttentionWrapper`, for `decode`, `stream` and `beam_search`.

    With this function, the parts of a `BasicDecoder` or a `BeamSearchDecoder` are used without these classes. The state
    is a pair of the state of the cell and of a list with the tensors of the memory of each attention mechanism, which
    has been set up before the initial state is created. A beam search therefore repeats the memory itself.

    Args:
        cell: Recurrent cell.
        embedding_fn: Function or layer that embeds tokens of shape `(batch,)`.
        output_layer: Layer that computes logits from the outputs of the cell, or `None`.

    Returns:
        The function `step` for `decode`, and a function that returns the initial state for a batch size.

    Raises:
        ValueError: If `cell` is not a recurrent cell, or it keeps the attention weights of all steps.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import AttentionWrapper, LuongAttention, cell_step, decode
        >>> mechanism = LuongAttention(8, memory=keras.random.normal((2, 5, 3)))
        >>> cell = AttentionWrapper(keras.layers.LSTMCell(8), mechanism)
        >>> step, initial_state = cell_step(cell, keras.layers.Embedding(10, 3), keras.layers.Dense(10))
        >>> decode(step, initial_state(2), prompt=[[1], [1]], length=6).tokens.shape
        TensorShape([2, 6])
    """
    check_cell("cell", cell)
    check(callable(embedding_fn), "embedding_fn", embedding_fn, "a function of tokens")
    check_layer("output_layer", output_layer)
    check(not has_history(cell), "alignment_history", True, "False, because the state must consist of tensors")

    mechanisms = mechanisms_of(cell)

    def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
        cell_state, memories = state
        before = [mechanism.memory for mechanism in mechanisms]
        try:
            for mechanism, tensors in zip(mechanisms, memories, strict=True):
                mechanism.memory = Memory(*tensors)
            logits, cell_state = compute(cell, output_layer, embedding_fn(tokens), cell_state, training=False)
        finally:
            for mechanism, memory in zip(mechanisms, before, strict=True):
                mechanism.memory = memory
        return logits, (cell_state, memories)

    def initial_state(batch_size: Scalar) -> State:
        cell_state = initial_state_of(cell, batch_size, cell.compute_dtype)
        memories = [mechanism.memory for mechanism in mechanisms]
        return cell_state, [memory.tensors for memory in memories if memory is not None]

    return step, initial_state
