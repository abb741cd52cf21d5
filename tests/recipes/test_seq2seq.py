"""Data and scores of the recipes with encoder-decoders, compared with the standard library and other algorithms."""

import collections
import datetime
import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data import load
from tensorsmith.text import CharacterTokenizer


def test_dates_are_translated(load_recipe):
    recipe = load_recipe("seq2seq/dates")
    tokenizer = CharacterTokenizer(recipe.CHARACTERS)
    days = []
    for split, (inputs, targets) in recipe.build_data(recipe.Config(train_size=2000)).items():
        texts, translated = (
            [tokenizer.decode(row[row > 3].tolist()) for row in part] for part in (inputs["source"], targets)
        )
        assert (inputs["target"][:, 0] == tokenizer.start).all()
        assert (inputs["target"][:, 1:] == targets[:, :-1]).all()
        assert (targets[:, -1] == tokenizer.end).all()
        used = set()
        for text, iso in zip(texts, translated, strict=True):
            day = datetime.date.fromisoformat(iso)
            forms = {form for form in recipe.FORMATS if day.strftime(form) == text}
            assert forms, text
            used |= forms
        assert used == set(recipe.FORMATS), split
        days += translated
    assert len(days) == len(set(days)) == 5000


@pytest.mark.parametrize("task", ["reverse", "copy"])
def test_reversed_and_copied_sequences(task, load_recipe):
    recipe = load_recipe("seq2seq/reverse")
    inputs, targets = recipe.build_data(recipe.Config(task=task, train_size=300))["train"]
    assert set(np.count_nonzero(targets, axis=1)) == set(range(1, 31))
    for source, target, shifted in zip(inputs["source"], targets, inputs["target"], strict=True):
        letters = source[source > 0].tolist()
        assert target[target > 0].tolist() == (letters[::-1] if task == "reverse" else letters)
        assert shifted.tolist() == [recipe.START, *target[:-1]]


def distance(found, true):
    """Returns the edit distance of two sequences."""

    @functools.cache
    def rest(i, j):
        if i == len(found) or j == len(true):
            return len(found) - i + len(true) - j
        return min(rest(i + 1, j) + 1, rest(i, j + 1) + 1, rest(i + 1, j + 1) + (found[i] != true[j]))

    return rest(0, 0)


def test_phoneme_error_rate(load_recipe):
    """The closest pronunciation of each word counts."""
    recipe, generator = load_recipe("seq2seq/phonemes"), np.random.default_rng(0)
    words = np.array([0, 1, 1, 2, 3, 3, 3])
    found = generator.integers(3, 8, (4, 6))[words]  # 3 is the end
    true = [generator.integers(4, 8, generator.integers(1, 7)).tolist() for _ in words]
    best = {}
    for word, row, tokens in zip(words, found, true, strict=True):
        errors = distance(tuple(row[row > 3]), tuple(tokens))
        best[word] = min(best.get(word, (99, 0)), (errors, len(tokens)))
    expected = sum(errors for errors, _ in best.values()) / sum(length for _, length in best.values())
    ragged = tf.ragged.constant(true, dtype=tf.int32)
    assert recipe.error_rate(found, ragged, words, end=3) == pytest.approx(expected)


@pytest.fixture
def verses(load_recipe):
    """The recipe nmt/verses."""
    return load_recipe("nmt/verses")


def test_verses_of_a_length(verses):
    """All pairs of at most that many English words are used once, without a fixed order of books."""
    english, spanish = verses.load_pairs(verses.Config(longest=8), "validation")
    features = load("verses", split="validation").features
    pairs = list(zip(features["english"], features["spanish"], strict=True))
    assert sorted(zip(english, spanish, strict=True)) == sorted(pair for pair in pairs if len(pair[0].split()) <= 8)
    assert list(zip(english, spanish, strict=True)) != [pair for pair in pairs if len(pair[0].split()) <= 8]


def test_passages_of_test_books_are_not_in_training(verses):
    known = {text for side in verses.load_pairs(verses.Config(), "train") for text in side}
    test = verses.load_pairs(verses.Config(), "test")
    assert not known & {text for side in test for text in side}


@pytest.mark.parametrize("method", ["luong", "reversed"])
def test_source_and_target_of_a_translation(method, verses, monkeypatch):
    """The target starts and ends with special tokens, and only the method `reversed` reads the source backwards."""
    monkeypatch.setattr(verses, "BATCH_FOR_EVALUATION", 1000)
    config = verses.Config(method=method, longest=6, train_size=50, pieces=300)
    prepared = verses.prepare(config, None)
    ((inputs, labels),) = verses.build_data(config, prepared)["validation"]
    english, spanish = verses.load_pairs(config, "validation")
    source, target = prepared["english"], prepared["spanish"]
    for number, verse in enumerate(english):
        tokens = inputs["source"][number].numpy()
        tokens = tokens[tokens > 0].tolist()
        assert source.decode(tokens[::-1] if method == "reversed" else tokens) == verse
        tokens = target.encode(spanish[number]).tolist()
        padding = [0] * (labels.shape[1] - len(tokens) - 1)
        assert inputs["target"][number].numpy().tolist() == [target.start, *tokens, *padding]
        assert labels[number].numpy().tolist() == [*tokens, target.end, *padding]


def test_word_vectors(verses):
    """With all dimensions, the matrix of their inner products has the square P², for the PPMI matrix P."""
    rows = np.random.default_rng(0).integers(1, 12, 40), np.random.default_rng(1).integers(1, 12, 3)
    counts = collections.Counter(
        pair
        for row in rows
        for first, token in enumerate(row)
        for neighbor in row[first + 1 : first + 1 + verses.WINDOW]
        for pair in ((token, neighbor), (neighbor, token))
    )
    total, information = sum(counts.values()), np.zeros((12, 12))
    occurrences = collections.Counter()
    for (token, _), count in counts.items():
        occurrences[token] += count
    for (token, neighbor), count in counts.items():
        ratio = (count / total) / (occurrences[token] / total * occurrences[neighbor] / total)
        information[token, neighbor] = max(math.log(ratio), 0.0)
    vectors = verses.word_vectors(tf.ragged.constant([row.tolist() for row in rows]), 12, 12)
    found, expected = np.linalg.matrix_power(vectors @ vectors.T, 2), information @ information
    np.testing.assert_allclose(found / np.trace(found), expected / np.trace(expected), atol=1e-6)


def test_pretrained_embeddings(verses):
    config = verses.Config(method="pretrained", longest=6, train_size=50, pieces=300, embedding=8, units=8)
    prepared = verses.prepare(config, None)
    model = verses.build_model(config, prepared)
    for name, language in (("source", "english"), ("target", "spanish")):
        vectors = model.get_layer(f"{name}_embedding").get_weights()[0]
        np.testing.assert_allclose(vectors, prepared[f"{language}_vectors"], atol=1e-8)
        assert vectors.std() == pytest.approx(0.03)
