"""The tokenizers for byte pairs and word pieces, compared with the `tokenizers` library, and their files and models."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers

from tensorsmith import ops
from tensorsmith.core import UnreadableFileError
from tensorsmith.testing import raises_argument_error
from tensorsmith.text import BytePairTokenizer, WordPieceTokenizer
from tensorsmith.text.tokenizers.byte_pair_tokenizer import PIECES

CORPUS = [
    "It's a truth universally acknowledged, that a single man in possession of a good fortune",
    "However little known the feelings or views of such a man may be on his first entering a neighbourhood,",
    "this truth is so well fixed in the minds of the surrounding families, that he's considered",
    "Große Straße, größer; été, étage: 1234 1235 12 ... Привет, приветы — 你好你好 😀😀",
    "    def encode(self):\n        return self.tokens\n\n    def decode(self):\n        return self.texts\n",
]
# Characters that are defined in Unicode 15.0, as in TensorFlow. Version 15.1, as in Python 3.13, adds later letters.
ASSIGNED = st.characters(max_codepoint=0x2EBEF, exclude_categories=["Cs", "Cn"])
TEXTS = st.text(ASSIGNED | st.sampled_from("abentuh 's1é\n"), max_size=25) | st.sampled_from(CORPUS)
CLASSES = [BytePairTokenizer, WordPieceTokenizer]


@pytest.fixture(scope="module", params=CLASSES, ids=lambda each: each.__name__)
def tokenizer(request):
    return request.param.train(CORPUS, lowercase=False, limit=400)


@pytest.fixture(scope="module")
def byte_pairs():
    return BytePairTokenizer.train(CORPUS, limit=400)


def of_library(tokenizer):
    """Returns the tokenizer of the library with the vocabulary of ours."""
    vocabulary = {token: number for number, token in enumerate(tokenizer.vocabulary)}
    if isinstance(tokenizer, BytePairTokenizer):
        theirs = tokenizers.Tokenizer(models.BPE(vocabulary, [*tokenizer.merges]))
        pieces = pre_tokenizers.Split(tokenizers.Regex(PIECES), "isolated")
        as_characters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        theirs.pre_tokenizer = pre_tokenizers.Sequence([pieces, as_characters])
    else:
        theirs = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
        theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return theirs


@pytest.fixture(scope="module")
def theirs(tokenizer):
    return of_library(tokenizer)


@given(text=TEXTS)
def test_tokens_are_those_of_the_library(text, tokenizer, theirs):
    if isinstance(tokenizer, WordPieceTokenizer):  # the library has the punctuation of Unicode 8
        isolated = pre_tokenizers.BertPreTokenizer()
        text = "".join(
            each for each in text if (len(isolated.pre_tokenize_str(f"a{each}a")) == 3) == is_punctuation(each)
        )
    assert tokenizer.encode(text).tolist() == theirs.encode(text, add_special_tokens=False).ids


def is_punctuation(character):
    return bool(tf.strings.regex_full_match(character, r"[!-/:-@\[-`{-~\p{P}]"))


def test_corpus(tokenizer, theirs):
    expected = [encoding.ids for encoding in theirs.encode_batch(CORPUS)]
    assert tokenizer.encode(CORPUS).to_list() == expected
    assert max(map(max, expected)) < tokenizer.size <= 404
    with ops.use("reference"):
        assert tokenizer.encode(CORPUS).to_list() == expected


@given(st.lists(TEXTS, max_size=3))
def test_decoded_byte_pairs_are_the_text(byte_pairs, texts):
    encoded = byte_pairs.encode(tf.constant([text.encode() for text in texts], tf.string))
    assert [byte_pairs.decode(row) for row in encoded.to_list()] == texts
    assert byte_pairs.decode([2, *byte_pairs.encode("".join(texts)), 3, 0]) == "".join(texts)


def test_decoded_word_pieces():
    tokenizer = WordPieceTokenizer(["play", "##ing", "##s", "s", "."], lowercase=True)
    encoded = tokenizer.encode("Plays  PLAYING. run s")
    assert encoded.tolist() == [4, 6, 4, 5, 8, 1, 7]
    assert tokenizer.decode([2, *encoded, 3, 0]) == "plays playing . [UNK] s"


def test_invalid_utf8(byte_pairs):
    encoded = byte_pairs.encode(tf.constant([b"a\xff\xfe b", b"\xe4\xb8"]))
    assert [byte_pairs.decode(row) for row in encoded.to_list()] == ["a\ufffd\ufffd b", "\ufffd"]
    assert byte_pairs.encode("a\ud800").shape == (4,)
    assert byte_pairs.decode([1]) == "\ufffd"
    lowercase = BytePairTokenizer([], lowercase=True)
    assert lowercase.decode(lowercase.encode(tf.constant(b"A\xffB")).numpy()) == "a\ufffdb"
    pieces = tf.constant([b"a\xff a"])  # in lower case, the word "a\ufffd"
    assert WordPieceTokenizer(["a"], lowercase=False).encode(pieces).to_list() == [[4, 1, 4]]
    assert WordPieceTokenizer(["a"], lowercase=True).encode(pieces).to_list() == [[1, 4]]


@pytest.mark.slow
def test_training_does_not_depend_on_the_process():
    """The library's own trainer for WordPiece gives another vocabulary in each process."""
    script = f"""
import json
from tensorsmith import text
print(json.dumps([getattr(text, name).train({CORPUS!r}, limit=300).vocabulary for name in {names(CLASSES)}]))
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    expected = [[*each.train(CORPUS, limit=300).vocabulary] for each in CLASSES]
    assert json.loads(output.splitlines()[-1]) == expected


def names(classes):
    return [each.__name__ for each in classes]


def test_merges_of_training():
    tokenizer = BytePairTokenizer.train(["low lower lowest", "LOW"], lowercase=True, limit=260)
    assert tokenizer.merges[:2] == (("l", "o"), ("lo", "w"))
    assert tokenizer.size <= 264
    # Both merges of "abc" have the same result.
    both = BytePairTokenizer([("a", "b"), ("b", "c"), ("a", "bc"), ("ab", "c")])
    assert both.vocabulary[260:] == ("ab", "bc", "abc")
    assert both.encode("abcabc").tolist() == of_library(both).encode("abcabc").ids


def test_pieces_of_training():
    """Pieces are characters, then merges of the most frequent pairs."""
    tokenizer = WordPieceTokenizer.train(["low LOW lowest", "lowest"], limit=11)
    assert tokenizer.vocabulary[4:10] == ("##e", "##o", "##s", "##t", "##w", "l")
    assert tokenizer.vocabulary[10:12] == ("##ow", "low")
    few = WordPieceTokenizer.train(["aa ab", "c"], limit=2)
    assert few.vocabulary[4:] == ("##a", "a")


def test_pipelines_and_exported_models(tokenizer, tmp_path):
    texts = ["the man", "he's  rightful\n", ""]
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer.encode, num_parallel_calls=2)
    padded = next(iter(batches)).to_tensor(tokenizer.padding).numpy()
    for row, text in zip(padded, texts, strict=True):
        encoded = tokenizer.encode(text)
        np.testing.assert_array_equal(row[: len(encoded)], encoded)
        assert not row[len(encoded) :].any()

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            return tokenizer.encode(texts).to_tensor()

    tf.saved_model.save(Model(), tmp_path / "model")
    content = (tmp_path / "model" / "saved_model.pb").read_bytes()
    assert b"Tensorsmith" not in content  # the ops library is not needed
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "model")(tf.constant(texts)), padded)


def test_saved_tokenizer(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = type(tokenizer).load(path)
    assert (loaded.vocabulary, loaded.lowercase) == (tokenizer.vocabulary, False)
    assert loaded.encode(CORPUS).to_list() == tokenizer.encode(CORPUS).to_list()
    other = next(each for each in CLASSES if each is not type(tokenizer))
    with pytest.raises(UnreadableFileError, match=f"does not contain a {other.title}"):
        other.load(path)
    for content in ("", "{}", '{"merges": [["a"]]}', '{"merges": [["a", "xy"]]}', '{"pieces": [3]}', '{"pieces": []}'):
        path.write_text(content)
        with pytest.raises(UnreadableFileError, match=f"does not contain a {tokenizer.title}"):
            type(tokenizer).load(path)


@pytest.mark.parametrize("kind", CLASSES)
def test_missing_library(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=rf"{kind.__name__}.train needs tokenizers. Run `pip install"):
        kind.train(CORPUS)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: BytePairTokenizer([("a", "bc")]), "merges", "pairs of bytes and results of earlier merges"),
        (lambda: BytePairTokenizer([("a", " ")]), "merges", "pairs of bytes and results of earlier merges"),
        (lambda: BytePairTokenizer(["abc"]), "merges", "pairs of bytes and results of earlier merges"),
        (lambda: BytePairTokenizer([]).decode([260]), "tokens", "integers from 0 to 259"),
        (lambda: BytePairTokenizer.train("a", limit=255), "limit", "an integer >= 256"),
        (lambda: BytePairTokenizer.train([b"a"]), "texts", "strings"),
        (lambda: BytePairTokenizer.train(["", ""]), "texts", "contain at least one character"),
        (lambda: WordPieceTokenizer([]), "pieces", "contain at least one piece"),
        (lambda: WordPieceTokenizer(["a", "a"]), "pieces", "without duplicates"),
        (lambda: WordPieceTokenizer(["a", "[UNK]"]), "pieces", "without special tokens, which are added"),
        (lambda: WordPieceTokenizer.train("a", limit=0), "limit", "a positive integer"),
        (lambda: WordPieceTokenizer.train("\n"), "texts", "contain at least one word"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


@pytest.mark.parametrize(
    "text",
    [
        "\u6211\u559c\u6b22\u6df1\u5ea6\u5b66\u4e60",  # Chinese, without spaces
        "Th\u00e0nh ph\u1ed1 H\u1ed3 Ch\u00ed Minh",  # Vietnamese, with spaces within words
        "Donaudampfschifffahrtsgesellschaft",
        "San Francisco",
        "#ILoveDeepLearning",
    ],
)
def test_texts_that_spaces_do_not_split_into_words(text):
    """Byte pairs represent texts for which words are unsuitable (Géron, 2019, chapter 16), also of other languages."""
    tokenizer = BytePairTokenizer.train(
        ["I love learning, and San Francisco is lovely.", "Deep ships, deep love."] * 2, limit=300
    )
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.unknown not in tokens
    assert len(tokens) <= len(text.encode())
