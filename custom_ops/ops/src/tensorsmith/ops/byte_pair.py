"""Op that encodes texts by byte-level byte-pair encoding (BPE)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

SPACES = r"\t-\r \x{85}\p{Z}"  # White_Space of the Unicode standard; \s of RE2 contains only ASCII characters
# The last alternative is for bytes that are not valid UTF-8, which no other alternative matches.
PIECES = rf"'(?:s|t|re|ve|m|ll|d)| ?\p{{L}}+| ?\p{{N}}+| ?[^{SPACES}\p{{L}}\p{{N}}]+|[{SPACES}]+|\C"
# A piece that contains the first byte of this mark consists of it, so that the mark never begins within a piece.
MARK = b"\xff\xfe"
MULTIPLIER = 0x9E3779B97F4A7C15


class PairTable:
    """Table of values by pairs of integers, as constants for the kernels and the reference implementations.

    Args:
        first: First integers of the pairs, non-negative int32.
        second: Second integers of the pairs, non-negative int32.
        values: Values of the pairs, non-negative int64.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray, values: np.ndarray):
        keys = np.asarray(first, np.int64) << 32 | np.asarray(second, np.int64)
        values = np.asarray(values, np.int64)
        order = np.argsort(keys)
        with tf.init_scope():
            # The reference implementations search in sorted keys, and the last one is larger than all others.
            self.keys = tf.constant(np.append(keys[order], np.iinfo(np.int64).max))
            self.values = tf.constant(np.append(values[order], -1))
            self.slots = tf.constant(_slots(keys, values))

    def lookup(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Returns the values of pairs, and -1 for pairs that are not in the table."""
        keys = tf.bitwise.left_shift(tf.cast(first, tf.int64), 32) | tf.cast(second, tf.int64)
        index = tf.searchsorted(self.keys, keys)
        return tf.where(tf.gather(self.keys, index) == keys, tf.gather(self.values, index), -1)


def _slots(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns a hash table with linear probing, of shape `(slots, 2)` with keys and values."""
    bits = max(1, int(2 * len(keys)).bit_length())
    table = np.full((2**bits, 2), -1, np.int64)
    slots = (keys.astype(np.uint64) * np.uint64(MULTIPLIER) >> np.uint64(64 - bits)).astype(np.int64)
    pending = np.arange(len(keys))
    while len(pending):  # each pass fills free slots, and moves the other keys to the next slot
        chosen, index = np.unique(slots[pending], return_index=True)
        index = index[table[chosen, 0] < 0]
        placed = pending[index]
        table[slots[placed]] = np.stack([keys[placed], values[placed]], axis=1)
        pending = np.delete(pending, index)
        slots[pending] = (slots[pending] + 1) % len(table)
    return table


class BytePairMerges:
    """Merges of a byte-pair encoding, as constants for `byte_pair_encode`.

    Args:
        byte_tokens: Token of each of the 256 bytes.
        merges: Merges in the order of their ranks, each of them the two tokens and the merged token. Of several merges
            of the same pair, the first one is used.

    Raises:
        ValueError: If a shape is wrong, or a token is not in the range of int32 or negative.

    Example:
        >>> merges = BytePairMerges(range(256), [(ord("a"), ord("b"), 256)])
        >>> byte_pair_encode(["abba"], merges).to_list()
        [[256, 98, 97]]
    """

    def __init__(self, byte_tokens: Sequence[int], merges: Sequence[tuple[int, int, int]]):
        tokens = np.asarray(byte_tokens)
        rows = np.asarray(merges, np.int64) if len(merges) else np.zeros((0, 3), np.int64)
        check(tokens.shape == (256,), "byte_tokens", Verbatim(tokens.shape), "have shape (256,)")
        check(rows.ndim == 2 and rows.shape[1] == 3, "merges", Verbatim(rows.shape), "have shape (merges, 3)")
        for name, value in (("byte_tokens", tokens), ("merges", rows)):
            valid = bool(((value >= 0) & (value < 2**31)).all())
            check(valid, name, value, "contain non-negative integers of 32 bits")
        with tf.init_scope():
            self.byte_tokens = tf.constant(tokens, tf.int32)
        _, kept = np.unique(rows[:, :2], axis=0, return_index=True)
        self.table = PairTable(rows[kept, 0], rows[kept, 1], kept << 32 | rows[kept, 2])


def byte_pair_encode(texts: TensorLike, merges: BytePairMerges) -> Any:
    r"""Encodes texts by byte-level byte-pair encoding (BPE).

    A text is split into pieces, and the bytes of a piece are its first tokens. As long as there are adjacent tokens of
    a piece that a merge joins, the leftmost pair with the least rank is replaced by the merged token. The pieces are
    the matches of the following expression. It is that of GPT-2 without its lookahead, and with the whitespace of
    Unicode as `\s`. A byte that is not valid UTF-8 is a piece. The op is not differentiable.

        '(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+

    Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016, and Radford
    et al., "Language Models Are Unsupervised Multitask Learners", 2019, for bytes and pieces.

    Args:
        texts: String tensor of shape `(texts,)`.
        merges: Merges and tokens.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(texts, tokens)`.

    Raises:
        ValueError: If `texts` is not a vector of strings.

    Example:
        >>> merges = BytePairMerges(range(256), [(97, 98, 256), (256, 98, 257)])
        >>> byte_pair_encode(["abb ab", ""], merges).to_list()
        [[257, 32, 256], []]
    """
    texts = as_texts(texts)
    if compiled():
        found = library().ops.tensorsmith_byte_pair(
            texts=texts, byte_tokens=merges.byte_tokens, merges=merges.table.slots
        )
        return ragged(texts, found.tokens, found.row_splits)
    return _reference(of_rank(texts, 1), merges)


def as_texts(texts: TensorLike) -> tf.Tensor:
    """Returns texts as a tensor of shape `(texts,)`."""
    texts = tf.convert_to_tensor(texts)
    check(texts.dtype == tf.string, "texts", texts.dtype.name, "have dtype string")
    check(texts.shape.rank in (1, None), "texts", Verbatim(texts.shape), "have shape (texts,)")
    return texts


def ragged(texts: tf.Tensor, tokens: tf.Tensor, row_splits: tf.Tensor) -> tf.RaggedTensor:
    """Returns the outputs of a kernel as a ragged tensor with one row for each text."""
    count = texts.shape[0] if texts.shape.rank else None
    row_splits = tf.ensure_shape(row_splits, [None if count is None else count + 1])
    return tf.RaggedTensor.from_row_splits(tokens, row_splits, validate=False)


def split_marked(texts: tf.Tensor, pieces: str) -> tf.RaggedTensor:
    """Returns the matches of a regular expression for pieces that together contain all bytes of the texts."""
    marked = tf.strings.regex_replace(texts, f"(?:{pieces})", b"\\0" + MARK)
    split = tf.strings.split(marked, MARK)
    return tf.ragged.boolean_mask(split, split != "")


def _reference(texts: tf.Tensor, merges: BytePairMerges) -> tf.RaggedTensor:
    """Reference implementation in TensorFlow, in which each step merges one pair of every piece."""
    pieces = split_marked(texts, PIECES)
    count = tf.size(pieces.values)
    codes = tf.io.decode_raw(tf.strings.reduce_join(pieces.values), tf.uint8)
    tokens = tf.gather(merges.byte_tokens, tf.cast(codes, tf.int32))
    piece = tf.repeat(tf.range(count), tf.strings.length(pieces.values))
    none = tf.int64.max

    def step(tokens: tf.Tensor, piece: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        values = merges.table.lookup(tokens[:-1], tokens[1:])
        values = tf.where((piece[:-1] == piece[1:]) & (values >= 0), values, none)
        best = tf.math.unsorted_segment_min(values, piece[:-1], count)
        index = tf.range(tf.size(values))
        candidates = tf.where((values < none) & (values == tf.gather(best, piece[:-1])), index, tf.int32.max)
        left = tf.math.unsorted_segment_min(candidates, piece[:-1], count)
        merged = left < tf.int32.max
        left = left[merged][:, tf.newaxis]
        new = tf.cast(tf.bitwise.bitwise_and(best[merged], 0xFFFFFFFF), tf.int32)
        tokens = tf.tensor_scatter_nd_update(tokens, left, new)
        kept = tf.tensor_scatter_nd_update(tf.fill(tf.shape(tokens), True), left + 1, tf.fill(tf.shape(new), False))
        return tokens[kept], piece[kept], tf.reduce_any(merged)

    vector = tf.TensorShape([None])
    state = (tokens, piece, tf.constant(True))
    tokens, piece, _ = tf.while_loop(
        lambda *state: state[-1], step, state, shape_invariants=(vector, vector, tf.TensorShape([]))
    )
    per_piece = pieces.with_values(tf.math.bincount(piece, minlength=count, maxlength=count, dtype=tf.int64))
    return ragged(texts, tokens, tf.pad(tf.cumsum(tf.reduce_sum(per_piece, axis=1)), [[1, 0]]))


tf.no_gradient("TensorsmithBytePair")
