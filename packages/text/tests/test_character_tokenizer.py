"""The character tokenizer, compared with Python, and its use in pipelines, models and files."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.core import UnreadableFileError
from tensorsmith.testing import raises_argument_error
from tensorsmith.text import CharacterTokenizer

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=20)


@given(st.lists(TEXTS, min_size=1, max_size=5).filter(any), TEXTS)
def test_tokens_are_those_of_python(texts, other):
    tokenizer = CharacterTokenizer.train(texts)
    tokens = {character: number for number, character in enumerate(tokenizer.vocabulary)}
    for text in [*texts, other]:
        expected = [tokens.get(character, 1) for character in text]
        assert tokenizer.encode(text).tolist() == expected
        assert tokenizer.decode(expected) == "".join(each if each in tokens else "\ufffd" for each in text)
    ragged = tokenizer.encode([*texts, other])
    assert [row.tolist() for row in map(tokenizer.encode, [*texts, other])] == ragged.to_list()


@given(st.lists(TEXTS, min_size=1, max_size=5).filter(any), st.integers(1, 5))
def test_vocabulary_has_the_most_frequent_characters(texts, limit):
    counts = collections.Counter("".join(texts))
    kept = CharacterTokenizer.train(texts, limit=limit).vocabulary[4:]
    assert sorted((counts[each] for each in kept), reverse=True) == [counts[each] for each in kept]
    assert len(kept) == min(limit, len(counts))
    assert min(counts[each] for each in kept) >= max((counts[each] for each in {*counts} - {*kept}), default=0)


def test_lower_case():
    tokenizer = CharacterTokenizer.train("ÀB ab", lowercase=True)
    assert tokenizer.vocabulary[4:] == ("b", " ", "a", "à")
    assert tokenizer.encode("AbÀ").tolist() == [6, 4, 7]
    assert CharacterTokenizer.train("Aa").encode("aA").tolist() == [5, 4]


def test_invalid_utf8_is_unknown():
    tokenizer = CharacterTokenizer("ab")
    assert tokenizer.encode(tf.constant([b"a\xffb", b""])).to_list() == [[4, 1, 5], []]
    assert tokenizer.encode("a\ud800b").tolist()[0] == 4


def test_pipelines_and_exported_models(tmp_path):
    tokenizer = CharacterTokenizer.train("hello")
    batches = tf.data.Dataset.from_tensor_slices(["he", "hello"]).batch(2).map(tokenizer.encode)
    padded = next(iter(batches)).to_tensor(tokenizer.padding).numpy()
    np.testing.assert_array_equal(padded, [[*tokenizer.encode("he"), 0, 0, 0], tokenizer.encode("hello")])

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            return tokenizer.encode(texts).to_tensor()

    tf.saved_model.save(Model(), tmp_path / "model")
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "model")(tf.constant(["he", "hello"])), padded)
    embedded = keras.layers.Embedding(tokenizer.size, 3, mask_zero=True)(padded)
    assert embedded.shape == (2, 5, 3)


def test_saved_tokenizer(tmp_path):
    tokenizer = CharacterTokenizer.train("äb\n😀", lowercase=True)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = CharacterTokenizer.load(tmp_path / "tokenizer.json")
    assert (loaded.vocabulary, loaded.lowercase) == (tokenizer.vocabulary, True)
    for content in ("", "[]", '{"characters": ["ab"], "lowercase": false}', '{"characters": 3, "lowercase": true}'):
        (tmp_path / "damaged.json").write_text(content)
        with pytest.raises(UnreadableFileError, match="does not contain a character tokenizer"):
            CharacterTokenizer.load(tmp_path / "damaged.json")


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: CharacterTokenizer(["ab"]), "characters", "strings of length 1"),
        (lambda: CharacterTokenizer("aba"), "characters", "without duplicates"),
        (lambda: CharacterTokenizer.train(""), "texts", "contain at least one character"),
        (lambda: CharacterTokenizer.train([b"a"]), "texts", "strings"),
        (lambda: CharacterTokenizer.train("a", limit=0), "limit", "a positive integer or None"),
        (lambda: CharacterTokenizer("ab").decode([6]), "tokens", "integers from 0 to 5"),
        (lambda: CharacterTokenizer("ab").decode([-1]), "tokens", "integers from 0 to 5"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()
