"""Cleaning of strings, compared with regular expressions of Python."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tensorsmith.data.preprocessing import clean_text
from tensorsmith.testing import raises_argument_error

PIECES = st.sampled_from(["<br>", "<br/>", "<BR />", "<br", "br>", " ", "it's", "Ä", "日本", "5", "!", "\n", "<b>"])


def decoded(tensor):
    return [text.decode() for text in np.ravel(tensor.numpy())]


@given(st.lists(PIECES, max_size=12), st.integers(1, 12), st.booleans())
def test_matches_regular_expressions(pieces, limit, letters_only):
    text = "".join(pieces)
    expected = re.sub(r"<br\s*/?>", " ", text, flags=re.IGNORECASE)
    if letters_only:
        expected = re.sub(r"(?:[^\w']|\d)+", " ", expected)
    assert decoded(clean_text([[text]], letters_only=letters_only)) == [expected]
    assert decoded(clean_text([[text]], limit, letters_only)) == [expected[:limit]]


def test_combining_characters_and_invalid_bytes():
    """A letter may consist of two code points. Bytes that are not UTF-8 are kept."""
    decomposed = "e\u0301te\u0301"
    assert decoded(clean_text(tf.constant(decomposed), letters_only=True)) == [decomposed]
    assert clean_text([b"a\xff<br>b"]).numpy()[0] == b"a\xff b"


def test_in_pipeline_and_saved_layer(tmp_path):
    layer = keras.layers.TextVectorization(standardize=clean_text, output_mode="int")
    layer.adapt(["to be<br />or not"])
    assert layer.get_vocabulary()[2:] == ["to", "or", "not", "be"]
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(tf.constant(["be<BR>not"])), [[5, 4]])
    dataset = tf.data.Dataset.from_tensor_slices(["a<br>b", "c"]).batch(2).map(lambda text: clean_text(text, 2, True))
    assert next(dataset.as_numpy_iterator()).tolist() == [b"a ", b"c"]


@pytest.mark.parametrize("limit", [0, -1, 2.0, True])
def test_invalid_limit(limit):
    with raises_argument_error("limit", expected="a positive integer or None"):
        clean_text(["a"], limit)
