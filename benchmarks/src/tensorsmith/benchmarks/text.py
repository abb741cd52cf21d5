"""Benchmark `tensorsmith bench text`: tokenizers compared with `tokenizers`, `tf.strings` and `TextVectorization`.

The texts are the movie reviews for training, which have 0.96 million characters, in batches of 256. The vocabularies
have at most 8,000 tokens. A measurement is the number of characters that are encoded in a second: by `dataset.map` with
`num_parallel_calls=tf.data.AUTOTUNE`, and by `encode_batch_fast` of `tokenizers`, which uses all cores as well, without
a pipeline. `TextVectorization` has characters and words only. In the cases of subwords, it encodes words.
"""

from collections.abc import Callable
from typing import Any

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.calls import Calls

BATCH = 256
SIZE = 8000  # tokens
PROVIDERS = {
    "characters": ("tensorsmith", "tensorflow", "keras"),
    "words": ("tensorsmith", "tensorflow", "keras", "tokenizers"),
    "byte_pairs": ("tensorsmith", "keras", "tokenizers"),
    "word_pieces": ("tensorsmith", "keras", "tokenizers"),
}
Encode = Callable[[Any], Any]


class _Rate:
    """Number of millions of characters that are encoded in a second."""

    def __init__(self, work: Callable[[], None], characters: int) -> None:
        self._calls, self._characters = Calls(work), characters

    def first(self) -> float:
        """Return the duration of the first pass in seconds."""
        return self._calls.first()

    def turn(self) -> float:
        """Return the rate of the median pass."""
        return self._characters / 1e3 / self._calls.turn()


def reviews() -> list[str]:
    """Return the texts."""
    from tensorsmith.data import load

    return [str(text) for text in load("movie_reviews", "train").features]


def _prepare(case: str, provider: str) -> _Rate:
    """Return an implementation that is ready to be measured on a benchmark case."""
    import tensorflow as tf

    texts = reviews()
    encode = MAKERS[provider](case, texts)
    if provider == "tokenizers":
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]

        def work() -> None:
            for batch in batches:
                encode(batch)

        return _Rate(work, sum(map(len, texts)))
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(BATCH).cache()
    encoded = dataset.map(encode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def passes() -> None:
        for _ in encoded:
            pass

    return _Rate(passes, sum(map(len, texts)))


def tensorsmith(case: str, texts: list[str]) -> Encode:
    """Return the function of a tokenizer of tensorsmith from a batch of texts to ragged tokens."""
    from tensorsmith import text

    if case == "characters":
        encode: Encode = text.CharacterTokenizer.train(texts, lowercase=True).encode
    elif case == "words":
        encode = text.WordTokenizer.train(texts, limit=SIZE).encode
    elif case == "byte_pairs":
        encode = text.BytePairTokenizer.train(texts, limit=SIZE).encode
    else:
        encode = text.WordPieceTokenizer.train(texts, limit=SIZE).encode
    return encode


def tensorflow(case: str, texts: list[str]) -> Encode:
    """Return a function of the ops of `tf.strings` and a table of `tf.lookup`."""
    import tensorflow as tf

    from tensorsmith import text

    kind: Any = text.CharacterTokenizer if case == "characters" else text.WordTokenizer
    vocabulary = kind.train(texts, lowercase=True, limit=SIZE).vocabulary
    numbers = tf.range(len(vocabulary), dtype=tf.int32)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(vocabulary), numbers), 1)

    def encode(batch: tf.Tensor) -> tf.RaggedTensor:
        lowered = tf.strings.lower(batch, "utf-8")
        if case == "characters":
            parts = tf.strings.unicode_split(lowered, "UTF-8")
        else:
            parts = tf.strings.split(tf.strings.regex_replace(lowered, r"[^\p{L}\p{M}\p{N}']+", " "))
        return parts.with_values(table.lookup(parts.values))

    return encode


def keras(case: str, texts: list[str]) -> Encode:
    """Return the layer `TextVectorization` for characters or words, with its default standardization."""
    from keras.layers import TextVectorization

    split = "character" if case == "characters" else "whitespace"
    layer = TextVectorization(max_tokens=SIZE, split=split, ragged=True)
    layer.adapt(texts)
    encode: Encode = layer
    return encode


def tokenizers(case: str, texts: list[str]) -> Encode:
    """Return a function from a list of strings to lists of tokens, by a tokenizer of `tokenizers`."""
    import tokenizers as library
    from tokenizers import models, normalizers, pre_tokenizers

    from tensorsmith import text
    from tensorsmith.text.tokenizers.byte_pair_tokenizer import PIECES

    if case == "byte_pairs":
        ours = text.BytePairTokenizer.train(texts, limit=SIZE)
        numbers = {token: number for number, token in enumerate(ours.vocabulary)}
        tokenizer = library.Tokenizer(models.BPE(numbers, [*ours.merges]))
        pieces = pre_tokenizers.Split(library.Regex(PIECES), "isolated")
        as_characters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pieces, as_characters])
    else:
        kind: Any = text.WordTokenizer if case == "words" else text.WordPieceTokenizer
        model = models.WordLevel if case == "words" else models.WordPiece
        vocabulary = kind.train(texts, limit=SIZE).vocabulary
        tokenizer = library.Tokenizer(
            model({token: number for number, token in enumerate(vocabulary)}, unk_token="[UNK]")
        )
        tokenizer.normalizer = normalizers.Lowercase()
        words = pre_tokenizers.Split(library.Regex(r"[^\p{L}\p{M}\p{N}']+"), "removed")
        tokenizer.pre_tokenizer = words if case == "words" else pre_tokenizers.BertPreTokenizer()
    return lambda batch: [encoding.ids for encoding in tokenizer.encode_batch_fast(batch)]


MAKERS = {"tensorsmith": tensorsmith, "tensorflow": tensorflow, "keras": keras, "tokenizers": tokenizers}

BENCHMARK = Benchmark(
    cases=PROVIDERS,
    providers=lambda case: dict.fromkeys(PROVIDERS[case], True),
    prepare=_prepare,
    unit=lambda case: "Mchar/s",
    lower_is_better=False,
    targets=lambda case: {name: 1.0 for name in PROVIDERS[case] if name != "tensorsmith"},
)
