"""Tokenizer whose tokens are pieces of words, as in BERT."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.ops import WordPieces, word_piece_encode
from tensorsmith.text._support.tokenizer import SPECIAL, Tokenizer, check_strings, lower
from tensorsmith.text._support.trainers import train_word_pieces

CONTINUATION = "##"


class WordPieceTokenizer(Tokenizer):
    """Tokenizer whose tokens are words and pieces of words, by WordPiece as in BERT.

    The tokens 0 to 3 are special: padding, unknown words, start and end of a text. The others are the pieces of the
    vocabulary. Pieces that do not begin a word have the prefix "##". `encode` does not add the start and the end.
    `decode` separates words by spaces, also punctuation, and returns "[UNK]" for unknown words.

    A text is split into words at whitespace, and each punctuation character is a word. A word is split into pieces from
    its start to its end, each the longest one in the vocabulary. A word that cannot be split or has more than 100
    characters is unknown. Unlike in BERT, accents are kept and Chinese characters are not separated.

    `encode` uses a compiled kernel. A model that is exported contains only ops of TensorFlow, unless the function was
    traced before the export. It then requires `import tensorsmith.ops` to be loaded.

    Args:
        pieces: Pieces of the vocabulary, without duplicates and special tokens. Usually, `train` determines them.
        lowercase: If `True`, texts are converted to lower case.

    Attributes:
        padding: Token for padding, 0.
        unknown: Token for unknown words, 1.
        start: Token for the start of a text, 2.
        end: Token for the end of a text, 3.

    Raises:
        ValueError: If `pieces` is empty or contains duplicates, empty strings or special tokens.

    Example:
        >>> from tensorsmith.text import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer(["play", "##ing", "##s", "!"])
        >>> tokenizer.encode("Playing plays work!").tolist(), tokenizer.decode([4, 5, 4, 6, 1, 7])
        ([4, 5, 4, 6, 1, 7], 'playing plays [UNK] !')
        >>> tokenizer.encode(["play", "plays!"]).to_list()
        [[4], [4, 6, 7]]
    """

    title = "WordPiece tokenizer"

    def __init__(self, pieces: Iterable[str], lowercase: bool = True):
        found = list(pieces)
        check(bool(found), "pieces", found, "contain at least one piece")
        check_strings("pieces", found)
        special = sorted({*found} & {*SPECIAL})
        check(not special, "pieces", special, "without special tokens, which are added")
        self.lowercase = bool(lowercase)
        self.vocabulary = (*SPECIAL, *found)
        self._pieces = WordPieces(found, len(SPECIAL), self.unknown)

    @classmethod
    def train(cls, texts: str | Iterable[str], lowercase: bool = True, limit: int = 8000) -> "WordPieceTokenizer":
        """Return a tokenizer whose pieces are merged from the most frequent pairs of pieces in texts.

        It requires the `tokenizers` library, which is the extra `train` of tensorsmith-text. The trainer of the library
        for WordPiece depends on the order of a hash table, so that this method uses the one for BPE.

        Args:
            texts: Text or texts.
            lowercase: If `True`, texts are converted to lower case.
            limit: Maximum number of pieces.

        Raises:
            ImportError: If `tokenizers` is not installed.
            ValueError: If `texts` contains no words, or `limit` is not a positive integer.
        """
        check(is_integer(limit) and limit > 0, "limit", limit, "a positive integer")
        return cls(train_word_pieces(texts, lowercase, int(limit), CONTINUATION), lowercase)

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return word_piece_encode(lower(texts, self.lowercase), self._pieces)

    def _decode(self, tokens: list[int]) -> str:
        joined = "".join(f" {self.vocabulary[token]}" for token in tokens)
        return joined.replace(f" {CONTINUATION}", "").removeprefix(" ")

    def _arguments(self) -> dict[str, Any]:
        return {"pieces": self.vocabulary[len(SPECIAL) :], "lowercase": self.lowercase}
