"""The word tokenizer, compared with `split_words` and counts in Python, and its use in pipelines, models and files."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.core import UnreadableFileError
from tensorsmith.data.preprocessing import split_words
from tensorsmith.testing import raises_argument_error
from tensorsmith.text import CharacterTokenizer, WordTokenizer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("ab '\n\t-"), max_size=20)


def words_of(texts):
    return [[word.decode() for word in row] for row in split_words(tf.constant(texts)).to_list()]


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS, st.integers(1, 4), st.integers(0, 3))
def test_tokens_are_those_of_the_words(texts, other, limit, buckets):
    counts = collections.Counter(word for row in words_of(texts) for word in row)
    if not counts:
        with raises_argument_error("texts", expected="contain at least one word"):
            WordTokenizer.train(texts)
        return
    tokenizer = WordTokenizer.train(texts, limit=limit, oov_buckets=buckets)
    kept = tokenizer.vocabulary[4:]
    assert len(kept) == min(limit, len(counts))
    assert kept == tuple(sorted(counts, key=lambda word: (-counts[word], word))[: len(kept)])
    tokens = {word: token for token, word in enumerate(tokenizer.vocabulary)}
    for text, row in zip([*texts, other], words_of([*texts, other]), strict=True):
        encoded = tokenizer.encode(text).tolist()
        first = len(tokenizer.vocabulary) if buckets else 1
        last = tokenizer.size if buckets else 2
        for word, token in zip(row, encoded, strict=True):
            assert token == tokens[word] if word in kept else first <= token < last
        assert tokenizer.decode(encoded) == " ".join(word if word in kept else "[UNK]" for word in row)


def test_case_and_separators():
    kept = WordTokenizer.train("The the fox's\x0bden", lowercase=False)
    assert kept.vocabulary[4:] == ("The", "den", "fox's", "the")
    book = WordTokenizer.train("Well-known<br />été", separators=r"<br\s*/?>|[^a-zA-Z']+")
    assert book.vocabulary[4:] == ("known", "t", "well")
    assert book.encode(tf.constant(["known well", "", "a known"])).to_list() == [[4, 6], [], [1, 4]]


def test_buckets_are_those_of_tensorflow():
    tokenizer = WordTokenizer(["a"], oov_buckets=7)
    words = ["x", "yy", "zzz"]
    expected = 5 + tf.strings.to_hash_bucket_fast(words, 7)
    np.testing.assert_array_equal(tokenizer.encode(" ".join(words)), expected)
    assert tokenizer.size == 12


@pytest.mark.parametrize("lowercase", [True, False])
def test_invalid_utf8_separates_words(lowercase):
    tokenizer = WordTokenizer(["a", "b"], lowercase)
    assert tokenizer.encode(tf.constant([b"a\xffb", b"\xc3", b""])).to_list() == [[4, 5], [], []]
    assert tokenizer.encode("a\ud800b").tolist() == [4, 5]


def test_shapes():
    tokenizer = WordTokenizer(["a", "b"])
    assert tokenizer.encode(tf.constant("b a")).numpy().tolist() == [5, 4]
    assert tokenizer.encode([["a", "b b"], ["", "c"]]).to_list() == [[[4], [5, 5]], [[], [1]]]
    assert tokenizer.encode(tf.zeros([0], tf.string)).to_list() == []
    assert tokenizer.encode(tf.zeros([2, 0, 3], tf.string)).shape.as_list() == [2, 0, 3, None]
    encode = tf.function(tokenizer.encode, input_signature=[tf.TensorSpec([None, None], tf.string)])
    assert encode(tf.constant([["a"], ["b a"]])).to_list() == [[[4]], [[5, 4]]]
    with raises_argument_error("texts", expected="have a known rank"):
        tf.function(tokenizer.encode, input_signature=[tf.TensorSpec(None, tf.string)])(tf.constant("a"))


def test_pipelines_and_exported_models(tmp_path):
    tokenizer = WordTokenizer.train("to be or not to be", oov_buckets=2)
    texts = ["be to", "not there at all"]
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(tokenizer.encode)
    padded = next(iter(batches)).to_tensor(tokenizer.padding).numpy()
    np.testing.assert_array_equal(padded[0], [*tokenizer.encode(texts[0]), 0, 0])

    class Model(tf.Module):  # which does not track the tokenizer
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            return tokenizer.encode(texts).to_tensor()

    tf.saved_model.save(Model(), tmp_path / "model")
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "model")(tf.constant(texts)), padded)
    embedded = keras.layers.Embedding(tokenizer.size, 3, mask_zero=True)(padded)
    assert embedded.shape == (2, 4, 3)


def test_saved_tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer = WordTokenizer.train("Äb 😀c d", lowercase=False, oov_buckets=3, separators="[ c]+")
    tokenizer.save(path)
    loaded = WordTokenizer.load(path)
    assert vars(loaded).keys() == vars(tokenizer).keys()
    assert (loaded.vocabulary, loaded.lowercase, loaded.oov_buckets) == (tokenizer.vocabulary, False, 3)
    assert loaded.encode("d 😀 x").tolist() == tokenizer.encode("d 😀 x").tolist()
    with pytest.raises(UnreadableFileError, match="does not contain a character tokenizer"):
        CharacterTokenizer.load(path)
    for content in ("", "[]", '{"words": ["a", "a"]}', '{"words": 3}', '{"words": ["a"], "other": 1}'):
        path.write_text(content)
        with pytest.raises(UnreadableFileError, match="does not contain a word tokenizer"):
            WordTokenizer.load(path)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: WordTokenizer([]), "words", "contain at least one word"),
        (lambda: WordTokenizer(["a", ""]), "words", "non-empty strings"),
        (lambda: WordTokenizer([b"a"]), "words", "non-empty strings"),
        (lambda: WordTokenizer(["a", "b", "a"]), "words", "without duplicates"),
        (lambda: WordTokenizer(["a"], oov_buckets=-1), "oov_buckets", "a non-negative integer"),
        (lambda: WordTokenizer(["a"], separators="("), "separators", "a regular expression of RE2"),
        (lambda: WordTokenizer.train("a", separators=""), "separators", "a regular expression of RE2"),
        (lambda: WordTokenizer.train([1]), "texts", "strings"),
        (lambda: WordTokenizer.train("a", limit=True), "limit", "a positive integer or None"),
        (lambda: WordTokenizer(["a"], oov_buckets=2).decode([7]), "tokens", "integers from 0 to 6"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()
