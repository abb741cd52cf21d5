"""Base class of the tokenizers: special tokens, arguments of any shape, decoding, and files."""

import abc
import collections
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import tensorflow as tf

from tensorsmith.core import UnreadableFileError, check, is_integer, read_text, replace_file
from tensorsmith.core.types import TensorLike

SPECIAL = ("[PAD]", "[UNK]", "[START]", "[END]")
LARGEST_FILE = 50_000_000  # bytes
BATCH = 1024  # texts that are processed by one call of TensorFlow during training


class Tokenizer(abc.ABC):
    """Base class of the tokenizers, which have the same four special tokens.

    Attributes:
        vocabulary: Strings of the tokens, which begins with those of the special tokens.
    """

    padding, unknown, start, end = range(4)
    title: ClassVar[str]  # for error messages
    vocabulary: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of tokens, including the special ones."""
        return len(self.vocabulary)

    def encode(self, texts: str | TensorLike) -> Any:
        """Return the tokens of texts. It can be used in a `tf.data` pipeline and in a model.

        Args:
            texts: Text, or tensor of texts. Invalid UTF-8 is allowed.

        Returns:
            For a text, an int32 array; for a tensor of shape `(...)`, an int32 tensor of shape `(..., tokens)`, which
            is ragged unless the tensor is a scalar.
        """
        if isinstance(texts, str):
            encoded: np.ndarray = self._encode(tf.constant([as_bytes(texts)])).values.numpy()
            return encoded
        texts = tf.convert_to_tensor(texts, tf.string)
        rank = texts.shape.rank
        check(rank is not None, "texts", "a tensor of unknown rank", "have a known rank", "call `tf.ensure_shape`")
        tokens = self._encode(texts if rank == 1 else tf.reshape(texts, [-1]))
        if rank == 0:
            return tokens.values
        sizes = tf.shape(texts, tf.int64)
        for axis in range(rank - 1, 0, -1):
            rows = tf.reduce_prod(sizes[:axis])
            tokens = tf.RaggedTensor.from_uniform_row_length(tokens, sizes[axis], rows, validate=False)
        return tokens

    @abc.abstractmethod
    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the tokens of a tensor of shape `(texts,)`."""

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """Return the text of tokens, without padding, start and end.

        Raises:
            ValueError: If a token is not in the vocabulary.
        """
        values = np.asarray(tokens, np.int64).ravel()
        valid = bool(((values >= 0) & (values < self.size)).all())
        check(valid, "tokens", values, f"integers from 0 to {self.size - 1}")
        return self._decode([value for value in values.tolist() if value not in (self.padding, self.start, self.end)])

    @abc.abstractmethod
    def _decode(self, tokens: list[int]) -> str:
        """Return the text of valid tokens."""

    @abc.abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Return the arguments from which the constructor makes the same tokenizer, as JSON values."""

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        with replace_file(Path(path)) as draft:
            draft.write_text(json.dumps(self._arguments()))  # ASCII characters

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the tokenizer in a file that `save` has written.

        Raises:
            UnreadableFileError: If the file does not contain a tokenizer of this class.
        """
        try:
            return cls(**json.loads(read_text(Path(path), LARGEST_FILE)))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise UnreadableFileError(f"{path} does not contain a {cls.title}: {error}.") from error


def as_bytes(text: str) -> bytes:
    """Return a text in UTF-8. Surrogates, which UTF-8 does not allow, become invalid bytes."""
    return text.encode(errors="surrogatepass")


def strings_of(texts: str | Iterable[str]) -> Iterator[str]:
    """Yield the texts for training.

    Raises:
        ValueError: If a text is not a string.
    """
    for text in [texts] if isinstance(texts, str) else texts:
        check(isinstance(text, str), "texts", text, "strings")
        yield text


def batches_of(texts: str | Iterable[str]) -> Iterator[tf.Tensor]:
    """Yield the texts for training as tensors of shape `(batch,)`."""
    remaining = strings_of(texts)
    while batch := [*itertools.islice(remaining, BATCH)]:
        yield tf.constant([as_bytes(text) for text in batch])


def lower(texts: tf.Tensor, lowercase: bool) -> tf.Tensor:
    """Return texts in lower case, with U+FFFD for invalid UTF-8, or unchanged."""
    return tf.strings.lower(texts, "utf-8") if lowercase else texts


def check_strings(name: str, strings: Sequence[str]) -> None:
    """Raise an error unless the strings of a vocabulary are not empty and have no duplicates."""
    valid = all(isinstance(each, str) and each for each in strings)
    check(valid, name, strings, "non-empty strings")
    twice = [each for each, count in collections.Counter(strings).items() if count > 1]
    check(not twice, name, twice, "without duplicates")


def check_limit(limit: int | None) -> None:
    """Raise an error unless the size limit of a vocabulary is valid."""
    check(limit is None or (is_integer(limit) and limit > 0), "limit", limit, "a positive integer or None")


def most_frequent(counts: collections.Counter[str], limit: int | None) -> list[str]:
    """Return strings by decreasing frequency, and alphabetically if they are equally frequent."""
    return sorted(counts, key=lambda each: (-counts[each], each))[:limit]
