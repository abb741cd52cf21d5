"""Training with the `tokenizers` library, and training of WordPiece that has the same result in each process."""

import collections
import importlib
from collections.abc import Iterable, Iterator
from types import ModuleType

from tensorsmith.core import check
from tensorsmith.ops.word_piece import bert_words
from tensorsmith.text._support.tokenizer import batches_of, lower, most_frequent

FIRST_PRIVATE, LAST_PRIVATE = 0xF0000, 0x10FFFD  # code points without a meaning


def require_tokenizers(name: str) -> ModuleType:
    """Return the `tokenizers` library, with which a class is trained.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise ImportError(
            f"{name}.train needs tokenizers. Run `pip install 'tokenizers>=0.20'`, which is the extra `train` of "
            "tensorsmith-text."
        ) from error


def train_word_pieces(texts: str | Iterable[str], lowercase: bool, limit: int, prefix: str) -> list[str]:
    """Return the vocabulary of WordPiece for texts: characters, then merged pieces.

    The trainer of the library for WordPiece is the one for BPE with a prefix for all characters but the first one of a
    word. It numbers the characters with a prefix in the order of a hash table, on which the choice among equally
    frequent pairs depends. Therefore, each character with and without the prefix is replaced by a single character.
    """
    library = require_tokenizers("WordPieceTokenizer")
    counts: collections.Counter[str] = collections.Counter()
    for batch in batches_of(texts):
        words = bert_words(lower(batch, lowercase)).values.numpy().tolist()
        counts.update(word.decode(errors="replace") for word in words)
    check(bool(counts), "texts", texts, "contain at least one word")
    frequencies: collections.Counter[str] = collections.Counter()
    for word, count in counts.items():
        for symbol in _symbols(word, prefix):
            frequencies[symbol] += count
    symbols = sorted(most_frequent(frequencies, min(limit, LAST_PRIVATE - FIRST_PRIVATE)))
    replacements = {symbol: chr(FIRST_PRIVATE + index) for index, symbol in enumerate(symbols)}

    def replaced() -> Iterator[str]:
        for word, count in sorted(counts.items()):
            # A word with a rare character that is not in the vocabulary is unknown.
            if all(symbol in replacements for symbol in _symbols(word, prefix)):
                yield " ".join(["".join(map(replacements.__getitem__, _symbols(word, prefix)))] * count)

    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    trainer = library.trainers.BpeTrainer(
        vocab_size=limit, initial_alphabet=[*replacements.values()], show_progress=False
    )
    tokenizer.train_from_iterator(replaced(), trainer)
    vocabulary = tokenizer.get_vocab()
    originals = {replacement: symbol for symbol, replacement in replacements.items()}
    pieces = []
    for piece in sorted(vocabulary, key=vocabulary.__getitem__):
        first, *others = (originals[character] for character in piece)
        pieces.append(first + "".join(other.removeprefix(prefix) for other in others))
    return pieces


def _symbols(word: str, prefix: str) -> list[str]:
    return [word[0], *(prefix + character for character in word[1:])]
