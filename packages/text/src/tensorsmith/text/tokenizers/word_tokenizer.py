"""Tokenizer whose tokens are words."""

import collections
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tensorsmith.core import argument_error, check, is_integer
from tensorsmith.ops import WordPieces, word_piece_encode
from tensorsmith.text._support.tokenizer import (
    SPECIAL,
    Tokenizer,
    batches_of,
    check_limit,
    check_strings,
    most_frequent,
)

# The words are those of `tensorsmith.data.preprocessing.split_words`. Whitespace is left to the split after the
# replacement.
SEPARATORS = r"[^\p{L}\p{M}\p{N}'\s]+"


class WordTokenizer(Tokenizer):
    r"""Tokenizer whose tokens are the words of a text.

    The tokens 0 to 3 are special: padding, unknown words, start and end of a text. The next ones are the words of the
    vocabulary. The last ones are out-of-vocabulary buckets: with `oov_buckets` > 0, the token of a word that is not in
    the vocabulary is `len(vocabulary) + fingerprint mod oov_buckets`, with the fingerprint of
    `tf.strings.to_hash_bucket_fast`, instead of 1. `encode` does not add the start and the end. `decode` separates
    words by spaces, and returns "[UNK]" for words that are not in the vocabulary.

    `encode` uses a compiled kernel. A model that is exported contains only ops of TensorFlow, unless the function was
    traced before the export. It then requires `import tensorsmith.ops` to be loaded.

    Args:
        words: Words of the vocabulary, without duplicates. Usually, `train` determines them.
        lowercase: If `True`, texts are converted to lower case.
        oov_buckets: Number of out-of-vocabulary buckets.
        separators: Regular expression of RE2 for what separates words and is removed. By default, words consist of
            letters and digits of any script, and apostrophes, as those of `tensorsmith.data.preprocessing.split_words`.
            For example, `r"<br\s*/?>|[^a-zA-Z']+"` also removes line breaks in HTML. The words are also split at
            whitespace. `lowercase` takes effect first.

    Attributes:
        padding: Token for padding, 0.
        unknown: Token for words that are not in the vocabulary, 1. It is not used if there are buckets.
        start: Token for the start of a text, 2.
        end: Token for the end of a text, 3.

    Raises:
        ValueError: If `words` is empty or contains duplicates or empty strings, `oov_buckets` is not a non-negative
            integer, or `separators` is not a regular expression.

    Example:
        >>> from tensorsmith.text import WordTokenizer
        >>> tokenizer = WordTokenizer.train(["To be, or not to be!", "Be quiet."], limit=4, oov_buckets=2)
        >>> tokenizer.vocabulary, tokenizer.size
        (('[PAD]', '[UNK]', '[START]', '[END]', 'be', 'to', 'not', 'or'), 10)
        >>> tokenizer.encode("Not to be quiet").tolist(), tokenizer.decode([6, 5, 4, 8])
        ([6, 5, 4, 8], 'not to be [UNK]')
        >>> tokenizer.encode(["be", "or not"]).to_list()
        [[4], [7, 6]]
    """

    title = "word tokenizer"

    def __init__(
        self, words: Iterable[str], lowercase: bool = True, oov_buckets: int = 0, separators: str = SEPARATORS
    ):
        found = list(words)
        check(bool(found), "words", found, "contain at least one word")
        check_strings("words", found)
        check(is_integer(oov_buckets) and oov_buckets >= 0, "oov_buckets", oov_buckets, "a non-negative integer")
        _check_expression(separators)
        self.lowercase, self.oov_buckets, self.separators = bool(lowercase), int(oov_buckets), separators
        self.vocabulary = (*SPECIAL, *found)
        self._words = WordPieces(found, len(SPECIAL), self.unknown, whole_words=True)

    @classmethod
    def train(
        cls,
        texts: str | Iterable[str],
        lowercase: bool = True,
        limit: int | None = None,
        oov_buckets: int = 0,
        separators: str = SEPARATORS,
    ) -> "WordTokenizer":
        """Return a tokenizer for the words of texts, with the most frequent ones first.

        Args:
            texts: Text or texts.
            lowercase: If `True`, texts are converted to lower case.
            limit: Maximum number of words. If `None`, all of them.
            oov_buckets: Number of out-of-vocabulary buckets.
            separators: Regular expression for what separates words.

        Raises:
            ValueError: If `texts` contains no words, or another argument is invalid.
        """
        check_limit(limit)
        _check_expression(separators)
        counts: collections.Counter[bytes] = collections.Counter()
        for batch in batches_of(texts):
            words = tf.strings.split(_separated(batch, lowercase, separators))
            counts.update(words.values.numpy().tolist())
        check(bool(counts), "texts", texts, "contain at least one word")
        by_word = collections.Counter({word.decode(): count for word, count in counts.items()})
        return cls(most_frequent(by_word, limit), lowercase, oov_buckets, separators)

    @property
    def size(self) -> int:
        """Number of tokens, including the special ones and the out-of-vocabulary buckets."""
        return len(self.vocabulary) + self.oov_buckets

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        separated = _separated(texts, self.lowercase, self.separators)
        if not self.oov_buckets:
            return word_piece_encode(separated, self._words)
        words = tf.strings.split(separated)
        tokens = word_piece_encode(words.values, self._words).values  # one for each word
        buckets = tf.cast(tf.strings.to_hash_bucket_fast(words.values, self.oov_buckets), tf.int32)
        return words.with_values(tf.where(tokens == self.unknown, len(self.vocabulary) + buckets, tokens))

    def _decode(self, tokens: list[int]) -> str:
        names = (self.vocabulary[each] if each < len(self.vocabulary) else SPECIAL[self.unknown] for each in tokens)
        return " ".join(names)

    def _arguments(self) -> dict[str, Any]:
        return {
            "words": self.vocabulary[len(SPECIAL) :],
            "lowercase": self.lowercase,
            "oov_buckets": self.oov_buckets,
            "separators": self.separators,
        }


def _separated(texts: tf.Tensor, lowercase: bool, separators: str) -> tf.Tensor:
    """Return texts whose words are separated by whitespace."""
    # Both ops replace invalid UTF-8 by U+FFFD, which would otherwise become part of words.
    valid = tf.strings.lower(texts, "utf-8") if lowercase else tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
    return tf.strings.regex_replace(valid, separators, " ")


def _check_expression(separators: str) -> None:
    check(isinstance(separators, str) and separators != "", "separators", separators, "a regular expression of RE2")
    try:
        tf.strings.regex_replace("", separators, " ")
    except tf.errors.InvalidArgumentError:
        raise argument_error("separators", separators, "a regular expression of RE2") from None
