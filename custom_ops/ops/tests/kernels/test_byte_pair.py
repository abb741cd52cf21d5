"""Tests of byte-pair encoding against a loop over pairs, its reference implementation, and invalid input."""

import itertools
import re
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

# Merges of pairs of the letters a, b and c, of two spaces, of bytes of umlauts, and of results of other merges.
PAIRS = [(98, 99), (97, 98), (97, 256), (257, 99), (32, 97), (32, 32), (195, 164), (97, 97), (263, 263), (264, 264)]
MERGES = [(*pair, 256 + index) for index, pair in enumerate(PAIRS)]
TABLE = ops.BytePairMerges(range(256), MERGES)
ASCII_PIECES = re.compile(rb"'(?:s|t|re|ve|m|ll|d)| ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+")
TEXTS = st.text(st.sampled_from("abc '1\n-stlve"), max_size=30) | st.text(st.sampled_from("abc"), max_size=150)


def by_hand(text):
    """Returns the tokens of an ASCII text."""
    ranks = {(left, right): (rank, token) for rank, (left, right, token) in enumerate(MERGES)}
    found = []
    for piece in ASCII_PIECES.findall(text.encode()):
        tokens = list(piece)
        while candidates := [(*ranks[pair], i) for i, pair in enumerate(itertools.pairwise(tokens)) if pair in ranks]:
            _, token, i = min(candidates, key=lambda candidate: (candidate[0], candidate[2]))
            tokens[i : i + 2] = [token]
        found += tokens
    return found


@given(st.lists(TEXTS, max_size=4))
@example(["a" * 65 + " " + "abc" * 40])
def test_matches_loop_over_pairs(texts):
    found = ops.byte_pair_encode(tf.constant(texts, tf.string), TABLE)
    assert found.dtype == tf.int32
    assert found.to_list() == [by_hand(text) for text in texts]


assigned = st.characters(exclude_categories=["Cs", "Cn"])
hostile = st.binary(max_size=12) | st.text(assigned | st.sampled_from("ab '"), max_size=12).map(str.encode)


@settings(max_examples=20, deadline=None)
@given(st.lists(hostile, max_size=3))
@example(
    [b"\xff\xfe\xffa", b"\xed\xa0\x80 \xc0\x80", b"\xf4\x90\x80\x80\xe2\x82", b"a\x85\xa0 \xff\xc2\x85\xe3\x80\x80b"]
)
@example([b"a" * 200 + b" ab"])
def test_matches_reference(texts):
    texts = tf.constant(texts, tf.string)
    found = ops.byte_pair_encode(texts, TABLE)
    with ops.use("reference"):
        expected = ops.byte_pair_encode(texts, TABLE)
    assert found.to_list() == expected.to_list()
    assert b"".join(tf.strings.reduce_join(texts).numpy().split()) == b"".join(
        bytes(token for token in flattened(row)) for row in found.to_list()
    ).translate(None, b" \t\n\r\x0b\x0c")


def flattened(tokens):
    """Yields the bytes of tokens."""
    for token in tokens:
        yield from flattened(PAIRS[token - 256]) if token >= 256 else [token]


@pytest.mark.slow
def test_all_code_points():
    """The tables of the kernel are those of the regular expressions of the installed TensorFlow, for known characters.

    A character is merged with the next one if they belong to the same piece, and words of WordPiece end at whitespace
    and punctuation.
    """
    known = [chr(point) for point in range(128, 0x110000) if unicodedata.category(chr(point)) not in ("Cn", "Cs")]
    followers = [(last, ord(follower)) for last in range(128, 256) for follower in "a1!\n"]
    table = ops.BytePairMerges(range(256), [(*pair, 256 + rank) for rank, pair in enumerate(followers)])
    pieces = ops.WordPieces(["a", "##a"], 1, 0)
    for start in range(0, len(known), 20_000):
        texts = tf.constant([f"{each}a {each}1 {each}! {each}\n a{each}a" for each in known[start : start + 20_000]])
        found = ops.byte_pair_encode(texts, table), ops.word_piece_encode(texts, pieces)
        with ops.use("reference"):
            expected = ops.byte_pair_encode(texts, table), ops.word_piece_encode(texts, pieces)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.row_splits, other.row_splits)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_graphs(choice):
    texts = ["abc ab", "", "ä"]
    with ops.use(choice):
        for spec in (tf.TensorSpec([3], tf.string), tf.TensorSpec([None], tf.string), tf.TensorSpec(None, tf.string)):
            encode = tf.function(lambda texts: ops.byte_pair_encode(texts, TABLE), input_signature=[spec])
            assert encode.get_concrete_function().structured_outputs.shape.as_list() == [
                spec.shape[0] if spec.shape.rank else None,
                None,
            ]
            assert encode(tf.constant(texts)).to_list() == [[258, 32, 257], [], [262]]
        batches = tf.data.Dataset.from_tensor_slices(texts).batch(2)
        rows = [
            row for batch in batches.map(lambda batch: ops.byte_pair_encode(batch, TABLE)) for row in batch.to_list()
        ]
    assert rows == [[258, 32, 257], [], [262]]


def test_without_merges():
    empty = ops.BytePairMerges(range(255, -1, -1), [])
    for choice in ("compiled", "reference"):
        with ops.use(choice):
            assert ops.byte_pair_encode(["ab", ""], empty).to_list() == [[158, 157], []]
            assert ops.byte_pair_encode(tf.zeros([0], tf.string), empty).to_list() == []


def test_first_of_equal_pairs():
    table = ops.BytePairMerges(range(256), [(97, 97, 300), (97, 98, 301), (97, 97, 302)])
    assert ops.byte_pair_encode(["aab"], table).to_list() == [[300, 98]]


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: ops.BytePairMerges([0], []), "byte_tokens", "have shape (256,)"),
        (lambda: ops.BytePairMerges(range(-1, 255), []), "byte_tokens", "contain non-negative integers of 32 bits"),
        (lambda: ops.BytePairMerges(range(256), [(1, 2)]), "merges", "have shape (merges, 3)"),
        (lambda: ops.BytePairMerges(range(256), [(1, 2, 2**31)]), "merges", "contain non-negative integers of 32 bits"),
        (lambda: ops.byte_pair_encode([1], TABLE), "texts", "have dtype string"),
        (lambda: ops.byte_pair_encode("a", TABLE), "texts", "have shape (texts,)"),
    ],
)
def test_bad_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 2) | st.just(97 << 32 | 97)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    texts = tf.constant(data.draw(st.lists(hostile, max_size=3)), tf.string)
    shape = data.draw(st.sampled_from([(2, 2), (4, 2), (0, 2), (3, 2), (1, 2), (4,), (2, 4), (64, 2)]))
    slots = tf.constant(
        data.draw(st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), tf.int64
    )
    arguments = {"texts": data.draw(st.sampled_from([texts, texts[tf.newaxis]])), "merges": tf.reshape(slots, shape)}
    byte_tokens = tf.range(data.draw(st.sampled_from([256, 255, 0])))
    fails_cleanly(ops.library().ops.tensorsmith_byte_pair, byte_tokens=byte_tokens, **arguments)
