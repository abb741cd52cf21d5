"""Tokenizer whose tokens are characters."""

import collections
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import UnreadableFileError, check, is_integer, read_text, replace_file
from tensorsmith.core.types import TensorLike

SPECIAL = ("[PAD]", "[UNK]", "[START]", "[END]")
UNKNOWN_CHARACTER = "\ufffd"
LARGEST_FILE = 50_000_000  # bytes


class CharacterTokenizer:
    """Tokenizer whose tokens are the characters of a text.

    The tokens 0 to 3 are special: padding, unknown characters, start and end of a text. The others are the characters
    of the vocabulary. `encode` does not add the start and the end.

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

    padding, unknown, start, end = range(4)

    def __init__(self, characters: Iterable[str], lowercase: bool = False):
        found = list(characters)
        valid = all(isinstance(each, str) and len(each) == 1 for each in found)
        check(valid, "characters", found, "strings of length 1")
        twice = [each for each, count in collections.Counter(found).items() if count > 1]
        check(not twice, "characters", twice, "without duplicates")
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
        """Returns a tokenizer for the characters of texts, with the most frequent ones first.

        Args:
            texts: Text or texts.
            lowercase: If `True`, texts are converted to lower case.
            limit: Maximum number of characters. If `None`, all of them.

        Raises:
            ValueError: If `texts` contains no characters, or `limit` is not a positive integer.
        """
        check(limit is None or (is_integer(limit) and limit > 0), "limit", limit, "a positive integer or None")
        counts: collections.Counter[str] = collections.Counter()
        for text in [texts] if isinstance(texts, str) else texts:
            check(isinstance(text, str), "texts", text, "strings")
            counts.update(_lower(text) if lowercase else text)
        counts.pop(UNKNOWN_CHARACTER, None)
        check(bool(counts), "texts", texts, "contain at least one character")
        ranked = sorted(counts, key=lambda character: (-counts[character], character))
        return cls(ranked[:limit], lowercase)

    @property
    def size(self) -> int:
        """Number of tokens, including the special ones."""
        return len(self.vocabulary)

    def encode(self, texts: str | TensorLike) -> Any:
        """Returns the tokens of texts. It can be used in a `tf.data` pipeline and in a model.

        Args:
            texts: Text, or tensor of texts. Bytes that are not valid UTF-8 are unknown characters.

        Returns:
            For a text, an int32 array; for a tensor of shape `(...)`, an int32 tensor of shape `(..., characters)`,
            which is ragged unless the tensor is a scalar.
        """
        if isinstance(texts, str):
            encoded: np.ndarray = self._encode(tf.constant(texts.encode(errors="surrogatepass"))).numpy()
            return encoded
        return self._encode(tf.convert_to_tensor(texts, tf.string))

    def _encode(self, texts: Any) -> Any:
        texts = tf.strings.lower(texts, "utf-8") if self.lowercase else texts
        codes = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
        flat = codes.flat_values if isinstance(codes, tf.RaggedTensor) else codes
        tokens = tf.gather(tf.constant(self._tokens), tf.minimum(flat, len(self._tokens) - 1))
        return codes.with_flat_values(tokens) if isinstance(codes, tf.RaggedTensor) else tokens

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """Returns the text of tokens, without padding, start and end. Unknown characters become U+FFFD.

        Raises:
            ValueError: If a token is not in the vocabulary.
        """
        values = np.asarray(tokens, np.int64).ravel()
        valid = bool(((values >= 0) & (values < self.size)).all())
        check(valid, "tokens", values, f"integers from 0 to {self.size - 1}")
        characters = ("", UNKNOWN_CHARACTER, "", "", *self.vocabulary[len(SPECIAL) :])
        return "".join(characters[value] for value in values)

    def save(self, path: str | Path) -> None:
        """Writes the tokenizer to a JSON file."""
        content = {"characters": self.vocabulary[len(SPECIAL) :], "lowercase": self.lowercase}
        with replace_file(Path(path)) as draft:
            draft.write_text(json.dumps(content))  # ASCII characters

    @classmethod
    def load(cls, path: str | Path) -> "CharacterTokenizer":
        """Returns the tokenizer in a file that `save` has written.

        Raises:
            UnreadableFileError: If the file does not contain a tokenizer.
        """
        try:
            content = json.loads(read_text(Path(path), LARGEST_FILE))
            return cls(content["characters"], content["lowercase"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise UnreadableFileError(f"{path} does not contain a character tokenizer: {error}.") from error


def _lower(text: str) -> str:
    """Returns a text in lower case, by the rules of TensorFlow."""
    lowered: bytes = tf.strings.lower(text.encode(errors="surrogatepass"), "utf-8").numpy()
    return lowered.decode(errors="replace")
