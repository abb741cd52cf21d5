"""Packing of short sequences into rows of equal length."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.data.pipelines.arguments import check_whole


class PackedSequences(NamedTuple):
    """Rows that contain several sequences, the result of `pack_sequences`.

    Attributes:
        tokens: int32 array of shape `(rows, length)`, with 0 for padding at the end of a row.
        segments: int32 array of the same shape with the number of the sequence in its row, from 1, and 0 for padding.
            A token may attend to another one if their segments are equal.
        positions: int32 array of the same shape with the position of a token in its sequence, and 0 for padding.
    """

    tokens: np.ndarray
    segments: np.ndarray
    positions: np.ndarray


def pack_sequences(sequences: Iterable[Sequence[int]], length: int) -> PackedSequences:
    """Packs sequences of tokens into rows of equal length, so that there is less padding than with a row for each one.

    Sequences are placed in the order of decreasing length, each in the row with the least remaining space that is
    sufficient (best fit). Shuffle the rows before training. Empty sequences are left out.

    Source: best fit decreasing: Johnson, "Near-Optimal Bin Packing Algorithms", 1973; packing for Transformers: Krell
    et al., "Efficient Sequence Packing without Cross-contamination", 2021.

    Args:
        sequences: Sequences of tokens, such as the rows of a `tf.RaggedTensor` as lists.
        length: Length of the rows. No sequence may be longer.

    Returns:
        A `PackedSequences` tuple.

    Raises:
        ValueError: If `length` is not a positive integer, or a sequence is longer.

    Example:
        >>> packed = pack_sequences([[5, 6, 7], [8, 9], [4]], length=4)
        >>> packed.tokens.tolist(), packed.segments.tolist(), packed.positions.tolist()
        ([[5, 6, 7, 4], [8, 9, 0, 0]], [[1, 1, 1, 2], [1, 1, 0, 0]], [[0, 1, 2, 0], [0, 1, 0, 0]])
    """
    check_whole("length", length)
    arrays = [array for array in (np.asarray(each, np.int32) for each in sequences) if len(array)]
    longest = max(map(len, arrays), default=0)
    remedy = "split longer sequences, or cut them"
    check(longest <= length, "sequences", Verbatim(f"one of length {longest}"), f"at most {length} long", remedy)
    rows: list[list[np.ndarray]] = []
    with_space: list[list[int]] = [[] for _ in range(length + 1)]  # rows by their remaining space
    for array in sorted(arrays, key=len, reverse=True):
        space = next((space for space in range(len(array), length) if with_space[space]), length)
        if space == length:
            rows.append([])
        row = with_space[space].pop() if space < length else len(rows) - 1
        rows[row].append(array)
        with_space[space - len(array)].append(row)
    packed = PackedSequences(*(np.zeros((len(rows), length), np.int32) for _ in PackedSequences._fields))
    for row, parts in enumerate(rows):
        sizes = [len(part) for part in parts]
        used = slice(sum(sizes))
        packed.tokens[row, used] = np.concatenate(parts)
        packed.segments[row, used] = np.repeat(np.arange(1, len(parts) + 1), sizes)
        packed.positions[row, used] = np.concatenate([np.arange(size) for size in sizes])
    return packed
