"""Tests of skip-grams against loops, and of the rates at which windows and tokens are drawn."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import text
from tensorsmith.testing import raises_argument_error

WORDS = ["the", "quick", "brown", "fox", "jumps"]


def pairs_of(tokens, skips, with_self=False):
    """Return all pairs of tokens at a distance of at most `skips`."""
    return [
        (token, label)
        for i, token in enumerate(tokens)
        for j, label in enumerate(tokens)
        if abs(i - j) <= skips and (i != j or with_self)
    ]


def listed(tokens, labels):
    return list(zip(tokens.numpy().tolist(), labels.numpy().tolist(), strict=True))


def sampled(*arguments, **options):
    return listed(*text.skip_gram_sample(*arguments, **options))


@pytest.mark.pairwise
@pytest.mark.parametrize("dtype", ["string", "int32", "int64", "float16", "float64", "bool"])
@pytest.mark.parametrize("size", [0, 1, 2, 9])
@pytest.mark.parametrize("skips", [0, 1, 3, 1000000])
@pytest.mark.parametrize("with_self", [False, True])
def test_fixed_windows(dtype, size, skips, with_self):
    x = tf.range(size)
    x = tf.strings.as_string(x) if dtype == "string" else tf.cast(x, dtype)
    found = sampled(x, skips, skips, emit_self_as_target=with_self)
    assert found == pairs_of(x.numpy().tolist(), skips, with_self)


@pytest.mark.parametrize(("start", "limit"), [(0, -1), (2, -1), (1, 3), (0, 0), (4, 9), (7, -1)])
def test_parts_of_the_tokens(start, limit):
    chosen = WORDS[start:] if limit < 0 else WORDS[start:][:limit]
    expected = pairs_of([word.encode() for word in chosen], 2)
    assert sampled(WORDS, 2, 2, start, limit) == expected

    @tf.function
    def traced(words, skips, start, limit):
        return text.skip_gram_sample(words, skips, skips, start, limit)

    assert listed(*traced(*map(tf.constant, (WORDS, 2, start, limit)))) == expected


def test_random_windows():
    """Window sizes are uniform: four frequencies are within five standard deviations."""
    tokens, labels = text.skip_gram_sample(tf.range(40000), 1, 4, seed=3)
    windows = np.bincount(tokens)[10:-10] // 2
    assert np.max(np.abs(tokens - labels)) == 4
    counts = np.bincount(windows)[1:]
    np.testing.assert_allclose(counts, len(windows) / 4, atol=5 * np.sqrt(len(windows) * 3 / 16))


def test_seeds():
    """A seed gives the same sequence of samples after `tf.random.set_seed`."""
    tf.random.set_seed(1)
    first, second = sampled(range(50), seed=2), sampled(range(50), seed=2)
    assert first != second
    tf.random.set_seed(1)
    assert sampled(range(50), seed=2) == first


def table(dtype="float64"):
    counts = tf.constant([5, 1, 94], dtype)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["the", "fox", "jumps"], counts), -1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, [b"the", b"fox", b"jumps"]),
        ({"vocab_min_count": 5}, [b"the", b"jumps"]),
        ({"vocab_min_count": 95}, []),
        ({"vocab_subsampling": 0.0, "corpus_size": 100}, [b"the", b"fox", b"jumps"]),
    ],
)
def test_known_tokens(dtype, options, known):
    assert sampled(WORDS, 1, 1, vocab_freq_table=table(dtype), **options) == pairs_of(known, 1)


def kept_by_formula(fraction, threshold, count):
    """Return the expected number of tokens that are kept, and five standard deviations of it."""
    rate = min((np.sqrt(fraction / threshold) + 1) * threshold / fraction, 1)
    return count * rate, 5 * np.sqrt(count * rate * (1 - rate))


def test_subsampling():
    words = ["the", "fox", "jumps"] * 10000
    options = {"emit_self_as_target": True, "vocab_freq_table": table(), "vocab_subsampling": 0.02, "corpus_size": 100}
    tokens, _ = text.skip_gram_sample(words, 0, 0, seed=1, **options)
    for word, fraction in (("the", 0.05), ("fox", 0.01), ("jumps", 0.94)):
        expected, tolerance = kept_by_formula(fraction, 0.02, 10000)
        assert np.sum(tokens.numpy() == word.encode()) == pytest.approx(expected, abs=tolerance)


SUBSAMPLED = {"vocab_freq_table": table(), "vocab_subsampling": 2, "corpus_size": 100}


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ({"input_tensor": [[1, 2]]}, "input_tensor", "have shape (tokens,)"),
        ({"vocab_freq_table": {"the": 1}}, "vocab_freq_table", "a tf.lookup.StaticHashTable"),
        ({"vocab_min_count": 3}, "vocab_freq_table", "a tf.lookup.StaticHashTable"),
        ({"vocab_freq_table": table(), "vocab_subsampling": 0.1}, "corpus_size", "given if and only if"),
        ({"vocab_freq_table": table(), "corpus_size": 100}, "corpus_size", "given if and only if"),
        (SUBSAMPLED, "vocab_subsampling", "a number in [0, 1]"),
    ],
)
def test_wrong_arguments(options, name, expected):
    with raises_argument_error(name, expected=expected):
        text.skip_gram_sample(**{"input_tensor": WORDS, **options})


@pytest.mark.parametrize("options", [{"min_skips": -1}, {"min_skips": 3, "max_skips": 2}, {"start": -1}])
def test_values_out_of_range(options):
    with pytest.raises(tf.errors.InvalidArgumentError):
        text.skip_gram_sample(WORDS, **options)


@pytest.fixture
def vocabulary(tmp_path):
    """Function that writes a file and returns its path."""

    def written(content):
        path = tmp_path / "frequencies.txt"
        path.write_text(content)
        return str(path)

    return written


def test_frequencies_from_a_file(vocabulary):
    path = vocabulary("5\tx\tthe\n1\tx\tfox\n94\tx\tjumps\n")
    columns = {"vocab_token_index": 2, "vocab_freq_index": 0, "vocab_delimiter": "\t", "vocab_freq_dtype": tf.int64}

    def call(words):
        return text.skip_gram_sample_with_text_vocab(words, path, vocab_min_count=2, max_skips=1, **columns)

    for function in (call, tf.function(call)):
        assert listed(*function(tf.constant(WORDS))) == pairs_of([b"the", b"jumps"], 1)
        assert listed(*function(tf.constant(["x"]))) == []


def test_quotation_marks_in_a_file(vocabulary):
    """Neither this function nor TensorFlow, which reads the file too, treats quotation marks specially."""
    path = vocabulary('the,9\n",5\nfox,3\n')
    tokens, labels = text.skip_gram_sample_with_text_vocab(["the", '"', "fox"], path, min_skips=1, max_skips=1)
    assert [*zip(tokens.numpy().tolist(), labels.numpy().tolist(), strict=True)] == [
        (b"the", b'"'),
        (b'"', b"the"),
        (b'"', b"fox"),
        (b"fox", b'"'),
    ]


@pytest.mark.parametrize(("corpus_size", "fraction"), [(None, 0.05), (1000, 0.005)])
def test_subsampling_by_a_file(vocabulary, corpus_size, fraction):
    path = vocabulary("the,5\nfox,1\njumps,94\n")
    options = {"vocab_subsampling": 0.001, "corpus_size": corpus_size, "emit_self_as_target": True, "seed": 1}
    tokens, _ = text.skip_gram_sample_with_text_vocab(["the"] * 10000, path, min_skips=0, max_skips=0, **options)
    expected, tolerance = kept_by_formula(fraction, 0.001, 10000)
    assert len(tokens) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("content", "options", "name", "expected"),
    [
        ("a,1", {"vocab_token_index": -1}, "vocab_token_index", "a non-negative integer"),
        ("a,1", {"vocab_freq_index": "1"}, "vocab_freq_index", "a non-negative integer"),
        ("a,1", {"vocab_freq_index": 0}, "vocab_freq_index", "differ from `vocab_token_index`"),
        ("a,1\nb", {}, "vocab_freq_index", "less than 1, the number of columns in line 2 of"),
        ("a,-1", {}, "vocab_freq_file", "contain frequencies >= 0"),
        ("a,5\nb,6", {"corpus_size": 10, "vocab_subsampling": 0.1}, "corpus_size", "at least 11.0"),
    ],
)
def test_wrong_files(vocabulary, content, options, name, expected):
    with raises_argument_error(name, expected=expected):
        text.skip_gram_sample_with_text_vocab(WORDS, vocabulary(content), **options)
