"""Tests of the recipes of character models."""

from collections import Counter

import numpy as np

from tensorsmith.data import load
from tensorsmith.testing import raises_argument_error
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


def test_alphabet():
    """The tokens are the characters of the text, the most frequent ones first."""
    text = load("shakespeare", split="train").features
    counts = Counter(text)
    tokenizer = CharacterTokenizer.train(text)
    ranks = sorted(counts.values(), reverse=True)
    for character, token in zip("First", tokenizer.encode("First").tolist(), strict=True):
        assert counts[character] == ranks[token - len(tokenizer.vocabulary) + len(counts)]
    assert tokenizer.decode(tokenizer.encode("First")) == "First"


def unknown(text, tokenizer):
    """Returns a table that replaces the characters of a text that are not in the vocabulary."""
    return {ord(each): "\ufffd" for each in {*text} - {*tokenizer.vocabulary}}


def test_tokenizer_of_another_model(load_recipe):
    """A prompt with a token that the model has no embedding of raises an error in front of the model."""
    recipe = load_recipe("char_rnn/shakespeare")
    config = recipe.Config(units=4, embedding=4)
    small, large = ({"tokenizer": CharacterTokenizer.train(text)} for text in ("abc", "abcdefgh"))
    model = recipe.build_model(config, small)
    size = small["tokenizer"].size
    generator = recipe.generator(config, large, model)
    for known in "cab":  # tokens that both tokenizers have
        assert [*generator.generate(known, 5)] == [*recipe.generator(config, small, model).generate(known, 5)]
    token = int(large["tokenizer"].encode("h")[0])
    for call in (
        lambda: generator.generate("ah", 5),
        lambda: next(generator.complete(["ah"], 5)),
        lambda: next(generator.search(["ah"], 5, beams=2)),
    ):
        with raises_argument_error("prompt", received=f"token {token}", expected=f"a text of tokens in [0, {size})"):
            call()


def test_unknown_characters_in_a_prompt(load_recipe):
    """Characters and strings that the vocabulary lacks are the token of unknown characters, and have a continuation."""
    recipe = load_recipe("char_rnn/shakespeare")
    config, prepared = recipe.Config(units=4, embedding=4), {"tokenizer": CharacterTokenizer.train("abc")}
    generator = recipe.generator(config, prepared, recipe.build_model(config, prepared))
    first, second = (list(generator.generate(prompt, 5)) for prompt in ("a\u00e9", "a\u732b"))
    assert first == second


def test_variety_of_words(load_recipe):
    """Unknown words do not count, and known words count once, divided by the number of words."""
    recipe = load_recipe("char_rnn/improvements")
    assert recipe.variety("the king, the KING!\n  thee3the", {"the", "king", "queen"}) == 2 / 6
    assert recipe.variety("...", {"the"}) == 0.0


def test_variants_read_the_same_characters_in_a_step(load_recipe):
    """Variants with longer sequences have fewer of them, so that the number of updates in a pass is the same."""
    recipe = load_recipe("char_rnn/improvements")
    configs = [recipe.Config(**fields) for fields in recipe.VARIANTS.values()]
    assert len({config.steps * config.batch_size for config in configs}) == 1
    assert recipe.Config(**recipe.VARIANTS["small"]) == recipe.Config()
    assert all(len(fields) <= 2 for name, fields in recipe.VARIANTS.items() if name != "all")
