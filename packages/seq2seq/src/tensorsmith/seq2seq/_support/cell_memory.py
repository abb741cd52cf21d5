"""Memories of the attention mechanisms in a cell."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import NestedTensors
from tensorsmith.seq2seq._support.attention_memory import is_symbolic
from tensorsmith.seq2seq.addons.attention_mechanism import AttentionMechanism


def mechanisms_of(cell: keras.Layer) -> list[AttentionMechanism]:
    """Return the attention mechanisms of a cell and of the cells that it contains, each of them once."""
    found: dict[int, AttentionMechanism] = {id(each): each for each in getattr(cell, "attention_mechanisms", ())}
    for inner in _cells_in(cell):
        found.update({id(mechanism): mechanism for mechanism in mechanisms_of(inner)})
    return list(found.values())


def has_history(cell: keras.Layer) -> bool:
    """Return `True` if a cell, or a cell that it contains, keeps the attention weights of all steps."""
    return bool(getattr(cell, "alignment_history", False)) or any(map(has_history, _cells_in(cell)))


def _cells_in(cell: keras.Layer) -> list[keras.Layer]:
    """Return the cells that a cell or a decoder contains directly."""
    return [*getattr(cell, "cells", ()), *([cell.cell] if hasattr(cell, "cell") else [])]


def set_up_memories(
    mechanisms: Sequence[AttentionMechanism], memory: NestedTensors, lengths: NestedTensors, mask: NestedTensors
) -> None:
    """Set up the memories of attention mechanisms.

    Args:
        mechanisms: Attention mechanisms.
        memory: Tensor for all mechanisms, or a list with a tensor for each, or `None` for one that has a memory.
        lengths: Numbers of valid positions, in the same form, or `None`.
        mask: Masks of the valid positions, in the same form, or `None`. If there are no lengths and no mask, the mask
            that a layer has attached to the memory is used.

    Raises:
        ValueError: If a list does not have one entry for each mechanism, or a tensor has the wrong shape.
    """
    count = len(mechanisms)
    received = Verbatim("a cell without attention mechanisms")
    check(count > 0, "memory", received, "used with a cell that has an attention mechanism")
    lists = (_listed("memory", memory, count), _listed("memory_sequence_length", lengths, count))
    for mechanism, each, length, valid in zip(mechanisms, *lists, _listed("memory_mask", mask, count), strict=True):
        if each is not None:
            attached = keras_mask(each) if length is None and valid is None else valid
            mechanism.setup_memory(each, length, attached)


def as_tensors(given: Any) -> Any:
    """Return an argument with memories, lengths or masks as a tensor, or as a list with a tensor or `None` for each."""
    if isinstance(given, list | tuple) and all(each is None or getattr(each, "shape", ()) != () for each in given):
        return [each if each is None else tf.convert_to_tensor(each) for each in given]
    return given if given is None else tf.convert_to_tensor(given)


def _listed(name: str, given: Any, count: int) -> list[Any]:
    given = as_tensors(given)
    if not isinstance(given, list):
        return [given] * count
    received = Verbatim(f"a list of {len(given)}")
    check(len(given) == count, name, received, f"a tensor, or a list with one for each of the {count} mechanisms")
    return given


def call_with_memory(call: Callable[..., Any], cell: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    """Return the result of the call of a layer. In a functional model, the memories become inputs of the layer.

    Memories that are arguments of the call do not remain in the mechanisms, and tensors of the graph in which Keras
    infers the shapes of outputs must not.

    Args:
        call: Method `__call__` of `keras.Layer` of the layer.
        cell: Cell of the layer, or the layer itself.
        *args: Arguments of the call.
        **kwargs: Keyword arguments of the call.
    """
    if kwargs.get("memory") is None and not is_symbolic((args, kwargs)):
        return call(*args, **kwargs)
    mechanisms = mechanisms_of(cell)
    before = [each.memory for each in mechanisms]
    symbolic = [() if each is None else each.symbolic for each in before]
    if any(symbolic) and kwargs.get("memory") is None:
        kwargs = {**kwargs, **_arguments(symbolic)}
    try:
        return call(*args, **kwargs)
    finally:
        for mechanism, memory in zip(mechanisms, before, strict=True):
            mechanism.memory = memory


def _arguments(symbolic: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the arguments of the call for symbolic memories, each with its lengths or its mask."""
    found: dict[str, list[Any]] = {}
    for number, (memory, *more) in enumerate(each or (None,) for each in symbolic):
        parts = {"memory": memory}
        if more:
            parts["memory_mask" if more[0].dtype == "bool" else "memory_sequence_length"] = more[0]
        for name, tensor in parts.items():
            found.setdefault(name, [None] * len(symbolic))[number] = tensor
    return {name: tensors if len(tensors) > 1 else tensors[0] for name, tensors in found.items()}
