"""Tests of the recipes of text: grammars, tags, masks and states."""

import functools
import re
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data import load
from tensorsmith.layers import HubLayer
from tensorsmith.recipes import RecipeRun, RunRequest, launch
from tensorsmith.text import BytePairTokenizer, WordTokenizer


def test_reber_strings(load_recipe):
    """Valid strings match a regular expression of the embedded grammar; the others do not. No string occurs twice."""
    recipe = load_recipe("text/reber")
    data = recipe.build_data(recipe.Config())
    tokens = np.concatenate([tokens for tokens, _ in data.values()])
    labels = np.concatenate([labels for _, labels in data.values()])
    texts = ["".join(recipe.LETTERS[token - 4] for token in row if token) for row in tokens]
    # Paths T S* X ... and P T* V ... to the state before X or S, and before P or V.
    grammar = r"B(T(S*XX)|P)(T|VPX)*(VPS|VV)E|BTS*XSE"
    embedded = re.compile(rf"B(?:T(?:{grammar})T|P(?:{grammar})P)E")
    assert [bool(embedded.fullmatch(text)) for text in texts] == labels.astype(bool).tolist()
    assert embedded.fullmatch("BPBTSXXVPSEPE")  # example of Géron, 2019, chapter 16
    assert recipe.is_valid("BPBTSXXVPSEPE")
    assert (len(texts), len(set(texts)), labels.mean()) == (12_000, 12_000, 0.5)


def test_tags_restore_verses(load_recipe):
    """Words with their tags are the verse, except for quotation marks, parentheses and the like."""
    recipe = load_recipe("tagging/crf")
    config = recipe.Config(train_size=300)
    words, tags = recipe.load_verses(config, "test")
    verses = load("verses", split="test").features["english"]
    verses = verses[np.random.default_rng(0).permutation(len(verses))][:300]
    simple = [number for number, verse in enumerate(verses) if re.fullmatch(r"[A-Za-z’ ,.;:?!-]+", verse)]  # noqa: RUF001
    assert len(simple) > 150
    for number in simple:
        if len(words[number].split()) < recipe.LENGTH:
            restored = recipe.restore(words[number], tags[number])
            assert restored.lower() == verses[number].lower()
            assert [word[0] for word in restored.split()] == [word[0] for word in verses[number].split()]
    assert ((tags >= 0).sum(axis=1) == [len(each.split()) for each in words]).all()
    tokenizer = WordTokenizer.train(words, separators=r"\s+")
    assert [tokenizer.decode(row) for row in tokenizer.encode(words).to_list()] == words


@pytest.mark.parametrize("network", ["mean", "gru", "masked_gru", "convolution", "attention"])
def test_padding_and_empty_sentences(network, load_recipe):
    """A sentence without words has a finite output, and padding does not change that of networks with masks."""
    recipe = load_recipe("sentiment/sentences")
    config = recipe.Config(network=network, train_size=50, units=4, embedding=8)
    prepared = recipe.prepare(config, None)
    model = recipe.build_model(config, prepared)
    sentence = prepared["tokenizer"].encode(["", "a good film"]).to_tensor(shape=(2, recipe.LENGTH)).numpy()
    assert np.isfinite(model(sentence)).all()
    if network != "convolution":
        embeddings = next(weight for weight in model.weights if weight.path.endswith("embeddings"))
        before = model(sentence)
        padding = np.eye(embeddings.shape[0], 1, dtype="float32")
        embeddings.assign(embeddings + padding)
        np.testing.assert_array_equal(model(sentence), before)


@pytest.mark.slow  # takes seconds
def test_module_of_another_recipe(load_recipe, tmp_path, monkeypatch):
    """The variant `module` fine-tunes the encoder of sentiment/reviews, and its trained model reads strings."""
    trained = functools.partialmethod(RecipeRun.trained, **load_recipe("sentiment/reviews").SMOKE)
    monkeypatch.setattr(RecipeRun, "trained", trained)
    run = tmp_path / "run"
    metrics = launch(RunRequest("sentiment/sentences", ["--network", "module"], smoke=True, out=run)).metrics
    assert 0 < metrics["test"]["accuracy"] < 1
    model = keras.models.load_model(run / "model.keras", safe_mode=False)
    assert [type(layer) for layer in model.layers if layer.trainable_weights] == [HubLayer, keras.layers.Dense]
    probabilities = model(tf.constant(["A good film", "bad", "", "\u732b"])).numpy()
    assert ((probabilities > 0) & (probabilities < 1)).all()
    encoder = next(layer for layer in model.layers if isinstance(layer, HubLayer))
    reviews = keras.models.load_model(next((run / "prepared").rglob("sentiment-reviews*/model.keras")), compile=False)
    weights = encoder.trainable_weights, reviews.trainable_weights[:-2]  # without the classifier
    first, second = (sorted(tuple(weight.shape) for weight in part) for part in weights)
    assert first == second


def test_automatic_and_explicit_masks_are_equal(load_recipe):
    recipe = load_recipe("sentiment/sentences")
    prepared = recipe.prepare(recipe.Config(train_size=50), None)
    sentences = prepared["tokenizer"].encode(["a good film", "bad"]).to_tensor(shape=(2, recipe.LENGTH))
    configs = [recipe.Config(network=name, units=4, embedding=8) for name in ("gru", "masked_gru")]
    first, second = (recipe.build_model(config, prepared) for config in configs)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(first(sentences), second(sentences))


def test_stateful_and_stateless_networks_have_equal_likelihood(load_recipe):
    """Windows with carried states have the outputs of whole streams, which continue from window to window."""
    recipe = load_recipe("char_rnn/stateful")
    config = recipe.Config(units=8, batch_size=4, steps=25, train_characters=20_000)
    prepared = recipe.prepare(config, None)
    model = recipe.build_model(config, prepared)
    windows = list(recipe.build_data(config, prepared)["train"].take(6).as_numpy_iterator())
    streams = np.concatenate([x for x, _ in windows], axis=1)
    np.testing.assert_array_equal(np.concatenate([y for _, y in windows], axis=1)[:, :-1], streams[:, 1:])
    carried = np.concatenate([model(x) for x, _ in windows], axis=1)
    np.testing.assert_allclose(recipe.stateless(model)(streams), carried, rtol=1e-5, atol=1e-6)


def test_word_vectors(load_recipe):
    """The contexts are near the words in the text, and random words follow the distribution of the paper."""
    recipe = load_recipe("text/word2vec")
    config = recipe.Config(train_characters=100_000, words=300, subsampling=1.0)
    prepared = recipe.prepare(config, None)
    text = load("shakespeare", split="train").features[:100_000]
    tokens = prepared["tokenizer"].encode(text)
    kept = tokens[tokens > 3]
    near = {pair for k in range(1, 6) for pair in zip(kept, kept[k:], strict=False)}
    batches = list(recipe.build_data(config, prepared)["train"].as_numpy_iterator())
    words = np.concatenate([word for (word, _), _ in batches])
    candidates = np.concatenate([candidates for (_, candidates), _ in batches])
    assert all((a, b) in near or (b, a) in near for a, b in zip(words, candidates[:, 0], strict=True))
    expected = np.bincount(kept, minlength=prepared["tokenizer"].size) ** 0.75
    found = np.bincount(candidates[:, 1:].ravel(), minlength=len(expected))
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=2e-3)


def test_unknown_word_of_a_review():
    """Known words have tokens in the order of their frequencies, and an unknown one that of a bucket after them."""
    texts = load("movie_reviews", split="train").features.tolist()
    tokenizer = WordTokenizer.train(texts, limit=10_000, oov_buckets=1_000)
    counts = Counter(word for text in texts for word in re.findall(r"(?:[^\W_]|')+", text.lower()))
    ranks = sorted(counts.values(), reverse=True)
    *known, unknown = tokenizer.encode("This movie was faaaaaantastic").tolist()
    assert [counts[word] for word in ("this", "movie", "was")] == [ranks[token - 4] for token in known]
    assert "faaaaaantastic" not in counts
    assert 10_004 <= unknown < 11_004 == tokenizer.size


def test_analogies(load_recipe):
    """Analogies are solved if two words differ by the same vector as two others, even if other words are closer."""
    recipe = load_recipe("text/word2vec")
    pairs = [words.split() for words in recipe.PAIRS.split(", ")]
    others = [f"{second}{number}" for _, second in pairs for number in range(6)]
    generator = np.random.default_rng(0)
    words = {"[PAD]": np.eye(40)[0]}
    for first, second in pairs:
        words[first] = generator.normal(size=40) / 40**0.5
        words[second] = words[first] + 2 * np.eye(40)[1]  # the direction from men to women
        for number in range(6):  # closer to the first word than the second one
            words[f"{second}{number}"] = words[first] + 0.01 * generator.normal(size=40)
    vectors = recipe.WordVectors(np.stack([*words.values()]), [*words])
    assert vectors.nearest(vectors["king"], ["king"]) != vectors.solve("man", "woman", "king")
    assert vectors.solve("man", "woman", "king")[0] == "queen"
    scores = recipe.analogy_scores(vectors)
    assert len(pairs) * (len(pairs) - 1) == 380  # the number in the header
    assert scores["analogies"] > 0.95
    assert scores["neighbors"] < 0.05
    assert "[PAD]" not in vectors.nearest(np.eye(40)[0], others)
    few = recipe.WordVectors(np.eye(3), ["[PAD]", "man", "woman"])
    assert recipe.analogy_scores(few) == {"analogies": 0.0, "neighbors": 0.0}


def test_sequences_of_a_language_model(load_recipe):
    """The inputs are the whole text, up to a remainder, and the targets the next tokens."""
    recipe = load_recipe("text/language_model")
    texts = load("clothing_reviews", split="test").features[:40].tolist()
    tokenizer = BytePairTokenizer.train(texts, True, 400)
    inputs, targets = recipe.sequences(texts, tokenizer, 16)
    text = inputs.reshape(-1)
    assert inputs.shape == targets.shape == (len(text) // 16, 16)
    np.testing.assert_array_equal(text[1:], targets.reshape(-1)[:-1])
    ends = np.flatnonzero(text == tokenizer.end)
    np.testing.assert_array_equal(text[ends[:-1] + 1], tokenizer.start)
    reviews = [tokenizer.decode(row[1:-1].tolist()) for row in np.split(text, ends + 1)[:-1]]
    assert reviews == [tokenizer.decode(tokenizer.encode(each)) for each in texts[: len(reviews)]]
    assert len(reviews) >= 39


@pytest.mark.parametrize("network", ["lstm", "gpt"])
def test_classifier_of_a_language_model(network, load_recipe):
    """Padding does not change the outputs, and the layers below the head are frozen at first."""
    recipe, language_model = load_recipe("text/ulmfit"), load_recipe("text/language_model")
    tokenizer = BytePairTokenizer.train(["a good film", "a bad film"], True, 280)
    model = language_model.build_model(language_model.Config(network=network, features=96), {"tokenizer": tokenizer})
    layer = model.get_layer("normalization") if network == "gpt" else model.layers[-2]
    prepared = {"encoder": keras.Model(model.input, layer.output), "tokenizer": tokenizer}
    trainer = recipe.build_trainer(recipe.Config(network=network), prepared)

    tokens = np.random.default_rng(0).integers(4, tokenizer.size, (3, 12)).astype("int32")
    padded = np.pad(tokens, [(0, 0), (0, 20)])
    np.testing.assert_allclose(trainer.model(padded), trainer.model(tokens), rtol=1e-4)
    features = prepared["encoder"](tokens).numpy()
    pooled = np.concatenate([features[:, -1], features.max(axis=1), features.mean(axis=1)], axis=1)
    inputs = trainer.model.get_layer("pooled_normalization").input
    np.testing.assert_allclose(keras.Model(trainer.model.input, inputs)(padded), pooled, atol=1e-5)

    before, after = [each.numpy() for each in trainer.model.trainable_variables], []
    remember = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: after.append([each.numpy() for each in trainer.model.trainable_variables])
    )
    trainer.fit(padded, np.array([0.0, 1.0, 1.0]), epochs=20, callbacks=[remember], verbose=False)
    changed = [[not np.array_equal(*pair) for pair in zip(before, each, strict=True)] for each in after]
    heads = len(before) - 6  # scale, offset, and two dense layers
    assert [number for number, each in enumerate(changed[1]) if each] == list(range(heads, len(before)))
    assert all(changed[-1])
