"""Tests of WordPiece against a loop over substrings, its reference implementation, and invalid input."""

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

VOCABULARY = ["a", "ab", "abc", "b", "##c", "##bc", "##a", "##aab", "ä", "##ä", "##b", "!", "#", "##", "a#", "##é́"]
TOKENS = {piece: token for token, piece in enumerate(VOCABULARY, 4)}
PIECES = ops.WordPieces(VOCABULARY, first_token=4, unknown=1)
TEXTS = st.text(st.sampled_from("abcä !#\n\u3000"), max_size=30)


def by_hand(text):
    """Returns the tokens of a text whose characters are known."""
    found = []
    for word in re.findall(r"[!#]|[^\s!#]+", text):
        tokens, rest, prefix = [], word, ""
        while rest:
            sizes = [size for size in range(len(rest), 0, -1) if prefix + rest[:size] in TOKENS]
            if not sizes:
                tokens = [1]
                break
            tokens.append(TOKENS[prefix + rest[: sizes[0]]])
            rest, prefix = rest[sizes[0] :], "##"
        found += [1] if len(word) > 100 else tokens
    return found


@given(st.lists(TEXTS, max_size=4))
@example(["a" * 100, "a" * 101, "ä" * 100, "ä" * 101])
def test_matches_loop_over_substrings(texts):
    found = ops.word_piece_encode(tf.constant(texts, tf.string), PIECES)
    assert found.dtype == tf.int32
    assert found.to_list() == [by_hand(text) for text in texts]


assigned = st.characters(exclude_categories=["Cs", "Cn"])
hostile = st.binary(max_size=12) | st.text(assigned | st.sampled_from("abcä!"), max_size=12).map(str.encode)


@settings(max_examples=20, deadline=None)
@given(st.lists(hostile, max_size=3))
@example([b"a\xffb", b"\xff\xfe\xffa", b"\xed\xa0\x80 \xc0\x80", b"\xc3\xa4a" * 51, b"a" * 100, "aé".encode(), b"~a$"])
def test_matches_reference(texts):
    texts = tf.constant(texts, tf.string)
    found = ops.word_piece_encode(texts, PIECES)
    with ops.use("reference"):
        assert found.to_list() == ops.word_piece_encode(texts, PIECES).to_list()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=12) | st.text(st.sampled_from("ab#ä \x0b\u3000"), max_size=12), max_size=3))
@example(["ab" * 60 + " ##a # a", "\tab  b \n"])
def test_whole_words(texts):
    words = ["ab", "##a", "a", "ab" * 60, "ä\u3000"]
    texts = tf.constant(texts, tf.string)
    tokens = {word.encode(): token for token, word in enumerate(words, 3)}
    expected = [[tokens.get(word, 0) for word in row] for row in tf.strings.split(texts).to_list()]
    table = ops.WordPieces(words, 3, 0, whole_words=True)
    for choice in ("compiled", "reference"):
        with ops.use(choice):
            assert ops.word_piece_encode(texts, table).to_list() == expected


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_graphs(choice):
    texts = ["abcc ab!", "", "x"]
    with ops.use(choice):
        for spec in (tf.TensorSpec([3], tf.string), tf.TensorSpec(None, tf.string)):
            encode = tf.function(lambda texts: ops.word_piece_encode(texts, PIECES), input_signature=[spec])
            shape = encode.get_concrete_function().structured_outputs.shape
            assert shape.as_list() == [spec.shape[0] if spec.shape.rank else None, None]
            assert encode(tf.constant(texts)).to_list() == [[6, 8, 5, 15], [], [1]]
        assert ops.word_piece_encode(tf.zeros([0], tf.string), PIECES).to_list() == []
        assert ops.word_piece_encode(["ab", "\n"], ops.WordPieces([], 4, 2)).to_list() == [[2], []]


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: ops.WordPieces(["a", ""], 4, 1), "pieces", "non-empty strings"),
        (lambda: ops.WordPieces([b"a"], 4, 1), "pieces", "non-empty strings"),
        (lambda: ops.WordPieces(["a"], -1, 1), "first_token", "a non-negative integer"),
        (lambda: ops.WordPieces(["a"], 4, 1.5), "unknown", "a non-negative integer"),
        (lambda: ops.word_piece_encode([1], PIECES), "texts", "have dtype string"),
        (lambda: ops.word_piece_encode([["a"]], PIECES), "texts", "have shape (texts,)"),
    ],
)
def test_bad_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 2) | st.just(97)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    texts = tf.constant(data.draw(st.lists(hostile, max_size=3)), tf.string)
    shape = data.draw(st.sampled_from([(2, 2), (4, 2), (0, 2), (3, 2), (1, 2), (4,), (64, 2)]))
    slots = tf.constant(
        data.draw(st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), tf.int64
    )
    unknown = data.draw(st.sampled_from([tf.constant(1), tf.constant([1])]))
    arguments = {"texts": data.draw(st.sampled_from([texts, texts[tf.newaxis]])), "trie": tf.reshape(slots, shape)}
    arguments |= {"unknown": unknown, "whole_words": data.draw(st.booleans())}
    fails_cleanly(ops.library().ops.tensorsmith_word_piece, **arguments)
