"""Tokenizer whose tokens are characters."""

import collections
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.text._support.tokenizer import (
    SPECIAL,
    Tokenizer,
    as_bytes,
    check_limit,
    check_strings,
    lower,
    most_frequent,
    strings_of,
)

UNKNOWN_CHARACTER = "\ufffd"


class CharacterTokenizer(Tokenizer):
    """Tokenizer whose tokens are the characters of a text.

    The tokens 0 to 3 are special: padding, unknown characters, start and end of a text. The others are the characters
    of the vocabulary. `encode` does not add the start and the end. Bytes that are not valid UTF-8 are unknown
    characters, and `decode` returns U+FFFD for unknown characters.

    Args:
        characters: Characters of the vocabulary, without duplicates. Usually, `train` determines them.
        lowercase: If `True`, texts are converted to lower case.

    Attributes:
        padding: Token for padding, 0.
        unknown: Token for characters that are not in the vocabulary, 1.
        start: Token for the start of a text, 2.
        end: Token for the end of a text, 3.

    Raises:
        ValueError: If `characters` contains duplicates or strings of another length than 1.

    Example:
        >>> from tensorsmith.text import CharacterTokenizer
        >>> tokenizer = CharacterTokenizer.train(["a bad cab", "a dad"])
        >>> tokenizer.vocabulary
        ('[PAD]', '[UNK]', '[START]', '[END]', 'a', ' ', 'd', 'b', 'c')
        >>> tokenizer.encode("bad!").tolist(), tokenizer.decode([7, 4, 6])
        ([7, 4, 6, 1], 'bad')
        >>> tokenizer.encode(["cab", "a"]).to_list()
        [[8, 4, 7], [4]]
    """

    title = "character tokenizer"

    def __init__(self, characters: Iterable[str], lowercase: bool = False):
        found = list(characters)
        valid = all(isinstance(each, str) and len(each) == 1 for each in found)
        check(valid, "characters", found, "strings of length 1")
        check_strings("characters", found)
        self.lowercase = bool(lowercase)
        self.vocabulary = (*SPECIAL, *found)
        codes = [ord(each) for each in found]
        # Token of each code point. The last element is for all code points beyond those of the vocabulary.
        self._tokens = np.full(max(codes, default=0) + 2, self.unknown, np.int32)
        self._tokens[codes] = np.arange(len(SPECIAL), len(self.vocabulary))

    @classmethod
    def train(
        cls, texts: str | Iterable[str], lowercase: bool = False, limit: int | None = None
    ) -> "CharacterTokenizer":
        """Return a tokenizer for the characters of texts, with the most frequent ones first.

        Args:
            texts: Text or texts.
            lowercase: If `True`, texts are converted to lower case.
            limit: Maximum number of characters. If `None`, all of them.

        Raises:
            ValueError: If `texts` contains no characters, or `limit` is not a positive integer.
        """
        check_limit(limit)
        counts: collections.Counter[str] = collections.Counter()
        for text in strings_of(texts):
            counts.update(lower(as_bytes(text), True).numpy().decode(errors="replace") if lowercase else text)
        counts.pop(UNKNOWN_CHARACTER, None)
        check(bool(counts), "texts", texts, "contain at least one character")
        return cls(most_frequent(counts, limit), lowercase)

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        codes = tf.strings.unicode_decode(lower(texts, self.lowercase), "UTF-8", errors="replace")
        return codes.with_values(tf.gather(tf.constant(self._tokens), tf.minimum(codes.values, len(self._tokens) - 1)))

    def _decode(self, tokens: list[int]) -> str:
        return "".join(UNKNOWN_CHARACTER if each == self.unknown else self.vocabulary[each] for each in tokens)

    def _arguments(self) -> dict[str, Any]:
        return {"characters": self.vocabulary[len(SPECIAL) :], "lowercase": self.lowercase}
