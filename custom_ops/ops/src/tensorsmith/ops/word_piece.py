"""Op that encodes texts by WordPiece, or by whole words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.byte_pair import SPACES, PairTable, as_texts, ragged, split_marked
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

CONTINUATION = "##"
MOST_CHARACTERS = 100  # longer words are unknown, as in BERT
PUNCTUATION = r"!-/:-@\[-`{-~\p{P}"  # in BERT, all symbols of ASCII are punctuation
# The last alternative is for bytes that are not valid UTF-8, which no other alternative matches.
WORDS = rf"[{PUNCTUATION}]|[^{SPACES}{PUNCTUATION}]+|[{SPACES}]+|\C"


class WordPieces:
    """Vocabulary of WordPiece, as constants for `word_piece_encode`.

    Args:
        pieces: Pieces of words without duplicates. Those that do not begin a word have the prefix "##".
        first_token: Token of the first piece. The tokens of the others follow.
        unknown: Token for unknown words.
        whole_words: If `True`, pieces are whole words, and the prefix has no meaning.

    Raises:
        ValueError: If a piece is empty, or a token is negative.

    Example:
        >>> pieces = WordPieces(["un", "##able", "##a"], first_token=1, unknown=0)
        >>> word_piece_encode(["unable una able"], pieces).to_list()
        [[1, 2, 1, 3, 0]]
    """

    def __init__(self, pieces: Sequence[str], first_token: int, unknown: int, whole_words: bool = False):
        for name, token in (("first_token", first_token), ("unknown", unknown)):
            check(is_integer(token) and token >= 0, name, token, "a non-negative integer")
        # Trie of bytes. The nodes 0 and 1 are the roots for the first piece of a word and for the other ones.
        nodes: dict[tuple[int, int], int] = {}
        endings: dict[int, int] = {}  # one more than the token that ends at a node
        for token, piece in enumerate(pieces, first_token):
            check(isinstance(piece, str) and piece != "", "pieces", piece, "non-empty strings")
            node = int(piece.startswith(CONTINUATION) and not whole_words)
            for byte in (piece.removeprefix(CONTINUATION) if node else piece).encode(errors="surrogatepass"):
                node = nodes.setdefault((node, byte), len(nodes) + 2)
            if node > 1:  # the prefix alone is not a piece
                endings[node] = token + 1
        keys = np.array([*nodes], np.int64).reshape(-1, 2)
        values = np.array([node << 32 | endings.get(node, 0) for node in nodes.values()], np.int64)
        self.trie = PairTable(keys[:, 0], keys[:, 1], values)
        self.whole_words = bool(whole_words)
        with tf.init_scope():
            self.unknown = tf.constant(unknown, tf.int32)


def word_piece_encode(texts: TensorLike, pieces: WordPieces) -> Any:
    """Encodes texts by WordPiece.

    A text is split into words at whitespace, and each punctuation character is a word, as in BERT. A word is split into
    pieces from its start to its end, each the longest one in the vocabulary. A word that cannot be split or has more
    than 100 characters is unknown, and so is a byte that is not valid UTF-8. The op is not differentiable.

    If the vocabulary consists of whole words, a text is split at whitespace of ASCII only, as by `tf.strings.split`.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019.

    Args:
        texts: String tensor of shape `(texts,)`.
        pieces: Vocabulary.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(texts, tokens)`.

    Raises:
        ValueError: If `texts` is not a vector of strings.

    Example:
        >>> pieces = WordPieces(["play", "##ing", "##s", "!"], first_token=4, unknown=1)
        >>> word_piece_encode(["playing! plays", "work"], pieces).to_list()
        [[4, 5, 7, 4, 6], [1]]
    """
    texts = as_texts(texts)
    if compiled():
        found = library().ops.tensorsmith_word_piece(
            texts=texts, trie=pieces.trie.slots, unknown=pieces.unknown, whole_words=pieces.whole_words
        )
        return ragged(texts, found.tokens, found.row_splits)
    return _reference(of_rank(texts, 1), pieces)


def bert_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Returns the words of texts, which the kernel finds too, of shape `(texts, words)`."""
    words = split_marked(texts, WORDS)
    return tf.ragged.boolean_mask(words, ~tf.strings.regex_full_match(words, f"[{SPACES}]+"))


def _reference(texts: tf.Tensor, pieces: WordPieces) -> tf.RaggedTensor:
    """Reference implementation in TensorFlow, in which each step reads one byte of every word."""
    words = tf.strings.split(texts) if pieces.whole_words else bert_words(texts)
    codes = tf.io.decode_raw(tf.strings.reduce_join(words.values), tf.uint8)
    lengths = tf.strings.length(words.values)
    starts = tf.cumsum(lengths, exclusive=True)
    zeros = tf.zeros_like(lengths)

    # State of each word: `at` is the position of the next byte, and `token` and `end` are those of the longest piece
    # found so far, with the end 0 if there is none.
    def is_active(at: tf.Tensor, node: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        return (at < lengths) | (end > 0) | (node > 1)

    def step(
        i: tf.Tensor, at: tf.Tensor, node: tf.Tensor, token: tf.Tensor, end: tf.Tensor, failed: tf.Tensor, out: Any
    ) -> tuple[Any, ...]:
        byte = tf.gather(codes, tf.minimum(starts + at, tf.size(codes) - 1))
        value = tf.where(at < lengths, pieces.trie.lookup(node, byte), -1)
        advances = value >= 0
        ending = tf.cast(tf.bitwise.bitwise_and(value, 0xFFFFFFFF), tf.int32)
        longer = advances & (ending > 0)
        token, end = tf.where(longer, ending - 1, token), tf.where(longer, at + 1, end)
        emits = ~advances & (end > 0)
        fails = ~advances & (end == 0) & is_active(at, node, end)
        out = out.write(i, tf.where(emits, token, -1))
        at = tf.where(advances, at + 1, tf.where(emits, end, lengths))
        node = tf.where(advances, tf.cast(tf.bitwise.right_shift(value, 32), tf.int32), 1)
        return i + 1, at, node, token, tf.where(emits, 0, end), failed | fails, out

    too_long = tf.strings.length(words.values, "UTF8_CHAR") > (tf.int32.max if pieces.whole_words else MOST_CHARACTERS)
    out = tf.TensorArray(tf.int32, size=1, dynamic_size=True, element_shape=[None]).write(0, zeros)
    state = (1, tf.where(too_long, lengths, 0), zeros, zeros, zeros, too_long, out)
    *_, failed, out = tf.while_loop(
        lambda i, at, node, token, end, *_: tf.reduce_any(is_active(at, node, end)), step, state
    )
    emitted = tf.where(failed[:, tf.newaxis], -1, tf.transpose(out.stack()[1:]))
    emitted = tf.concat([tf.where(failed, pieces.unknown, -1)[:, tf.newaxis], emitted], axis=1)
    tokens = words.with_values(tf.ragged.boolean_mask(emitted, emitted >= 0)).merge_dims(1, 2)
    return ragged(texts, tokens.values, tokens.row_splits)


tf.no_gradient("TensorsmithWordPiece")
