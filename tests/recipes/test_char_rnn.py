"""Tests of the recipes of character models."""

import numpy as np

from tensorsmith.data import load
from tensorsmith.text import CharacterTokenizer


def test_targets_are_the_next_characters(load_recipe):
    """The sequences of each split together are its text, and the targets are the text from the second character on."""
    recipe = load_recipe("char_rnn/shakespeare")
    prepared = {"tokenizer": CharacterTokenizer.train(load("shakespeare", split="train").features)}
    data = recipe.build_data(recipe.Config(train_characters=5_001, steps=50), prepared)
    assert len(data["train"][0]) == 100
    assert data["test"][0].shape[1] == 1000
    for split, (inputs, targets) in data.items():
        text = load("shakespeare", split=split).features[: inputs.size + 1]
        decode = prepared["tokenizer"].decode
        assert decode(inputs.ravel()[:5000]) == text[:5000].translate(unknown(text, prepared["tokenizer"]))
        np.testing.assert_array_equal(inputs.ravel()[1:], targets.ravel()[:-1])


def unknown(text, tokenizer):
    """Returns a table that replaces the characters of a text that are not in the vocabulary."""
    return {ord(each): "\ufffd" for each in {*text} - {*tokenizer.vocabulary}}
