"""Scores, data and explanations of the recipes with Transformers, compared with direct computations."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data import load

TEXT = "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer. " * 3


class Letters:
    """Tokenizer whose tokens are pairs of letters."""

    pairs = sorted({TEXT[start : start + 2] for start in range(0, len(TEXT), 2)})

    def encode(self, text):
        return np.array([self.pairs.index(text[start : start + 2]) for start in range(0, len(text), 2)], "int32")

    def decode(self, tokens):
        return "".join(self.pairs[token] for token in tokens)


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("context", [4, 16])
def test_bits_per_character(context, uniform, load_recipe, monkeypatch):
    """Each token after the first half of a context counts once. The logits depend on the token before."""
    recipe, tokenizer = load_recipe("transformer/gpt"), Letters()
    monkeypatch.setattr(recipe, "load", lambda name, split: SimpleNamespace(features=TEXT))
    size = len(tokenizer.pairs)
    logits = np.random.default_rng(0).normal(size=(size, size)).astype("float32") * (not uniform)
    trainer = SimpleNamespace(model=SimpleNamespace(predict_on_batch=lambda tokens: logits[tokens]))
    run = SimpleNamespace(prepared={"tokenizer": tokenizer})
    found = recipe.report(recipe.Config(context=context), run, trainer, {})

    tokens = tokenizer.encode(TEXT)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    last = context + (len(tokens) - 1 - context) // (context // 2) * (context // 2)
    bits = [-np.log2(probabilities[tokens[i - 1], tokens[i]]) for i in range(context // 2 + 1, last + 1)]
    expected = np.mean(bits) * len(tokens) / len(TEXT)
    assert found == {split: {"bits_per_character": pytest.approx(expected)} for split in ("validation", "test")}
    if uniform:
        assert expected == pytest.approx(np.log2(size) / 2)  # of two letters


def test_pretraining_without_test_sentences(load_recipe, monkeypatch):
    """The sentences of movie reviews that are read for training are all those of that split, and no others."""
    recipe, encoded = load_recipe("transformer/bert"), []
    reviews = SimpleNamespace(features=np.array([f"Review {number}. It is short." for number in range(40)]))
    monkeypatch.setattr(
        recipe, "load", lambda name, split: load(name, split=split) if name == "movie_reviews" else reviews
    )

    def encode(sentences):
        encoded.append(set(sentences))
        return tf.RaggedTensor.from_tensor(tf.fill([len(sentences), 1], 9))

    tokenizer = SimpleNamespace(encode=encode, start=1, end=2, unknown=3, size=20)
    recipe.build_data(recipe.Config(), {"tokenizer": tokenizer})
    splits = [set(load("movie_reviews", split=split).features) for split in ("train", "validation", "test")]
    train = splits[0]
    by_split = [first | second for first, second in zip(encoded[::2], encoded[1::2], strict=True)]
    assert len(by_split) == 3
    (in_training,) = (each for each in by_split if train <= each)
    assert not in_training & (splits[1] | splits[2])


def test_tokenizer_of_pretraining_reads_training_text(load_recipe, monkeypatch):
    recipe, loaded = load_recipe("transformer/bert"), []

    def recorded(name, split):
        loaded.append((name, split))
        return SimpleNamespace(features=np.array(["some words", "other words"]))

    monkeypatch.setattr(recipe, "load", recorded)
    recipe.prepare(recipe.Config(pieces=300), None)
    assert loaded == [("clothing_reviews", "train"), ("movie_reviews", "train")]


UNKNOWN = 1


def linear(weights):
    """Returns a model whose probability is a linear function of the presence of the words 10, 11, ..."""
    words = 10 + np.arange(len(weights))
    return lambda rows: np.array([0.5 + weights[np.isin(words, row)].sum() for row in rows])


def test_explanations_of_a_linear_model(load_recipe):
    """The effect of each word is its coefficient."""
    recipe = load_recipe("transformer/explain")
    weights = np.array([0.1, -0.05, 0.0, 0.2, -0.15, 0.02, 0.07])
    row = (10 + np.arange(len(weights))).tolist()
    found = recipe.lime(linear(weights), row, UNKNOWN, np.random.default_rng(0), 5000)
    np.testing.assert_allclose(found, weights, atol=0.005)
    np.testing.assert_allclose(recipe.occlude(linear(weights), row, UNKNOWN), weights, atol=1e-12)
    assert recipe.hidden(row, {0, 3}, UNKNOWN) == [UNKNOWN, 11, 12, UNKNOWN, 14, 15, 16]


def test_pointing(load_recipe):
    """The center of the cell with the greatest weight, at x = 44 and y = 20, is compared with boxes."""
    recipe = load_recipe("transformer/captions")
    weights = np.full((1, 6, 8, 8), 0.01)
    weights[:, :, 2, 5] = 0.37
    boxes = [[40, 16, 48, 24], [0, 0, 64, 64], [16, 40, 24, 48], [45, 16, 64, 24], [40, 21, 48, 64], [44, 20, 44, 20]]
    found = recipe.pointed(weights, np.array([boxes], "float32"))
    assert found.tolist() == [[True, True, False, False, False, True]]


def test_captions_name_items_from_left_to_right(load_recipe):
    recipe = load_recipe("transformer/captions")
    words = recipe.tokenizer()
    classes = np.array([[4, 7, 8], [1, -1, -1]])
    inputs, targets = recipe.encoded({"classes": classes, "image": np.full((2, 64, 64, 1), 255, "uint8")})
    assert inputs["image"].max() == 1
    assert [words.decode(row[row > words.end].tolist()) for row in targets] == [
        "a coat and a sneaker and a bag",
        "a trouser",
    ]
    names = [[words.decode([word]) if word > words.end else "" for word in row] for row in targets[:, recipe.NOUNS]]
    assert names == [["coat", "sneaker", "bag"], ["trouser", "", ""]]
    assert inputs["target"][:, 0].tolist() == [words.start] * 2
    np.testing.assert_array_equal(inputs["target"][:, 1:], targets[:, :-1])


def test_items_are_sorted(load_recipe):
    recipe = load_recipe("transformer/captions")
    found = recipe.scenes(recipe.Config(sizes=(1, 40, 1)), "validation")
    counts = []
    for classes, boxes in zip(found["classes"], found["boxes"], strict=True):
        present = classes >= 0
        counts.append(present.sum())
        assert present[: counts[-1]].all()
        assert (np.diff(boxes[present][:, [0, 2]].mean(axis=1)) >= 0).all()
    assert set(counts) == {1, 2, 3}
