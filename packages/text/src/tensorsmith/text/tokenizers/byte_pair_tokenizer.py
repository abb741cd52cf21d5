"""Tokenizer whose tokens are bytes and byte sequences, learned by byte-pair encoding (BPE)."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.ops import BytePairMerges, byte_pair_encode
from tensorsmith.text._support.tokenizer import SPECIAL, Tokenizer, batches_of, lower
from tensorsmith.text._support.trainers import require_tokenizers

# That of GPT-2 without its lookahead, which RE2 does not support. `byte_pair_encode` splits at the same positions.
PIECES = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"
# Bytes that are printable characters represent themselves in the vocabulary. The order of the bytes is that of GPT-2.
PRINTABLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
BYTES = [*PRINTABLE, *(byte for byte in range(256) if byte not in PRINTABLE)]
CHARACTERS = [chr(byte) for byte in PRINTABLE] + [chr(256 + i) for i in range(256 - len(PRINTABLE))]


class BytePairTokenizer(Tokenizer):
    r"""Tokenizer whose tokens are bytes and sequences of bytes, by byte-level byte-pair encoding (BPE) as in GPT-2.

    The tokens 0 to 3 are special: padding, unknown, start and end of a text. The next 256 ones are the bytes, so that
    every text can be encoded and no token is unknown. The others are the results of the merges. `encode` does not add
    the start and the end. `decode` returns the text that was encoded. Bytes that are not valid UTF-8 become U+FFFD.

    A text is split into pieces, which are not merged with each other: the endings 's, 't, 're, 've, 'm, 'll and 'd;
    letters, numbers, or other characters, each with an optional space before them; and whitespace. See
    `tensorsmith.ops.byte_pair_encode` for the expression. The `tokenizers` library encodes texts in the same way with
    this expression, except for characters that the Unicode version of one of the two does not define.

    `encode` uses a compiled kernel. A model that is exported contains only ops of TensorFlow, unless the function was
    traced before the export. It then requires `import tensorsmith.ops` to be loaded.

    Args:
        merges: Pairs of tokens in the order of their ranks. Each token is a byte or the result of an earlier merge, in
            the characters that GPT-2 uses for bytes, in which "Ġ" is a space. Usually, `train` determines them.
        lowercase: If `True`, texts are converted to lower case.

    Attributes:
        padding: Token for padding, 0.
        unknown: Token 1, which is not used.
        start: Token for the start of a text, 2.
        end: Token for the end of a text, 3.

    Raises:
        ValueError: If a merge is not a pair of tokens.

    Example:
        >>> from tensorsmith.text import BytePairTokenizer
        >>> tokenizer = BytePairTokenizer([("l", "o"), ("lo", "w"), ("Ġ", "low")])
        >>> tokenizer.vocabulary[-3:], tokenizer.size
        (('lo', 'low', 'Ġlow'), 263)
        >>> tokenizer.encode("low low!").tolist(), tokenizer.decode([261, 262, 4])
        ([261, 262, 4], 'low low!')
        >>> tokenizer.encode(["lo", "é"]).to_list()
        [[260], [131, 106]]
    """

    title = "byte-pair tokenizer"

    def __init__(self, merges: Iterable[Sequence[str]], lowercase: bool = False):
        tokens = {character: token for token, character in enumerate(CHARACTERS, len(SPECIAL))}
        found, rows = [], []
        for pair in merges:
            valid = len(pair) == 2 and all(isinstance(each, str) and each in tokens for each in pair)
            check(valid, "merges", pair, "pairs of bytes and results of earlier merges")
            left, right = pair
            # Two merges have the same result if, for example, both a + bc and ab + c are merged.
            merged = tokens.setdefault(left + right, len(SPECIAL) + len(tokens))
            found.append((left, right))
            rows.append((tokens[left], tokens[right], merged))
        self.lowercase, self.merges = bool(lowercase), tuple(found)
        self.vocabulary = (*SPECIAL, *tokens)
        byte_of = dict(zip(CHARACTERS, BYTES, strict=True))
        self._bytes = [b"", "\ufffd".encode(), b"", b"", *(bytes(map(byte_of.__getitem__, token)) for token in tokens)]
        byte_tokens = [0] * 256
        for token, byte in enumerate(BYTES, len(SPECIAL)):
            byte_tokens[byte] = token
        self._merges = BytePairMerges(byte_tokens, rows)

    @classmethod
    def train(cls, texts: str | Iterable[str], lowercase: bool = False, limit: int = 8000) -> "BytePairTokenizer":
        """Return a tokenizer whose merges are those of the most frequent pairs of tokens in texts.

        It requires the `tokenizers` library, which is the extra `train` of tensorsmith-text.

        Args:
            texts: Text or texts.
            lowercase: If `True`, texts are converted to lower case.
            limit: Maximum number of tokens, excluding the special ones.

        Raises:
            ImportError: If `tokenizers` is not installed.
            ValueError: If `texts` contains no characters, or `limit` is not an integer of at least 256.
        """
        check(is_integer(limit) and limit >= 256, "limit", limit, "an integer >= 256")
        library = require_tokenizers(cls.__name__)
        tokenizer = library.Tokenizer(library.models.BPE())
        pieces = library.pre_tokenizers.Split(library.Regex(PIECES), "isolated")
        as_characters = library.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([pieces, as_characters])
        trainer = library.trainers.BpeTrainer(vocab_size=int(limit), initial_alphabet=CHARACTERS, show_progress=False)
        found = False

        def normalized() -> Iterable[list[str]]:
            nonlocal found
            for batch in batches_of(texts):
                valid = [text.decode(errors="replace") for text in lower(batch, lowercase).numpy()]
                found = found or any(valid)
                yield valid

        tokenizer.train_from_iterator(normalized(), trainer)
        check(found, "texts", texts, "contain at least one character")
        return cls(json.loads(tokenizer.to_str())["model"]["merges"], lowercase)

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return byte_pair_encode(lower(texts, self.lowercase), self._merges)

    def _decode(self, tokens: list[int]) -> str:
        return b"".join(self._bytes[token] for token in tokens).decode(errors="replace")

    def _arguments(self) -> dict[str, Any]:
        return {"merges": self.merges, "lowercase": self.lowercase}
